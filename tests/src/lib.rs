//! What the end-to-end tests share: the built driver in a lab with a virtual clock, an adapter, a program.
//!
//! A [`Rig`] is one processor and one seed: the same calls give the same run. It judges from beginning to end; a broken rule
//! ends the process with the rule, what was seen, and the seed. A [`live::LiveRig`] is the same on real threads, for programs
//! that are processes of their own.
#![allow(clippy::missing_panics_doc, reason = "a panic is how a test fails")]

pub mod capture_file;
pub mod child;
pub mod filter_rig;
pub mod gates;
pub mod live;

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, MutexGuard},
};

use nblease_abi::{
    NtStatus,
    configure::{Configure, ConfigureReply},
    ioctl::{IOCTL_CONFIGURE, IOCTL_STATS, IOCTL_VERDICT},
    pcapng::{Blocks, EpbFlags},
    stats::{AdapterStats, LeaseStats, ReaderStats, StatsHeader},
    verdict::{VerdictEntry, Verdicts, VerdictsReply},
};
use nblease_lab::{
    clock::Mode,
    io::{Handle, Process},
    kernel::{DriverId, Kernel, one_at_a_time},
    ndis::{
        Adapter, AdapterConfig, Inf,
        frame::{Frame, RecvNbl, SendNbl},
    },
    nt, pe,
};
use zerocopy::{FromBytes, IntoBytes};

/// The name that programs open.
pub const DEVICE: &str = r"\\.\nblease";
/// A READ that is long enough for any record.
pub const READ: usize = 512 << 10;

/// A file that `cargo xtask build` made for x64.
///
/// # Panics
/// Where it is not there: an end-to-end test without its driver has failed.
pub fn built(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/driver/x64").join(name);
    assert!(path.exists(), "{} is not there: run `cargo xtask build`", path.display());
    path
}

/// A program of the project's (`nblease-lab`, `nblease`), built in the profile of the tests.
///
/// # Panics
/// Where it is not there.
pub fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test is a program");
    let path = test.ancestors().nth(2).expect("tests lie in target/PROFILE/deps").join(name);
    assert!(path.exists(), "{} is not there: run `cargo xtask programs`", path.display());
    path
}

/// `nblease-lab` with arguments: how it ended, and what it said.
pub fn lab(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(program("nblease-lab")).args(arguments).output().expect("the lab runs");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    (output.status.code(), said.into_owned())
}

/// The names in the driver's INF, with which its registration has to agree (V11).
fn inf() -> Inf {
    let text = include_str!("../../inf/nblease.inx");
    let value = |key: &str| {
        let line = text.lines().find(|line| line.trim_start().starts_with(key)).expect(key);
        let (_, value) = line.split_once('=').expect("KEY = VALUE");
        value.split(',').next().unwrap_or_default().trim().trim_matches('"').to_owned()
    };
    Inf { net_cfg_instance_id: value("NetCfgInstanceId"), service: value("AddService") }
}

/// The driver in a lab of its own.
pub struct Rig {
    /// The kernel.
    pub kernel: &'static Kernel,
    /// The driver.
    pub driver: DriverId,
    _alone: MutexGuard<'static, ()>,
}

impl Rig {
    /// A fresh kernel with the driver loaded, not started.
    pub fn load(seed: u64) -> Self {
        Self::load_in(Mode::Virtual, seed)
    }

    /// The same, on real threads or on one.
    pub fn load_in(mode: Mode, seed: u64) -> Self {
        let alone = one_at_a_time();
        let kernel = Kernel::install(mode, seed);
        let driver = pe::load(&built("nblease.sys")).expect("the driver loads");
        kernel.ndis.set_inf(driver, inf());
        Self { kernel, driver, _alone: alone }
    }

    /// The same, and DriverEntry has succeeded.
    pub fn start(seed: u64) -> Self {
        let rig = Self::load(seed);
        assert_eq!(nt::driver::start(rig.driver), 0, "DriverEntry");
        rig
    }

    /// An adapter that runs.
    pub fn adapter(&self, name: &str) -> Arc<Adapter> {
        let adapter = Adapter::plug(AdapterConfig { name: name.to_owned(), ..AdapterConfig::default() });
        self.kernel.sched.pump();
        assert!(adapter.is_running());
        adapter
    }

    /// Unloads the driver: nothing is left, and no rule was broken.
    pub fn finish(self) {
        nt::driver::unload(self.driver);
        self.judge();
    }

    /// After the driver's unload: nothing is left, and no rule was broken.
    pub fn judge(&self) {
        let verdict = self.kernel.judge.verdict();
        assert!(verdict.violations.is_empty(), "{:?}", verdict.violations);
        assert!(self.kernel.memory.pool.live(self.driver).is_empty(), "pool left");
    }
}

/// A program with a handle.
pub struct Program {
    /// Its process.
    pub process: Process,
    /// Its handle.
    pub handle: Handle,
}

impl Program {
    /// An administrator's program that has opened the device.
    pub fn open() -> Self {
        let process = Process::new("capture.exe", true);
        let handle = process.open(DEVICE).expect("the device opens");
        Self { process, handle }
    }

