//! IRPs: the call, the buffers as the device's method says, the cancel bit, and completion.
//!
//! The IRP and its stack location lie in memory of their own that the driver may look at; the lab keeps the truth beside
//! them. On completion everything that belonged to the call is closed to the driver.

use std::{
    borrow::Cow,
    mem, ptr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use nblease_ndis::sys;
use rand::Rng as _;

use super::{Buffering, File, lent::Lent, neither::Neither, poison, process::ProcessContext, status, status::NtStatus};
use crate::{
    clock::Mode,
    faults::FaultKind,
    history::Event,
    judge::rule,
    kernel::kernel,
    memory::{
        Access, Kind,
        mdl::{MdlKind, size_of_mdl},
    },
    sync::lock,
    thread,
};

/// `IO_TYPE_IRP`.
const IO_TYPE_IRP: i16 = 6;
/// `SL_PENDING_RETURNED`.
const SL_PENDING_RETURNED: u8 = 1;
/// UserMode.
const USER_MODE: i8 = 1;
/// Why a call's memory is closed afterwards.
const COMPLETED: &str = "its request was completed";

/// What an IRP asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Major {
    /// IRP_MJ_CREATE.
    Create,
    /// IRP_MJ_CLEANUP.
    Cleanup,
    /// IRP_MJ_CLOSE.
    Close,
    /// IRP_MJ_READ.
    Read,
    /// IRP_MJ_WRITE.
    Write,
    /// IRP_MJ_DEVICE_CONTROL.
    DeviceControl,
    /// IRP_MJ_INTERNAL_DEVICE_CONTROL, by another driver.
    InternalDeviceControl,
}

impl Major {
    /// The `IRP_MJ_*` code.
    pub fn code(self) -> u8 {
        match self {
            Self::Create => 0x00,
            Self::Close => 0x02,
            Self::Read => 0x03,
            Self::Write => 0x04,
            Self::DeviceControl => 0x0E,
            Self::InternalDeviceControl => 0x0F,
            Self::Cleanup => 0x12,
        }
    }
}

/// How a call came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// `IoStatus.Status`.
    pub status: u32,
    /// `IoStatus.Information`.
    pub information: usize,
    /// The bytes of the output buffer that the caller gets.
    pub data: Vec<u8>,
}

impl Completion {
    /// The status.
    pub fn nt_status(&self) -> NtStatus {
        NtStatus(self.status)
    }
}

/// The arguments of a call.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub major: Major,
    pub code: u32,
    pub input: Vec<u8>,
    pub output_len: usize,
}

impl Call {
    /// A call without arguments.
    pub(super) fn of(major: Major) -> Self {
        Self { major, code: 0, input: Vec::new(), output_len: 0 }
    }
}

/// What runs when the call completes.
type Callback = Box<dyn FnOnce(&Completion) + Send>;

/// An I/O request packet.
pub struct Irp {
    number: u64,
    major: Major,
    code: u32,
    input_len: usize,
    output_len: usize,
    process: u64,
    file: Arc<File>,
    /// The IRP and, after it, its stack location.
    raw: Lent,
    system: Option<Lent>,
    user: Option<UserBuffer>,
    /// The caller's addresses were passed as they are: of what it gives, and of what it gets.
    neither: Option<Neither>,
    poison: u64,
    canceled: AtomicBool,
    /// Its caller cancels it at any moment.
    impatient: AtomicBool,
    /// What the driver's model keeps for it.
    context: Mutex<usize>,
    state: Mutex<State>,
}

/// The caller's own buffer, locked in memory.
struct UserBuffer {
    buffer: Lent,
    mdl: Lent,
}

#[derive(Default)]
struct State {
    completion: Option<Completion>,
    callback: Option<Callback>,
}

/// The IRP as the driver finds it.
#[repr(C)]
#[derive(Clone, Copy)]
struct Raw {
    irp: sys::IRP,
    stack: sys::IO_STACK_LOCATION,
}

