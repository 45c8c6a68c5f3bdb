//! Writing values: for clients, for people, for `redistill.toml`, and in messages of refusal.

use std::fmt::Write as _;

use toml_edit::Value as Toml;

use super::types::ClientBudget;
use super::value::{ADDRESSES_MAX, CLASSES, Dialect, Invalid, Kind, PartialLimits, Value};

impl Kind {
    /// Writes a value as a text that `parse` reads back.
    pub fn format(&self, value: &Value, dialect: Dialect) -> Vec<u8> {
        if let Value::Secret(secret) = value {
            return secret.reveal().to_vec();
        }
        if let Value::Users(users) = value {
            return users.text().into_bytes();
        }
        self.format_text(value, dialect).into_bytes()
    }

    /// Writes a value for people; secrets stay hidden.
    pub fn show(&self, value: &Value) -> String {
        self.format_text(value, Dialect::Ours)
    }

    fn format_text(&self, value: &Value, dialect: Dialect) -> String {
        match value {
            Value::Bool(true) => "yes".to_owned(),
            Value::Bool(false) => "no".to_owned(),
            Value::Number(number) => match self {
                Kind::Mode => format!("{number:o}"),
                _ => number.to_string(),
            },
            Value::Budget(ClientBudget::Bytes(bytes)) => bytes.to_string(),
            Value::Budget(ClientBudget::Percent(percent)) => format!("{percent}%"),
            Value::Text(text) => text.clone(),
            Value::Secret(secret) => secret.to_string(),
            Value::Choice(place) => self.choices(dialect)[*place].to_owned(),
            Value::Addresses(list) => join(list),
            Value::Percentiles(list) => join(list),
            Value::OutputLimits(limits) => format_limits(limits, dialect),
            Value::EventClasses(classes) => classes.to_string(),
            Value::Users(users) => users.to_string(),
        }
    }

    /// Writes a value for `redistill.toml`: sizes in the largest unit that is exact.
    pub fn toml(&self, value: &Value) -> Toml {
        match value {
            Value::Bool(flag) => Toml::from(*flag),
            Value::Number(bytes) if matches!(self, Kind::Size { .. } | Kind::MachineSize) => {
                size_toml(*bytes)
            }
            Value::Budget(ClientBudget::Bytes(bytes)) => size_toml((*bytes).into()),
            Value::Number(number) if !matches!(self, Kind::Mode) => {
                Toml::from(i64::try_from(*number).unwrap_or(i64::MAX))
            }
            Value::Secret(secret) => Toml::from(String::from_utf8_lossy(secret.reveal()).as_ref()),
            Value::Addresses(list) if list.len() != 1 => {
                Toml::Array(list.iter().map(ToString::to_string).collect())
            }
            Value::Percentiles(list) => {
                Toml::Array(list.iter().copied().map(number_toml).collect())
            }
            Value::Users(users) => users.toml(),
            other => Toml::from(self.format_text(other, Dialect::Ours)),
        }
    }

    /// What a value must be, for a message: "an integer from 0 to 65535".
    pub fn expectation(&self) -> String {
        match self {
            Kind::Bool => "true or false".to_owned(),
            Kind::Int { min, max } => match *max {
                i64::MAX => format!("an integer of at least {min}"),
                _ => format!("an integer from {min} to {max}"),
            },
            Kind::PowerOfTwo { max } => format!("0 or a power of two up to {max}"),
            Kind::Mode => "permission bits in octal digits, such as \"770\"".to_owned(),
            Kind::Size { min, max } => {
                let mut text = "a size in bytes or such as \"64mb\"".to_owned();
                if *min > 0 {
                    let _ = write!(text, ", at least {}", size_text(*min));
                }
                if *max < i64::MAX as u64 {
                    let _ = write!(text, ", at most {}", size_text(*max));
                }
                text
            }
            Kind::MachineSize | Kind::Budget => {
                "a size in bytes, or such as \"2gb\" or \"75%\"".to_owned()
            }
            Kind::Path => "a path, or \"\" for none".to_owned(),
            Kind::Secret => "a string, or \"\" for none".to_owned(),
            Kind::Choice { names, .. } => {
                let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
                format!("one of {}", quoted.join(", "))
            }
            Kind::Addresses => {
                format!("an address or a list of up to {ADDRESSES_MAX} addresses")
            }
            Kind::Percentiles => "a list of numbers from 0 to 100".to_owned(),
            Kind::OutputLimits => "groups of class, hard limit, soft limit and seconds, such as \
                 \"normal 0 0 0 pubsub 32mb 8mb 60\""
                .to_owned(),
            Kind::EventClasses => "letters of Ag$lshzxeKEtmdnoc, such as \"AKE\"".to_owned(),
            Kind::Users => {
                "a table of names and rules, such as { app = \"on >secret ~app:* +@all\" }"
                    .to_owned()
            }
        }
    }

