//! Requests that a driver sends to a target (fxrequestapi.cpp, fxiotarget.cpp): its own, made by WdfRequestCreate, and those
//! that a queue gave it.
//!
//! A request that was sent is the target's until its completion routine runs, at up to DISPATCH_LEVEL; a request of a queue is
//! the driver's to complete then.

use nblease_ndis::sys::{self, WDF_DRIVER_GLOBALS, WDF_OBJECT_ATTRIBUTES};

use super::{
    as_pointer,
    attributes::{Attributes, Parent},
    driver::default_parent,
    enter, give,
    io_target::Admission,
    may_allocate,
    object::{Body, Handle, Kind, Object, State},
    queue,
    request::{self, Place},
    request_cancel::check_owned,
    request_format::{Format, Outcome},
    state, timer,
};
use crate::{
    faults::FaultKind,
    io::{Completion, NtStatus, Pending, status},
    judge::rule,
    kernel::kernel,
    thread::{self, PASSIVE_LEVEL},
};

/// `WDF_REQUEST_SEND_OPTIONS_FLAGS`.
const TIMEOUT: u32 = 1;
const SYNCHRONOUS: u32 = 2;
const IGNORE_STATE: u32 = 4;
const FORGET: u32 = 8;

/// EvtRequestCompletionRoutine.
pub(crate) type EvtCompletion =
    unsafe extern "efiapi" fn(sys::WDFREQUEST, sys::WDFIOTARGET, *const Outcome, sys::WDFCONTEXT);

/// `WDF_REQUEST_SEND_OPTIONS`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Options {
    size: u32,
    flags: u32,
    /// Relative if negative, else system time, in units of 100 ns.
    timeout: i64,
}

/// `WDF_REQUEST_REUSE_PARAMS`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Reuse {
    size: u32,
    flags: u32,
    status: i32,
    new_irp: usize,
}

/// What is kept of a request's being sent.
#[derive(Default)]
pub(crate) struct Sending {
    pub format: Option<Format>,
    routine: Option<(EvtCompletion, usize)>,
    /// It is the target's.
    pub under_way: bool,
    /// The framework completes it as the target does.
    forgotten: bool,
    pending: Option<Pending>,
    status: Option<NtStatus>,
    outcome: Option<Outcome>,
}

impl Sending {
    /// `IoStatus.Information` of its last completion.
    pub(crate) fn information(&self) -> usize {
        self.outcome.map_or(0, |outcome| outcome.information())
    }
}

impl State {
    /// What is kept of a request's being sent; a request that is the target's ends the run (V43), unless `sent` may be.
    pub(crate) fn sending(&mut self, ddi: &'static str, request: Handle, sent: bool) -> &mut Sending {
        let object = self.object(ddi, request, Kind::Request);
        if !sent && object.sending.as_ref().is_some_and(|sending| sending.under_way) {
            let history = object.history();
            let what = format!("{ddi} on WDFREQUEST {request:#x}, which was sent and has not come back");
            kernel().judge.fatal(rule::V43, what, history);
        }
        object.sending.get_or_insert_default()
    }

    /// Whether the driver made a request itself.
    pub(crate) fn is_own_request(&self, request: Handle) -> bool {
        self.get(request).is_some_and(|object| matches!(object.body, Body::OwnRequest))
    }
}

/// WdfRequestCreate: a request of the driver's own, which it deletes.
pub(crate) unsafe extern "win64" fn create(
    globals: *mut WDF_DRIVER_GLOBALS,
    attributes: *const WDF_OBJECT_ATTRIBUTES,
    target: sys::WDFIOTARGET,
    result: *mut sys::WDFREQUEST,
) -> NtStatus {
    let id = enter!("WdfRequestCreate", globals);
    if !target.is_null() {
        state().io_target("WdfRequestCreate", target.addr());
    }
    // SAFETY: a driver passes its attributes or null.
    let attributes = match unsafe { Attributes::read(attributes, Parent::Allowed, false) } {
        Ok(attributes) => attributes,
        Err(status) => return status,
    };
    if let Err(status) = may_allocate(FaultKind::Request) {
        return status;
    }
    let parent = attributes.parent_or_driver("WdfRequestCreate", id);
    let handle = state().add(Kind::Request, id, parent, &attributes, Body::OwnRequest);
    // SAFETY: a driver passes its variable.
    unsafe { give(result, as_pointer(handle)) };
    status::SUCCESS
}

