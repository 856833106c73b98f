//! A KMDF driver in Rust: bound as a compiled one is, calling through the table of functions by index.
//!
//! [`Driver::start`] starts a driver that makes a control device `\Device\sample` (`\\.\sample`) with direct I/O, a
//! parallel default queue for reads and writes, another for controls, and a manual queue. What its events do is a test's to say, by
//! setting [`Plan`].

use std::{
    ptr,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
};

use nblease_ndis::sys::{self, DRIVER_OBJECT, NTSTATUS, UNICODE_STRING, WDF_DRIVER_GLOBALS, WDF_FUNCTIONS};

use crate::{
    clock::Mode,
    io::{NtStatus, Process, status},
    judge::rule,
    kernel::{DriverId, DriverInfo, Kernel, kernel, one_at_a_time},
    nt,
    sync::lock,
    wdf::binding::{BindInfo, version_bind, version_unbind},
};

/// The Win32 name of the sample's device.
pub const PATH: &str = r"\\.\sample";

/// What a test lets the sample's events do.
#[derive(Clone, Copy, Default)]
pub struct Plan {
    /// After the device is made, before it finishes initializing; an error fails DriverEntry.
    pub entry: Option<fn() -> NTSTATUS>,
    pub create: Option<fn(usize, usize)>,
    pub cleanup: Option<fn(usize)>,
    pub close: Option<fn(usize)>,
    pub read: Option<fn(usize, usize)>,
    pub write: Option<fn(usize, usize)>,
    /// Request, length out, length in, code.
    pub control: Option<fn(usize, usize, usize, u32)>,
    pub unload: Option<fn()>,
    /// Dispatching of the default queue; parallel where 0.
    pub default_type: i32,
    /// EvtIoCanceledOnQueue of the manual queue.
    pub canceled_on_queue: Option<fn(usize)>,
    /// Cleanup and destroy of a request's context.
    pub request_cleanup: Option<sys::EVT_WDF_OBJECT_CONTEXT_CLEANUP>,
    pub request_destroy: Option<sys::EVT_WDF_OBJECT_CONTEXT_DESTROY>,
    /// Buffered instead of direct reads and writes.
    pub buffered: bool,
    pub exclusive: bool,
    /// WdfControlFinishInitializing is left out.
    pub unfinished: bool,
}

static PLAN: Mutex<Option<Plan>> = Mutex::new(None);
static GLOBALS: AtomicUsize = AtomicUsize::new(0);
static TABLE: AtomicUsize = AtomicUsize::new(0);
static DISPLACED: AtomicUsize = AtomicUsize::new(0);
static LOG: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Handles of the sample, 0 until made.
pub static DRIVER: AtomicUsize = AtomicUsize::new(0);
pub static DEVICE: AtomicUsize = AtomicUsize::new(0);
pub static QUEUE: AtomicUsize = AtomicUsize::new(0);
pub static MANUAL: AtomicUsize = AtomicUsize::new(0);
/// A request that a test keeps.
pub static KEPT: AtomicUsize = AtomicUsize::new(0);

/// Adds a line to what the test looks at in the end.
pub fn log(line: impl Into<String>) {
    lock(&LOG).push(line.into());
}

/// The lines so far, and none from now on.
pub fn take_log() -> Vec<String> {
    std::mem::take(&mut *lock(&LOG))
}

/// The value of one of the handles.
pub fn get(handle: &AtomicUsize) -> usize {
    handle.load(Ordering::SeqCst)
}

/// A status as C has it.
pub fn code(status: NtStatus) -> NTSTATUS {
    status.0.cast_signed()
}

fn plan() -> Plan {
    lock(&PLAN).unwrap_or_default()
}

/// A function of the table, as far as a test cares.
type Function = unsafe extern "win64" fn(usize, usize, usize, usize, usize, usize) -> usize;

/// Calls a function of the table with words for arguments: what it returned in `rax`.
pub fn wdf(name: &str, arguments: &[usize]) -> usize {
    let index = WDF_FUNCTIONS.iter().position(|f| *f == name).expect("a function of the framework");
    let table: *const *const () = ptr::with_exposed_provenance(get(&TABLE));
    // SAFETY: the bound table has an entry for each name.
    let function = unsafe { table.wrapping_add(index).read() };
    // SAFETY: a function that takes fewer words ignores the rest, in this calling convention.
    let function: Function = unsafe { std::mem::transmute(function) };
    let word = |at: usize| arguments.get(at).copied().unwrap_or(0);
    assert!(arguments.len() <= 5, "the globals and five more");
    // SAFETY: the test passes what the function wants; what is wrong on purpose ends in a report.
    unsafe { function(get(&GLOBALS), word(0), word(1), word(2), word(3), word(4)) }
}

