//! HyperLogLogs: how many different elements were seen, in at most 12 KB, with a standard error
//! of 0.81 %.
//!
//! An element's hash chooses one of 2^14 registers by its low bits; the register keeps the
//! greatest *rank* seen, that is the position of the lowest set bit among the others. Flajolet et
//! al., "HyperLogLog: the analysis of a near-optimal cardinality estimation algorithm", 2007. The
//! number of elements is estimated from the histogram of ranks ([`estimate`]).
//!
//! The string is Redis's, to the byte, and so is how it changes with each element, since clients
//! copy such strings between servers:
//!
//! ```text
//! "HYLL" │ form: 0 dense, 1 sparse │ 3 unused │ cached estimate, 8, little-endian │ registers
//! ```
//!
//! The highest bit of the cached estimate says that it is out of date. Dense registers have six
//! bits each, packed from the lowest bit of the first byte on (`dense`); sparse ones are runs
//! (`sparse`). What a client stored as a string may be anything: [`form`] checks the outside,
//! and whoever reads the registers answers [`Corrupt`].

mod dense;
mod estimate;
mod murmur;
mod sparse;

pub use sparse::describe;

/// Bytes before the registers.
const HEADER: usize = 16;
const MAGIC: &[u8; 4] = b"HYLL";
const FORM_AT: usize = 4;
const ESTIMATE_AT: usize = 8;

/// Bits of the hash that choose the register.
const INDEX_BITS: u32 = 14;
/// Number of registers.
pub const REGISTERS: usize = 1 << INDEX_BITS;
/// Bits of the hash in which the rank is looked for.
const RANK_BITS: u32 = 64 - INDEX_BITS;

/// What Redis hashes elements with.
const SEED: u64 = 0xadc8_3b19;

/// How the registers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Six bits each.
    Dense,
    /// Runs of equal ones.
    Sparse,
}

/// The registers are not what the header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupt;

/// A HyperLogLog that has seen nothing.
pub const EMPTY: [u8; HEADER + 2] = *b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\0\x7f\xff";

/// The form of a HyperLogLog; `None` when the string is none.
pub fn form(bytes: &[u8]) -> Option<Form> {
    if bytes.len() < HEADER || !bytes.starts_with(MAGIC) {
        return None;
    }
    match bytes[FORM_AT] {
        0 if bytes.len() == HEADER + dense::BYTES => Some(Form::Dense),
        1 => Some(Form::Sparse),
        _ => None,
    }
}

/// What an element says: a register and the least rank it must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observation {
    index: usize,
    rank: u8,
}

impl Observation {
    /// Of an element. O(bytes).
    pub fn of(element: &[u8]) -> Observation {
        let hash = murmur::hash(element, SEED);
        let rest = hash >> INDEX_BITS | 1 << RANK_BITS;
        Observation {
            index: hash as usize % REGISTERS,
            rank: rest.trailing_zeros() as u8 + 1,
        }
    }
}

/// An observation that changes a HyperLogLog, and where.
pub struct News {
    observation: Observation,
    place: Place,
}

enum Place {
    Dense,
    Sparse(sparse::Found),
    /// Its rank is too great for the sparse form.
    OutOfSparse,
}

/// What an observation would change; `None` when it says nothing new. O(1) if dense, O(runs) if
/// sparse.
pub fn news(bytes: &[u8], observation: Observation) -> Result<Option<News>, Corrupt> {
    let Observation { index, rank } = observation;
    let (known, place) = match form(bytes).ok_or(Corrupt)? {
        Form::Dense => (dense::read(&bytes[HEADER..], index), Place::Dense),
        Form::Sparse if rank > sparse::RANK_MAX => (0, Place::OutOfSparse),
        Form::Sparse => {
            let found = sparse::find(&bytes[HEADER..], index)?;
            (found.rank(), Place::Sparse(found))
        }
    };
    Ok((known < rank).then_some(News { observation, place }))
}

