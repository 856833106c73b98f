//! A frame as scenarios see it: bytes, what NDIS carries beside them, and how an MDL chain cuts them.

use nblease_ndis::sys::{
    Ieee8021QNetBufferListInfo, NDIS_NET_BUFFER_LIST_INFO, NetBufferListCancelId, NetBufferListFrameType,
};
use rand::{Rng as _, rngs::SmallRng};

use super::delivery::Fate;

/// Slots of `NetBufferListInfo`.
pub const SLOTS: usize = 27;
/// Bytes of the two Ethernet addresses.
const ADDRESSES: usize = 12;
/// EtherType of a VLAN tag (802.1Q).
const VLAN: [u8; 2] = [0x81, 0x00];

/// What an NBL carries beside its frames: the words of `NetBufferListInfo`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Oob(pub [usize; SLOTS]);

impl Oob {
    /// The word of a slot.
    pub fn get(&self, slot: NDIS_NET_BUFFER_LIST_INFO) -> usize {
        usize::try_from(slot).ok().and_then(|at| self.0.get(at)).copied().unwrap_or_default()
    }

    /// Sets the word of a slot.
    pub fn set(&mut self, slot: NDIS_NET_BUFFER_LIST_INFO, word: usize) {
        if let Some(place) = usize::try_from(slot).ok().and_then(|at| self.0.get_mut(at)) {
            *place = word;
        }
    }

    /// The VLAN tag (TCI as on the wire: priority 3 bits, CFI, identifier 12 bits); none where the slot is 0.
    pub fn vlan(&self) -> Option<u16> {
        let word = self.get(Ieee8021QNetBufferListInfo);
        // UserPriority is bits 0 to 2, CanonicalFormatId 3, VlanId 4 to 15.
        let tci = ((word & 7) << 13 | (word >> 3 & 1) << 12 | word >> 4 & 0xfff) as u16;
        (tci != 0).then_some(tci)
    }

    /// Sets the VLAN tag. A tag of 0 cannot be told from none.
    pub fn set_vlan(&mut self, tci: u16) {
        let tci = usize::from(tci);
        self.set(Ieee8021QNetBufferListInfo, tci >> 13 | (tci >> 12 & 1) << 3 | (tci & 0xfff) << 4);
    }

    /// `NetBufferListFrameType` of a receive: the EtherType, in network order as it lies in the frame.
    pub fn frame_type(&self) -> u16 {
        (self.get(NetBufferListFrameType) as u16).swap_bytes()
    }

    /// Sets `NetBufferListFrameType` by the EtherType.
    pub fn set_frame_type(&mut self, ether_type: u16) {
        self.set(NetBufferListFrameType, usize::from(ether_type.swap_bytes()));
    }

    /// `NetBufferListCancelId` of a send.
    pub fn cancel_id(&self) -> usize {
        self.get(NetBufferListCancelId)
    }
}

/// One Ethernet frame without checksum: an NB's used data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its bytes, destination address first.
    pub bytes: Vec<u8>,
    /// How its MDL chain is cut; none: by the run's seed.
    pub layout: Option<Layout>,
}

/// Every byte of a stray frame.
const STRAY: u8 = 0x5a;

impl Frame {
    /// A frame whose MDL chain is cut by the seed.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self { bytes: bytes.into(), layout: None }
    }

    /// A frame that comes to a stack that is not Running; the ends of the stack do not count it.
    pub fn stray() -> Self {
        Self::new([STRAY; 60])
    }

    /// Whether these are the bytes of such a frame.
    pub fn is_stray(bytes: &[u8]) -> bool {
        bytes.iter().all(|byte| *byte == STRAY)
    }

    /// The same frame, cut as given.
    #[must_use]
    pub fn cut(mut self, layout: Layout) -> Self {
        self.layout = Some(layout);
        self
    }

    /// EtherType (or length) behind the addresses, 0 where the frame is shorter.
    pub fn ether_type(&self) -> u16 {
        ether_type(&self.bytes)
    }
}

