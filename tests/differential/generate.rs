//! Draws commands from the rows.

use std::collections::BTreeSet;

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};

use crate::pools;
use crate::rows::{Arg, FAMILIES, Family, Row};

/// Clients that take turns: one may change what another watches.
pub const CLIENTS: usize = 2;

/// One drawn command.
#[derive(Clone)]
pub struct Command {
    /// Which of the clients sends it.
    pub client: usize,
    pub row: &'static Row,
    pub args: Vec<Vec<u8>>,
}

/// An endless source of commands, the same for the same seed and families.
pub struct Generator {
    rng: StdRng,
    families: Vec<&'static Family>,
    keys: Vec<&'static [u8]>,
    /// Whose turn it is.
    client: usize,
}

impl Generator {
    /// Draws from the families named in `DIFF_FAMILIES`, by default all.
    pub fn new(seed: u64) -> Generator {
        let wanted = std::env::var("DIFF_FAMILIES").ok();
        let wanted: Option<BTreeSet<&str>> = wanted.as_ref().map(|w| w.split(',').collect());
        let families: Vec<_> = FAMILIES
            .iter()
            .filter(|family| {
                wanted
                    .as_ref()
                    .is_none_or(|wanted| wanted.contains(family.name))
            })
            .collect();
        assert!(!families.is_empty(), "DIFF_FAMILIES names no family");
        Generator::from(seed, families)
    }

    /// Draws from families of these names.
    pub fn of(seed: u64, names: &[&str]) -> Generator {
        let named = FAMILIES
            .iter()
            .filter(|family| names.contains(&family.name));
        Generator::from(seed, named.collect())
    }

    /// Draws from this family only.
    pub fn only(seed: u64, family: &'static Family) -> Generator {
        Generator::from(seed, vec![family])
    }

    fn from(seed: u64, families: Vec<&'static Family>) -> Generator {
        let mut keys: Vec<&[u8]> = families.iter().flat_map(|f| f.keys).copied().collect();
        if keys.is_empty() {
            keys.push(b"k");
        }
        Generator {
            rng: StdRng::seed_from_u64(seed),
            families,
            keys,
            client: 0,
        }
    }

    /// Some keys, of any family.
    pub fn keys_drawn(&mut self, count: usize) -> Vec<Vec<u8>> {
        let mut key = || {
            self.keys
                .choose(&mut self.rng)
                .expect("there are keys")
                .to_vec()
        };
        (0..count).map(|_| key()).collect()
    }

    /// As [`Generator::draw`], for a certain client.
    pub fn draw_for(&mut self, client: usize, out: &mut Vec<Command>) {
        let from = out.len();
        self.draw(out);
        out[from..]
            .iter_mut()
            .for_each(|command| command.client = client);
    }

    /// Appends one command, and those it needs before it.
    pub fn draw(&mut self, out: &mut Vec<Command>) {
        if self.rng.random_ratio(1, 30) {
            self.client = self.rng.random_range(0..CLIENTS);
        }
        let family = *self
            .families
            .choose_weighted(&mut self.rng, |family| family.weight)
            .expect("families have weights");
        let row = family
            .rows
            .choose_weighted(&mut self.rng, |row| row.weight)
            .expect("rows have weights");
        if row.settle {
            out.push(self.settle());
        }
        let mut args: Vec<Vec<u8>> = row
            .name
            .split(' ')
            .map(|word| self.any_case(word))
            .collect();
        self.append(row.args, family, &mut args);
        if row.spoil && self.rng.random_ratio(1, 30) {
            self.spoil(&mut args);
        }
        out.push(Command {
            client: self.client,
            row,
            args,
        });
    }

    /// A command that removes what has expired in the selected database.
    fn settle(&self) -> Command {
        const EXISTS: Row = crate::rows::row("EXISTS", &[Arg::Key]);
        let mut args = vec![b"EXISTS".to_vec()];
        args.extend(self.keys.iter().map(|key| key.to_vec()));
        // What a command made wrong may have stored.
        args.extend(pools::GARBAGE.iter().map(|key| key.as_bytes().to_vec()));
        Command {
            client: self.client,
            row: &EXISTS,
            args,
        }
    }

    fn append(&mut self, template: &[Arg], family: &Family, out: &mut Vec<Vec<u8>>) {
        for arg in template {
            self.append_one(*arg, family, out);
        }
    }