impl Irp {
    /// Makes an IRP for a file, with its buffers as the method says.
    pub(super) fn new(file: &Arc<File>, process: u64, call: &Call) -> Arc<Self> {
        let poison = kernel().rng().random();
        let method = method(call, file.device().buffering());
        let (system, user) = match method {
            Method::Buffered => (system_buffer(&call.input, call.output_len, poison), None),
            Method::Input => (None, user_buffer(&call.input, call.input.len(), Access::ReadOnly, poison)),
            Method::InDirect | Method::OutDirect => {
                let access = if method == Method::OutDirect { Access::ReadWrite } else { Access::ReadOnly };
                let user = user_buffer(&[], call.output_len, access, poison);
                (system_buffer(&call.input, call.input.len(), poison), user)
            }
            Method::Neither => (None, None),
        };
        let irp = Arc::new(Self {
            number: kernel().io.number(),
            major: call.major,
            code: call.code,
            input_len: call.input.len(),
            output_len: call.output_len,
            process,
            file: file.clone(),
            raw: Lent::open(Kind::Request, size_of::<Raw>(), 16),
            system,
            user,
            neither: (method == Method::Neither).then(|| Neither::new(&call.input, call.output_len, process, poison)),
            poison,
            canceled: AtomicBool::default(),
            impatient: AtomicBool::default(),
            context: Mutex::default(),
            state: Mutex::default(),
        });
        irp.raw.write(irp.raw_fields());
        irp.note(format!("made for {}", irp.describe()));
        if !matches!(call.major, Major::Cleanup | Major::Close) {
            file.add_irp(&irp);
        }
        irp
    }

    fn raw_fields(&self) -> Raw {
        // SAFETY: IRP and IO_STACK_LOCATION are plain data for which all zeros is a value.
        let mut raw: Raw = unsafe { mem::zeroed() };
        raw.irp.Type = IO_TYPE_IRP;
        raw.irp.Size = size_of::<Raw>() as u16;
        raw.irp.RequestorMode = USER_MODE;
        raw.irp.StackCount = 1;
        raw.irp.CurrentLocation = 1;
        raw.irp.MdlAddress = self.mdl().unwrap_or(ptr::null_mut());
        raw.irp.AssociatedIrp.SystemBuffer = self.system.as_ref().map_or(ptr::null_mut(), |s| s.driver().cast());
        // What a program calls its buffer: not to be touched by the driver, who has it otherwise or has to probe it (V41).
        raw.irp.UserBuffer = match &self.neither {
            None => ptr::with_exposed_provenance_mut(kernel().memory.user_address(self.output_len.max(1))),
            Some(neither) if self.major == Major::Write => Neither::address(neither.input.as_ref()),
            Some(neither) => Neither::address(neither.output.as_ref()),
        };
        let given = self.neither.as_ref().map(|neither| Neither::address(neither.input.as_ref()));
        raw.irp.Tail.Overlay.OriginalFileObject = self.file.object();
        raw.irp.Tail.Overlay.CurrentStackLocation = self.raw.driver().wrapping_add(mem::offset_of!(Raw, stack)).cast();
        raw.stack.MajorFunction = self.major.code();
        raw.stack.Control = SL_PENDING_RETURNED;
        raw.stack.DeviceObject = self.file.device().object();
        raw.stack.FileObject = self.file.object();
        match self.major {
            Major::Read => raw.stack.Parameters.Read.Length = self.output_len as u32,
            Major::Write => raw.stack.Parameters.Write.Length = self.input_len as u32,
            Major::DeviceControl | Major::InternalDeviceControl => {
                raw.stack.Parameters.DeviceIoControl = sys::IO_STACK_DeviceIoControl {
                    OutputBufferLength: self.output_len as u32,
                    Padding4: 0,
                    InputBufferLength: self.input_len as u32,
                    Padding12: 0,
                    IoControlCode: self.code,
                    Type3InputBuffer: given.unwrap_or(ptr::null_mut()),
                };
            }
            Major::Create | Major::Cleanup | Major::Close => {}
        }
        raw
    }

