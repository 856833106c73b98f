//! A program that captures through the driver's device: reads pended all the time, records as they come; as a GATE it
//! lets every frame pass.

use std::sync::Arc;

use anyhow::{Result, anyhow, ensure};
use nblease_abi::{
    NtStatus,
    configure::{Configure, POLICY_PASS},
    pcapng::{SHB_MAX_LEN, ShbPlan},
};

use super::reader::{Reader, Say, records};
use crate::{kernel::kernel, ndis::Adapter};

/// Reads that are pended at a time.
const READS: usize = 4;
/// A budget that is never used up.
const BUDGET_MS: u32 = 500;

/// How it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum As {
    /// It watches.
    Tap,
    /// It is asked, and lets pass.
    Gate,
}

/// A frame as the driver delivered it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Captured {
    /// Whether it was sent, not received.
    pub sent: bool,
    /// Its bytes, up to the snaplen.
    pub bytes: Vec<u8>,
}

/// A capture under way.
pub struct Capture {
    reader: Reader,
    blocks: Vec<u8>,
    frames: Vec<Captured>,
    lost: u64,
}

impl Capture {
    /// Opens the device and reads both directions of the adapters, up to `snaplen` bytes of each frame, with the
    /// smallest spill.
    ///
    /// # Errors
    /// The device is not there, or refuses.
    pub fn start(adapters: &[&Arc<Adapter>], how: As, snaplen: u32) -> Result<Self> {
        let count = adapters.len() as u32;
        let config = match how {
            As::Tap => Configure::tap(count),
            As::Gate => Configure::gate(count, POLICY_PASS, BUDGET_MS),
        };
        let mut config = Configure { snaplen, ..config };
        config.spill_bytes = config.spill_floor();
        let mut reader = Reader::open(adapters, config, &[], READS)?;
        reader.pend();
        Ok(Self { reader, blocks: Vec::new(), frames: Vec::new(), lost: 0 })
    }

    /// Takes what reads have been completed, in their order, answers, and pends as many anew; until there is nothing
    /// more.
    ///
    /// # Errors
    /// A read or a verdict that failed, or records that are not pcapng.
    pub fn collect(&mut self) -> Result<()> {
        loop {
            kernel().sched.pump();
            let (reads, failed) = self.reader.take();
            ensure!(failed.is_empty(), "READ: {failed:?}");
            if reads.is_empty() {
                return Ok(());
            }
            for bytes in reads {
                self.keep(&bytes)?;
            }
            self.reader.pend();
        }
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<()> {
        let mut answers = Vec::new();
        for record in records(bytes)? {
            ensure!(record.original_len == record.bytes.len(), "a frame was cut to the snaplen");
            self.lost += record.lost;
            self.frames.push(Captured { sent: record.sent, bytes: record.bytes });
            answers.extend(record.ticket.map(|ticket| (ticket, Say::Pass)));
        }
        self.blocks.extend_from_slice(bytes);
        if !answers.is_empty() {
            let statuses = self.reader.answer(&answers).map_err(|status| anyhow!("VERDICT: {status:?}"))?;
            ensure!(statuses.iter().all(|status| *status == NtStatus::SUCCESS), "verdicts: {statuses:?}");
        }
        Ok(())
    }

    /// The frames so far.
    pub fn frames(&self) -> &[Captured] {
        &self.frames
    }

    /// Frames that the records say were lost.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// A capture file of what came so far.
    pub fn pcapng(&self) -> Vec<u8> {
        let mut head = [0; SHB_MAX_LEN];
        let len = ShbPlan { os: "", userappl: "nblease-lab" }.write(&mut head);
        let mut file = head.get(..len).unwrap_or_default().to_vec();
        file.extend_from_slice(&self.blocks);
        file
    }

    /// Closes the device; what was still pended is cancelled.
    pub fn stop(self) {
        self.reader.close();
    }
}
