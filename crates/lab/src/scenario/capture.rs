//! A program that captures through the driver's device: reads pended all the time, records as they come.

use std::{collections::VecDeque, sync::Arc};

use anyhow::{Context as _, Result, ensure};
use nblease_abi::{
    configure::{Configure, ConfigureReply},
    ioctl::{DEVICE_NAME_WIN32, IOCTL_CONFIGURE},
    pcapng::{Blocks, EpbFlags, SHB_MAX_LEN, ShbPlan},
};
use zerocopy::{FromBytes as _, IntoBytes as _};

use crate::{
    io::{Handle, Pending, Process},
    kernel::kernel,
    ndis::Adapter,
};

/// Reads that are pended at a time.
const READS: usize = 4;
/// Room in a read for several records.
const RECORDS: u32 = 4;

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
    process: Process,
    handle: Handle,
    read_len: usize,
    reads: VecDeque<Pending>,
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
    pub fn start(adapters: &[&Arc<Adapter>], snaplen: u32) -> Result<Self> {
        let process = Process::new("capture", true);
        let handle = process
            .open(DEVICE_NAME_WIN32)
            .map_err(|status| anyhow::anyhow!("{DEVICE_NAME_WIN32} does not open: {status:?}"))?;
        let mut config = Configure { snaplen, ..Configure::tap(adapters.len() as u32) };
        config.spill_bytes = config.spill_floor();
        let mut input = config.as_bytes().to_vec();
        input.extend(adapters.iter().flat_map(|adapter| adapter.luid.to_le_bytes()));
        let completion = handle.ioctl(IOCTL_CONFIGURE, &input, size_of::<ConfigureReply>()).wait();
        ensure!(completion.status == 0, "CONFIGURE: {:#x}", completion.status);
        let reply = completion.data.get(..completion.information).unwrap_or_default();
        let reply = ConfigureReply::read_from_bytes(reply).ok().context("the answer to CONFIGURE")?;
        let read_len = (reply.needed_read_bytes * RECORDS) as usize;
        let (reads, blocks, frames) = (VecDeque::new(), Vec::new(), Vec::new());
        let mut capture = Self { process, handle, read_len, reads, blocks, frames, lost: 0 };
        capture.pend();
        Ok(capture)
    }

    fn pend(&mut self) {
        while self.reads.len() < READS {
            self.reads.push_back(self.handle.read(self.read_len));
        }
    }

    /// Takes what reads have been completed, in their order, and pends as many anew.
    ///
    /// # Errors
    /// A read that failed, or records that are not pcapng.
    pub fn collect(&mut self) -> Result<()> {
        kernel().sched.pump();
        while let Some(completion) = self.reads.front().and_then(Pending::try_result) {
            self.reads.pop_front();
            ensure!(completion.status == 0, "READ: {:#x}", completion.status);
            let bytes = completion.data.get(..completion.information).unwrap_or_default();
            for block in Blocks::new(bytes) {
                let block = block.map_err(|error| anyhow::anyhow!("a READ's blocks: {error:?}"))?;
                let Some(packet) = block.packet() else { continue };
                let packet = packet.map_err(|error| anyhow::anyhow!("a READ's packet: {error:?}"))?;
                ensure!(packet.original_len as usize == packet.data.len(), "a frame was cut to the snaplen");
                self.lost += packet.dropcount;
                let sent = packet.flags.contains(EpbFlags::OUTBOUND);
                self.frames.push(Captured { sent, bytes: packet.data.to_vec() });
            }
            self.blocks.extend_from_slice(bytes);
            self.pend();
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
        self.handle.close();
        self.process.kill();
    }
}