/// As [`wdf`], for functions that return NTSTATUS.
pub fn wdf_status(name: &str, arguments: &[usize]) -> NtStatus {
    NtStatus(wdf(name, arguments) as u32)
}

/// The address of a value, for an argument.
pub fn at<T>(value: &T) -> usize {
    ptr::from_ref(value).expose_provenance()
}

/// The address of a variable, for a result.
pub fn out<T>(value: &mut T) -> usize {
    ptr::from_mut(value).expose_provenance()
}

/// A UNICODE_STRING that lives as long as the process.
pub fn unicode(text: &str) -> UNICODE_STRING {
    let units: Vec<u16> = text.encode_utf16().collect();
    let bytes = (units.len() * 2) as u16;
    UNICODE_STRING { Length: bytes, MaximumLength: bytes, Buffer: Vec::leak(units).as_mut_ptr() }
}

/// A structure of zeros.
pub fn zeroed<T: Copy>() -> T {
    // SAFETY: the tests use this for the framework's plain structures alone.
    unsafe { std::mem::zeroed() }
}

/// WDF_OBJECT_ATTRIBUTES_INIT.
pub fn attributes() -> sys::WDF_OBJECT_ATTRIBUTES {
    let mut attributes: sys::WDF_OBJECT_ATTRIBUTES = zeroed();
    attributes.Size = size_of::<sys::WDF_OBJECT_ATTRIBUTES>() as u32;
    attributes.ExecutionLevel = sys::WdfExecutionLevelInheritFromParent;
    attributes.SynchronizationScope = sys::WdfSynchronizationScopeInheritFromParent;
    attributes
}

/// Attributes with a parent.
pub fn child_of(parent: usize) -> sys::WDF_OBJECT_ATTRIBUTES {
    sys::WDF_OBJECT_ATTRIBUTES { ParentObject: ptr::without_provenance_mut(parent), ..attributes() }
}

/// A context type of 24 bytes.
pub fn context_type() -> &'static sys::WDF_OBJECT_CONTEXT_TYPE_INFO {
    struct Shared(sys::WDF_OBJECT_CONTEXT_TYPE_INFO);
    // SAFETY: it is never written.
    unsafe impl Sync for Shared {}
    static TYPE: Shared = Shared(sys::WDF_OBJECT_CONTEXT_TYPE_INFO {
        Size: size_of::<sys::WDF_OBJECT_CONTEXT_TYPE_INFO>() as u32,
        ContextName: c"SAMPLE_CONTEXT".as_ptr(),
        ContextSize: 24,
        UniqueType: ptr::null(),
        EvtDriverGetUniqueContextType: ptr::null_mut(),
    });
    &TYPE.0
}

/// Makes a queue of the device.
pub fn create_queue(config: &sys::WDF_IO_QUEUE_CONFIG) -> Result<usize, NtStatus> {
    let mut queue = 0usize;
    let status = wdf_status("WdfIoQueueCreate", &[get(&DEVICE), at(config), 0, out(&mut queue)]);
    if status.is_success() { Ok(queue) } else { Err(status) }
}

/// WDF_IO_QUEUE_CONFIG_INIT.
pub fn queue_config(kind: i32) -> sys::WDF_IO_QUEUE_CONFIG {
    let mut config: sys::WDF_IO_QUEUE_CONFIG = zeroed();
    config.Size = size_of::<sys::WDF_IO_QUEUE_CONFIG>() as u32;
    config.PowerManaged = sys::WdfUseDefault;
    config.DispatchType = kind;
    if kind == sys::WdfIoQueueDispatchParallel {
        config.Settings.Parallel.NumberOfPresentedRequests = u32::MAX;
    }
    config
}

/// Completes a request.
pub fn complete(request: usize, status: NtStatus, information: usize) {
    wdf("WdfRequestCompleteWithInformation", &[request, status.0 as usize, information]);
}