/// WdfRequestReuse, for a request of the driver's own that is not under way.
pub(crate) unsafe extern "win64" fn reuse(
    globals: *mut WDF_DRIVER_GLOBALS,
    request: sys::WDFREQUEST,
    parameters: *const Reuse,
) -> NtStatus {
    const DDI: &str = "WdfRequestReuse";
    enter!("WdfRequestReuse", globals);
    // SAFETY: a driver passes its parameters.
    let parameters = unsafe { parameters.read_unaligned() };
    if parameters.size as usize != size_of::<Reuse>() || parameters.flags & !3 != 0 {
        return status::INVALID_PARAMETER;
    }
    if parameters.new_irp != 0 {
        super::binding::unmodelled("WdfRequestReuse with another IRP");
    }
    let mut state = state();
    *state.sending(DDI, request.addr(), false) =
        Sending { status: Some(NtStatus(parameters.status.cast_unsigned())), ..Sending::default() };
    status::SUCCESS
}

/// WdfRequestChangeTarget: every request fits every target, as all have one stack location.
pub(crate) unsafe extern "win64" fn change_target(
    globals: *mut WDF_DRIVER_GLOBALS,
    request: sys::WDFREQUEST,
    target: sys::WDFIOTARGET,
) -> NtStatus {
    enter!("WdfRequestChangeTarget", globals);
    let mut state = state();
    state.sending("WdfRequestChangeTarget", request.addr(), false);
    state.io_target("WdfRequestChangeTarget", target.addr());
    status::SUCCESS
}

/// WdfRequestAllocateTimer: so that a later send with a timeout cannot fail.
pub(crate) unsafe extern "win64" fn allocate_timer(
    globals: *mut WDF_DRIVER_GLOBALS,
    request: sys::WDFREQUEST,
) -> NtStatus {
    enter!("WdfRequestAllocateTimer", globals);
    state().sending("WdfRequestAllocateTimer", request.addr(), false);
    may_allocate(FaultKind::Timer).err().unwrap_or(status::SUCCESS)
}

/// WdfRequestSetCompletionRoutine.
pub(crate) unsafe extern "win64" fn set_completion_routine(
    globals: *mut WDF_DRIVER_GLOBALS,
    request: sys::WDFREQUEST,
    routine: Option<EvtCompletion>,
    context: sys::WDFCONTEXT,
) {
    enter!("WdfRequestSetCompletionRoutine", globals);
    state().sending("WdfRequestSetCompletionRoutine", request.addr(), false).routine =
        routine.map(|routine| (routine, context.expose_provenance()));
}

/// WdfRequestGetStatus: that of its last completion, or of the send that failed.
pub(crate) unsafe extern "win64" fn get_status(globals: *mut WDF_DRIVER_GLOBALS, request: sys::WDFREQUEST) -> NtStatus {
    enter!("WdfRequestGetStatus", globals);
    state().sending("WdfRequestGetStatus", request.addr(), true).status.unwrap_or(status::SUCCESS)
}

/// WdfRequestGetCompletionParams.
pub(crate) unsafe extern "win64" fn get_completion_params(
    globals: *mut WDF_DRIVER_GLOBALS,
    request: sys::WDFREQUEST,
    to: *mut Outcome,
) {
    const DDI: &str = "WdfRequestGetCompletionParams";
    enter!("WdfRequestGetCompletionParams", globals);
    let outcome = state().sending(DDI, request.addr(), false).outcome;
    kernel().judge.check(rule::V07, outcome.is_some(), || format!("{DDI} of a request that has not been completed"));
    if let Some(outcome) = outcome {
        // SAFETY: a driver passes its structure.
        unsafe { give(to, outcome) };
    }
}

/// WdfRequestCancelSentRequest: whether its cancelation was tried.
pub(crate) unsafe extern "win64" fn cancel_sent(
    globals: *mut WDF_DRIVER_GLOBALS,
    request: sys::WDFREQUEST,
) -> sys::BOOLEAN {
    enter!("WdfRequestCancelSentRequest", globals);
    state().sending("WdfRequestCancelSentRequest", request.addr(), true);
    u8::from(cancel(request.addr()))
}

/// Cancels a request that was sent: whether it was under way.
pub(crate) fn cancel(request: Handle) -> bool {
    let pending = {
        let mut state = state();
        let Some(object) = state.get_mut(request) else { return false };
        object.note("its sending is cancelled");
        object.sending.as_ref().and_then(|sending| sending.pending.clone())
    };
    pending.map(|pending| pending.cancel()).is_some()
}

