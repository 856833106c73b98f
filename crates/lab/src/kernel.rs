//! The kernel of a run: what every model shares.

use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicPtr, Ordering},
};

use rand::{SeedableRng as _, rngs::SmallRng};

use crate::{
    clock::{Clock, Mode},
    faults::Faults,
    judge::Judge,
    memory::Memory,
    registry::Registry,
    sched::Sched,
    sync::lock,
};

static CURRENT: AtomicPtr<Kernel> = AtomicPtr::new(std::ptr::null_mut());

/// A loaded driver, by the order of loading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DriverId(pub usize);

/// Where a driver's image lies and what it is called.
#[derive(Clone, Debug)]
pub struct DriverInfo {
    /// File name.
    pub name: String,
    /// Base address of the mapped image.
    pub base: usize,
    /// Size of the mapped image in bytes.
    pub size: usize,
    /// (offset in the image, symbol), ascending; from the map file, may be empty.
    pub symbols: Vec<(usize, String)>,
}

/// The kernel of a run.
pub struct Kernel {
    /// Time.
    pub clock: Clock,
    /// The rules.
    pub judge: Judge,
    /// Seed of everything that is random in the run.
    pub seed: u64,
    /// DPCs, work items, timers, waits.
    pub sched: Sched,
    /// Memory that drivers can touch.
    pub memory: Memory,
    /// Which calls fail by plan.
    pub faults: Faults,
    /// What drivers find in the registry.
    pub registry: Registry,
    rng: Mutex<SmallRng>,
    drivers: Mutex<Vec<DriverInfo>>,
}

impl Kernel {
    /// Makes a kernel and installs it as the process's current one. It is never freed: threads of the lab may outlive
    /// the run.
    pub fn install(mode: Mode, seed: u64) -> &'static Self {
        let kernel = Box::leak(Box::new(Self {
            clock: Clock::new(mode),
            judge: Judge::new(seed),
            seed,
            sched: Sched::default(),
            memory: Memory::default(),
            faults: Faults::default(),
            registry: Registry::default(),
            rng: Mutex::new(SmallRng::seed_from_u64(seed)),
            drivers: Mutex::default(),
        }));
        CURRENT.store(kernel, Ordering::SeqCst);
        kernel
    }

    /// Registers a loaded driver.
    pub fn add_driver(&self, info: DriverInfo) -> DriverId {
        let mut drivers = lock(&self.drivers);
        drivers.push(info);
        DriverId(drivers.len() - 1)
    }

    /// File name of a driver.
    pub fn driver_name(&self, id: DriverId) -> String {
        let drivers = lock(&self.drivers);
        drivers
            .get(id.0)
            .map_or_else(|| format!("driver {}", id.0), |d| d.name.clone())
    }

    /// `nblease.sys+0x1234 (symbol+0x10)` for an address inside an image, else the address.
    pub fn describe_address(&self, address: usize) -> String {
        let drivers = lock(&self.drivers);
        let Some(driver) = drivers
            .iter()
            .find(|d| (d.base..d.base + d.size).contains(&address))
        else {
            return format!("{address:#x}");
        };
        let offset = address - driver.base;
        let at = driver
            .symbols
            .partition_point(|(start, _)| *start <= offset);
        match at.checked_sub(1).and_then(|i| driver.symbols.get(i)) {
            Some((start, symbol)) => format!(
                "{}+{offset:#x} ({symbol}+{:#x})",
                driver.name,
                offset - start
            ),
            None => format!("{}+{offset:#x}", driver.name),
        }
    }

    /// A processor's IRQL fell below DISPATCH_LEVEL: its DPCs run now.
    pub fn irql_fell(&self) {
        self.sched.run_dpcs();
    }

    /// The run's random numbers: all from its seed.
    pub fn rng(&self) -> MutexGuard<'_, SmallRng> {
        lock(&self.rng)
    }
}

/// Held by whoever uses the lab in this process: there is one kernel at a time.
pub fn one_at_a_time() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    lock(&ONE)
}

/// The current kernel.
///
/// # Panics
/// Where none was installed: the lab was used without one.
pub fn kernel() -> &'static Kernel {
    // SAFETY: only `install` stores here, and what it stores is leaked, hence valid for ever.
    let current = unsafe { CURRENT.load(Ordering::SeqCst).as_ref() };
    current.expect("a kernel is installed before the lab is used")
}
