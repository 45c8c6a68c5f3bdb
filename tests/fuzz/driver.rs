//! Makes inputs, runs a target on them, and cuts down one that fails.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant, SystemTime};

/// Longer inputs are cut.
const INPUT_BYTES_MAX: usize = 4096;
/// Inputs with outcomes of their own that are kept to be mutated.
const CORPUS_MAX: usize = 4096;
/// Attempts at making a failing input smaller.
const SHRINK_ATTEMPTS: usize = 2000;

/// A parser, what it is fed with to begin with, and words worth inserting.
pub struct Target {
    /// Its name in messages.
    pub name: &'static str,
    /// Inputs in a run that is not timed.
    pub inputs: usize,
    /// Well-formed inputs.
    pub seeds: Vec<Vec<u8>>,
    /// What the format is made of.
    pub words: Vec<Vec<u8>>,
}

/// Collects what an input led to. Inputs that lead to something new are mutated further.
#[derive(Default)]
pub struct Outcome(DefaultHasher);

impl Outcome {
    /// Notes a fact. Not one that differs with every input, such as a parsed number.
    pub fn note(&mut self, fact: impl Hash) {
        fact.hash(&mut self.0);
    }
}

/// Words from text.
pub fn words(words: &[&str]) -> Vec<Vec<u8>> {
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}

/// Runs `check` on the seeds and on what mutation makes of them; panics on the first input on
/// which it panics, with the input cut down.
pub fn fuzz(target: &Target, mut check: impl FnMut(&[u8], &mut Outcome)) {
    let seed = number("FUZZ_SEED").unwrap_or_else(fresh_seed);
    let time = number("FUZZ_SECONDS").map(Duration::from_secs);
    let mut random = StdRng::seed_from_u64(seed);
    let mut run = |input: &[u8]| {
        let mut outcome = Outcome::default();
        let ran = catch_unwind(AssertUnwindSafe(|| check(input, &mut outcome)));
        ran.map(|()| outcome.0.finish()).map_err(drop)
    };
    let start = Instant::now();
    let mut corpus: Vec<Vec<u8>> = Vec::new();
    let mut seen = HashSet::new();
    let mut count = 0;
    loop {
        let input = match target.seeds.get(count) {
            Some(seed) => seed.clone(),
            None => mutated(target, &corpus, &mut random),
        };
        let Ok(outcome) = run(&input) else {
            let least = shrunk(input, &mut run);
            panic!(
                "{}: FUZZ_SEED={seed}, input {count}, cut down to b\"{}\"",
                target.name,
                least.escape_ascii()
            );
        };
        count += 1;
        if (seen.insert(outcome) && corpus.len() < CORPUS_MAX) || count <= target.seeds.len() {
            corpus.push(input);
        }
        let done = match time {
            Some(time) => start.elapsed() >= time,
            None => count >= target.inputs + target.seeds.len(),
        };
        if done {
            break;
        }
    }
    println!(
        "{}: seed {seed}, {count} inputs, {} outcomes",
        target.name,
        seen.len()
    );
    // A target that tells nothing apart would never get beyond its seeds.
    assert!(seen.len() > 1, "{}: all inputs look the same", target.name);
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable} is not a number: {text}")),
    )
}

fn fresh_seed() -> u64 {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since_1970.expect("after 1970").subsec_nanos().into()
}

/// One of the corpus, changed in one to eight places.
fn mutated(target: &Target, corpus: &[Vec<u8>], random: &mut StdRng) -> Vec<u8> {
    let pick = |random: &mut StdRng| corpus.choose(random).cloned().unwrap_or_default();
    let mut input = pick(random);
    for _ in 0..1 << random.random_range(0..4) {
        let at = random.random_range(0..=input.len());
        let end = random.random_range(at..=input.len().min(at + 32));
        match random.random_range(0..9) {
            0 => drop(input.drain(at..end)),
            1 => input.insert(at, random.random()),
            2 if at < input.len() => input[at] ^= 1 << random.random_range(0..8),
            3 if at < input.len() => input[at] = random.random(),
            4 => drop(input.splice(
                at..end,
                target.words.choose(random).cloned().unwrap_or_default(),
            )),
            5 => {
                let copy = input[at..end].to_vec();
                let times = random.random_range(1..6);
                drop(input.splice(at..at, copy.repeat(times)));
            }
            6 => {
                let other = pick(random);
                input.truncate(at);
                input.extend_from_slice(&other[random.random_range(0..=other.len())..]);
            }
            7 => drop(input.splice(at..end, interesting(random).into_bytes())),
            _ => input.truncate(at.max(1)),
        }
    }
    input.truncate(INPUT_BYTES_MAX);
    input
}

/// Numbers at which something may give way.
fn interesting(random: &mut StdRng) -> String {
    let power = 1_i128 << random.random_range(0..66);
    let number = power + random.random_range(-2..=2);
    match random.random() {
        true => number.to_string(),
        false => (-number).to_string(),
    }
}

/// Cuts pieces out of a failing input for as long as it still fails.
fn shrunk(mut input: Vec<u8>, run: &mut impl FnMut(&[u8]) -> Result<u64, ()>) -> Vec<u8> {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let mut piece = input.len().div_ceil(2);
    let mut attempts = 0;
    while piece > 0 && attempts < SHRINK_ATTEMPTS {
        let mut at = 0;
        let mut cut = false;
        while at < input.len() && attempts < SHRINK_ATTEMPTS {
            attempts += 1;
            let mut less = input.clone();
            less.drain(at..input.len().min(at + piece));
            if run(&less).is_err() {
                (input, cut) = (less, true);
            } else {
                at += piece;
            }
        }
        if !cut {
            piece /= 2;
        }
    }
    std::panic::set_hook(hook);
    input
}

#[test]
fn a_failing_input_is_found_and_cut_down() {
    let target = Target {
        name: "sample",
        inputs: 100_000,
        seeds: words(&["nothing of interest", "and not here"]),
        words: words(&["boom"]),
    };
    let found = catch_unwind(|| {
        fuzz(&target, |input, outcome| {
            let at = memchr::memmem::find(input, b"boom");
            outcome.note(at.is_some());
            assert!(at.is_none());
        });
    });
    let message = found.expect_err("it is there to be found");
    let message = message.downcast_ref::<String>().expect("a message");
    assert!(message.ends_with("b\"boom\""), "{message}");
}