/// WdfRequestSend: false where it did not get to the target, and WdfRequestGetStatus says why.
pub(crate) unsafe extern "win64" fn send(
    globals: *mut WDF_DRIVER_GLOBALS,
    request: sys::WDFREQUEST,
    target: sys::WDFIOTARGET,
    options: *const Options,
) -> sys::BOOLEAN {
    const DDI: &str = "WdfRequestSend";
    enter!("WdfRequestSend", globals);
    // SAFETY: a driver passes its options or null.
    let options = unsafe { options_of(options) };
    let sent = options.and_then(|options| submit(DDI, request.addr(), target.addr(), options));
    if let Err(status) = sent {
        state().sending(DDI, request.addr(), true).status = Some(status);
    }
    u8::from(sent.is_ok())
}

/// What the options say; nothing where there are none.
///
/// # Safety
/// `options` is null or readable.
pub(super) unsafe fn options_of(options: *const Options) -> Result<Options, NtStatus> {
    if options.is_null() {
        return Ok(Options { size: 0, flags: 0, timeout: 0 });
    }
    // SAFETY: the caller's promise.
    let options = unsafe { options.read_unaligned() };
    let right = options.size as usize == size_of::<Options>() && options.flags & (SYNCHRONOUS | FORGET) != 10;
    if right { Ok(options) } else { Err(status::INVALID_PARAMETER) }
}

impl Options {
    /// The same, for a call that waits.
    pub(super) fn synchronous(self) -> Self {
        Self { flags: self.flags | SYNCHRONOUS, ..self }
    }

    fn has(self, flag: u32) -> bool {
        self.flags & flag != 0
    }
}

/// Sends a request. With SYNCHRONOUS it has come back when this returns.
pub(super) fn submit(ddi: &'static str, request: Handle, target: Handle, options: Options) -> Result<(), NtStatus> {
    if options.has(SYNCHRONOUS) {
        thread::enter("WdfRequestSend that waits", PASSIVE_LEVEL, rule::V45);
    }
    let admission = {
        let mut state = state();
        let own = state.is_own_request(request);
        let sending = state.sending(ddi, request, false);
        let (formatted, routine) = (sending.format.is_some(), sending.routine.is_some());
        kernel().judge.check(rule::V43, formatted, || format!("{ddi} of WDFREQUEST {request:#x}, which has no format"));
        if !own {
            check_owned(&mut state, ddi, request);
            let awaited = routine || options.has(SYNCHRONOUS) || options.has(FORGET);
            kernel().judge.check(rule::V43, awaited, || {
                format!("{ddi} of WDFREQUEST {request:#x} without a completion routine: nobody completes it")
            });
        }
        if options.has(FORGET) {
            if own {
                return Err(status::INVALID_DEVICE_STATE);
            }
            // A driver that wants to keep something of a request has to see it come back.
            if !state.any(ddi, request).contexts.is_empty() {
                return Err(status::INVALID_DEVICE_REQUEST);
            }
            let sending = state.sending(ddi, request, false);
            (sending.forgotten, sending.routine) = (true, None);
        }
        let admission = state.io_target(ddi, target).admit(request, options.has(IGNORE_STATE));
        if !matches!(admission, Admission::Refused(_)) {
            let sending = state.sending(ddi, request, false);
            (sending.under_way, sending.outcome, sending.status) = (true, None, None);
            state.io_target(ddi, target).sent.push(request);
            if !own {
                state.request(ddi, request).place = Place::Sent;
            }
            if let Some(object) = state.get_mut(request) {
                object.note(format!("sent to {target:#x}"));
            }
        }
        admission
    };
    match admission {
        Admission::Refused(status) => return Err(status),
        Admission::Waits => {}
        Admission::Goes(device) => go(request, target, device),
    }
    if options.has(TIMEOUT) && !options.has(SYNCHRONOUS) {
        let late = Box::new(move || {
            cancel(request);
        });
        kernel().sched.set_timer(timer::due_ns(options.timeout), 0, late);
    }
    if options.has(SYNCHRONOUS) {
        let limit = options.has(TIMEOUT).then(|| timer::due_ns(options.timeout));
        let mut back = || state().sending(ddi, request, true).outcome.is_some();
        if !kernel().sched.wait_until("the request that was sent", limit, &mut back) {
            cancel(request);
            kernel().sched.wait_until("the request that took too long", None, &mut back);
            state().sending(ddi, request, true).status = Some(status::IO_TIMEOUT);
        }
    }
    Ok(())
}