    /// Why `CONFIG SET` refuses a value, in Redis's words where Redis has the kind.
    pub fn refusal(&self, invalid: Invalid, redis_name: &str, dialect: Dialect) -> String {
        match (self, invalid) {
            (Kind::Bool, _) => "argument must be 'yes' or 'no'".to_owned(),
            (Kind::Int { min, max }, Invalid::Range) => between(min, max),
            (Kind::Int { .. }, _) => "argument couldn't be parsed into an integer".to_owned(),
            (Kind::Size { min, max }, Invalid::Range) => between(min, max),
            (Kind::Size { .. }, _) => "argument must be a memory value".to_owned(),
            (Kind::MachineSize | Kind::Budget, Invalid::Range) => {
                "percentage argument must be less or equal to 100".to_owned()
            }
            (Kind::MachineSize, Invalid::MachineUnknown) => {
                "the memory of this machine is not known".to_owned()
            }
            (Kind::MachineSize, _) => "argument must be a memory value".to_owned(),
            (Kind::Budget, _) => "argument must be a memory or percent value".to_owned(),
            (Kind::Choice { .. }, _) => format!(
                "argument(s) must be one of the following: {}",
                self.choices(dialect).join(", ")
            ),
            (Kind::Addresses, Invalid::TooMany) => "Too many bind addresses specified.".to_owned(),
            (Kind::Percentiles, Invalid::Range) => {
                format!("{redis_name} parameters should sit between [0.0,100.0]")
            }
            (Kind::Percentiles, _) => format!("Invalid {redis_name} parameters"),
            (Kind::OutputLimits, Invalid::Groups) => {
                "Wrong number of arguments in buffer limit configuration.".to_owned()
            }
            (Kind::OutputLimits, Invalid::Class) => {
                "Invalid client class specified in buffer limit configuration.".to_owned()
            }
            (Kind::OutputLimits, _) => {
                "Error in hard, soft or soft_seconds setting in buffer limit configuration."
                    .to_owned()
            }
            (Kind::EventClasses, _) => {
                "Invalid event class character. Use 'Ag$lshzxeKEtmdnoc'.".to_owned()
            }
            _ => format!("argument must be {}", self.expectation()),
        }
    }

    fn choices(&self, dialect: Dialect) -> &'static [&'static str] {
        match (self, dialect) {
            (Kind::Choice { redis, .. }, Dialect::Redis) => redis,
            (Kind::Choice { names, .. }, Dialect::Ours) => names,
            _ => &[],
        }
    }
}

fn between(min: &impl ToString, max: &impl ToString) -> String {
    let (min, max) = (min.to_string(), max.to_string());
    format!("argument must be between {min} and {max} inclusive")
}

fn format_limits(limits: &PartialLimits, dialect: Dialect) -> String {
    let mut groups = Vec::new();
    for ((ours, redis), limit) in CLASSES.iter().zip(limits) {
        let Some(limit) = limit else { continue };
        let (hard, soft, seconds) = (limit.hard_bytes, limit.soft_bytes, limit.soft_seconds);
        groups.push(match dialect {
            Dialect::Redis => format!("{redis} {hard} {soft} {seconds}"),
            Dialect::Ours => format!("{ours} {} {} {seconds}", size_text(hard), size_text(soft)),
        });
    }
    groups.join(" ")
}

fn join(list: &[impl ToString]) -> String {
    let texts: Vec<String> = list.iter().map(ToString::to_string).collect();
    texts.join(" ")
}

/// A size in the largest unit that is exact.
fn size_text(bytes: u64) -> String {
    for (shift, unit) in [(30, "gb"), (20, "mb"), (10, "kb")] {
        if bytes > 0 && bytes.trailing_zeros() >= shift {
            return format!("{}{unit}", bytes >> shift);
        }
    }
    bytes.to_string()
}

fn size_toml(bytes: i128) -> Toml {
    let bytes = u64::try_from(bytes).expect("sizes are not negative and fit 64 bits");
    let text = size_text(bytes);
    match (text.ends_with('b'), i64::try_from(bytes)) {
        (false, Ok(number)) => Toml::from(number),
        _ => Toml::from(text),
    }
}

fn number_toml(number: f64) -> Toml {
    match number.fract() == 0.0 {
        true => Toml::from(number as i64),
        false => Toml::from(number),
    }
}