    /// CONFIGURE, with the status.
    pub fn configure(&self, config: &Configure, luids: &[u64]) -> (u32, Option<ConfigureReply>) {
        let completion =
            self.handle.ioctl(IOCTL_CONFIGURE, &configure_input(config, luids), size_of::<ConfigureReply>()).wait();
        let reply =
            completion.data.get(..completion.information).and_then(|data| ConfigureReply::read_from_bytes(data).ok());
        (completion.status, reply)
    }

    /// A reader of these adapters, whose descriptions it has read.
    pub fn tap(config: &Configure, adapters: &[&Arc<Adapter>]) -> Self {
        let program = Self::open();
        let luids: Vec<u64> = adapters.iter().map(|adapter| adapter.luid).collect();
        assert_eq!(program.configure(config, &luids).0, 0, "CONFIGURE");
        let descriptions = program.handle.read(READ).wait();
        assert_eq!(descriptions.status, 0);
        let blocks = Blocks::new(&descriptions.data[..descriptions.information]);
        let interfaces = blocks.map(|block| block.expect("a block").interface().expect("an interface").expect("whole"));
        assert_eq!(interfaces.count(), adapters.len());
        program
    }

    /// What is held.
    pub fn leases(&self) -> LeaseStats {
        self.all_stats().1
    }

    /// Tells verdicts; the status of each. The request itself has to succeed.
    pub fn verdicts(&self, entries: &[VerdictEntry], frames: &[u8]) -> Vec<NtStatus> {
        let head = Verdicts::new(entries.len() as u32, frames.len() as u32);
        let input = [head.as_bytes(), entries.as_bytes(), frames].concat();
        let output = VerdictsReply::output_len(entries.len());
        let completion = self.handle.ioctl(IOCTL_VERDICT, &input, output).wait();
        assert_eq!(NtStatus(completion.status), NtStatus::SUCCESS);
        let (head, statuses) = VerdictsReply::parse(&completion.data[..completion.information]).expect("well-formed");
        let statuses: Vec<_> = statuses.collect();
        assert_eq!(head.accepted as usize, statuses.iter().filter(|status| status.is_success()).count());
        statuses
    }

    /// STATS of this handle.
    pub fn stats(&self) -> (ReaderStats, Vec<AdapterStats>) {
        let (_, _, reader, adapters) = self.all_stats();
        (reader, adapters)
    }

    /// Readers that are configured now.
    pub fn readers(&self) -> u32 {
        self.all_stats().0.readers
    }

    fn all_stats(&self) -> (StatsHeader, LeaseStats, ReaderStats, Vec<AdapterStats>) {
        let completion = self.handle.ioctl(IOCTL_STATS, &[], 64 << 10).wait();
        assert_eq!(completion.status, 0);
        let stats = StatsHeader::parse(&completion.data[..completion.information]).expect("well-formed");
        (stats.header, stats.leases, stats.reader, stats.adapters.collect())
    }
}

/// The frames that a GATE was asked about in the bytes of a read: tickets and frames.
pub fn asked(bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let packets = Blocks::new(bytes).filter_map(|block| block.expect("a whole block").packet());
    packets
        .map(|packet| {
            let packet = packet.expect("a packet block");
            (packet.packet_id.expect("a ticket"), packet.data.to_vec())
        })
        .collect()
}

/// The bytes of a CONFIGURE.
pub fn configure_input(config: &Configure, luids: &[u64]) -> Vec<u8> {
    let mut config = *config;
    config.adapter_count = luids.len() as u32;
    let mut input = config.as_bytes().to_vec();
    input.extend(luids.iter().flat_map(|luid| luid.to_le_bytes()));
    input
}

/// A frame as a reader got it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Interface number.
    pub interface: u32,
    /// Whether it was sent.
    pub sent: bool,
    /// Bytes of the whole frame.
    pub original_len: u32,
    /// The captured bytes.
    pub bytes: Vec<u8>,
    /// Frames lost before it.
    pub lost: u64,
}

/// The frames in the bytes of a read.
pub fn seen(bytes: &[u8]) -> Vec<Seen> {
    Blocks::new(bytes)
        .map(|block| block.expect("a whole block"))
        .filter_map(|block| block.packet())
        .map(|packet| {
            let packet = packet.expect("a packet block");
            Seen {
                interface: packet.interface,
                sent: packet.flags.contains(EpbFlags::OUTBOUND),
                original_len: packet.original_len,
                bytes: packet.data.to_vec(),
                lost: packet.dropcount,
            }
        })
        .collect()
}

/// An IPv4-typed frame of `len` bytes to one station, filled from `fill` on.
pub fn frame_bytes(len: usize, fill: u8) -> Vec<u8> {
    let mut bytes = vec![0x02, 0x15, 0x5d, 0, 0, 9, 0x02, 0x15, 0x5d, 0, 0, 1, 0x08, 0x00];
    bytes.extend((0..).map(|i: usize| fill.wrapping_add(i as u8)).take(len.saturating_sub(14)));
    bytes.truncate(len);
    bytes
}

/// A send of one frame.
pub fn send_of(bytes: Vec<u8>) -> SendNbl {
    SendNbl::new([Frame::new(bytes)])
}

/// A receive.
pub fn receive_of(bytes: Vec<u8>) -> RecvNbl {
    RecvNbl::new(Frame::new(bytes))
}