/// A request that waited for its target's start goes.
pub(super) fn resume(request: Handle, target: Handle) {
    let admission = state().io_target("WdfIoTargetStart", target).admit(request, false);
    if let Admission::Goes(device) = admission {
        go(request, target, device);
    }
}

/// A request that waited for its target's start fails.
pub(super) fn refuse(request: Handle, target: Handle, why: NtStatus) {
    come_back(request, target, &Completion { status: why.0, information: 0, data: Vec::new() });
}

/// Makes the call. A device's dispatch is called at PASSIVE_LEVEL: above that a worker does it.
fn go(request: Handle, target: Handle, device: crate::io::Handle) {
    if thread::irql() > PASSIVE_LEVEL {
        kernel().sched.queue_work(Box::new(move || go(request, target, device)));
        return;
    }
    let format = state().sending("WdfRequestSend", request, true).format;
    let Some(format) = format else { return };
    let pending = format.call(&device);
    {
        let mut state = state();
        state.sending("WdfRequestSend", request, true).pending = Some(pending.clone());
    }
    pending.on_completion(move |completion| come_back(request, target, completion));
}

/// The request was completed by its target. Calls the driver.
fn come_back(request: Handle, target: Handle, completion: &Completion) {
    const DDI: &str = "EvtRequestCompletionRoutine";
    let (driver, outcome, routine, forgotten) = {
        let mut state = state();
        let format = state.sending(DDI, request, true).format;
        let outcome = format.map(|format| format.outcome(&mut state, completion));
        let own = state.is_own_request(request);
        if !own {
            state.request(DDI, request).place = Place::Driver;
        }
        let driver = state.any(DDI, request).driver;
        let sending = state.sending(DDI, request, true);
        (sending.under_way, sending.pending, sending.format) = (false, None, None);
        (sending.outcome, sending.status) = (outcome, Some(completion.nt_status()));
        let routine = sending.routine.take();
        (driver, outcome, routine, sending.forgotten)
    };
    if let (Some((routine, context)), Some(outcome)) = (routine, outcome) {
        thread::call_driver(driver, DDI, queue::cancel_irql(), || {
            let context = std::ptr::with_exposed_provenance_mut(context);
            // SAFETY: the driver set routine and context for this request; the parameters outlive the call.
            unsafe { routine(as_pointer(request), as_pointer(target), &raw const outcome, context) };
        });
    }
    state().io_target(DDI, target).sent.retain(|sent| *sent != request);
    if forgotten {
        request::complete(request, completion.nt_status(), completion.information);
    }
    kernel().sched.changed();
}

/// A request is deleted by its driver: not while it is the target's.
pub(super) fn check_deletable(object: &Object, request: Handle) {
    let sent = object.sending.as_ref().is_some_and(|sending| sending.under_way);
    if sent {
        let what = format!("WdfObjectDelete on WDFREQUEST {request:#x}, which was sent and has not come back");
        kernel().judge.fatal(rule::V43, what, object.history());
    }
}

/// A request of the driver's own for a call that waits; it ends with [`forget`].
pub(super) fn temporary(driver: crate::kernel::DriverId) -> Result<Handle, NtStatus> {
    may_allocate(FaultKind::Request)?;
    let parent = default_parent(driver);
    Ok(state().add(Kind::Request, driver, parent, &Attributes::default(), Body::OwnRequest))
}

/// How a call that waited came out: status and Information.
pub(super) fn result_of(ddi: &'static str, request: Handle) -> (NtStatus, usize) {
    let mut state = state();
    let sending = state.sending(ddi, request, true);
    (sending.status.unwrap_or(status::SUCCESS), sending.information())
}

/// Ends what [`temporary`] made.
pub(super) fn forget(request: Handle) {
    super::lifecycle::delete(request);
}

/// The information of a request, whoever made it.
pub(super) fn information(ddi: &'static str, handle: Handle) -> usize {
    let mut state = state();
    if state.is_own_request(handle) {
        return state.sending(ddi, handle, true).information();
    }
    let request: &request::Request = super::request_ddi::live(&mut state, ddi, handle);
    request.information
}
