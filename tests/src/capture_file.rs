//! A capture file as a parser reads it that shares nothing with the project, to be compared with what went by.

use std::{collections::HashMap, fs::File, path::Path};

use pcap_file::{
    DataLink, PcapError,
    pcapng::{
        Block, PcapNgReader,
        blocks::{
            enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption},
            interface_description::{InterfaceDescriptionBlock, InterfaceDescriptionOption},
        },
    },
};

/// What a file holds.
#[derive(Debug, Default)]
pub struct CaptureFile {
    /// Names of the interfaces, in their order.
    pub interfaces: Vec<String>,
    /// The frames, in their order.
    pub frames: Vec<Captured>,
    /// Interface Statistics Blocks.
    pub statistics: usize,
}

/// A captured frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captured {
    /// Number of its interface.
    pub interface: u32,
    /// Whether it was sent; else it was received.
    pub sent: bool,
    /// The captured bytes.
    pub bytes: Vec<u8>,
    /// Bytes of the whole frame.
    pub original_len: u32,
    /// Frames lost just before it (`epb_dropcount`).
    pub lost_before: u64,
}

impl CaptureFile {
    /// Reads a file to its end.
    ///
    /// # Errors
    /// A file that is not made of whole blocks, as the parser says.
    pub fn read(path: &Path) -> Result<Self, PcapError> {
        let mut reader = PcapNgReader::new(File::open(path).map_err(PcapError::IoError)?)?;
        let mut file = Self::default();
        while let Some(block) = reader.next_block() {
            match block? {
                Block::InterfaceDescription(interface) => file.interfaces.push(name(&interface)),
                Block::EnhancedPacket(packet) => file.frames.push(Captured::of(&packet)),
                Block::InterfaceStatistics(_) => file.statistics += 1,
                _ => {}
            }
        }
        Ok(file)
    }

    /// The frames of an interface, how often each.
    pub fn bag(&self, interface: u32) -> Bag {
        let mut bag = Bag::default();
        for frame in self.frames.iter().filter(|frame| frame.interface == interface) {
            bag.add(frame.sent, &frame.bytes);
        }
        bag
    }

    /// Frames that the records tell to be lost.
    pub fn lost(&self) -> u64 {
        self.frames.iter().map(|frame| frame.lost_before).sum()
    }
}

fn name(interface: &InterfaceDescriptionBlock<'_>) -> String {
    assert_eq!(interface.linktype, DataLink::ETHERNET);
    let name = interface.options.iter().find_map(|option| match option {
        InterfaceDescriptionOption::IfDescription(name) => Some(name.to_string()),
        _ => None,
    });
    name.expect("an interface has a description")
}

impl Captured {
    fn of(packet: &EnhancedPacketBlock<'_>) -> Self {
        let (mut direction, mut lost_before) = (None, 0);
        for option in &packet.options {
            match option {
                EnhancedPacketOption::Flags(flags) => direction = Some(flags & 3),
                EnhancedPacketOption::DropCount(count) => lost_before = *count,
                _ => {}
            }
        }
        assert!(matches!(direction, Some(1 | 2)), "a frame of direction {direction:?}");
        Self {
            interface: packet.interface_id,
            sent: direction == Some(2),
            bytes: packet.data.to_vec(),
            original_len: packet.original_len,
            lost_before,
        }
    }
}

/// A multiset of (direction, bytes).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bag {
    counts: HashMap<(bool, Vec<u8>), usize>,
}

impl Bag {
    /// Adds a frame, which was sent or else received.
    pub fn add(&mut self, sent: bool, bytes: &[u8]) {
        *self.counts.entry((sent, bytes.to_vec())).or_default() += 1;
    }

    /// Adds all frames of another.
    pub fn add_all(&mut self, other: &Self) {
        for (frame, count) in &other.counts {
            *self.counts.entry(frame.clone()).or_default() += count;
        }
    }

    /// How many there are of a direction.
    pub fn count(&self, sent: bool) -> usize {
        self.counts.iter().filter(|((direction, _), _)| *direction == sent).map(|(_, count)| count).sum()
    }

    /// Those of a direction, cut to `snaplen` bytes.
    #[must_use]
    pub fn only(&self, sent: bool, snaplen: usize) -> Self {
        let mut cut = Self::default();
        for ((_, bytes), count) in self.counts.iter().filter(|((direction, _), _)| *direction == sent) {
            let bytes = bytes.get(..snaplen).unwrap_or(bytes);
            *cut.counts.entry((sent, bytes.to_vec())).or_default() += count;
        }
        cut
    }

    /// How many frames are here more often than in `other`.
    pub fn beyond(&self, other: &Self) -> usize {
        let more = |(frame, count): (&_, &usize)| count.saturating_sub(other.counts.get(frame).copied().unwrap_or(0));
        self.counts.iter().map(more).sum()
    }

    /// Fails where the two are not the same.
    pub fn assert_same(&self, other: &Self) {
        let (extra, missing) = (self.beyond(other), other.beyond(self));
        assert_eq!((extra, missing), (0, 0), "frames that are extra, and that are missing");
    }
}