/// Fills a request's output buffer and completes it.
pub fn answer(request: usize, bytes: &[u8]) {
    let (mut buffer, mut len) = (0usize, 0usize);
    let arguments = [request, bytes.len(), out(&mut buffer), out(&mut len)];
    let status = wdf_status("WdfRequestRetrieveOutputBuffer", &arguments);
    if !status.is_success() {
        return complete(request, status, 0);
    }
    let to: *mut u8 = ptr::with_exposed_provenance_mut(buffer);
    // SAFETY: the buffer has as many bytes.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
    complete(request, status::SUCCESS, bytes.len());
}

/// Forwards a request to the manual queue, or completes it with the error.
pub fn pend(request: usize) {
    let status = wdf_status("WdfRequestForwardToIoQueue", &[request, get(&MANUAL)]);
    if !status.is_success() {
        complete(request, status, 0);
    }
}

/// Takes the next request of the manual queue.
pub fn next() -> Result<usize, NtStatus> {
    let mut request = 0usize;
    let status = wdf_status("WdfIoQueueRetrieveNextRequest", &[get(&MANUAL), out(&mut request)]);
    if status.is_success() { Ok(request) } else { Err(status) }
}

/// Runs `f` as code of the driver at PASSIVE_LEVEL.
pub fn as_driver<R>(f: impl FnOnce() -> R) -> R {
    crate::thread::call_driver(DriverId(0), "test", crate::thread::PASSIVE_LEVEL, f)
}

/// A started sample, and the test's own lock on the process's kernel.
pub struct Driver {
    pub id: DriverId,
    pub status: NtStatus,
    _serial: MutexGuard<'static, ()>,
}

impl Driver {
    /// A kernel on the virtual clock with the sample started.
    pub fn start(plan: Plan) -> Self {
        let driver = Self::try_start(Mode::Virtual, plan);
        assert_eq!(driver.status, status::SUCCESS);
        driver
    }

    /// As [`Self::start`], with any clock; the entry may fail.
    pub fn try_start(mode: Mode, plan: Plan) -> Self {
        Self::try_start_with(mode, plan, |_| {})
    }

    /// As [`Self::try_start`], with a kernel that is `prepared` before.
    pub fn try_start_with(mode: Mode, plan: Plan, prepare: impl FnOnce(&Kernel)) -> Self {
        let guard = one_at_a_time();
        prepare(Kernel::install(mode, 1));
        *lock(&PLAN) = Some(plan);
        take_log();
        for handle in [&DRIVER, &DEVICE, &QUEUE, &MANUAL, &KEPT] {
            handle.store(0, Ordering::SeqCst);
        }
        let entry: *const () = fx_driver_entry as *const ();
        let id = kernel().add_driver(DriverInfo {
            name: "sample.sys".to_owned(),
            entry: entry.expose_provenance(),
            ..DriverInfo::default()
        });
        let status = NtStatus(nt::driver::start(id).cast_unsigned());
        Self { id, status, _serial: guard }
    }

    /// An administrator's process with the device open.
    pub fn open(&self) -> (Process, crate::io::Handle) {
        assert_eq!(self.status, status::SUCCESS);
        let process = Process::new("tester", true);
        let handle = process.open(PATH).expect("the sample lets administrators in");
        (process, handle)
    }

    /// Unloads the sample: nothing is left, and no rule was broken.
    pub fn finish(&self) {
        assert!(nt::driver::unload(self.id), "the sample has an unload routine");
        kernel().sched.pump();
        assert!(!kernel().io.is_unload_pending(self.id));
        assert!(kernel().io.devices_of(self.id).is_empty());
        assert_eq!(wdf_objects(), 0, "objects are left");
        assert!(kernel().judge.verdict().violations.is_empty(), "{:?}", kernel().judge.verdict());
    }
}

/// Objects of the framework that live.
pub fn wdf_objects() -> usize {
    crate::wdf::state().count()
}

/// How often a rule was evaluated.
pub fn evaluated(rule: crate::judge::Rule) -> u64 {
    let verdict = kernel().judge.verdict();
    verdict.evaluated.iter().find(|(name, _)| *name == rule.to_string()).map_or(0, |(_, count)| *count)
}

/// That the run evaluated these rules.
pub fn assert_evaluated(rules: &[crate::judge::Rule]) {
    for rule in rules {
        assert!(evaluated(*rule) > 0, "{rule} was never evaluated");
    }
    let _ = rule::V43;
}

