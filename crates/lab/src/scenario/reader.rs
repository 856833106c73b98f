//! A program that reads from the driver's device, as TAP or GATE: reads pended all the time, records as they come, verdicts.

use std::{collections::VecDeque, sync::Arc};

use anyhow::{Context as _, Result, anyhow, ensure};
use nblease_abi::{
    NtStatus,
    configure::{Configure, ConfigureReply, MODE_GATE},
    ioctl::{DEVICE_NAME_WIN32, IOCTL_CONFIGURE, IOCTL_VERDICT},
    pcapng::{Blocks, EpbFlags},
    rules::RuleRecord,
    verdict::{OffloadFlags, VERDICT_DROP, VERDICT_PASS, VERDICT_REPLACE, VerdictEntry, Verdicts, VerdictsReply},
};
use zerocopy::{FromBytes as _, IntoBytes as _};

use crate::{
    io::{Handle, Pending, Process},
    ndis::Adapter,
};

/// Room in a read for several records.
const RECORDS: u32 = 4;

/// A frame as the driver delivered it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What a GATE answers by.
    pub ticket: Option<u64>,
    /// Whether it was sent, not received.
    pub sent: bool,
    /// Its bytes, up to the snaplen.
    pub bytes: Vec<u8>,
    /// Bytes of the whole frame.
    pub original_len: usize,
    /// Frames lost before it.
    pub lost: u64,
}

/// The frames in the bytes of a READ.
///
/// # Errors
/// What is not pcapng.
pub fn records(bytes: &[u8]) -> Result<Vec<Record>> {
    let mut records = Vec::new();
    for block in Blocks::new(bytes) {
        let block = block.map_err(|error| anyhow!("a READ's blocks: {error:?}"))?;
        let Some(packet) = block.packet() else { continue };
        let packet = packet.map_err(|error| anyhow!("a READ's packet: {error:?}"))?;
        records.push(Record {
            ticket: packet.packet_id,
            sent: packet.flags.contains(EpbFlags::OUTBOUND),
            bytes: packet.data.to_vec(),
            original_len: packet.original_len as usize,
            lost: packet.dropcount,
        });
    }
    Ok(records)
}

/// What a GATE says of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Say {
    /// It goes on.
    Pass,
    /// It is dropped.
    Drop,
    /// These bytes go in its place, with right checksums.
    Replace(Vec<u8>),
}

/// A reader under way.
pub struct Reader {
    process: Option<Process>,
    handle: Handle,
    read_len: usize,
    depth: usize,
    reads: VecDeque<Pending>,
}

impl Reader {
    /// Opens the device and configures the handle for these adapters. No READ is pended yet; at most `depth` will be.
    ///
    /// # Errors
    /// The device is not there, or refuses.
    pub fn open(adapters: &[&Arc<Adapter>], config: Configure, rules: &[RuleRecord], depth: usize) -> Result<Self> {
        let process = Process::new(if config.mode == MODE_GATE { "gate" } else { "capture" }, true);
        let handle = process
            .open(DEVICE_NAME_WIN32)
            .map_err(|status| anyhow!("{DEVICE_NAME_WIN32} does not open: {status:?}"))?;
        let config = Configure { adapter_count: adapters.len() as u32, rule_count: rules.len() as u32, ..config };
        let mut input = config.as_bytes().to_vec();
        input.extend(adapters.iter().flat_map(|adapter| adapter.luid.to_le_bytes()));
        input.extend_from_slice(rules.as_bytes());
        let completion = handle.ioctl(IOCTL_CONFIGURE, &input, size_of::<ConfigureReply>()).wait();
        ensure!(completion.status == 0, "CONFIGURE: {:?}", NtStatus(completion.status));
        let reply = completion.data.get(..completion.information).unwrap_or_default();
        let reply = ConfigureReply::read_from_bytes(reply).ok().context("the answer to CONFIGURE")?;
        let read_len = (reply.needed_read_bytes * RECORDS) as usize;
        Ok(Self { process: Some(process), handle, read_len, depth, reads: VecDeque::new() })
    }

    /// The handle.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Pends as many READs as it may have.
    pub fn pend(&mut self) {
        while self.reads.len() < self.depth {
            self.reads.push_back(self.handle.read(self.read_len));
        }
    }

    /// The bytes of the READs that have been completed, in their order. READs that failed are left out: their statuses
    /// are in the second list.
    pub fn take(&mut self) -> (Vec<Vec<u8>>, Vec<NtStatus>) {
        let (mut all, mut failed) = (Vec::new(), Vec::new());
        while let Some(completion) = self.reads.front().and_then(Pending::try_result) {
            self.reads.pop_front();
            if completion.status == 0 {
                let mut bytes = completion.data;
                bytes.truncate(completion.information);
                all.push(bytes);
            } else {
                failed.push(NtStatus(completion.status));
            }
        }
        (all, failed)
    }

    /// READs that are pended, or completed and not taken.
    pub fn pended(&self) -> usize {
        self.reads.len()
    }

    /// VERDICT: the status of each answer; `Err` with the request's own where that failed.
    pub fn answer(&self, answers: &[(u64, Say)]) -> Result<Vec<NtStatus>, NtStatus> {
        let mut entries = Vec::with_capacity(answers.len());
        let mut bytes: Vec<u8> = Vec::new();
        for (ticket, say) in answers {
            entries.push(match say {
                Say::Pass => VerdictEntry::plain(*ticket, VERDICT_PASS),
                Say::Drop => VerdictEntry::plain(*ticket, VERDICT_DROP),
                Say::Replace(frame) => {
                    let (offset, length) = (bytes.len() as u32, frame.len() as u32);
                    bytes.extend_from_slice(frame);
                    let offload = OffloadFlags::empty().bits();
                    VerdictEntry { offload, offset, length, ..VerdictEntry::plain(*ticket, VERDICT_REPLACE) }
                }
            });
        }
        let head = Verdicts::new(entries.len() as u32, bytes.len() as u32);
        let input = [head.as_bytes(), entries.as_bytes(), &bytes].concat();
        let completion = self.handle.ioctl(IOCTL_VERDICT, &input, VerdictsReply::output_len(entries.len())).wait();
        if completion.status != 0 {
            return Err(NtStatus(completion.status));
        }
        let reply = completion.data.get(..completion.information).unwrap_or_default();
        let statuses: Vec<_> =
            VerdictsReply::parse(reply).map_or_else(|_| Vec::new(), |(_, statuses)| statuses.collect());
        if statuses.len() == entries.len() { Ok(statuses) } else { Err(NtStatus::UNSUCCESSFUL) }
    }

    /// The process dies; the handle goes on in another one. READs of the old process are cancelled.
    pub fn move_to_another_process(&mut self) {
        let heir = Process::new("heir", true);
        let handle = self.handle.duplicate(&heir);
        if let Some(process) = self.process.replace(heir) {
            process.kill();
        }
        self.handle = handle;
        self.reads.clear();
    }

    /// The process dies.
    pub fn kill(mut self) {
        if let Some(process) = self.process.take() {
            process.kill();
        }
    }

    /// Closes the device; what was still pended is cancelled.
    pub fn close(self) {
        self.handle.close();
        self.kill();
    }
}
