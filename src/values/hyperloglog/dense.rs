//! Dense registers: six bits each, four in three bytes, from the lowest bit on.

use super::REGISTERS;
use super::estimate::Histogram;

/// Bits of a register.
const WIDTH: usize = 6;
/// Bytes of all registers.
pub(super) const BYTES: usize = REGISTERS * WIDTH / 8;

/// A register.
pub(super) fn read(registers: &[u8], index: usize) -> u8 {
    let bit = index * WIDTH;
    let low = u16::from(registers[bit / 8]);
    let high = u16::from(registers.get(bit / 8 + 1).copied().unwrap_or(0));
    ((high << 8 | low) >> (bit % 8)) as u8 & 63
}

/// Raises a register to a rank; true when it was lower.
pub(super) fn raise(registers: &mut [u8], index: usize, rank: u8) -> bool {
    if read(registers, index) >= rank {
        return false;
    }
    write(registers, index, rank);
    true
}

/// Writes a register.
pub(super) fn write(registers: &mut [u8], index: usize, rank: u8) {
    let bit = index * WIDTH;
    let clear = !(63u16 << (bit % 8));
    let set = u16::from(rank) << (bit % 8);
    registers[bit / 8] = registers[bit / 8] & clear as u8 | set as u8;
    // A register that ends with its byte leaves the next as it is; the last one is such.
    if let Some(next) = registers.get_mut(bit / 8 + 1) {
        *next = *next & (clear >> 8) as u8 | (set >> 8) as u8;
    }
}

/// Four registers of three bytes.
fn unpack([a, b, c]: [u8; 3]) -> [u8; 4] {
    [a & 63, a >> 6 | b << 2 & 63, b >> 4 | c << 4 & 63, c >> 2]
}

/// How many registers have each rank.
pub(super) fn histogram(registers: &[u8]) -> Histogram {
    // Four histograms: neighbours are often equal, and none waits for another's sum.
    let mut lanes = [[0u32; 64]; 4];
    let (groups, _) = registers.as_chunks::<3>();
    for group in groups {
        for (lane, rank) in lanes.iter_mut().zip(unpack(*group)) {
            lane[usize::from(rank & 63)] += 1;
        }
    }
    std::array::from_fn(|rank| lanes.iter().map(|lane| lane[rank]).sum())
}

/// Raises ranks to those of the registers.
pub(super) fn merge(registers: &[u8], ranks: &mut [u8; REGISTERS]) {
    let (groups, _) = registers.as_chunks::<3>();
    let (ranks, _) = ranks.as_chunks_mut::<4>();
    for (group, ranks) in groups.iter().zip(ranks) {
        for (rank, other) in ranks.iter_mut().zip(unpack(*group)) {
            *rank = other.max(*rank);
        }
    }
}
