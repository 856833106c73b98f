//! What fills a buffer before the driver has it, so that what it never wrote is told from what it did (V46).

/// The words that fill a buffer before the driver has it (SplitMix64): no two places alike, and none that a driver would
/// write by chance.
fn poison_words(poison: u64) -> impl Iterator<Item = [u8; 8]> {
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
pub(super) fn poison_bytes(poison: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    for (to, word) in bytes.chunks_mut(8).zip(poison_words(poison)) {
        to.copy_from_slice(&word[..to.len()]);
    }
    bytes
}

/// Where a word begins that is still as poisoned.
pub(super) fn stale_word(data: &[u8], poison: u64) -> Option<usize> {
    let words = data.chunks_exact(8).zip(poison_words(poison));
    words.enumerate().find(|(_, (now, was))| now == was).map(|(at, _)| at * 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_poison_is_found_where_it_begins() {
        let mut data = poison_bytes(7, 67);
        assert_eq!(stale_word(&data, 7), Some(0));
        data[..40].fill(0);
        assert_eq!(stale_word(&data, 7), Some(40));
        data[44] ^= 1;
        data[48..].fill(1);
        assert_eq!(stale_word(&data, 7), None);
        assert_eq!(stale_word(&[], 7), None);
        assert_ne!(poison_bytes(7, 64), poison_bytes(8, 64));
    }
}
