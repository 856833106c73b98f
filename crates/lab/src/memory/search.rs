//! Whether bytes of a packet were left in memory of the driver's own.

use std::collections::BTreeMap;

use super::{Memory, PAGE};
use crate::kernel::{DriverId, kernel};

/// Bytes that count as a copy.
const WINDOW: usize = 16;
/// A 16-byte window of the payload always covers an aligned word of the memory that holds it.
const WORD: usize = 8;
/// Windows of fewer distinct bytes (padding, counters at zero) are no evidence.
const MIN_DISTINCT: usize = 5;

static ZEROS: [u8; PAGE] = [0; PAGE];

/// The words of payloads, to be looked up by value.
struct Needle<'a> {
    /// By word: the payloads that it is in, and where.
    words: BTreeMap<u64, Vec<(&'a [u8], usize)>>,
    /// A bit for the hash of each word: most of the memory is passed over by a look at it.
    hashes: Vec<bool>,
}

fn hash(word: u64) -> usize {
    (word.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48) as usize
}

impl<'a> Needle<'a> {
    fn new(payloads: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut words: BTreeMap<u64, Vec<(&[u8], usize)>> = BTreeMap::new();
        let mut hashes = vec![false; 1 << 16];
        let all = payloads.into_iter().flat_map(|bytes| bytes.windows(WORD).enumerate().map(move |word| (bytes, word)));
        for (bytes, (at, word)) in all {
            // No window around a word in the midst of padding is evidence.
            let around = at.saturating_sub(WINDOW - WORD)..(at + WINDOW).min(bytes.len());
            if distinct(&bytes[around]) < MIN_DISTINCT {
                continue;
            }
            if let Ok(word) = word.try_into().map(u64::from_ne_bytes) {
                words.entry(word).or_default().push((bytes, at));
                hashes[hash(word)] = true;
            }
        }
        Self { words, hashes }
    }

    /// The offset in `memory` of a window of a payload. `memory` starts aligned.
    fn find_in(&self, memory: &[u8]) -> Option<usize> {
        // Most of a large buffer was never used: pages of zeros are passed over, but for their borders.
        let pages = memory.chunks(PAGE).enumerate().filter(|(_, page)| **page != ZEROS[..page.len()]);
        let mut used = pages.map(|(index, page)| (index * PAGE, index * PAGE + page.len()));
        used.find_map(|(from, to)| self.find_within(memory, from.saturating_sub(WINDOW), to + WINDOW))
    }

    /// As [`Self::find_in`], for the words of `memory` from one offset to another.
    fn find_within(&self, memory: &[u8], from: usize, to: usize) -> Option<usize> {
        let (words, _) = memory.as_chunks::<WORD>();
        let word_at = |index: usize| words.get(index).map_or(0, |word| u64::from_ne_bytes(*word));
        let mut before = 0;
        let mut word = word_at(from / WORD);
        for index in from / WORD..(to / WORD).min(words.len()) {
            let after = word_at(index + 1);
            // A window around a word of zeros between such words is of zeros.
            if before | word | after != 0 && self.hashes[hash(word)] {
                let mut starts = self.words.get(&word).into_iter().flatten();
                let found = starts.find_map(|(bytes, start)| window_around(memory, index * WORD, bytes, *start));
                if found.is_some() {
                    return found;
                }
            }
            (before, word) = (word, after);
        }
        None
    }
}

/// The memory at `at` equals the payload at `start` for a word; whether it does so for a window around it.
fn window_around(memory: &[u8], at: usize, payload: &[u8], start: usize) -> Option<usize> {
    let before = memory[..at].iter().rev().zip(payload[..start].iter().rev());
    let before = before.take(WINDOW - WORD).take_while(|(a, b)| a == b).count();
    let after = memory[at + WORD..].iter().zip(&payload[start + WORD..]);
    let after = after.take(WINDOW - WORD).take_while(|(a, b)| a == b).count();
    let found = &memory[at - before..at + WORD + after];
    (found.len() >= WINDOW && distinct(found) >= MIN_DISTINCT).then_some(at - before)
}

fn distinct(bytes: &[u8]) -> usize {
    let mut seen = [false; 256];
    bytes.iter().filter(|byte| !std::mem::replace(&mut seen[usize::from(**byte)], true)).count()
}

impl Memory {
    /// Where in a driver's own memory (its pool and its writable sections) 16 bytes in a row of one of these payloads lie.
    ///
    /// Spans are not the driver's own: a read buffer is expected to hold what was delivered. Windows of fewer than five
    /// distinct bytes do not count. No driver code may be running.
    pub fn find_in_driver<'a>(&self, payloads: impl IntoIterator<Item = &'a [u8]>, driver: DriverId) -> Option<String> {
        let needle = Needle::new(payloads);
        let pool = self.pool.live(driver).into_iter().map(|a| (a.start, a.len));
        let sections = kernel().driver(driver).into_iter().flat_map(|info| {
            let writable = info.sections.iter().filter(|section| section.writable && !section.discardable);
            writable.map(|section| (info.base + section.start, section.len)).collect::<Vec<_>>()
        });
        pool.chain(sections).find_map(|(start, len)| {
            let first: *const u8 = std::ptr::with_exposed_provenance(start);
            // SAFETY: live pool and writable sections are readable, and no driver code runs.
            let memory = unsafe { std::slice::from_raw_parts(first, len) };
            let offset = needle.find_in(memory)?;
            Some(kernel().memory.describe(start + offset))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Needle, PAGE, WINDOW};

    #[test]
    fn a_window_is_found_wherever_it_lies() {
        let payload: Vec<u8> = (0_u8..64).map(|i| (u16::from(i) * 37 % 251) as u8).collect();
        for from in 0..=payload.len() - WINDOW {
            for at in 0..24 {
                let mut memory = vec![0xff; 64];
                memory[at..at + WINDOW].copy_from_slice(&payload[from..from + WINDOW]);
                assert_eq!(Needle::new([payload.as_slice()]).find_in(&memory), Some(at), "from {from}");
                memory[at + WINDOW - 1] = 0xff;
                let shorter = Needle::new([payload.as_slice()]).find_in(&memory);
                assert_eq!(shorter, None, "15 bytes are no window, from {from} at {at}");
            }
        }
    }

    #[test]
    fn a_window_at_the_border_of_an_unused_page_is_found() {
        // Half of the window is zeros, in the unused page.
        for payload in [[[0; 8], [1, 2, 3, 4, 5, 6, 7, 8]].concat(), [[1, 2, 3, 4, 5, 6, 7, 8], [0; 8]].concat()] {
            for at in [PAGE - 12, PAGE - 8, PAGE - 4, 2 * PAGE - 12, 2 * PAGE - 8, 2 * PAGE - 4] {
                let mut memory = vec![0; 3 * PAGE];
                memory[at..at + WINDOW].copy_from_slice(&payload);
                assert_eq!(Needle::new([payload.as_slice()]).find_in(&memory), Some(at));
            }
        }
    }

    #[test]
    fn windows_of_few_values_do_not_count() {
        let payload = [0; 60];
        assert_eq!(Needle::new([payload.as_slice()]).find_in(&[0; 4096]), None);
    }
}
