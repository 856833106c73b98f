//! The lab as tests and programs use it: a kernel, the drivers loaded into it, its adapters, its processes.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
};

use anyhow::{Result, ensure};

use crate::{
    clock::Mode,
    io::Process,
    judge::Verdict,
    kernel::{DriverId, Kernel, one_at_a_time},
    ndis::{Adapter, AdapterConfig, Inf},
    nt, pe,
    sync::lock,
};

/// What a lab is like.
#[derive(Clone, Debug)]
pub struct LabConfig {
    /// Real threads and time, or one thread and virtual time.
    pub mode: Mode,
    /// Seed of all that is random.
    pub seed: u64,
    /// Count the driver's accesses to payload and read buffers, by stepping each.
    pub slow: bool,
    /// Minor number of the NDIS version: 83 to 89.
    pub ndis_minor: u8,
    /// The INF of one of the drivers, which is known by its service's name: registration is checked against it (V11).
    pub inf: Option<Inf>,
    /// Where the report of a run that a violation ends goes, as JSON.
    pub report: Option<PathBuf>,
    /// The command that makes such a run, but for its seed: a report says it.
    pub command: Option<String>,
}

impl Default for LabConfig {
    fn default() -> Self {
        Self { mode: Mode::Virtual, seed: 1, slow: false, ndis_minor: 87, inf: None, report: None, command: None }
    }
}

/// A lab. There is one at a time in a process: a second one waits until the first is dropped.
pub struct Lab {
    kernel: &'static Kernel,
    inf: Option<Inf>,
    loaded: Mutex<Vec<DriverId>>,
    adapters: Mutex<Vec<Arc<Adapter>>>,
    _turn: MutexGuard<'static, ()>,
}

impl Lab {
    /// A lab without drivers and adapters.
    pub fn new(config: LabConfig) -> Self {
        let turn = one_at_a_time();
        let kernel = Kernel::install(config.mode, config.seed);
        kernel.ndis.set_minor_version(config.ndis_minor);
        kernel.judge.report_to(config.report);
        kernel.judge.replayed_by(config.command);
        kernel.memory.slow(config.slow);
        Self { kernel, inf: config.inf, loaded: Mutex::default(), adapters: Mutex::default(), _turn: turn }
    }

    /// Its kernel.
    pub fn kernel(&self) -> &'static Kernel {
        self.kernel
    }

    /// Loads a driver without starting it, so that its INF and its registry values can be set.
    ///
    /// # Errors
    /// A file that is no driver's image, or imports what the lab lacks.
    pub fn load(&self, path: &Path) -> Result<DriverId> {
        let driver = pe::load(path)?;
        if let Some(inf) = self.inf.as_ref().filter(|inf| inf.service == nt::driver::service_name(driver)) {
            self.set_inf(driver, inf.clone());
        }
        lock(&self.loaded).push(driver);
        Ok(driver)
    }

    /// What the driver's INF says: registration is checked against it (V11).
    pub fn set_inf(&self, driver: DriverId, inf: Inf) {
        self.kernel.ndis.set_inf(driver, inf);
    }

    /// The INF that it was given.
    pub fn inf(&self) -> Option<&Inf> {
        self.inf.as_ref()
    }

    /// Calls DriverEntry: its status. A driver whose entry failed is gone.
    pub fn start(&self, driver: DriverId) -> i32 {
        let status = nt::driver::start(driver);
        if status < 0 {
            lock(&self.loaded).retain(|other| *other != driver);
        }
        status
    }

    /// Loads and starts a driver.
    ///
    /// # Errors
    /// As [`Self::load`], and where DriverEntry fails.
    pub fn run(&self, path: &Path) -> Result<DriverId> {
        let driver = self.load(path)?;
        let status = self.start(driver);
        ensure!(status >= 0, "DriverEntry of {} failed with {status:#x}", path.display());
        Ok(driver)
    }

    /// Unloads a driver: whether it is gone now. Where handles are open on its devices it goes when they are closed.
    pub fn unload(&self, driver: DriverId) -> bool {
        let unloaded = nt::driver::unload(driver) && !self.kernel.io.is_unload_pending(driver);
        if unloaded {
            lock(&self.loaded).retain(|other| *other != driver);
        }
        unloaded
    }

    /// Plugs an adapter in.
    pub fn adapter(&self, config: AdapterConfig) -> Arc<Adapter> {
        let adapter = Adapter::plug(config);
        lock(&self.adapters).push(adapter.clone());
        adapter
    }

    /// A process of an administrator.
    pub fn process(&self, name: &str) -> Process {
        Process::new(name, true)
    }

    /// Shuts the system down: drivers are told and stay loaded. What the run came to.
    pub fn shut_down(self) -> Verdict {
        self.kernel.io.shut_down();
        self.kernel.sched.stop();
        self.kernel.judge.verdict()
    }

    /// Unloads every driver, the last one first, unplugs the adapters, and says what the run came to.
    pub fn finish(self) -> Verdict {
        let loaded = lock(&self.loaded).clone();
        for driver in loaded.into_iter().rev() {
            self.unload(driver);
            if self.kernel.io.is_unload_pending(driver) {
                self.kernel.io.await_unload(driver);
            }
        }
        for adapter in std::mem::take(&mut *lock(&self.adapters)) {
            adapter.unplug();
        }
        self.kernel.sched.stop();
        self.kernel.book.clear();
        self.kernel.judge.verdict()
    }
}