    /// What it asks for.
    pub fn major(&self) -> Major {
        self.major
    }

    /// The IOCTL code.
    pub fn code(&self) -> u32 {
        self.code
    }

    /// Length of the input buffer, or of what is written.
    pub fn input_len(&self) -> usize {
        self.input_len
    }

    /// Length of the output buffer, or of what is to be read.
    pub fn output_len(&self) -> usize {
        self.output_len
    }

    /// Number of the process that made the call.
    pub fn process(&self) -> u64 {
        self.process
    }

    /// The file it is for.
    pub fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// The IRP, where the driver finds it.
    pub fn raw(&self) -> *mut sys::IRP {
        self.raw.driver().cast()
    }

    /// Whether data go by way of a system buffer alone.
    pub fn is_buffered(&self) -> bool {
        self.user.is_none() && self.neither.is_none()
    }

    /// Whether the driver only reads the output buffer (METHOD_IN_DIRECT).
    fn is_in_direct(&self) -> bool {
        matches!(self.major, Major::DeviceControl | Major::InternalDeviceControl) && self.code & 3 == 1
    }

    /// Whether the caller's addresses were passed as they are (METHOD_NEITHER).
    pub fn is_neither(&self) -> bool {
        self.neither.is_some()
    }

    /// The system buffer, where the driver finds it.
    pub fn system_buffer(&self) -> Option<*mut u8> {
        self.system.as_ref().map(Lent::driver)
    }

    /// The MDL of the caller's buffer, where the driver finds it.
    pub fn mdl(&self) -> Option<*mut sys::MDL> {
        self.user.as_ref().map(|u| u.mdl.driver().cast())
    }

    /// MmGetSystemAddressForMdlSafe for the caller's buffer: its system address, mapped now if it was not; none where the
    /// mapping fails (by plan).
    pub fn map(&self) -> Option<*mut u8> {
        let user = self.user.as_ref()?;
        let mdl: *mut sys::MDL = user.mdl.lab().cast();
        // SAFETY: the lab's view of the MDL is always writable and lives as long as the IRP.
        let mut contents = unsafe { mdl.read() };
        if contents.MdlFlags & sys::MDL_MAPPED_TO_SYSTEM_VA == 0 {
            if kernel().faults.should_fail(FaultKind::Map) {
                return None;
            }
            contents.MdlFlags |= sys::MDL_MAPPED_TO_SYSTEM_VA;
            contents.MappedSystemVa = user.buffer.driver().cast();
            // SAFETY: as above.
            unsafe { mdl.write(contents) };
        }
        Some(user.buffer.driver())
    }

    /// The IRP's own fields and its stack location's, through the lab's view.
    pub(crate) fn with_raw<R>(&self, f: impl FnOnce(&mut sys::IRP, &mut sys::IO_STACK_LOCATION) -> R) -> R {
        let raw: *mut Raw = self.raw.lab().cast();
        // SAFETY: the lab's view is always writable and lives as long as `self`. A driver may touch the IRP at the same
        // time, as on a real machine.
        let raw = unsafe { &mut *raw };
        f(&mut raw.irp, &mut raw.stack)
    }

    /// What the driver's model stored with [`Self::set_context`], else 0.
    pub(crate) fn context(&self) -> usize {
        *lock(&self.context)
    }

    /// Keeps a word for the driver's model.
    pub(crate) fn set_context(&self, context: usize) {
        *lock(&self.context) = context;
    }

    /// Whether its caller cancels it at any moment.
    pub(super) fn set_impatient(&self, impatient: bool) {
        self.impatient.store(impatient, Ordering::Relaxed);
    }

