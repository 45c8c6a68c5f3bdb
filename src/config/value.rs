//! The kinds of values that options take: how each is read and written, in `redistill.toml`, in
//! the environment and on the command line (`Dialect::Ours`) and under the names and by the rules
//! of `CONFIG SET` and `CONFIG GET` (`Dialect::Redis`).

use toml_edit::Value as Toml;

use super::event_classes::EventClasses;
use super::machine;
use super::secret::Secret;
use super::types::{BindAddress, ClientBudget, OutputLimit};
use super::users::NamedUsers;

/// What an option accepts.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `true` or `false`; `yes` or `no` in Redis.
    Bool,
    /// A whole number.
    Int {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// A power of two up to a maximum, or 0.
    PowerOfTwo {
        /// The greatest.
        max: i64,
    },
    /// Permission bits of a file, in octal digits; 0 leaves them as they are.
    Mode,
    /// A number of bytes: `1048576`, `"64kb"`, `"2gb"`.
    Size {
        /// The least.
        min: u64,
        /// The greatest.
        max: u64,
    },
    /// A number of bytes or a percentage of what the machine or cgroup has.
    MachineSize,
    /// A number of bytes or a percentage of the memory limit.
    Budget,
    /// A path; empty for none.
    Path,
    /// A password; empty for none.
    Secret,
    /// One of a few names.
    Choice {
        /// What we call them.
        names: &'static [&'static str],
        /// What Redis calls them.
        redis: &'static [&'static str],
    },
    /// Addresses to listen on, at most 16.
    Addresses,
    /// Percentages from 0 to 100.
    Percentiles,
    /// Output limits per class of client: `class hard soft seconds …`.
    OutputLimits,
    /// Classes of keyspace notifications, by their letters.
    EventClasses,
    /// Users with their rules: a table, or a line for each.
    Users,
}

/// A value in the shape common to all options of a kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// For `Kind::Bool`.
    Bool(bool),
    /// For whole numbers, sizes and modes.
    Number(i128),
    /// For `Kind::Budget`.
    Budget(ClientBudget),
    /// For paths.
    Text(String),
    /// For secrets.
    Secret(Secret),
    /// For `Kind::Choice`: the place in its list.
    Choice(usize),
    /// For `Kind::Addresses`.
    Addresses(Vec<BindAddress>),
    /// For `Kind::Percentiles`.
    Percentiles(Vec<f64>),
    /// For `Kind::OutputLimits`; what is not mentioned stays as it is.
    OutputLimits(PartialLimits),
    /// For `Kind::EventClasses`.
    EventClasses(EventClasses),
    /// For `Kind::Users`.
    Users(NamedUsers),
}

/// Output limits of the classes that a text mentions: normal, replica, pubsub.
pub type PartialLimits = [Option<OutputLimit>; 3];

/// Whose rules a text follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Those of `redistill.toml`.
    Ours,
    /// Those of Redis's `CONFIG`.
    Redis,
}

/// Why a text is not a value of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// It is something else altogether.
    Form,
    /// It is too small or too large.
    Range,
    /// There are more items in the list than it may have.
    TooMany,
    /// A list of output limits is not made of groups of four.
    Groups,
    /// A list of output limits names no such class.
    Class,
    /// The machine's memory, of which it is a part, is not known.
    MachineUnknown,
}

/// A list of addresses may have so many, as in Redis.
pub(super) const ADDRESSES_MAX: usize = 16;

/// The names of the client classes; `slave` is what Redis prints and accepts.
pub(super) const CLASSES: [(&str, &str); 3] = [
    ("normal", "normal"),
    ("replica", "slave"),
    ("pubsub", "pubsub"),
];

