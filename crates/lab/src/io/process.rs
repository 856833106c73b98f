//! User mode: processes, their handles, and calls under way.

use std::{
    cell::Cell,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{
    Completion, Device, File, Irp, Major,
    irp::{self, Call},
    status,
    status::NtStatus,
};
use crate::{judge::rule, kernel::kernel, nt::probe::Probes, sync::lock};

/// Number of the process that system threads belong to: as it is in the ID, 4.
pub(super) const SYSTEM: u64 = 1;

thread_local! {
    static CURRENT: Cell<u64> = const { Cell::new(SYSTEM) };
}

/// The process in whose context this thread runs, as its ID (`PsGetCurrentProcessId`): that of the program whose system
/// call this is, else the system's.
pub(crate) fn current_process() -> usize {
    process_id(CURRENT.get())
}

/// The number of that process.
pub(crate) fn current_number() -> u64 {
    CURRENT.get()
}

/// The ID of the process of a number. IDs are multiples of four.
pub(crate) fn process_id(number: u64) -> usize {
    number as usize * 4
}

/// The number of the process of an ID.
pub(crate) fn process_number(id: usize) -> u64 {
    (id / 4) as u64
}

/// The context of a process: this thread runs in it until it is dropped, as for a system call.
pub(crate) struct ProcessContext {
    before: u64,
    _probes: Probes,
}

impl ProcessContext {
    /// A system thread's.
    pub(crate) fn system() -> Self {
        Self::enter(SYSTEM)
    }

    pub(crate) fn enter(process: u64) -> Self {
        Self { before: CURRENT.replace(process), _probes: Probes::begin() }
    }
}

impl Drop for ProcessContext {
    fn drop(&mut self) {
        CURRENT.set(self.before);
    }
}

/// How long a dying process waits for its calls (IopCancelIrps... waits five minutes; V47 is judged after 10 s).
const DEATH_LIMIT_NS: u64 = 20_000_000_000;

/// A user-mode process. Dropping it is its death.
pub struct Process {
    inner: Arc<Inner>,
}

struct Inner {
    name: String,
    number: u64,
    administrator: bool,
    /// It cancels calls at any moment.
    impatient: AtomicBool,
    handles: Mutex<Vec<Arc<Slot>>>,
}

/// An entry of a handle table.
struct Slot {
    file: Arc<File>,
    open: AtomicBool,
}

impl Slot {
    /// NtClose, once.
    fn close(&self) -> bool {
        let was_open = self.open.swap(false, Ordering::SeqCst);
        if was_open {
            self.file.dereference();
        }
        was_open
    }
}

/// A handle of a process. Dropping it leaves it open, as a variable that goes out of scope does in C.
#[derive(Clone)]
pub struct Handle {
    process: Arc<Inner>,
    slot: Arc<Slot>,
}

/// A call under way, or completed.
#[derive(Clone)]
pub struct Pending {
    irp: Arc<Irp>,
}

/// Opens a device for a driver, which keeps a pointer to the file and no handle.
pub(super) fn open_for_driver(device: &Arc<Device>) -> Result<Arc<File>, NtStatus> {
    let file = create(device, "a driver", SYSTEM, true)?;
    file.point();
    file.dereference();
    Ok(file)
}

/// IRP_MJ_CREATE, and its end.
fn create(device: &Arc<Device>, opener: &str, number: u64, administrator: bool) -> Result<Arc<File>, NtStatus> {
    let file = File::new(device, opener, number);
    device.admit(&file, administrator)?;
    let irp = Irp::new(&file, number, &Call::of(Major::Create));
    irp::dispatch(&irp);
    let completion = Pending { irp }.wait();
    if !completion.nt_status().is_success() {
        file.abandon();
        return Err(completion.nt_status());
    }
    Ok(file)
}

impl Process {
    /// A process; its token says whether it is an administrator's.
    pub fn new(name: &str, administrator: bool) -> Self {
        let number = kernel().io.number();
        if administrator {
            lock(&kernel().io.administrators).insert(number);
        }
        let inner = Inner {
            name: name.to_owned(),
            number,
            administrator,
            impatient: AtomicBool::default(),
            handles: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// From now on it cancels some of its calls at moments that are awkward for their drivers.
    pub fn be_impatient(&self) {
        self.inner.impatient.store(true, Ordering::Relaxed);
    }

    /// CreateFileW, overlapped, for reading and writing. `path` is a Win32 device name: `\\.\name`.
    pub fn open(&self, path: &str) -> Result<Handle, NtStatus> {
        let device = kernel().io.resolve(path)?;
        let file = create(&device, &self.inner.name, self.inner.number, self.inner.administrator)?;
        Ok(self.inner.add(file))
    }

    /// The process dies: its calls are cancelled (IoCancelThreadIo), its handles closed, and what is left waited for.
    /// Runs things.
    pub fn kill(&self) {
        let slots: Vec<_> = lock(&self.inner.handles).drain(..).collect();
        let files: Vec<_> = slots.iter().map(|slot| slot.file.clone()).collect();
        for file in &files {
            for irp in file.irps().iter().filter(|irp| irp.process() == self.inner.number) {
                irp.cancel();
            }
        }
        for slot in slots {
            slot.close();
        }
        kernel().sched.wait_until("the calls of a dying process", Some(DEATH_LIMIT_NS), &mut || {
            files.iter().all(|f| f.irps().iter().all(|irp| irp.process() != self.inner.number))
        });
        self.judge_locks();
    }

    /// That no driver holds pages of the process, which ends (bug check PROCESS_HAS_LOCKED_PAGES).
    fn judge_locks(&self) {
        let locks = kernel().memory.programs.locks_of(self.inner.number);
        kernel()
            .judge
            .check(rule::V40, locks == 0, || format!("{} died with {locks} locks on its pages", self.inner.name));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        if lock(&self.inner.handles).is_empty() {
            self.judge_locks();
        } else {
            self.kill();
        }
    }
}

impl Inner {
    fn add(self: &Arc<Self>, file: Arc<File>) -> Handle {
        let slot = Arc::new(Slot { file, open: AtomicBool::new(true) });
        lock(&self.handles).push(slot.clone());
        Handle { process: self.clone(), slot }
    }
}

impl Handle {
    /// DeviceIoControl, overlapped.
    pub fn ioctl(&self, code: u32, input: &[u8], output_len: usize) -> Pending {
        self.call(&Call { major: Major::DeviceControl, code, input: input.to_vec(), output_len })
    }

    /// As another driver would: IRP_MJ_INTERNAL_DEVICE_CONTROL.
    pub fn internal_ioctl(&self, code: u32, input: &[u8], output_len: usize) -> Pending {
        self.call(&Call { major: Major::InternalDeviceControl, code, input: input.to_vec(), output_len })
    }

    /// ReadFile, overlapped.
    pub fn read(&self, len: usize) -> Pending {
        self.call(&Call { major: Major::Read, code: 0, input: Vec::new(), output_len: len })
    }

    /// WriteFile, overlapped.
    pub fn write(&self, bytes: &[u8]) -> Pending {
        self.call(&Call { major: Major::Write, code: 0, input: bytes.to_vec(), output_len: 0 })
    }

    fn call(&self, call: &Call) -> Pending {
        let irp = Irp::new(&self.slot.file, self.process.number, call);
        irp.set_impatient(self.process.impatient.load(Ordering::Relaxed));
        if self.is_open() {
            irp::dispatch(&irp);
        } else {
            irp.complete(status::INVALID_HANDLE, 0);
        }
        Pending { irp }
    }

    /// Whether it was not closed yet.
    pub fn is_open(&self) -> bool {
        self.slot.open.load(Ordering::SeqCst)
    }

    /// CloseHandle: whether it was open. With the last handle of the file the driver gets IRP_MJ_CLEANUP before this
    /// returns, and IRP_MJ_CLOSE when the file's last call is gone.
    pub fn close(&self) -> bool {
        lock(&self.process.handles).retain(|slot| !Arc::ptr_eq(slot, &self.slot));
        self.slot.close()
    }

    /// DuplicateHandle into another process: a second handle of the same file.
    #[must_use]
    pub fn duplicate(&self, to: &Process) -> Self {
        self.slot.file.reference();
        to.inner.add(self.slot.file.clone())
    }

    /// CancelIoEx for all calls of this process on the file.
    pub fn cancel_all(&self) {
        for irp in self.slot.file.irps().iter().filter(|irp| irp.process() == self.process.number) {
            irp.cancel();
        }
    }

    /// The calls under way on the file, by any process.
    pub fn under_way(&self) -> usize {
        self.slot.file.irps().len()
    }
}

impl Pending {
    /// How the call came out, if it has.
    pub fn try_result(&self) -> Option<Completion> {
        self.irp.completion()
    }

    /// Waits for the call's end. Runs things.
    pub fn wait(&self) -> Completion {
        self.wait_for(None).unwrap_or(Completion { status: status::PENDING.0, information: 0, data: Vec::new() })
    }

    /// Waits for the call's end at most so long. Runs things.
    pub fn wait_timeout(&self, ns: u64) -> Option<Completion> {
        self.wait_for(Some(ns))
    }

    fn wait_for(&self, timeout_ns: Option<u64>) -> Option<Completion> {
        let what = self.irp.describe();
        let what = format!("the completion of {what}");
        kernel().sched.wait_until(&what, timeout_ns, &mut || self.irp.is_complete());
        self.irp.completion()
    }

    /// CancelIoEx for this call. It completes, cancelled or not.
    pub fn cancel(&self) {
        self.irp.cancel();
    }

    /// Runs `callback` when the call completes, on the thread that completes it; now, where it has.
    pub fn on_completion(&self, callback: impl FnOnce(&Completion) + Send + 'static) {
        self.irp.on_completion(Box::new(callback));
    }
}