    /// The caller cancels the call on another processor, just before the driver does something to it: by the seed, where
    /// the caller is one that does so, and with this probability.
    pub(crate) fn is_cancelled_now(&self, probability: f64) -> bool {
        self.impatient.load(Ordering::Relaxed)
            && !self.is_canceled()
            && kernel().clock.mode() == Mode::Virtual
            && kernel().rng().random_bool(probability)
    }

    /// IoCancelIrp on another processor, as far as the bit; the driver's model does the rest.
    pub(crate) fn set_canceled(&self) {
        self.canceled.store(true, Ordering::SeqCst);
        self.note("cancelled by its caller on another processor");
        self.with_raw(|raw, _| raw.Cancel = 1);
    }

    /// The cancel bit.
    pub fn is_canceled(&self) -> bool {
        self.canceled.load(Ordering::SeqCst)
    }

    /// IoCancelIrp.
    pub(super) fn cancel(self: &Arc<Self>) {
        if self.is_complete() || self.canceled.swap(true, Ordering::SeqCst) {
            return;
        }
        self.note("cancelled by its caller");
        let irp: *mut sys::IRP = self.raw.lab().cast();
        // SAFETY: the lab's view of the IRP is always writable and lives as long as `self`.
        unsafe { (*irp).Cancel = 1 };
        self.file.device().target().cancel(self);
    }

    /// For reports.
    pub fn describe(&self) -> String {
        let what = match self.major {
            Major::DeviceControl | Major::InternalDeviceControl => {
                format!("ioctl {:#x}, {} bytes in, {} out", self.code, self.input_len, self.output_len)
            }
            Major::Read => format!("read of {} bytes", self.output_len),
            Major::Write => format!("write of {} bytes", self.input_len),
            other => format!("{other:?}"),
        };
        format!("IRP {} at {:p} ({what}, by process {})", self.number, self.raw.driver(), self.process)
    }

    /// Adds an event to its history and its buffer's: what happens now.
    pub(crate) fn note(&self, what: impl Into<Cow<'static, str>>) {
        let event = Event::here(what);
        if let Some(user) = &self.user {
            user.buffer.note(event.clone());
        }
        self.raw.note(event);
    }

    /// Whether it was completed.
    pub fn is_complete(&self) -> bool {
        lock(&self.state).completion.is_some()
    }

    /// How it came out, once it has.
    pub fn completion(&self) -> Option<Completion> {
        lock(&self.state).completion.clone()
    }

    /// Runs `callback` when the call completes; now, where it has.
    pub(super) fn on_completion(&self, callback: Callback) {
        let completion = {
            let mut state = lock(&self.state);
            let Some(completion) = state.completion.clone() else {
                state.callback = Some(callback);
                return;
            };
            completion
        };
        callback(&completion);
    }

    /// IoCompleteRequest, by a driver's model. Judges what the caller would see (V46), closes the buffers, and lets the
    /// caller know.
    pub fn complete(self: &Arc<Self>, status: NtStatus, information: usize) {
        let judge = &kernel().judge;
        let limit = match self.major {
            Major::Write => self.input_len,
            _ => self.output_len,
        };
        // An error (severity 3) gives the caller no data: IopCompleteRequest copies none.
        let gives_data = status.0 < 0xC000_0000 && self.major != Major::Create;
        if gives_data {
            judge.check(rule::V46, information <= limit, || {
                format!("{} completed with Information {information}, more than its {limit} bytes", self.describe())
            });
        }
        let mut data = Vec::new();
        if gives_data && self.output_len > 0 {
            let own = self.neither.as_ref().and_then(|neither| neither.output.as_ref());
            let from = self.user.as_ref().map(|u| &u.buffer).or(self.system.as_ref());
            let from = from.or(own.map(|own| &own.memory));
            data = from.map(|lent| lent.bytes(information.min(limit))).unwrap_or_default();
            // In the program's own memory it finds what it had there; with METHOD_IN_DIRECT the output buffer is its data for
            // the driver.
            let written = own.is_none() && !self.is_in_direct();
            let stale = poison::stale(&data, self.poison).filter(|_| written);
            judge.check(rule::V46, stale.is_none(), || {
                format!(
                    "{} completed with {information} bytes, of which those from {} on were never written",
                    self.describe(),
                    stale.unwrap_or_default()
                )
            });
        }
        self.note(format!("completed with {} and Information {information}", status::name(status)));
        self.take_back();
        let completion = Completion { status: status.0, information, data };
        let callback = {
            let mut state = lock(&self.state);
            state.completion = Some(completion.clone());
            state.callback.take()
        };
        if let Some(callback) = callback {
            callback(&completion);
        }
        self.file.remove_irp(self);
    }

