//! The driver on real threads, reached by programs over a socket, under traffic from threads of the test.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use nblease_abi::stats::ReaderStats;
use nblease_lab::{
    clock::Mode,
    ndis::{Adapter, AdapterConfig},
    nt,
    scenario::traffic::{Ends, receive_some, send_some},
    user_socket::UserSocket,
};
use tempfile::TempDir;

use crate::{
    Program, Rig,
    capture_file::Bag,
    child::{self, Capture},
};

/// Polls of [`wait_until`]: two minutes at least.
const POLLS: usize = 24_000;
const POLL: Duration = Duration::from_millis(5);

/// Waits for a state that comes sooner or later.
pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..POLLS {
        if done() {
            return;
        }
        thread::sleep(POLL);
    }
    panic!("never: {what}");
}

/// The driver in a lab with real threads, its socket, and a folder for files.
pub struct LiveRig {
    socket: UserSocket,
    folder: TempDir,
    rig: Rig,
    unloading: AtomicBool,
}

impl LiveRig {
    /// The driver is loaded and has started.
    pub fn start(seed: u64) -> Self {
        let rig = Self::not_started(seed);
        assert_eq!(nt::driver::start(rig.rig.driver), 0, "DriverEntry");
        rig.unloading.store(false, Ordering::SeqCst);
        rig
    }

    /// The driver is there and has not started: it has no device.
    pub fn not_started(seed: u64) -> Self {
        let rig = Rig::load_in(Mode::Real, seed);
        let folder = tempfile::tempdir().expect("a folder");
        let socket = UserSocket::listen(&folder.path().join("lab.sock")).expect("a socket");
        Self { socket, folder, rig, unloading: AtomicBool::new(true) }
    }

    /// An adapter that runs.
    pub fn wire(&self, name: &str) -> Wire {
        self.plug(AdapterConfig { name: name.to_owned(), ..AdapterConfig::default() })
    }

    /// The adapter of an unplugged wire again.
    pub fn again(&self, gone: &Wire) -> Wire {
        self.plug(AdapterConfig { luid: Some(gone.adapter.luid), ..gone.adapter.config.clone() })
    }

    /// An adapter of this kind, which runs.
    pub fn plug(&self, config: AdapterConfig) -> Wire {
        let adapter = Adapter::plug(config);
        wait_until("an adapter that runs", || adapter.is_running() && adapter.module_states().len() == 1);
        let ends = Ends::watch(&adapter);
        Wire { adapter, ends }
    }

    /// `nblease` with these arguments, for this lab.
    pub fn nblease(&self, args: &[&str]) -> Command {
        let mut command = Command::new(child::nblease());
        command.args(args).env("NBLEASE_LAB", self.socket.path()).stdin(Stdio::null());
        command
    }

    /// A path in the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `nblease capture` into a file, with these arguments besides. It captures when this returns.
    pub fn capture(&self, name: &str, args: &[&str]) -> Capture {
        let file = self.file(name);
        let path = file.to_str().expect("a path in UTF-8");
        Capture::start(self.nblease(&[&["capture", "-w", path][..], args].concat()), file)
    }

    /// Sums over all readers.
    pub fn stats(&self) -> ReaderStats {
        Program::open().stats().0
    }

    /// Waits until no record waits in a spill.
    pub fn await_empty_spill(&self) {
        wait_until("an empty spill", || self.stats().spill_frames == 0);
    }

    /// Asks for the driver's unload: whether it is gone now.
    pub fn unload(&self) -> bool {
        if !self.unloading.swap(true, Ordering::SeqCst) {
            assert!(nt::driver::unload(self.rig.driver), "the driver has an unload routine");
        }
        self.is_unloaded()
    }

    /// Whether an unload that was asked for is over.
    pub fn is_unloaded(&self) -> bool {
        !self.rig.kernel.io.is_unload_pending(self.rig.driver)
    }

    /// Unloads the driver: nothing is left, and no rule was broken.
    pub fn finish(self) {
        drop(self.socket);
        if !self.unloading.load(Ordering::SeqCst) {
            nt::driver::unload(self.rig.driver);
        }
        self.rig.kernel.io.await_unload(self.rig.driver);
        self.rig.judge();
        self.rig.kernel.sched.stop();
    }
}

/// An adapter, and all that goes in and out at its two ends.
pub struct Wire {
    /// The adapter.
    pub adapter: Arc<Adapter>,
    /// Frames at its ends.
    pub ends: Arc<Ends>,
}

impl Wire {
    /// `rounds` lists of frames in each direction from each of some threads.
    pub fn storm(&self, threads: u8, rounds: usize) {
        thread::scope(|scope| {
            for thread in 0..threads {
                scope.spawn(move || (0..rounds).for_each(|_| self.exchange(thread)));
            }
        });
    }

    /// Does `meanwhile` under traffic in both directions.
    pub fn under_traffic<T>(&self, meanwhile: impl FnOnce() -> T) -> T {
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            // Also where `meanwhile` panics, or the threads would be waited for in vain.
            let _over = Set(&over);
            for thread in 0..3 {
                let over = &over;
                scope.spawn(move || {
                    while !over.load(Ordering::Relaxed) {
                        self.exchange(thread);
                        // What goes by is kept to be compared: not more of it than the test needs.
                        thread::sleep(Duration::from_millis(2));
                    }
                });
            }
            meanwhile()
        })
    }

    /// A list in each direction.
    fn exchange(&self, thread: u8) {
        send_some(&self.adapter, &self.ends, thread);
        receive_some(&self.adapter, &self.ends, thread);
    }

    /// Waits, under traffic, until many more frames have come out at both ends.
    pub fn await_flow(&self) {
        let before = self.adapter.counts();
        wait_until("traffic in both directions", || {
            let now = self.adapter.counts();
            now.reached_miniport > before.reached_miniport + 200 && now.reached_protocol > before.reached_protocol + 200
        });
    }

    /// What came out at both ends.
    pub fn went_by(&self) -> Bag {
        let mut bag = Bag::default();
        for (sent, frames) in [(true, &self.ends.reached_miniport), (false, &self.ends.reached_protocol)] {
            for frame in frames.lock().unwrap_or_else(PoisonError::into_inner).iter() {
                bag.add(sent, frame);
            }
        }
        bag
    }

    /// Fails where not all came out that went in, as it was and in order.
    pub fn assert_nothing_lost(&self) {
        assert_eq!(self.ends.compare(), Ok(()));
    }
}

/// Sets a flag at its end.
struct Set<'a>(&'a AtomicBool);

impl Drop for Set<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Bytes of a file that another process writes; 0 where it is not there yet.
pub fn len(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}