/// EtherType (or length) of a frame, 0 where it is too short.
pub fn ether_type(frame: &[u8]) -> u16 {
    frame.get(ADDRESSES..ADDRESSES + 2).and_then(|bytes| bytes.try_into().ok()).map_or(0, u16::from_be_bytes)
}

/// Takes the VLAN tag out of a frame, as a card does: the tag (TCI), where there was one that is not 0.
pub fn take_vlan(frame: &mut Vec<u8>) -> Option<u16> {
    let tag = frame.get(ADDRESSES..ADDRESSES + 4)?;
    let tci = u16::from_be_bytes([*tag.get(2)?, *tag.get(3)?]);
    if !tag.starts_with(&VLAN) || tci == 0 {
        return None;
    }
    frame.drain(ADDRESSES..ADDRESSES + 4);
    Some(tci)
}

/// Puts a VLAN tag back into a frame. Frames too short for addresses stay as they are.
pub fn put_vlan(frame: &mut Vec<u8>, tci: u16) {
    if frame.len() >= ADDRESSES {
        let [high, low] = tci.to_be_bytes();
        let tag = [VLAN[0], VLAN[1], high, low];
        frame.splice(ADDRESSES..ADDRESSES, tag);
    }
}

/// One MDL of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Bytes that it describes; may be 0.
    pub bytes: u32,
    /// Whether it has a system address from the start; else MmGetSystemAddressForMdlSafe maps it, which may fail.
    pub mapped: bool,
}

/// How an MDL chain holds a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Bytes before the used data (backfill).
    pub data_offset: u32,
    /// The MDLs; together at least `data_offset` and the frame's length.
    pub pieces: Vec<Piece>,
}

impl Layout {
    /// One mapped MDL without backfill.
    pub fn whole(length: usize) -> Self {
        Self::pieces(&[length], 0)
    }

    /// Mapped MDLs of these sizes, the data starting at `data_offset`.
    pub fn pieces(sizes: &[usize], data_offset: u32) -> Self {
        let pieces = sizes.iter().map(|size| Piece { bytes: *size as u32, mapped: true }).collect();
        Self { data_offset, pieces }
    }

    /// A chain cut at random: backfill that may fill whole MDLs, pieces of any size, MDLs of no bytes at all, room
    /// after the data, some MDLs without a mapping.
    pub fn random(length: usize, rng: &mut SmallRng) -> Self {
        let length = length as u32;
        let data_offset = match rng.random_range(0..4) {
            0 => 0,
            1 => 14,
            _ => rng.random_range(0..96),
        };
        let after = if rng.random_bool(0.5) { rng.random_range(0..64) } else { 0 };
        let mut left = data_offset + length + after;
        let mut pieces = Vec::new();
        let largest = *[1, 2, 7, 20, 60, 200, 1000, 70_000].get(rng.random_range(0..8_usize)).unwrap_or(&60);
        // Tiny pieces of a jumbo frame would only take time: at most some dozens.
        let largest = largest.max(left / 48);
        while left > 0 || pieces.is_empty() {
            let bytes = match rng.random_range(0..8) {
                0 => 0,
                _ => rng.random_range(1..=largest.max(1)).min(left),
            };
            left -= bytes;
            pieces.push(Piece { bytes, mapped: rng.random_bool(0.75) });
        }
        if rng.random_bool(0.1) {
            pieces.push(Piece { bytes: 0, mapped: true });
        }
        Self { data_offset, pieces }
    }

    /// Bytes that the chain describes.
    pub fn total(&self) -> usize {
        self.pieces.iter().map(|piece| piece.bytes as usize).sum()
    }
}

/// A send of a protocol: one NBL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SendNbl {
    /// Its NBs, in order; at least one.
    pub frames: Vec<Frame>,
    /// What it carries beside them.
    pub oob: Oob,
    /// `NblFlags`.
    pub nbl_flags: u32,
}

