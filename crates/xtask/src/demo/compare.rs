//! What was captured against what tcpdump saw: multisets of (direction, bytes).

use std::{collections::HashMap, fmt::Write as _, fs::File, path::Path};

use anyhow::{Context, Result, bail, ensure};
use pcap_file::{
    pcap::PcapReader,
    pcapng::{Block, PcapNgReader, blocks::enhanced_packet::EnhancedPacketOption},
};

/// Frames by content, with how often each came.
#[derive(Default, PartialEq, Eq)]
pub struct Frames {
    counts: HashMap<Vec<u8>, u64>,
    total: u64,
}

impl Frames {
    fn add(&mut self, frame: &[u8]) {
        *self.counts.entry(frame.to_vec()).or_default() += 1;
        self.total += 1;
    }

    /// Adds those of another.
    pub fn add_all(&mut self, other: Self) {
        for (frame, count) in other.counts {
            *self.counts.entry(frame).or_default() += count;
        }
        self.total += other.total;
    }

    /// How many there are.
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// Fails with the first few differences.
    pub fn same_as(&self, other: &Self, what: &str) -> Result<()> {
        let missing = self.without(other);
        let extra = other.without(self);
        if missing.is_empty() && extra.is_empty() {
            return Ok(());
        }
        bail!(
            "{what}: {} against {} frames; missing {}: {}; more than there were {}: {}",
            self.total,
            other.total,
            missing.len(),
            show(&missing),
            extra.len(),
            show(&extra)
        )
    }

    fn without(&self, other: &Self) -> Vec<&[u8]> {
        let more = |(frame, count): &(&Vec<u8>, &u64)| *count > other.counts.get(*frame).unwrap_or(&0);
        self.counts.iter().filter(more).map(|(frame, _)| frame.as_slice()).collect()
    }
}

/// The first frames' first bytes in hexadecimal.
fn show(frames: &[&[u8]]) -> String {
    let hex = |frame: &&[u8]| {
        let mut text = String::new();
        for byte in frame.iter().take(54) {
            let _ = write!(text, "{byte:02x}");
        }
        format!("{text} ({} bytes)", frame.len())
    };
    frames.iter().take(3).map(hex).collect::<Vec<_>>().join(", ")
}

/// What tcpdump wrote.
pub fn tcpdump(path: &Path) -> Result<Frames> {
    let file = File::open(path).with_context(|| path.display().to_string())?;
    let mut reader = PcapReader::new(file)?;
    let mut frames = Frames::default();
    while let Some(packet) = reader.next_packet() {
        let packet = packet?;
        ensure!(packet.data.len() == packet.orig_len as usize, "tcpdump cut a frame");
        frames.add(&packet.data);
    }
    Ok(frames)
}

/// What the program captured: received, and sent.
pub fn captured(path: &Path) -> Result<(Frames, Frames)> {
    let file = File::open(path).with_context(|| path.display().to_string())?;
    let mut reader = PcapNgReader::new(file)?;
    let (mut received, mut sent) = (Frames::default(), Frames::default());
    while let Some(block) = reader.next_block() {
        let Block::EnhancedPacket(packet) = block? else { continue };
        ensure!(packet.data.len() == packet.original_len as usize, "a captured frame was cut");
        let flags = packet.options.iter().find_map(|option| match option {
            EnhancedPacketOption::Flags(flags) => Some(*flags),
            _ => None,
        });
        match flags.context("a frame without flags")? & 3 {
            1 => received.add(&packet.data),
            2 => sent.add(&packet.data),
            other => bail!("a frame of direction {other}"),
        }
    }
    Ok((received, sent))
}