impl Kind {
    /// Reads a text.
    ///
    /// # Errors
    /// When the text is no such value or out of range.
    pub fn parse(&self, text: &str, dialect: Dialect) -> Result<Value, Invalid> {
        match *self {
            Kind::Bool => parse_bool(text, dialect).map(Value::Bool),
            Kind::Int { min, max } => in_range(parse_int(text)?.into(), min.into(), max.into()),
            Kind::PowerOfTwo { max } => power_of_two(parse_int(text)?, max),
            Kind::Mode => {
                let mode = i64::from_str_radix(text, 8).map_err(|_| Invalid::Form)?;
                in_range(mode.into(), 0, 0o777)
            }
            Kind::Size { min, max } => {
                in_range(parse_size(text, dialect)?.into(), min.into(), max.into())
            }
            Kind::MachineSize => match parse_percent(text)? {
                Some(percent) => {
                    let total = machine::memory_bytes().ok_or(Invalid::MachineUnknown)?;
                    Ok(Value::Number(i128::from(total) * i128::from(percent) / 100))
                }
                None => Ok(Value::Number(parse_size(text, dialect)?.into())),
            },
            Kind::Budget => Ok(Value::Budget(match parse_percent(text)? {
                Some(0) => ClientBudget::Bytes(0),
                Some(percent) => ClientBudget::Percent(percent),
                None => ClientBudget::Bytes(parse_size(text, dialect)?),
            })),
            Kind::Path => match text.contains('\0') {
                true => Err(Invalid::Form),
                false => Ok(Value::Text(text.to_owned())),
            },
            Kind::Secret => Ok(Value::Secret(Secret::new(text))),
            Kind::Choice { names, redis } => {
                let names = if dialect == Dialect::Redis {
                    redis
                } else {
                    names
                };
                let place = names
                    .iter()
                    .position(|name| name.eq_ignore_ascii_case(text));
                place.map(Value::Choice).ok_or(Invalid::Form)
            }
            Kind::Addresses => parse_addresses(words(text, dialect).into_iter()),
            Kind::Percentiles => parse_percentiles(words(text, dialect).into_iter()),
            Kind::OutputLimits => parse_limits(&words(text, dialect)).map(Value::OutputLimits),
            Kind::EventClasses => {
                let classes = EventClasses::parse(text).ok_or(Invalid::Form)?;
                Ok(Value::EventClasses(classes))
            }
            Kind::Users => users(NamedUsers::parse(text)),
        }
    }

    /// Reads bytes, which only a secret may have that are not UTF-8.
    ///
    /// # Errors
    /// As `parse`.
    pub fn parse_bytes(&self, bytes: &[u8], dialect: Dialect) -> Result<Value, Invalid> {
        match (self, std::str::from_utf8(bytes)) {
            (Kind::Secret, _) => Ok(Value::Secret(Secret::new(bytes))),
            (_, Ok(text)) => self.parse(text, dialect),
            (_, Err(_)) => Err(Invalid::Form),
        }
    }

    /// Reads a value of a TOML document, which must be of the fitting TOML type.
    ///
    /// # Errors
    /// When it is of another type, no such value, or out of range.
    pub fn parse_toml(&self, toml: &Toml) -> Result<Value, Invalid> {
        match (self, toml) {
            (Kind::Bool, Toml::Boolean(flag)) => Ok(Value::Bool(*flag.value())),
            (Kind::Bool | Kind::Int { .. } | Kind::PowerOfTwo { .. }, Toml::String(_)) => {
                Err(Invalid::Form)
            }
            (Kind::Mode, Toml::Integer(mode)) => in_range((*mode.value()).into(), 0, 0o777),
            (
                Kind::Int { .. }
                | Kind::PowerOfTwo { .. }
                | Kind::Size { .. }
                | Kind::MachineSize
                | Kind::Budget,
                Toml::Integer(number),
            ) => self.parse(&number.value().to_string(), Dialect::Ours),
            (Kind::Addresses, Toml::Array(array)) => {
                let texts = array.iter().map(|item| item.as_str().ok_or(Invalid::Form));
                let texts: Vec<&str> = texts.collect::<Result<_, _>>()?;
                parse_addresses(texts.into_iter())
            }
            (Kind::Percentiles, Toml::Array(array)) => {
                let numbers = array.iter().map(|item| match item {
                    Toml::Integer(number) => Ok(number.value().to_string()),
                    Toml::Float(number) => Ok(number.value().to_string()),
                    _ => Err(Invalid::Form),
                });
                let texts: Vec<String> = numbers.collect::<Result<_, _>>()?;
                parse_percentiles(texts.iter().map(String::as_str))
            }
            (Kind::Users, Toml::InlineTable(table)) => users(NamedUsers::from_toml(table)),
            (Kind::Users, _) => Err(Invalid::Form),
            (_, Toml::String(text)) => self.parse(text.value(), Dialect::Ours),
            _ => Err(Invalid::Form),
        }
    }
}

fn users(users: Option<NamedUsers>) -> Result<Value, Invalid> {
    users.map(Value::Users).ok_or(Invalid::Form)
}

