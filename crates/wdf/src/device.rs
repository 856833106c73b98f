//! The control device: its creation, and the adapter from the framework's callbacks to a [`Control`] implementation.
//!
//! Calling contexts: `open`, `cleanup`, `close`, `read`, `ioctl` at PASSIVE_LEVEL (the queue is created so), any number
//! at once; `read_withdrawn`, `read_cancelled` and `timer` up to DISPATCH_LEVEL. No lock of ours is held on entry. A request belongs to
//! the callback that receives it. The framework calls `cleanup` before it withdraws the file's waiting reads, and `close`
//! when no request of the file is left.

use core::{marker::PhantomData, ptr::null_mut};

use wdk_sys::{
    _WDF_DEVICE_IO_TYPE::WdfDeviceIoDirect,
    _WDF_EXECUTION_LEVEL::{WdfExecutionLevelInheritFromParent, WdfExecutionLevelPassive},
    _WDF_FILEOBJECT_CLASS::WdfFileObjectWdfCanUseFsContext,
    _WDF_IO_QUEUE_DISPATCH_TYPE::{WdfIoQueueDispatchManual, WdfIoQueueDispatchParallel},
    _WDF_SYNCHRONIZATION_SCOPE::{WdfSynchronizationScopeInheritFromParent, WdfSynchronizationScopeNone},
    _WDF_TRI_STATE::WdfFalse,
    FILE_DEVICE_SECURE_OPEN, ULONG, WDF_FILEOBJECT_CONFIG, WDF_IO_QUEUE_CONFIG, WDF_OBJECT_ATTRIBUTES,
    WDF_OBJECT_CONTEXT_TYPE_INFO, WDFDEVICE, WDFDEVICE_INIT, WDFFILEOBJECT, WDFOBJECT, WDFQUEUE, WDFREQUEST, WDFTIMER,
    call_unsafe_wdf_function_binding,
};

use crate::{
    NtStatus,
    driver::Driver,
    read::{self, ActiveRead, CancelledRead, Read, ReadQueue},
    request::Request,
    string::Wide,
    timer::Timer,
};

/// SYSTEM and Administrators may do all, nobody else anything (SDDL_DEVOBJ_SYS_ALL_ADM_ALL).
static SDDL: Wide<28> = crate::string::wide("D:P(A;;GA;;;SY)(A;;GA;;;BA)\0");

/// What a control device does.
pub trait Control: Sized + 'static {
    /// What it keeps for an open handle.
    type File: Send + Sync;

    /// A handle is opened.
    fn open(file: File<Self>) -> Result<Self::File, NtStatus>;
    /// The last handle was closed, perhaps by the end of its process; requests may still be under way.
    fn cleanup(file: &Self::File);
    /// A READ of `length` bytes came.
    fn read(file: &Self::File, request: Request, length: usize);
    /// A DEVICE_CONTROL came.
    fn ioctl(file: &Self::File, request: Request, code: u32);
    /// A waiting read is cancelled, or its handle closed: it is the driver's again, to be completed as cancelled. It may
    /// come up to DISPATCH_LEVEL.
    fn read_withdrawn(file: &Self::File, request: Request);
    /// An active read is cancelled.
    fn read_cancelled(file: &Self::File, read: CancelledRead);
    /// The file's timer ran out.
    fn timer(file: &Self::File);
    /// The device's [deadline timer](ControlDevice::deadline_timer) ran out. DISPATCH_LEVEL.
    fn deadline();
}

/// An open handle, as the framework knows it.
///
/// Valid until `close` of its file, after which nobody calls the methods: what a [`Control`] keeps for a file ends there.
pub struct File<C: Control> {
    handle: WDFFILEOBJECT,
    control: PhantomData<fn() -> C>,
}

impl<C: Control> Clone for File<C> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<C: Control> Copy for File<C> {}
// SAFETY: a framework handle may be used from any thread.
unsafe impl<C: Control> Send for File<C> {}
// SAFETY: as above.
unsafe impl<C: Control> Sync for File<C> {}

