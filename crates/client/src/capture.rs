//! A reader with several reads pended, whose bytes come out in the order of the reads.

use std::collections::VecDeque;
use std::time::Duration;

use nblease_abi::NtStatus;
use nblease_abi::configure::Configure;
use nblease_abi::rules::RuleRecord;

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
    stopping: bool,
    /// Why no more reads can be pended, or those that are cancelled. Told when no more comes.
    failed: Option<Error>,
}

impl<T: Transport> Capture<T> {
    /// Configures the handle and pends its reads.
    ///
    /// # Errors
    /// As [`Device::configure`], and where the read size does not suffice.
    pub fn start(device: Device<T>, config: &Configure, luids: &[u64], options: CaptureOptions) -> Result<Self, Error> {
        Self::start_with(device, config, luids, &[], options)
    }

    /// The same with rules, which only a GATE has.
    pub(crate) fn start_with(
        mut device: Device<T>,
        config: &Configure,
        luids: &[u64],
        rules: &[RuleRecord],
        options: CaptureOptions,
    ) -> Result<Self, Error> {
        // Known before the driver is asked, so that nothing has to be taken back.
        let needed = config.largest_record() as usize;
        let read_size = match options.read_size {
            Some(size) if size < needed => return Err(Error::ReadTooSmall { size, needed }),
            Some(size) => size,
            None => DEFAULT_READ_SIZE.max(needed.next_multiple_of(PAGE)),
        };
        let needed = device.configure(config, luids, rules)?.needed_read_bytes as usize;
        if read_size < needed {
            return Err(Error::ReadTooSmall { size: read_size, needed });
        }
        let mut capture =
            Self { device, pended: VecDeque::new(), current: vec![0; read_size], stopping: false, failed: None };
        while capture.pended.len() < options.reads.max(1) && capture.failed.is_none() {
            capture.pend(vec![0; read_size]);
        }
        Ok(capture)
    }

    /// A failure is not told at once: reads that were pended before may hold frames.
    fn pend(&mut self, buffer: Vec<u8>) {
        match self.device.transport().read(buffer) {
            Ok(read) => self.pended.push_back(read),
            Err(error) => self.failed = Some(error),
        }
    }

    /// The next run of whole pcapng blocks; empty where `timeout` passed first, or a read was
    /// cancelled. `None`: the capture was [stopped](Self::stop) and all reads have ended.
    ///
    /// # Errors
    /// Where reading fails.
    pub fn next(&mut self, timeout: Duration) -> Result<Option<&[u8]>, Error> {
        let Some(&read) = self.pended.front() else {
            return self.failed.take().map_or(Ok(None), Err);
        };
        let Some(Ended { status, buffer, len }) = self.device.transport().wait(read, timeout)? else {
            return self.failed.take().map_or(Ok(Some(&[])), Err);
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
        if !self.stopping && self.failed.is_none() {
            self.pend(spare);
        }
        self.current.get(..len).map(Some).ok_or(Error::Malformed { call: "READ" })
    }

    /// Cancels the reads and pends no more; what they hold already still comes from
    /// [`next`](Self::next).
    pub fn stop(&mut self) {
        if self.stopping {
            return;
        }
        self.stopping = true;
        for &read in &self.pended {
            if let Err(error) = self.device.transport().cancel(read) {
                self.failed = Some(error);
            }
        }
    }

    /// The device under it, for other calls than READ.
    pub(crate) const fn device(&mut self) -> &mut Device<T> {
        &mut self.device
    }

    /// The reader's counters.
    ///
    /// # Errors
    /// Where the call fails.
    pub fn stats(&mut self) -> Result<Stats, Error> {
        self.device.stats()
    }
}