/// The image's entry, as WdfDriverEntry.lib has it.
unsafe extern "win64" fn fx_driver_entry(object: *mut DRIVER_OBJECT, path: *mut UNICODE_STRING) -> NTSTATUS {
    let (mut table, mut globals) = (ptr::null::<*const ()>(), ptr::null_mut::<WDF_DRIVER_GLOBALS>());
    let info = bind_info(&raw mut table);
    // SAFETY: all four are as binding wants them.
    let status = unsafe { version_bind(object, path, &raw const info, &raw mut globals) };
    assert_eq!(status, status::SUCCESS);
    TABLE.store(table.expose_provenance(), Ordering::SeqCst);
    GLOBALS.store(globals.expose_provenance(), Ordering::SeqCst);
    let result = driver_entry(object, path);
    if result < 0 {
        // SAFETY: bound just now.
        unsafe { version_unbind(path, &raw const info, globals) };
        return result;
    }
    // SAFETY: the driver may read its globals.
    if unsafe { (*globals).DisplaceDriverUnload } != 0 {
        // SAFETY: the object is the lab's and lives as long as the process.
        let displaced = unsafe { (*object).DriverUnload };
        DISPLACED.store(displaced.map_or(0, |f| (f as *const ()).expose_provenance()), Ordering::SeqCst);
        // SAFETY: as above.
        unsafe { (*object).DriverUnload = Some(fx_driver_unload) };
    }
    result
}

fn bind_info(table: *mut *const *const ()) -> BindInfo {
    BindInfo {
        size: size_of::<BindInfo>() as u32,
        component: ptr::null(),
        major: 1,
        minor: 33,
        build: 0,
        function_count: WDF_FUNCTIONS.len() as u32,
        function_table: table,
        module: ptr::null_mut(),
    }
}

unsafe extern "efiapi" fn fx_driver_unload(object: *mut DRIVER_OBJECT) {
    let displaced: *const () = ptr::with_exposed_provenance(get(&DISPLACED));
    if !displaced.is_null() {
        // SAFETY: it was a DriverUnload.
        let displaced: sys::DRIVER_UNLOAD = unsafe { std::mem::transmute(displaced) };
        // SAFETY: as the loader would have.
        unsafe { displaced(object) };
    }
    let mut table = ptr::null();
    let info = bind_info(&raw mut table);
    let globals: *mut WDF_DRIVER_GLOBALS = ptr::with_exposed_provenance_mut(get(&GLOBALS));
    // SAFETY: bound by the entry.
    unsafe { version_unbind(ptr::null(), &raw const info, globals) };
}

fn driver_entry(object: *mut DRIVER_OBJECT, path: *mut UNICODE_STRING) -> NTSTATUS {
    let mut config: sys::WDF_DRIVER_CONFIG = zeroed();
    config.Size = size_of_val(&config) as u32;
    config.DriverInitFlags = sys::WdfDriverInitNonPnpDriver.cast_unsigned();
    config.EvtDriverUnload = Some(evt_unload);
    let mut driver = 0usize;
    let arguments = [object.expose_provenance(), path.expose_provenance(), 0, at(&config), out(&mut driver)];
    let status = wdf_status("WdfDriverCreate", &arguments);
    if !status.is_success() {
        return code(status);
    }
    DRIVER.store(driver, Ordering::SeqCst);
    match create_device(driver) {
        Ok(()) => plan().entry.map_or(0, |entry| entry()),
        Err(status) => code(status),
    }
}