impl<C: Control> File<C> {
    /// Takes the first read of this handle that waits. Up to DISPATCH_LEVEL.
    pub fn take_read(&self, queue: ReadQueue) -> Option<Read> {
        queue.take(self.handle)
    }

    /// Makes a read cancelable by [`Control::read_cancelled`]. Up to DISPATCH_LEVEL.
    ///
    /// # Errors
    /// The read, where it is cancelled already.
    pub fn activate(&self, read: Read) -> Result<ActiveRead, Read> {
        read.activate(Some(evt_request_cancel::<C>))
    }

    /// A timer that calls [`Control::timer`]. PASSIVE_LEVEL.
    pub fn timer(&self) -> Result<Timer, NtStatus> {
        Timer::create(self.handle.cast(), Some(evt_timer::<C>), false)
    }
}

/// The control device and the queue in which its reads wait.
#[derive(Clone, Copy)]
pub struct ControlDevice {
    device: WDFDEVICE,
    /// Where reads wait.
    pub reads: ReadQueue,
}

// SAFETY: a framework handle may be used from any thread.
unsafe impl Send for ControlDevice {}
// SAFETY: as above.
unsafe impl Sync for ControlDevice {}

impl ControlDevice {
    /// Creates the device, its symbolic link and its queues. Nobody can open it before [`Self::start`]. PASSIVE_LEVEL.
    ///
    /// # Errors
    /// Why not; nothing is left then. (The framework deletes a device with its driver; DriverEntry that fails after
    /// this calls [`Self::delete`].)
    pub fn create<C: Control, const N: usize, const L: usize>(
        driver: Driver,
        device_type: u32,
        name: &'static Wide<N>,
        link: &'static Wide<L>,
    ) -> Result<Self, NtStatus> {
        let init = allocate_init(driver)?;
        let device = match configure::<C, N>(init, device_type, name).and_then(|()| create_device(init)) {
            Ok(device) => device,
            Err(status) => {
                // SAFETY: the device was not created, so the structure is still ours.
                unsafe { call_unsafe_wdf_function_binding!(WdfDeviceInitFree, init) };
                return Err(status);
            }
        };
        match queues::<C, L>(device, link) {
            Ok(reads) => Ok(Self { device, reads }),
            Err(status) => {
                delete(device);
                Err(status)
            }
        }
    }

    /// An exact timer that calls [`Control::deadline`], of the device that was created for this [`Control`].
    /// PASSIVE_LEVEL.
    ///
    /// # Errors
    /// Why not.
    pub fn deadline_timer<C: Control>(&self) -> Result<Timer, NtStatus> {
        Timer::create(self.device.cast(), Some(evt_deadline::<C>), true)
    }

    /// Lets programs open the device; the last step of DriverEntry. PASSIVE_LEVEL.
    pub fn start(&self) {
        // SAFETY: the device is alive.
        unsafe { call_unsafe_wdf_function_binding!(WdfControlFinishInitializing, self.device) };
    }

    /// Deletes the device, its queues and its link, in a DriverEntry that fails. PASSIVE_LEVEL.
    pub fn delete(self) {
        delete(self.device);
    }

    /// Refuses new reads and completes the waiting ones as cancelled. PASSIVE_LEVEL.
    pub fn purge(&self) {
        // SAFETY: the queue is alive as long as its device.
        unsafe { call_unsafe_wdf_function_binding!(WdfIoQueuePurgeSynchronously, self.reads.0) };
    }
}

fn delete(device: WDFDEVICE) {
    // SAFETY: the device is alive; it goes with all that belongs to it.
    unsafe { call_unsafe_wdf_function_binding!(WdfObjectDelete, device.cast()) };
}

