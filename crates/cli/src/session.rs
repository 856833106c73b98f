//! A capture as it goes by: counts frames, ends it after the last one asked for, and knows its
//! interfaces.

use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use nblease_client::Stats;
use nblease_client::abi::pcapng::{BlockError, Blocks, IsbPlan};
use nblease_client::abi::stats::ReaderStats;

use crate::sink::Sink;

/// What a run can fail with.
#[derive(Debug)]
pub enum RunError {
    /// The run is not made of whole blocks.
    Malformed(BlockError),
    /// The output takes no more.
    Output(io::Error),
}

impl From<BlockError> for RunError {
    fn from(error: BlockError) -> Self {
        Self::Malformed(error)
    }
}

impl From<io::Error> for RunError {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// See the [module](self).
pub struct Session {
    sink: Sink,
    limit: u64,
    captured: u64,
    interfaces: Vec<Interface>,
    start_ns: u64,
}

/// An interface, at the position of its number.
#[derive(Clone)]
struct Interface {
    name: String,
    captured: u64,
}

impl Session {
    /// Ends after `limit` frames.
    pub fn new(sink: Sink, limit: u64) -> Self {
        Self { sink, limit, captured: 0, interfaces: Vec::new(), start_ns: now_ns() }
    }

    /// Whether all the frames that were asked for have come.
    pub const fn is_complete(&self) -> bool {
        self.captured >= self.limit
    }

    /// Frames taken.
    pub const fn captured(&self) -> u64 {
        self.captured
    }

    /// Takes a run of blocks, up to the last frame that was asked for. What the output does not take is not counted.
    pub fn run(&mut self, bytes: &[u8]) -> Result<(), RunError> {
        let mut whole = 0;
        let before = (self.captured, self.interfaces.clone());
        let result = self.blocks(bytes, &mut whole);
        // What was whole is kept, whatever came after it.
        if whole != 0
            && let Err(error) = self.sink.blocks(bytes.get(..whole).unwrap_or_default())
        {
            (self.captured, self.interfaces) = before;
            return Err(error.into());
        }
        result
    }

    /// Walks over the blocks and says in `whole` how many bytes of them are to be kept.
    fn blocks(&mut self, bytes: &[u8], whole: &mut usize) -> Result<(), RunError> {
        for block in Blocks::new(bytes) {
            if self.is_complete() {
                return Ok(());
            }
            let block = block?;
            if let Some(packet) = block.packet() {
                let packet = packet?;
                let interface = self.interfaces.get_mut(packet.interface as usize);
                let name = interface.map(|interface| {
                    interface.captured += 1;
                    interface.name.as_str()
                });
                self.sink.frame(&packet, name.unwrap_or("?"))?;
                self.captured += 1;
            } else if let Some(interface) = block.interface() {
                let interface = interface?;
                let name = interface.description.or(interface.name).unwrap_or("?").to_owned();
                self.interfaces.push(Interface { name, captured: 0 });
            }
            *whole += block.bytes.len();
        }
        Ok(())
    }

    /// Ends the output with each interface's statistics. What the driver counted is the reader's,
    /// so it is told where there is but one interface.
    pub fn end(&mut self, stats: Option<&Stats>) -> io::Result<()> {
        let end_ns = now_ns();
        let reader = stats.map(|stats| &stats.reader).filter(|_| self.interfaces.len() == 1);
        for (interface, number) in self.interfaces.iter().zip(0..) {
            self.sink.statistics(&IsbPlan {
                interface: number,
                timestamp_ns: end_ns,
                start_ns: self.start_ns,
                end_ns,
                received: reader.map(|reader| reader.frames_seen),
                os_dropped: reader.map(dropped),
                delivered: Some(interface.captured),
            })?;
        }
        self.sink.blocks(&[])
    }
}

/// Frames that the driver lost for a reader.
pub const fn dropped(reader: &ReaderStats) -> u64 {
    reader.frames_dropped_spill_full + reader.frames_dropped_no_memory + reader.frames_dropped_unreadable
}

fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_nanos().try_into().unwrap_or(u64::MAX)
}