fn create_device(driver: usize) -> Result<(), NtStatus> {
    let check = |status: NtStatus| if status.is_success() { Ok(()) } else { Err(status) };
    let sddl = unicode("D:P(A;;GA;;;SY)(A;;GA;;;BA)");
    let mut init = wdf("WdfControlDeviceInitAllocate", &[driver, at(&sddl)]);
    if init == 0 {
        return Err(status::INSUFFICIENT_RESOURCES);
    }
    let name = unicode(r"\Device\sample");
    let named = wdf_status("WdfDeviceInitAssignName", &[init, at(&name)]);
    if !named.is_success() {
        wdf("WdfDeviceInitFree", &[init]);
        return Err(named);
    }
    let io_type = if plan().buffered { sys::WdfDeviceIoBuffered } else { sys::WdfDeviceIoDirect };
    wdf("WdfDeviceInitSetIoType", &[init, io_type.cast_unsigned() as usize]);
    wdf("WdfDeviceInitSetExclusive", &[init, plan().exclusive.into()]);
    let mut files: sys::WDF_FILEOBJECT_CONFIG = zeroed();
    files.Size = size_of_val(&files) as u32;
    files.FileObjectClass = sys::WdfFileObjectWdfCannotUseFsContexts;
    files.AutoForwardCleanupClose = sys::WdfUseDefault;
    files.EvtDeviceFileCreate = plan().create.is_some().then_some(evt_create as sys::EVT_WDF_DEVICE_FILE_CREATE);
    files.EvtFileCleanup = Some(evt_cleanup);
    files.EvtFileClose = Some(evt_close);
    let mut of_files = attributes();
    of_files.ContextTypeInfo = context_type();
    wdf("WdfDeviceInitSetFileObjectConfig", &[init, at(&files), at(&of_files)]);
    let mut of_requests = attributes();
    of_requests.ContextTypeInfo = context_type();
    of_requests.EvtCleanupCallback = plan().request_cleanup;
    of_requests.EvtDestroyCallback = plan().request_destroy;
    wdf("WdfDeviceInitSetRequestAttributes", &[init, at(&of_requests)]);
    let mut device = 0usize;
    let created = wdf_status("WdfDeviceCreate", &[out(&mut init), 0, out(&mut device)]);
    if !created.is_success() {
        wdf("WdfDeviceInitFree", &[init]);
        return Err(created);
    }
    assert_eq!(init, 0, "WdfDeviceCreate takes the init");
    DEVICE.store(device, Ordering::SeqCst);
    let link = unicode(r"\DosDevices\sample");
    check(wdf_status("WdfDeviceCreateSymbolicLink", &[device, at(&link)]))?;
    let kind = if plan().default_type == 0 { sys::WdfIoQueueDispatchParallel } else { plan().default_type };
    let mut default = queue_config(kind);
    default.DefaultQueue = 1;
    default.EvtIoRead = Some(evt_read);
    default.EvtIoWrite = plan().write.is_some().then_some(evt_write as sys::EVT_WDF_IO_QUEUE_IO_WRITE);
    default.EvtIoDeviceControl = Some(evt_control);
    QUEUE.store(create_queue(&default)?, Ordering::SeqCst);
    let mut manual = queue_config(sys::WdfIoQueueDispatchManual);
    manual.EvtIoCanceledOnQueue = plan()
        .canceled_on_queue
        .is_some()
        .then_some(evt_canceled_on_queue as sys::EVT_WDF_IO_QUEUE_IO_CANCELED_ON_QUEUE);
    MANUAL.store(create_queue(&manual)?, Ordering::SeqCst);
    if !plan().unfinished {
        wdf("WdfControlFinishInitializing", &[device]);
    }
    Ok(())
}

unsafe extern "efiapi" fn evt_unload(_driver: sys::WDFDRIVER) {
    log("EvtDriverUnload");
    if let Some(unload) = plan().unload {
        unload();
    }
}

unsafe extern "efiapi" fn evt_create(_device: sys::WDFDEVICE, request: sys::WDFREQUEST, file: sys::WDFFILEOBJECT) {
    if let Some(create) = plan().create {
        create(request.addr(), file.addr());
    }
}

unsafe extern "efiapi" fn evt_cleanup(file: sys::WDFFILEOBJECT) {
    log("EvtFileCleanup");
    if let Some(cleanup) = plan().cleanup {
        cleanup(file.addr());
    }
}

unsafe extern "efiapi" fn evt_close(file: sys::WDFFILEOBJECT) {
    log("EvtFileClose");
    if let Some(close) = plan().close {
        close(file.addr());
    }
}

unsafe extern "efiapi" fn evt_read(_queue: sys::WDFQUEUE, request: sys::WDFREQUEST, len: usize) {
    match plan().read {
        Some(read) => read(request.addr(), len),
        None => pend(request.addr()),
    }
}

unsafe extern "efiapi" fn evt_write(_queue: sys::WDFQUEUE, request: sys::WDFREQUEST, len: usize) {
    if let Some(write) = plan().write {
        write(request.addr(), len);
    }
}

unsafe extern "efiapi" fn evt_control(
    _queue: sys::WDFQUEUE,
    request: sys::WDFREQUEST,
    output: usize,
    input: usize,
    code: u32,
) {
    match plan().control {
        Some(control) => control(request.addr(), output, input, code),
        None => complete(request.addr(), status::INVALID_DEVICE_REQUEST, 0),
    }
}

unsafe extern "efiapi" fn evt_canceled_on_queue(_queue: sys::WDFQUEUE, request: sys::WDFREQUEST) {
    if let Some(canceled) = plan().canceled_on_queue {
        canceled(request.addr());
    }
}