/// A WDFDEVICE_INIT for a control device that only administrators open.
fn allocate_init(driver: Driver) -> Result<*mut WDFDEVICE_INIT, NtStatus> {
    let mut sddl = SDDL.unicode();
    // The framework wants the terminating zero behind the string, not in its length.
    sddl.Length -= 2;
    // SAFETY: the driver object is alive, the string is copied.
    let init = unsafe { call_unsafe_wdf_function_binding!(WdfControlDeviceInitAllocate, driver.0, &raw const sddl) };
    if init.is_null() { Err(NtStatus::INSUFFICIENT_RESOURCES) } else { Ok(init) }
}

fn configure<C: Control, const N: usize>(
    init: *mut WDFDEVICE_INIT,
    device_type: u32,
    name: &'static Wide<N>,
) -> Result<(), NtStatus> {
    // SAFETY: the structure is ours until the device is created.
    unsafe { call_unsafe_wdf_function_binding!(WdfDeviceInitSetDeviceType, init, device_type) };
    // SAFETY: as above.
    unsafe { call_unsafe_wdf_function_binding!(WdfDeviceInitSetCharacteristics, init, FILE_DEVICE_SECURE_OPEN, 1) };
    // SAFETY: as above. It concerns reads and writes; IOCTLs say their own way in their code.
    unsafe { call_unsafe_wdf_function_binding!(WdfDeviceInitSetIoType, init, WdfDeviceIoDirect) };

    let mut files = WDF_FILEOBJECT_CONFIG {
        Size: size_of::<WDF_FILEOBJECT_CONFIG>() as ULONG,
        EvtDeviceFileCreate: Some(evt_file_create::<C>),
        EvtFileCleanup: Some(evt_file_cleanup::<C>),
        EvtFileClose: Some(evt_file_close::<C>),
        AutoForwardCleanupClose: WdfFalse,
        FileObjectClass: WdfFileObjectWdfCanUseFsContext,
    };
    let mut attributes = attributes();
    attributes.ExecutionLevel = WdfExecutionLevelPassive;
    attributes.SynchronizationScope = WdfSynchronizationScopeNone;
    attributes.ContextTypeInfo = FILE_TYPE.0.UniqueType;
    attributes.ContextSizeOverride = size_of::<FileContext<C>>() as _;
    // SAFETY: the structures are copied.
    unsafe {
        call_unsafe_wdf_function_binding!(WdfDeviceInitSetFileObjectConfig, init, &raw mut files, &raw mut attributes);
    }
    let mut attributes = self::attributes();
    attributes.ContextTypeInfo = read::context_type();
    // SAFETY: the structure is copied.
    unsafe { call_unsafe_wdf_function_binding!(WdfDeviceInitSetRequestAttributes, init, &raw mut attributes) };

    let name = name.unicode();
    // SAFETY: the string is copied.
    let status = unsafe { call_unsafe_wdf_function_binding!(WdfDeviceInitAssignName, init, &raw const name) };
    NtStatus(status).check()
}

fn create_device(mut init: *mut WDFDEVICE_INIT) -> Result<WDFDEVICE, NtStatus> {
    let mut attributes = attributes();
    attributes.SynchronizationScope = WdfSynchronizationScopeNone;
    let mut device = null_mut();
    // SAFETY: the framework takes the structure where it succeeds, and only then.
    let status = unsafe {
        call_unsafe_wdf_function_binding!(WdfDeviceCreate, &raw mut init, &raw mut attributes, &raw mut device)
    };
    NtStatus(status).check()?;
    Ok(device)
}

