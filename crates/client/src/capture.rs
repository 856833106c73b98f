//! A reader with several reads pended, whose bytes come out in the order of the reads.

use std::collections::VecDeque;
use std::time::Duration;

use nblease_abi::NtStatus;
use nblease_abi::configure::Configure;

use crate::{Device, Ended, Error, ReadId, Stats, Transport};

/// How a capture reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaptureOptions {
    /// Reads to keep pended; at least 1.
    pub reads: usize,
    /// Bytes of a read. `None`: 256 KiB, or what the configuration needs if that is more.
    pub read_size: Option<usize>,
}

impl Default for CaptureOptions {
    fn default() -> Self {
        Self { reads: 4, read_size: None }
    }
}

const DEFAULT_READ_SIZE: usize = 256 << 10;
const PAGE: usize = 4096;

/// A reader that captures. Dropping it closes the handle.
#[derive(Debug)]
pub struct Capture<T> {
    device: Device<T>,
    pended: VecDeque<ReadId>,
    /// The bytes yielded last, and how many of them are valid; used for the next read.
    current: Vec<u8>,
    read_size: usize,
    reads: usize,
    stopping: bool,
}

impl<T: Transport> Capture<T> {
    /// Configures the handle and pends its reads.
    ///
    /// # Errors
    /// As [`Device::configure`]; where the read size does not suffice; where reading fails.
    pub fn start(
        mut device: Device<T>,
        config: &Configure,
        luids: &[u64],
        options: CaptureOptions,
    ) -> Result<Self, Error> {
        // Known before the driver is asked, so that nothing has to be taken back.
        let needed = config.largest_record() as usize;
        let read_size = match options.read_size {
            Some(size) if size < needed => return Err(Error::ReadTooSmall { size, needed }),
            Some(size) => size,
            None => DEFAULT_READ_SIZE.max(needed.next_multiple_of(PAGE)),
        };
        let needed = device.configure(config, luids)?.needed_read_bytes as usize;
        if read_size < needed {
            return Err(Error::ReadTooSmall { size: read_size, needed });
        }
        let mut capture = Self {
            device,
            pended: VecDeque::new(),
            current: vec![0; read_size],
            read_size,
            reads: options.reads.max(1),
            stopping: false,
        };
        while capture.pended.len() < capture.reads {
            capture.pend(vec![0; read_size])?;
        }
        Ok(capture)
    }

    fn pend(&mut self, buffer: Vec<u8>) -> Result<(), Error> {
        let read = self.device.transport().read(buffer)?;
        self.pended.push_back(read);
        Ok(())
    }

    /// The next run of whole pcapng blocks; empty where `timeout` passed first, or a read was
    /// cancelled. `None`: the capture was [stopped](Self::stop) and all reads have ended.
    ///
    /// # Errors
    /// Where reading fails.
    pub fn next(&mut self, timeout: Duration) -> Result<Option<&[u8]>, Error> {
        let Some(&read) = self.pended.front() else {
            return Ok(None);
        };
        let Some(Ended { status, buffer, len }) = self.device.transport().wait(read, timeout)? else {
            return Ok(Some(&[]));
        };
        self.pended.pop_front();
        let spare = std::mem::replace(&mut self.current, buffer);
        match status {
            NtStatus::SUCCESS => {}
            NtStatus::CANCELLED if self.stopping => return Ok(Some(&[])),
            status => {
                return Err(Error::Refused { call: "READ", status });
            }
        }
        if !self.stopping {
            self.pend(spare)?;
        }
        self.current.get(..len).map(Some).ok_or(Error::Malformed { call: "READ" })
    }

    /// Cancels the reads and pends no more; what they hold already still comes from
    /// [`next`](Self::next).
    ///
    /// # Errors
    /// Where the driver or the connection to it is gone.
    pub fn stop(&mut self) -> Result<(), Error> {
        if !self.stopping {
            self.stopping = true;
            for &read in &self.pended {
                self.device.transport().cancel(read)?;
            }
        }
        Ok(())
    }

    /// The reader's counters.
    ///
    /// # Errors
    /// Where the call fails.
    pub fn stats(&mut self) -> Result<Stats, Error> {
        self.device.stats()
    }

    /// Bytes of a read.
    pub const fn read_size(&self) -> usize {
        self.read_size
    }
}
