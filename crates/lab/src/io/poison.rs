//! What buffers hold before a driver has written them, and how that is found in what a caller gets (V46).
//!
//! A request's own buffer is filled with words of which no two are alike, so that a word that is still there was never
//! written. Pool that was not asked to be zeroed repeats one word of the run: where it comes out, the driver copied what it
//! had never written.

use crate::{kernel::kernel, memory::pool};

/// Bytes of what is looked for: a field that was left out, or the hole before one.
const WORD: usize = 4;
/// In longer outputs one such word comes up by chance: two in a row are looked for.
const SHORT: usize = 512;

/// The words that fill a buffer before the driver has it (SplitMix64): no two places alike, and none that a driver would
/// write by chance.
fn words(poison: u64) -> impl Iterator<Item = [u8; 8]> {
    let mut state = poison;
    std::iter::repeat_with(move || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (word ^ (word >> 31)).to_le_bytes()
    })
}

/// `len` bytes of those words.
pub(super) fn bytes(poison: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    for (to, word) in bytes.chunks_mut(8).zip(words(poison)) {
        to.copy_from_slice(&word[..to.len()]);
    }
    bytes
}

/// Where in an output a word begins that nobody wrote: neither in the buffer nor, before it was copied, in pool.
pub(super) fn stale(data: &[u8], poison: u64) -> Option<usize> {
    stale_here(data, poison).or_else(|| stale_of_pool(data, pool::fresh_word(kernel().seed)))
}

/// Words in a row that are not there by chance.
fn row(data: &[u8]) -> usize {
    if data.len() <= SHORT { 1 } else { 2 }
}

fn stale_here(data: &[u8], poison: u64) -> Option<usize> {
    let was =
        words(poison).flat_map(|word| [[word[0], word[1], word[2], word[3]], [word[4], word[5], word[6], word[7]]]);
    let same: Vec<_> = data.chunks_exact(WORD).zip(was).map(|(now, was)| now == was).collect();
    same.windows(row(data)).position(|row| row.iter().all(|same| *same)).map(|at| at * WORD)
}

fn stale_of_pool(data: &[u8], fresh: [u8; 8]) -> Option<usize> {
    let len = row(data) * WORD;
    let is_fresh = |bytes: &[u8]| (0..8).any(|from| (0..len).all(|at| bytes[at] == fresh[(from + at) % 8]));
    let aligned = (0..data.len().saturating_sub(len - 1)).step_by(WORD);
    aligned.into_iter().find(|at| is_fresh(&data[*at..*at + len]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_poison_is_found_where_it_begins() {
        let mut data = bytes(7, 67);
        assert_eq!(stale_here(&data, 7), Some(0));
        data[..40].fill(0);
        assert_eq!(stale_here(&data, 7), Some(40));
        data[41] ^= 1;
        data[44..].fill(1);
        assert_eq!(stale_here(&data, 7), None);
        assert_eq!(stale_here(&[], 7), None);
        assert_ne!(bytes(7, 64), bytes(8, 64));
    }

    #[test]
    fn what_pool_held_before_it_was_written_is_found_at_any_place() {
        let fresh = pool::fresh_word(3);
        let mut data = vec![0; 64];
        data[20..24].copy_from_slice(&[fresh[6], fresh[7], fresh[0], fresh[1]]);
        assert_eq!(stale_of_pool(&data, fresh), Some(20));
        data[21] ^= 1;
        assert_eq!(stale_of_pool(&data, fresh), None);
        assert_ne!(fresh, pool::fresh_word(4));
    }
}