/// A receive of a miniport: one NBL of exactly one NB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecvNbl {
    /// Its NB.
    pub frame: Frame,
    /// What it carries beside it. Where the frame type is 0 it is set from the frame.
    pub oob: Oob,
    /// `NblFlags`.
    pub nbl_flags: u32,
}

impl SendNbl {
    /// An NBL of these frames without OOB.
    pub fn new(frames: impl IntoIterator<Item = Frame>) -> Self {
        Self { frames: frames.into_iter().collect(), ..Self::default() }
    }
}

impl RecvNbl {
    /// An NBL of this frame without OOB.
    pub fn new(frame: Frame) -> Self {
        Self { frame, oob: Oob::default(), nbl_flags: 0 }
    }
}

/// A frame that came through the stack to one of its ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// The used data.
    pub bytes: Vec<u8>,
    /// What its NBL carried.
    pub oob: Oob,
    /// The NBL's `NblFlags`.
    pub nbl_flags: u32,
    /// Whether it is a filter's own packet, not one of the other end.
    pub filters_own: bool,
    /// Port number of the call that brought it.
    pub port: u32,
    /// What the upper edge made of it; at the lower one: delivered.
    pub fate: Fate,
}

impl Arrived {
    /// The frame as on the wire: a tag that was carried out of band is put back.
    pub fn on_the_wire(&self) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        if let Some(tci) = self.oob.vlan() {
            put_vlan(&mut bytes, tci);
        }
        bytes
    }
}

/// A number that frames of one conversation share: addresses, EtherType, and for IP the addresses, protocol and ports.
pub fn flow(frame: &[u8]) -> u64 {
    let mut key = Vec::with_capacity(64);
    let mut put = |range: std::ops::Range<usize>| key.extend_from_slice(frame.get(range).unwrap_or_default());
    put(0..14);
    let ports = match ether_type(frame) {
        0x0800 => {
            put(23..24);
            put(26..34);
            let header = frame.get(14).map_or(0, |b| usize::from(b & 15) * 4);
            let fragment = frame.get(20).map_or(0, |b| b & 0x3f) != 0 || frame.get(21).is_some_and(|b| *b != 0);
            (!fragment).then_some(14 + header)
        }
        0x86dd => {
            put(20..21);
            put(22..54);
            Some(54)
        }
        _ => None,
    };
    if let Some(at) = ports {
        put(at..at + 4);
    }
    // FNV-1a.
    key.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;

    #[test]
    fn tags_go_out_of_band_and_come_back() {
        let mut frame: Vec<u8> = (0..60).collect();
        let before = frame.clone();
        for tci in [1, 0x1005, 0xe0a0, 0xffff] {
            put_vlan(&mut frame, tci);
            assert_eq!(frame.get(12..16), Some(&[0x81, 0, (tci >> 8) as u8, tci as u8][..]));
            assert_eq!(take_vlan(&mut frame), Some(tci));
            assert_eq!(frame, before);
            let mut oob = Oob::default();
            oob.set_vlan(tci);
            assert_eq!(oob.vlan(), Some(tci));
        }
        assert_eq!(take_vlan(&mut frame), None);
        let mut oob = Oob::default();
        oob.set_vlan(0x6005);
        assert_eq!(oob.get(Ieee8021QNetBufferListInfo), 3 | 5 << 4, "priority below, identifier above");
    }

    #[test]
    fn random_layouts_hold_the_frame() {
        let mut rng = SmallRng::seed_from_u64(7);
        for length in (1..200).chain([1514, 9014, 65_000]) {
            let layout = Layout::random(length, &mut rng);
            assert!(layout.total() >= layout.data_offset as usize + length);
            assert!(layout.pieces.len() < 1000);
        }
    }

    #[test]
    fn frame_type_is_kept_in_network_order() {
        let mut oob = Oob::default();
        oob.set_frame_type(0x0800);
        assert_eq!(oob.get(NetBufferListFrameType), 0x0008);
        assert_eq!(oob.frame_type(), 0x0800);
    }
}