    /// Closes everything that the driver had of the call.
    fn take_back(&self) {
        self.raw.close(COMPLETED);
        if let Some(system) = &self.system {
            system.close(COMPLETED);
        }
        if let Some(user) = &self.user {
            kernel().memory.mdls.forget(user.mdl.driver().cast());
            user.buffer.close(COMPLETED);
            user.mdl.close(COMPLETED);
        }
    }
}

/// How a call's data reach the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    /// A system buffer for input and output.
    Buffered,
    /// A system buffer for input, an MDL that the driver reads for the output buffer.
    InDirect,
    /// A system buffer for input, an MDL that the driver writes for the output buffer.
    OutDirect,
    /// An MDL that the driver reads, for what is written.
    Input,
    /// The caller's addresses.
    Neither,
}

fn method(call: &Call, buffering: Buffering) -> Method {
    match (call.major, buffering) {
        (Major::Create | Major::Cleanup | Major::Close, _) | (Major::Read | Major::Write, Buffering::Buffered) => {
            Method::Buffered
        }
        (Major::Read, Buffering::Direct) => Method::OutDirect,
        (Major::Write, Buffering::Direct) => Method::Input,
        (Major::Read | Major::Write, Buffering::Neither) => Method::Neither,
        (Major::DeviceControl | Major::InternalDeviceControl, _) => match call.code & 3 {
            0 => Method::Buffered,
            1 => Method::InDirect,
            2 => Method::OutDirect,
            _ => Method::Neither,
        },
    }
}

/// A system buffer that holds the input and has room for `len` bytes, the rest poisoned; none where that is nothing.
fn system_buffer(input: &[u8], len: usize, poison: u64) -> Option<Lent> {
    let len = len.max(input.len());
    (len > 0).then(|| {
        let buffer = Lent::open(Kind::ReadBuffer, len, 16);
        buffer.fill(0, &poison::bytes(poison, len));
        buffer.fill(0, input);
        buffer
    })
}

/// The caller's buffer of `len` bytes, its pages locked and described by an MDL; none where that is nothing. The driver
/// learns where its own view of them lies by mapping the MDL.
fn user_buffer(input: &[u8], len: usize, access: Access, poison: u64) -> Option<UserBuffer> {
    if len == 0 {
        return None;
    }
    let buffer = Lent::closed(Kind::ReadBuffer, len, 1);
    buffer.fill(0, &poison::bytes(poison, len));
    buffer.fill(0, input);
    buffer.give(access);
    let mdl = Lent::open(Kind::Request, size_of_mdl(buffer.driver().addr(), len), 8);
    let kind = if access == Access::ReadWrite { MdlKind::Locked } else { MdlKind::LockedReadOnly };
    kernel().memory.mdls.write(mdl.driver().cast(), buffer.driver(), len, kind);
    Some(UserBuffer { buffer, mdl })
}

/// Calls a driver's dispatch at PASSIVE_LEVEL, on the thread of the caller.
pub(super) fn dispatch(irp: &Arc<Irp>) {
    debug_assert_eq!(thread::irql(), thread::PASSIVE_LEVEL, "a system call is made at PASSIVE_LEVEL");
    let _context = ProcessContext::enter(irp.process());
    irp.file().device().target().dispatch(irp);
}
