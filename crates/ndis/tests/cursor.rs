//! The cursor over MDL chains, against the bytes that the chain was made of. A failing case prints its input and seed.
#![allow(unsafe_code)]

mod stand_in;

use nblease_ndis::mdl::{Chunks, DataError};
use nblease_ndis::sys::*;
use proptest::prelude::*;
use stand_in::{Call, Frame, MAPPINGS, Packet, calls, install};

/// A frame's bytes, the lengths of the MDLs that hold it, and where in the first MDL with room it starts.
#[derive(Debug, Clone)]
struct Layout {
    data: Vec<u8>,
    mdls: Vec<usize>,
    offset: usize,
}

/// Frames in any split: empty MDLs, one-byte MDLs, room before and behind.
fn layouts() -> impl Strategy<Value = Layout> {
    (prop::collection::vec(0..40_usize, 1..8), any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>())
        .prop_map(|(mdls, offset, len, seed)| {
            let room: usize = mdls.iter().sum();
            // The data may begin in a later MDL: CurrentMdlOffset then exceeds the first's bytes.
            let offset = offset.index(room + 1);
            let len = len.index(room - offset + 1);
            let data = (0..len).map(|i| (i as u8).wrapping_mul(31).wrapping_add(seed)).collect();
            Layout { data, mdls, offset }
        })
}

impl Layout {
    fn packet(&self) -> Packet {
        install();
        MAPPINGS.set(usize::MAX);
        Packet::new(&[Frame { mdls: &self.mdls, offset: self.offset, data: &self.data }])
    }
}

fn nb(packet: &Packet) -> &NET_BUFFER {
    // SAFETY: a packet has a frame.
    unsafe { &*packet.nbl.FirstNetBuffer }
}

/// The frame's bytes as a cursor, `extra` bytes longer than the frame is.
fn chunks(packet: &Packet, extra: usize) -> Chunks<'_> {
    let nb = nb(packet);
    // SAFETY: the packet's chain, which lives while it is borrowed.
    unsafe { Chunks::new(nb.CurrentMdl, nb.CurrentMdlOffset as usize, nb.DataLength as usize + extra) }
}

/// Copies all that is left, into a buffer with a guard behind.
fn copy(chunks: Chunks<'_>) -> (Result<(), DataError>, Vec<u8>) {
    let len = chunks.left();
    let mut to = vec![0xaa; len + 16];
    // SAFETY: the buffer is longer than what is left.
    let result = unsafe { chunks.copy_to(to.as_mut_ptr()) };
    assert_eq!(to[len..], [0xaa; 16], "written past the end");
    to.truncate(len);
    (result, to)
}

proptest! {
    #[test]
    fn chunks_are_the_frame(layout in layouts()) {
        let packet = layout.packet();
        let mut left = layout.data.len();
        for chunk in chunks(&packet, 0) {
            let chunk = chunk.unwrap();
            prop_assert!(chunk.len > 0 && chunk.len <= left);
            left -= chunk.len;
        }
        prop_assert_eq!(left, 0);
        let (result, copied) = copy(chunks(&packet, 0));
        prop_assert_eq!(result, Ok(()));
        prop_assert_eq!(&copied, &layout.data);
    }

    #[test]
    fn a_range_is_the_frames_part(layout in layouts(), at in any::<prop::sample::Index>(), len in any::<prop::sample::Index>()) {
        let packet = layout.packet();
        let at = at.index(layout.data.len() + 1);
        let len = len.index(layout.data.len() - at + 1);
        let (result, copied) = copy(chunks(&packet, 0).range(at, len).unwrap());
        prop_assert_eq!(result, Ok(()));
        prop_assert_eq!(&copied[..], &layout.data[at..at + len]);
        prop_assert_eq!(chunks(&packet, 0).range(at, layout.data.len() - at + 1).err(), Some(DataError::Short));
        prop_assert_eq!(chunks(&packet, 0).range(usize::MAX, 2).err(), Some(DataError::Short));
    }

    #[test]
    fn a_chain_too_short_is_an_error(layout in layouts(), extra in 1..9_usize) {
        let packet = layout.packet();
        let behind = layout.mdls.iter().sum::<usize>() - layout.offset - layout.data.len();
        let (result, copied) = copy(chunks(&packet, behind + extra));
        prop_assert_eq!(result, Err(DataError::Short));
        prop_assert_eq!(&copied[..layout.data.len()], &layout.data[..]);
        let mut cursor = chunks(&packet, behind + extra);
        prop_assert!(cursor.by_ref().any(|chunk| chunk.is_err()));
        prop_assert_eq!(cursor.next(), None, "the end after an error");
    }

    #[test]
    fn a_mapping_may_fail_at_any_mdl(layout in layouts(), fails_at in 0..8_usize) {
        let packet = layout.packet();
        let needed = chunks(&packet, 0).count();
        let packet = layout.packet();
        MAPPINGS.set(fails_at);
        let (result, copied) = copy(chunks(&packet, 0));
        if fails_at < needed {
            prop_assert_eq!(result, Err(DataError::NotMapped));
            let written = chunks(&packet, 0).take(fails_at).map(|chunk| chunk.unwrap().len).sum::<usize>();
            prop_assert_eq!(&copied[..written], &layout.data[..written]);
        } else {
            prop_assert_eq!(result, Ok(()));
        }
    }
}

#[test]
fn an_mdl_is_mapped_once_and_not_executable() {
    install();
    MAPPINGS.set(usize::MAX);
    let packet = Packet::new(&[Frame { mdls: &[3, 0, 5], offset: 1, data: b"seven77" }]);
    assert_eq!(copy(chunks(&packet, 0)).1, b"seven77");
    let map = Call::Map { mode: 0, cache: MmCached, bug_check: 0, priority: 16 | MdlMappingNoExecute };
    assert_eq!(calls(), [map.clone(), map], "the empty MDL needs no mapping");
    assert_eq!(copy(chunks(&packet, 0)).1, b"seven77");
    assert_eq!(calls(), [], "mapped already");
    assert_eq!(copy(chunks(&Packet::of(b"pool").nonpaged(), 0)).1, b"pool");
    assert_eq!(calls(), [], "nonpaged pool has an address");
}

#[test]
fn bytes_passed_over_are_not_mapped() {
    install();
    MAPPINGS.set(usize::MAX);
    let packet = Packet::new(&[Frame { mdls: &[4, 4, 4], offset: 0, data: b"abcdefghijkl" }]);
    assert_eq!(copy(chunks(&packet, 0).range(5, 2).unwrap()).1, b"fg");
    assert_eq!(calls().len(), 1);
}