/// The link, the queue that presents requests, and the one in which reads wait.
fn queues<C: Control, const L: usize>(device: WDFDEVICE, link: &'static Wide<L>) -> Result<ReadQueue, NtStatus> {
    let link = link.unicode();
    // SAFETY: the string is copied.
    let status = unsafe { call_unsafe_wdf_function_binding!(WdfDeviceCreateSymbolicLink, device, &raw const link) };
    NtStatus(status).check()?;

    let mut config = WDF_IO_QUEUE_CONFIG {
        Size: size_of::<WDF_IO_QUEUE_CONFIG>() as ULONG,
        DispatchType: WdfIoQueueDispatchParallel,
        PowerManaged: WdfFalse,
        DefaultQueue: 1,
        EvtIoRead: Some(evt_io_read::<C>),
        EvtIoDeviceControl: Some(evt_io_device_control::<C>),
        ..WDF_IO_QUEUE_CONFIG::default()
    };
    config.Settings.Parallel.NumberOfPresentedRequests = ULONG::MAX;
    create_queue(device, &mut config, WdfExecutionLevelPassive)?;

    let mut config = WDF_IO_QUEUE_CONFIG {
        Size: size_of::<WDF_IO_QUEUE_CONFIG>() as ULONG,
        DispatchType: WdfIoQueueDispatchManual,
        PowerManaged: WdfFalse,
        EvtIoCanceledOnQueue: Some(evt_io_canceled_on_queue::<C>),
        ..WDF_IO_QUEUE_CONFIG::default()
    };
    create_queue(device, &mut config, WdfExecutionLevelInheritFromParent).map(ReadQueue)
}

fn create_queue(
    device: WDFDEVICE,
    config: &mut WDF_IO_QUEUE_CONFIG,
    level: wdk_sys::WDF_EXECUTION_LEVEL,
) -> Result<WDFQUEUE, NtStatus> {
    let mut attributes = attributes();
    attributes.ExecutionLevel = level;
    attributes.SynchronizationScope = WdfSynchronizationScopeNone;
    let mut queue = null_mut();
    // SAFETY: the device is alive, the structures are locals.
    let status = unsafe {
        call_unsafe_wdf_function_binding!(
            WdfIoQueueCreate,
            device,
            core::ptr::from_mut(config),
            &raw mut attributes,
            &raw mut queue
        )
    };
    NtStatus(status).check()?;
    Ok(queue)
}

/// WDF_OBJECT_ATTRIBUTES_INIT.
fn attributes() -> WDF_OBJECT_ATTRIBUTES {
    WDF_OBJECT_ATTRIBUTES {
        Size: size_of::<WDF_OBJECT_ATTRIBUTES>() as ULONG,
        ExecutionLevel: WdfExecutionLevelInheritFromParent,
        SynchronizationScope: WdfSynchronizationScopeInheritFromParent,
        ..WDF_OBJECT_ATTRIBUTES::default()
    }
}

/// What stands in the context of a file object: `None` before `open` succeeded and after `close`.
struct FileContext<C: Control>(Option<C::File>);

impl<C: Control> FileContext<C> {
    /// The context of a file object.
    fn of(file: WDFFILEOBJECT) -> *mut Self {
        // SAFETY: every file object of the device has this context (its file object attributes say so).
        unsafe {
            call_unsafe_wdf_function_binding!(WdfObjectGetTypedContextWorker, file.cast(), FILE_TYPE.0.UniqueType)
        }
        .cast()
    }
}

struct TypeInfo(WDF_OBJECT_CONTEXT_TYPE_INFO);
// SAFETY: constant data.
unsafe impl Sync for TypeInfo {}

/// The type of a file object's context. A type is known by the address of this, so it is one for all [`Control`]s;
/// its size is told where files are configured.
static FILE_TYPE: TypeInfo = TypeInfo(WDF_OBJECT_CONTEXT_TYPE_INFO {
    Size: size_of::<WDF_OBJECT_CONTEXT_TYPE_INFO>() as ULONG,
    ContextName: c"FileContext".as_ptr(),
    ContextSize: 1,
    UniqueType: &raw const FILE_TYPE.0,
    EvtDriverGetUniqueContextType: None,
});

/// What the control device keeps for a file that is open.
///
/// # Safety
/// The file is not closed during `'a`.
unsafe fn opened<'a, C: Control>(file: WDFFILEOBJECT) -> Option<&'a C::File> {
    // SAFETY: written in `evt_file_create` before any other callback of the file, changed only in `evt_file_close`.
    let context = unsafe { &*FileContext::<C>::of(file) };
    context.0.as_ref()
}

