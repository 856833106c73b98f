//! The kernel of a run: what every model shares.

use std::sync::{
    Arc, Mutex, MutexGuard,
    atomic::{AtomicPtr, Ordering},
};

use rand::{SeedableRng as _, rngs::SmallRng};

use crate::{
    clock::{Clock, Mode},
    cpu_time::CpuTime,
    faults::Faults,
    history::Book,
    io::Io,
    judge::Judge,
    lock_order::LockOrder,
    memory::{Memory, PAGE},
    ndis::Ndis,
    nt,
    pe::image::Section,
    registry::Registry,
    sched::Sched,
    sync::lock,
    thread,
    wdf::Wdf,
    wfp::Wfp,
};

static CURRENT: AtomicPtr<Kernel> = AtomicPtr::new(std::ptr::null_mut());

/// A loaded driver, by the order of loading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DriverId(pub usize);

/// Where a driver's image lies and what it is called.
#[derive(Clone, Debug, Default)]
pub struct DriverInfo {
    /// File name.
    pub name: String,
    /// Base address of the mapped image.
    pub base: usize,
    /// Size of the mapped image in bytes.
    pub size: usize,
    /// Address of the entry point.
    pub entry: usize,
    /// The image's sections.
    pub sections: Vec<Section>,
    /// (offset in the image, symbol), ascending; from the map file, may be empty.
    pub symbols: Vec<(usize, String)>,
    /// Offset and bytes of the table by which exceptions are unwound (`.pdata`).
    pub functions: (usize, usize),
    /// It imports the bounds of programs' addresses, with which headers probe inline.
    pub probes_inline: bool,
    /// Imports that the lab lacks: calling or touching one ends the run.
    pub lacking: Vec<Lacking>,
}

/// An import that the lab lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lacking {
    /// `DLL!function`.
    pub name: String,
    /// Where the driver finds it: a closed page, so that it is noticed whether it is called, read or written.
    pub page: usize,
    /// Code that a call of it goes on with, which names it.
    pub thunk: usize,
}

impl DriverInfo {
    /// Names of the imports that the lab lacks, `DLL!function`.
    pub fn names_of_lacking(&self) -> Vec<String> {
        self.lacking.iter().map(|import| import.name.clone()).collect()
    }
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
    /// Processor time of callbacks.
    pub cpu_time: CpuTime,
    /// In which order locks are taken.
    pub lock_order: LockOrder,
    /// What became of objects that have no model of their own.
    pub book: Book,
    /// Which calls fail by plan.
    pub faults: Faults,
    /// What drivers find in the registry.
    pub registry: Registry,
    /// Objects of NT that drivers made.
    pub nt: nt::Objects,
    /// Filter drivers, adapters, packets.
    pub ndis: Ndis,
    /// The filtering platform's objects.
    pub wfp: Wfp,
    /// Devices, handles, IRPs.
    pub io: Io,
    /// The framework.
    pub wdf: Wdf,
    rng: Mutex<SmallRng>,
    drivers: Mutex<Vec<Arc<DriverInfo>>>,
}