    fn append_one(&mut self, arg: Arg, family: &Family, out: &mut Vec<Vec<u8>>) {
        let rng = &mut self.rng;
        let value = match arg {
            Arg::Word(word) => self.any_case(word),
            Arg::OneOf(words) => {
                let word = words.choose(rng).expect("there are words");
                self.any_case(word)
            }
            Arg::Text(texts) => texts
                .choose(rng)
                .expect("there are texts")
                .as_bytes()
                .to_vec(),
            Arg::Key => self.key(family),
            Arg::Value => pools::value(rng),
            Arg::Element => pools::element(rng),
            Arg::Int => pools::int(rng),
            Arg::Index => pools::index(rng),
            Arg::Float => pools::float(rng),
            Arg::Seconds => pools::ttl(rng, 1000),
            Arg::Millis => pools::ttl(rng, 1),
            Arg::UnixSeconds => pools::deadline(rng, 1000),
            Arg::UnixMillis => pools::deadline(rng, 1),
            Arg::Db => pools::db(rng),
            Arg::Pattern => pools::pattern(rng),
            Arg::Name => pools::name(rng),
            Arg::Maybe(template) => {
                if rng.random() {
                    self.append(template, family, out);
                }
                return;
            }
            Arg::Repeat(template, least, most) => {
                for _ in 0..rng.random_range(least..=most) {
                    self.append(template, family, out);
                }
                return;
            }
            Arg::Options(options) => return self.append_options(options, family, out),
        };
        out.push(value);
    }

    /// Mostly one option, sometimes several in any order, rarely the same twice.
    fn append_options(
        &mut self,
        options: &[&'static [Arg]],
        family: &Family,
        out: &mut Vec<Vec<u8>>,
    ) {
        let count = *[0, 1, 1, 1, 1, 2, 2, 2, 3, 4]
            .choose(&mut self.rng)
            .expect("not empty");
        let mut order: Vec<_> = options.to_vec();
        order.shuffle(&mut self.rng);
        order.truncate(count);
        if count > 1 && self.rng.random_ratio(1, 8) {
            order.push(order[0]);
        }
        for option in order {
            self.append(option, family, out);
        }
    }

    /// Nine times of ten a key of the family itself.
    fn key(&mut self, family: &Family) -> Vec<u8> {
        let own = !family.keys.is_empty() && self.rng.random_ratio(9, 10);
        let keys = if own { family.keys } else { &self.keys };
        keys.choose(&mut self.rng).expect("there are keys").to_vec()
    }

    fn any_case(&mut self, word: &str) -> Vec<u8> {
        match self.rng.random_range(0..10) {
            0..8 => word.as_bytes().to_vec(),
            8 => word.to_ascii_lowercase().into_bytes(),
            _ => word
                .bytes()
                .map(|b| {
                    if self.rng.random() {
                        b.to_ascii_lowercase()
                    } else {
                        b
                    }
                })
                .collect(),
        }
    }

    /// Makes a command wrong, or at least strange. The name stays: another command's arguments
    /// must not reach one that is left out on purpose. So does the first argument: a key nobody
    /// else uses could expire unseen, and DBSIZE would count it or not.
    fn spoil(&mut self, args: &mut Vec<Vec<u8>>) {
        let rng = &mut self.rng;
        let at = rng.random_range(0..args.len());
        match rng.random_range(0..5) {
            0 if at > 1 => drop(args.remove(at)),
            1 if at > 1 => args[at] = pools::garbage(rng),
            2 if at > 1 => args.insert(at, pools::garbage(rng)),
            3 if args.len() > 1 => drop(args.pop()),
            _ => args.push(pools::garbage(rng)),
        }
    }
}

/// A command as one would type it in redis-cli.
pub fn typed(args: &[Vec<u8>]) -> String {
    let words: Vec<String> = args.iter().map(|arg| typed_word(arg)).collect();
    words.join(" ")
}

fn typed_word(arg: &[u8]) -> String {
    const LONGEST: usize = 100;
    let plain = |b: &u8| b.is_ascii_graphic() && !b"\"'\\".contains(b);
    let (shown, cut) = match arg.len() {
        ..=LONGEST => (arg, String::new()),
        len => (&arg[..LONGEST], format!("…({len} bytes)")),
    };
    if !arg.is_empty() && arg.iter().all(plain) {
        return format!("{}{cut}", String::from_utf8_lossy(shown));
    }
    format!(
        "\"{}\"{cut}",
        shown.escape_ascii().to_string().replace("\\'", "'")
    )
}