/// The file that a request came through.
fn file_of(request: WDFREQUEST) -> WDFFILEOBJECT {
    // SAFETY: the request is in the driver's hands.
    unsafe { call_unsafe_wdf_function_binding!(WdfRequestGetFileObject, request) }
}

unsafe extern "C" fn evt_file_create<C: Control>(_device: WDFDEVICE, request: WDFREQUEST, file: WDFFILEOBJECT) {
    let context = FileContext::<C>::of(file);
    // SAFETY: the framework gives the request to this callback.
    let request = unsafe { Request::from_raw(request) };
    match C::open(File { handle: file, control: PhantomData }) {
        Ok(data) => {
            // SAFETY: the context is ours, of this size, and nobody looks at it before the open is completed.
            unsafe { context.write(FileContext(Some(data))) };
            request.complete(NtStatus::SUCCESS, 0);
        }
        Err(status) => {
            // SAFETY: as above.
            unsafe { context.write(FileContext(None)) };
            request.complete(status, 0);
        }
    }
}

unsafe extern "C" fn evt_file_cleanup<C: Control>(file: WDFFILEOBJECT) {
    // SAFETY: the close comes after.
    if let Some(data) = unsafe { opened::<C>(file) } {
        C::cleanup(data);
    }
}

unsafe extern "C" fn evt_file_close<C: Control>(file: WDFFILEOBJECT) {
    let context = FileContext::<C>::of(file);
    // SAFETY: no request of the file is left, and no other callback comes for it: this is the only reference.
    let context = unsafe { &mut *context };
    context.0 = None;
}

unsafe extern "C" fn evt_io_read<C: Control>(_queue: WDFQUEUE, request: WDFREQUEST, length: usize) {
    // SAFETY: a file stays open while a request of it is under way.
    let file = unsafe { opened::<C>(file_of(request)) };
    // SAFETY: the framework gives the request to this callback.
    let request = unsafe { Request::from_raw(request) };
    match file {
        Some(file) => C::read(file, request, length),
        None => drop(request),
    }
}

unsafe extern "C" fn evt_io_device_control<C: Control>(
    _queue: WDFQUEUE,
    request: WDFREQUEST,
    _output: usize,
    _input: usize,
    code: ULONG,
) {
    // SAFETY: a file stays open while a request of it is under way.
    let file = unsafe { opened::<C>(file_of(request)) };
    // SAFETY: the framework gives the request to this callback.
    let request = unsafe { Request::from_raw(request) };
    match file {
        Some(file) => C::ioctl(file, request, code),
        None => drop(request),
    }
}

unsafe extern "C" fn evt_io_canceled_on_queue<C: Control>(_queue: WDFQUEUE, request: WDFREQUEST) {
    // SAFETY: a file stays open while a request of it is under way.
    let file = unsafe { opened::<C>(file_of(request)) };
    // SAFETY: the framework gives the request to this callback.
    let request = unsafe { Request::from_raw(request) };
    match file {
        Some(file) => C::read_withdrawn(file, request),
        None => drop(request),
    }
}

unsafe extern "C" fn evt_request_cancel<C: Control>(request: WDFREQUEST) {
    // SAFETY: a file stays open while a request of it is under way, and this one is not completed before its mark.
    let file = unsafe { opened::<C>(file_of(request)) };
    // SAFETY: the request of this callback, used once.
    let read = unsafe { CancelledRead::from_raw(request) };
    if let Some(file) = file {
        C::read_cancelled(file, read);
    }
}

unsafe extern "C" fn evt_deadline<C: Control>(_timer: WDFTIMER) {
    C::deadline();
}

unsafe extern "C" fn evt_timer<C: Control>(timer: WDFTIMER) {
    // SAFETY: the timer is alive during its callback.
    let parent: WDFOBJECT = unsafe { call_unsafe_wdf_function_binding!(WdfTimerGetParentObject, timer) };
    // SAFETY: timers are created with a file as their parent, and stopped in its cleanup.
    if let Some(file) = unsafe { opened::<C>(parent.cast()) } {
        C::timer(file);
    }
}