/// Applies news of this very HyperLogLog. A sparse one becomes dense when it would take more than
/// `sparse_bytes_max` bytes or hold a rank that does not fit.
pub fn apply(bytes: &mut Vec<u8>, news: News, sparse_bytes_max: u64) -> Result<(), Corrupt> {
    let News { observation, place } = news;
    let fits = match place {
        Place::Dense | Place::OutOfSparse => false,
        Place::Sparse(found) => sparse::raise(bytes, &found, observation, sparse_bytes_max),
    };
    if !fits {
        make_dense(bytes)?;
        note_dense(bytes, observation);
    }
    Ok(())
}

/// Notes an observation in a dense HyperLogLog; true when it has changed. O(1).
pub fn note_dense(bytes: &mut [u8], observation: Observation) -> bool {
    dense::raise(&mut bytes[HEADER..], observation.index, observation.rank)
}

/// Notes an observation; true when the HyperLogLog has changed. See [`apply`].
pub fn note(
    bytes: &mut Vec<u8>,
    observation: Observation,
    sparse_bytes_max: u64,
) -> Result<bool, Corrupt> {
    let news = news(bytes, observation)?;
    let changes = news.is_some();
    if let Some(news) = news {
        apply(bytes, news, sparse_bytes_max)?;
    }
    Ok(changes)
}

/// Makes a HyperLogLog dense; false when it was. The cached estimate stays.
pub fn make_dense(bytes: &mut Vec<u8>) -> Result<bool, Corrupt> {
    match form(bytes).ok_or(Corrupt)? {
        Form::Dense => Ok(false),
        Form::Sparse => {
            *bytes = sparse::to_dense(bytes)?;
            Ok(true)
        }
    }
}

/// The estimate as it was cached, if it is up to date.
pub fn cached_estimate(bytes: &[u8]) -> Option<u64> {
    let field = bytes.get(ESTIMATE_AT..HEADER)?.first_chunk()?;
    Some(u64::from_le_bytes(*field)).filter(|estimate| estimate >> 63 == 0)
}

/// Caches the estimate.
pub fn cache_estimate(bytes: &mut [u8], estimate: u64) {
    bytes[ESTIMATE_AT..HEADER].copy_from_slice(&estimate.to_le_bytes());
}

/// Notes that the cached estimate is out of date.
pub fn forget_estimate(bytes: &mut [u8]) {
    bytes[HEADER - 1] |= 0x80;
}

/// Estimates how many different elements were seen.
pub fn estimate(bytes: &[u8]) -> Result<u64, Corrupt> {
    let registers = bytes.get(HEADER..).ok_or(Corrupt)?;
    let histogram = match form(bytes).ok_or(Corrupt)? {
        Form::Dense => dense::histogram(registers),
        Form::Sparse => sparse::histogram(registers)?,
    };
    Ok(estimate::from_histogram(&histogram))
}

/// The greatest ranks of several HyperLogLogs.
pub struct Union(Box<[u8; REGISTERS]>);

impl Default for Union {
    fn default() -> Self {
        Union(Box::new([0; REGISTERS]))
    }
}

impl Union {
    /// Adds a HyperLogLog.
    pub fn add(&mut self, bytes: &[u8]) -> Result<(), Corrupt> {
        let registers = bytes.get(HEADER..).ok_or(Corrupt)?;
        match form(bytes).ok_or(Corrupt)? {
            Form::Dense => dense::merge(registers, &mut self.0),
            Form::Sparse => sparse::merge(registers, &mut self.0)?,
        }
        Ok(())
    }

    /// Estimates how many different elements were seen in all.
    pub fn estimate(&self) -> u64 {
        let mut histogram = [0; 64];
        for rank in self.ranks() {
            histogram[usize::from(rank)] += 1;
        }
        estimate::from_histogram(&histogram)
    }

    /// The ranks, register by register.
    pub fn ranks(&self) -> impl Iterator<Item = u8> {
        self.0.iter().copied()
    }

    /// Notes them all in a HyperLogLog; see [`note`].
    pub fn note_in(&self, bytes: &mut Vec<u8>, sparse_bytes_max: u64) -> Result<(), Corrupt> {
        for (index, rank) in self.ranks().enumerate() {
            if rank > 0 {
                note(bytes, Observation { index, rank }, sparse_bytes_max)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