fn in_range(number: i128, min: i128, max: i128) -> Result<Value, Invalid> {
    match (min..=max).contains(&number) {
        true => Ok(Value::Number(number)),
        false => Err(Invalid::Range),
    }
}

fn power_of_two(number: i64, max: i64) -> Result<Value, Invalid> {
    if !(0..=max).contains(&number) {
        return Err(Invalid::Range);
    }
    match number == 0 || number.count_ones() == 1 {
        true => Ok(Value::Number(number.into())),
        false => Err(Invalid::Form),
    }
}

fn parse_bool(text: &str, dialect: Dialect) -> Result<bool, Invalid> {
    let text = text.to_ascii_lowercase();
    match (text.as_str(), dialect) {
        ("yes", _) | ("true" | "on" | "1", Dialect::Ours) => Ok(true),
        ("no", _) | ("false" | "off" | "0", Dialect::Ours) => Ok(false),
        _ => Err(Invalid::Form),
    }
}

/// A number in the one form in which it is printed: no plus sign, no leading zeros.
fn parse_int(text: &str) -> Result<i64, Invalid> {
    let number: i64 = text.parse().map_err(|_| Invalid::Form)?;
    match number.to_string() == text {
        true => Ok(number),
        false => Err(Invalid::Form),
    }
}

/// Bytes with Redis's units: k, m, g are powers of 1000 and kb, mb, gb powers of 1024, in either
/// case. Redis reads an empty text as 0.
fn parse_size(text: &str, dialect: Dialect) -> Result<u64, Invalid> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" => 1000,
        "kb" => 1 << 10,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1 << 30,
        _ => return Err(Invalid::Form),
    };
    if text.is_empty() && dialect == Dialect::Redis {
        return Ok(0);
    }
    let number: u64 = number.parse().map_err(|_| Invalid::Form)?;
    number.checked_mul(factor).ok_or(Invalid::Form)
}

/// `None` when the text is no percentage at all.
fn parse_percent(text: &str) -> Result<Option<u8>, Invalid> {
    let Some(digits) = text.strip_suffix('%') else {
        return Ok(None);
    };
    match parse_int(digits)? {
        percent @ 0..=100 => Ok(Some(percent as u8)),
        percent if percent > 100 => Err(Invalid::Range),
        _ => Err(Invalid::Form),
    }
}

/// The words of a list. Ours may be parted by commas and by more than one space; in Redis two
/// spaces have an empty word between them.
fn words(text: &str, dialect: Dialect) -> Vec<&str> {
    match dialect {
        Dialect::Redis if text.is_empty() => Vec::new(),
        Dialect::Redis => text.split(' ').collect(),
        Dialect::Ours => {
            let words = text.split([' ', '\t', ',']);
            words.filter(|word| !word.is_empty()).collect()
        }
    }
}

fn parse_addresses<'a>(texts: impl Iterator<Item = &'a str>) -> Result<Value, Invalid> {
    let list = texts.map(|text| text.parse().map_err(|()| Invalid::Form));
    let list: Vec<BindAddress> = list.collect::<Result<_, _>>()?;
    match list.len() {
        0..=ADDRESSES_MAX => Ok(Value::Addresses(list)),
        _ => Err(Invalid::TooMany),
    }
}

fn parse_percentiles<'a>(texts: impl Iterator<Item = &'a str>) -> Result<Value, Invalid> {
    let list = texts.map(|text| match text.parse::<f64>() {
        Ok(number) if (0.0..=100.0).contains(&number) => Ok(number),
        Ok(number) if !number.is_nan() => Err(Invalid::Range),
        _ => Err(Invalid::Form),
    });
    list.collect::<Result<_, _>>().map(Value::Percentiles)
}

fn parse_limits(words: &[&str]) -> Result<PartialLimits, Invalid> {
    let mut limits = PartialLimits::default();
    let (groups, rest) = words.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(Invalid::Groups);
    }
    for [class, hard, soft, seconds] in groups {
        let known = |&(ours, redis): &(&str, &str)| {
            class.eq_ignore_ascii_case(ours) || class.eq_ignore_ascii_case(redis)
        };
        let place = CLASSES.iter().position(known).ok_or(Invalid::Class)?;
        limits[place] = Some(OutputLimit {
            hard_bytes: parse_size(hard, Dialect::Ours)?,
            soft_bytes: parse_size(soft, Dialect::Ours)?,
            soft_seconds: seconds.parse().map_err(|_| Invalid::Form)?,
        });
    }
    Ok(limits)
}