impl Kernel {
    /// Makes a kernel and installs it as the process's current one. It is never freed, as threads of the lab may outlive the
    /// run; but the one before it forgets most of what it knows.
    pub fn install(mode: Mode, seed: u64) -> &'static Self {
        let kernel = Box::leak(Box::new(Self {
            clock: Clock::new(mode),
            judge: Judge::new(seed),
            seed,
            sched: Sched::default(),
            memory: Memory::default(),
            cpu_time: CpuTime::default(),
            lock_order: LockOrder::default(),
            book: Book::default(),
            faults: Faults::default(),
            registry: Registry::default(),
            nt: nt::Objects::default(),
            ndis: Ndis::default(),
            wfp: Wfp::default(),
            io: Io::default(),
            wdf: Wdf::default(),
            rng: Mutex::new(SmallRng::seed_from_u64(seed)),
            drivers: Mutex::default(),
        }));
        // SAFETY: as in `kernel`.
        let before = unsafe { CURRENT.swap(kernel, Ordering::SeqCst).as_ref() };
        if let Some(before) = before {
            before.retire();
        }
        thread::forget_calls();
        kernel
    }

    /// Its run is over: what it kept for reports is of no use, and would add up over many runs in a process.
    fn retire(&self) {
        self.sched.retire();
        self.memory.pool.forget_freed();
        self.wdf.retire();
        self.ndis.retire();
        for driver in lock(&self.drivers).iter_mut() {
            Arc::make_mut(driver).symbols = Vec::new();
        }
    }

    /// Registers a loaded driver.
    pub fn add_driver(&self, info: DriverInfo) -> DriverId {
        let mut drivers = lock(&self.drivers);
        drivers.push(Arc::new(info));
        DriverId(drivers.len() - 1)
    }

    /// A loaded driver.
    pub fn driver(&self, id: DriverId) -> Option<Arc<DriverInfo>> {
        lock(&self.drivers).get(id.0).cloned()
    }

    /// The driver whose image holds an address.
    pub fn driver_at(&self, address: usize) -> Option<DriverId> {
        let drivers = lock(&self.drivers);
        let at = drivers.iter().position(|d| (d.base..d.base + d.size).contains(&address));
        at.map(DriverId)
    }

    /// Whether an address lies in a driver's image; false also while that cannot be told. A signal handler may call this.
    pub fn is_driver_code(&self, address: usize) -> bool {
        let drivers = self.drivers.try_lock();
        drivers.is_ok_and(|drivers| drivers.iter().any(|d| (d.base..d.base + d.size).contains(&address)))
    }

    /// The import that the lab lacks and a driver finds at an address.
    pub fn lacking_at(&self, address: usize) -> Option<Lacking> {
        let drivers = lock(&self.drivers);
        let mut lacking = drivers.iter().flat_map(|driver| &driver.lacking);
        lacking.find(|import| (import.page..import.page + PAGE).contains(&address)).cloned()
    }

    /// File name of a driver.
    pub fn driver_name(&self, id: DriverId) -> String {
        let drivers = lock(&self.drivers);
        drivers.get(id.0).map_or_else(|| format!("driver {}", id.0), |d| d.name.clone())
    }

    /// `nblease.sys+0x1234 (symbol+0x10)` for an address inside an image, `the lab` for one in its code, else the address.
    pub fn describe_address(&self, address: usize) -> String {
        let drivers = lock(&self.drivers);
        let Some(driver) = drivers.iter().find(|d| (d.base..d.base + d.size).contains(&address)) else {
            return if is_of_lab(address) { "the lab".to_owned() } else { format!("{address:#x}") };
        };
        let offset = address - driver.base;
        let at = driver.symbols.partition_point(|(start, _)| *start <= offset);
        match at.checked_sub(1).and_then(|i| driver.symbols.get(i)) {
            Some((start, symbol)) => format!("{}+{offset:#x} ({symbol}+{:#x})", driver.name, offset - start),
            None => format!("{}+{offset:#x}", driver.name),
        }
    }

    /// A processor's IRQL fell below DISPATCH_LEVEL: its DPCs run now.
    pub fn irql_fell(&self) {
        self.sched.run_dpcs();
    }

    /// Whether several processors run drivers: what one does, others may not have seen yet.
    pub fn has_processors(&self) -> bool {
        self.clock.mode() == Mode::Real || self.sched.other_processors() > 0
    }

    /// The random numbers go by another seed from now on.
    pub fn reseed(&self, seed: u64) {
        *lock(&self.rng) = SmallRng::seed_from_u64(seed);
        self.sched.reseed(seed);
    }

    /// The run's random numbers: all from its seed.
    pub fn rng(&self) -> MutexGuard<'_, SmallRng> {
        lock(&self.rng)
    }
}

unsafe extern "C" {
    // The linker's: where this program begins, and where its code ends.
    static __executable_start: u8;
    static etext: u8;
}

/// Whether an address is one of the lab's code, which lies elsewhere in each process.
fn is_of_lab(address: usize) -> bool {
    let (start, end) = (&raw const __executable_start, &raw const etext);
    (start.addr()..end.addr()).contains(&address)
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

/// The bytes of an instruction of a driver's at an address; none where no driver's code lies there. Bytes beyond the
/// image read as zero.
pub fn driver_instruction(address: usize) -> Option<[u8; 15]> {
    // SAFETY: as in `kernel`.
    let current = unsafe { CURRENT.load(Ordering::SeqCst).as_ref() }?;
    let info = current.driver(current.driver_at(address)?)?;
    let offset = address - info.base;
    let inside = |s: &Section| s.executable && (s.start..s.start + s.len).contains(&offset);
    let section = info.sections.iter().find(|section| inside(section))?;
    let readable = (section.start + section.len - offset).min(15);
    let mut bytes = [0; 15];
    let code: *const u8 = std::ptr::with_exposed_provenance(address);
    // SAFETY: the bytes lie in an executable section, which is readable as long as the driver runs.
    unsafe { code.copy_to_nonoverlapping(bytes.as_mut_ptr(), readable) };
    Some(bytes)
}
