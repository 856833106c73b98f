//! The ring against a plain queue.

use std::collections::VecDeque;

use nblease_abi::configure::{Configure, MAX_ADAPTERS};
use nblease_abi::pcapng::IDB_MAX_LEN;
use nblease_engine::spill::{Record, SpillLevel, SpillRing};
use proptest::prelude::*;

fn push(ring: &mut SpillRing<Vec<u8>>, record: Record, bytes: &[u8]) -> bool {
    let Some(mut room) = ring.reserve(record) else {
        return false;
    };
    let (first, second) = room.parts();
    assert_eq!(first.len() + second.len(), bytes.len());
    let (a, b) = bytes.split_at(first.len());
    first.copy_from_slice(a);
    second.copy_from_slice(b);
    room.commit();
    true
}

fn pop(ring: &mut SpillRing<Vec<u8>>) -> Option<(Record, Vec<u8>)> {
    ring.pop_with(|record, first, second| (record, [first, second].concat()))
}

proptest! {
    #[test]
    fn records_come_out_as_they_went_in(
        memory in 0..400_usize,
        steps in prop::collection::vec(prop::option::weighted(0.6, (0..20_u32, any::<Option<u16>>())), 0..200),
    ) {
        let mut ring = SpillRing::new(vec![0xEE; memory]);
        let mut queue = VecDeque::<(Record, Vec<u8>)>::new();
        let (mut footprint, mut peak) = (0, 0);
        for (number, step) in steps.into_iter().enumerate() {
            if let Some((units, captured)) = step {
                let record = Record { len: units * 4, captured: captured.map(u32::from) };
                let bytes = vec![number as u8; record.len as usize];
                // A withdrawn record leaves no trace, whatever was written to its room.
                if let Some(mut room) = ring.reserve(record) {
                    room.parts().0.fill(0xBB);
                }
                let fits = 8 + bytes.len().next_multiple_of(8) <= memory / 8 * 8 - footprint;
                prop_assert_eq!(push(&mut ring, record, &bytes), fits);
                if fits {
                    footprint += 8 + bytes.len().next_multiple_of(8);
                    queue.push_back((record, bytes));
                }
            } else {
                prop_assert_eq!(ring.front(), queue.front().map(|(record, _)| *record));
                let expected = queue.pop_front();
                footprint -= expected.as_ref().map_or(0, |(_, b)| 8 + b.len().next_multiple_of(8));
                prop_assert_eq!(pop(&mut ring), expected);
            }
            let bytes: u64 = queue.iter().map(|(_, bytes)| bytes.len() as u64).sum();
            peak = bytes.max(peak);
            let frames = queue.iter().filter(|(record, _)| record.captured.is_some()).count() as u64;
            prop_assert_eq!(ring.level(), SpillLevel { frames, bytes, peak });
            prop_assert_eq!(ring.is_empty(), queue.is_empty());
        }
    }
}

/// The floor that the ABI promises suffices for this ring.
#[test]
fn the_smallest_spill_holds_all_descriptions_and_a_largest_record() {
    for (adapters, snaplen) in [(1, 1), (1, 9000), (MAX_ADAPTERS, 1514), (7, 262_144)] {
        let config = Configure { snaplen, ..Configure::tap(adapters) };
        let mut ring = SpillRing::new(vec![0; config.spill_floor() as usize]);
        let idb = Record { len: IDB_MAX_LEN as u32, captured: None };
        for _ in 0..adapters {
            assert!(push(&mut ring, idb, &[0; IDB_MAX_LEN]));
        }
        let record = Record { len: config.largest_record(), captured: Some(snaplen) };
        assert!(push(&mut ring, record, &vec![0; record.len as usize]));
        assert!(ring.reserve(record).is_none());
    }
}
