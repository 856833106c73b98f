//! A reader that judges: hands each frame that it is asked about to a function and answers with what that says.

use std::time::Duration;

use nblease_abi::NtStatus;
use nblease_abi::configure::{Configure, Directions};
use nblease_abi::pcapng::{BlockError, Blocks, EpbFlags, Packet};
use nblease_abi::rules::RuleRecord;
use nblease_abi::verdict::{OffloadFlags, Verdict};

use crate::{Capture, CaptureOptions, Device, Error, Stats, Transport, Verdicts};

/// A frame that the reader is asked about.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// Names it in the answer.
    pub ticket: u64,
    /// The frame, of which the first bytes are here, as many as the configuration's snaplen says at most. Its
    /// interface is the position of the adapter in the configuration.
    pub packet: Packet<'a>,
}

impl Question<'_> {
    /// Which way the frame goes.
    pub fn direction(&self) -> Directions {
        if self.packet.flags.contains(EpbFlags::OUTBOUND) { Directions::OUT } else { Directions::IN }
    }
}

/// An answer about a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It passes.
    Pass,
    /// It is dropped.
    Drop,
    /// It is dropped, and another goes in its place.
    Replace {
        /// An Ethernet frame without FCS.
        frame: Vec<u8>,
        /// What the card is asked to do with it.
        offload: OffloadFlags,
        /// Bytes of payload in each segment that the card is to cut it into; 0 for none.
        segment: u32,
    },
}

impl Decision {
    fn verdict(&self) -> Verdict<'_> {
        match self {
            Self::Pass => Verdict::Pass,
            Self::Drop => Verdict::Drop,
            Self::Replace { frame, offload, segment } => {
                Verdict::Replace { frame, offload: *offload, segment: *segment }
            }
        }
    }
}

/// A reader that judges. Dropping it closes the handle; its policy decides what is not decided then.
#[derive(Debug)]
pub struct Gate<T> {
    capture: Capture<T>,
}

impl<T: Transport> Gate<T> {
    /// Configures the handle and pends its reads. `rules` decide in the driver.
    ///
    /// # Errors
    /// As [`Capture::start`].
    pub fn start(
        device: Device<T>,
        config: &Configure,
        luids: &[u64],
        rules: &[RuleRecord],
        options: CaptureOptions,
    ) -> Result<Self, Error> {
        Ok(Self { capture: Capture::start_with(device, config, luids, rules, options)? })
    }

    /// Waits for the next read to end, asks `decide` about each frame in it and answers with one VERDICT (more only
    /// where the ABI's limits demand it). Returns how the driver took the answers, in the order of the questions;
    /// nothing where `timeout` passed first, or there was no frame in the read. `None`: the gate was
    /// [stopped](Self::stop) and all reads have ended.
    ///
    /// # Errors
    /// Where reading or answering fails. Frames before a malformed block are answered all the same.
    pub fn next(
        &mut self,
        timeout: Duration,
        decide: impl FnMut(&Question<'_>) -> Decision,
    ) -> Result<Option<Vec<NtStatus>>, Error> {
        let Some(run) = self.capture.next(timeout)? else {
            return Ok(None);
        };
        let mut verdicts = Verdicts::new();
        let judged = judge(run, &mut verdicts, decide);
        let statuses = self.capture.device().verdict(&verdicts)?;
        judged.map(|()| Some(statuses))
    }

    /// Cancels the reads and pends no more; what they hold already still has to be answered, by
    /// [`next`](Self::next).
    pub fn stop(&mut self) {
        self.capture.stop();
    }

    /// The reader's counters.
    ///
    /// # Errors
    /// Where the call fails.
    pub fn stats(&mut self) -> Result<Stats, Error> {
        self.capture.stats()
    }
}

/// Decides about each frame of a run that has a ticket.
fn judge(run: &[u8], verdicts: &mut Verdicts, mut decide: impl FnMut(&Question<'_>) -> Decision) -> Result<(), Error> {
    let malformed = |_: BlockError| Error::Malformed { call: "READ" };
    for block in Blocks::new(run) {
        let Some(packet) = block.map_err(malformed)?.packet() else {
            continue;
        };
        let packet = packet.map_err(malformed)?;
        if let Some(ticket) = packet.packet_id {
            let decision = decide(&Question { ticket, packet });
            verdicts.push(ticket, &decision.verdict())?;
        }
    }
    Ok(())
}
