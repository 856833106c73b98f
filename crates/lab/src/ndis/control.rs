//! Control of a stack: pause from the top, restart from the bottom, attach and detach of filter modules.
//!
//! After "Pausing a Driver Stack", "Restarting a Driver Stack", "Attaching a Filter Module", "Detaching a Filter
//! Module", `FilterPause`, `FilterRestart`, `NdisFRestartFilter`. All at PASSIVE_LEVEL. Operations on one adapter come
//! one after the other; one that is asked for while another is under way waits for it.

use std::sync::{Arc, atomic::Ordering};

use nblease_ndis::sys::{
    NDIS_FILTER_ATTRIBUTES, NDIS_FILTER_ATTRIBUTES_REVISION_1, NDIS_FILTER_PARTIAL_CHARACTERISTICS,
    NDIS_FILTER_PARTIAL_CHARACTERISTICS_REVISION_1, NDIS_HANDLE, NDIS_OBJECT_HEADER,
    NDIS_OBJECT_TYPE_FILTER_ATTRIBUTES, NDIS_OBJECT_TYPE_FILTER_PARTIAL_CHARACTERISTICS,
    NDIS_SIZEOF_FILTER_ATTRIBUTES_REVISION_1, NDIS_SIZEOF_FILTER_PARTIAL_CHARACTERISTICS_REVISION_1, NDIS_STATUS,
    NDIS_STATUS_FAILURE, NDIS_STATUS_INVALID_PARAMETER, NDIS_STATUS_PENDING, NDIS_STATUS_RESOURCES,
    NDIS_STATUS_SUCCESS, PVOID,
};

use super::{
    adapter::{Adapter, Task},
    attach, check_header,
    driver::FilterDriver,
    module::{DataHandlers, Module, ModuleState},
    oid, raw,
};
use crate::{
    faults::FaultKind,
    history::Event,
    judge::rule,
    kernel::kernel,
    pe::exports::Export,
    sync::lock,
    thread::{self, DISPATCH_LEVEL, PASSIVE_LEVEL},
};

/// What a driver can import of this part.
pub const EXPORTS: &[Export] = crate::exports! {
    NdisFSetAttributes => ndis_f_set_attributes,
    NdisSetOptionalHandlers => ndis_set_optional_handlers,
    NdisFPauseComplete => ndis_f_pause_complete,
    NdisFRestartComplete => ndis_f_restart_complete,
    NdisFRestartFilter => ndis_f_restart_filter,
};

/// How long a pause may last (Driver Verifier, 0xC4 0x92010).
const PAUSE_NS: u64 = 10_000_000_000;
/// How long the ends of a stack wait for their packets when it pauses.
const DRAIN_NS: u64 = 10_000_000_000;

/// Runs `operation` when no other is under way on this adapter; waits for those that are.
pub fn exclusively(adapter: &Arc<Adapter>, operation: impl FnOnce(&Arc<Adapter>)) {
    kernel().sched.wait_until("a stack's control operation", None, &mut || {
        let mut control = lock(&adapter.control);
        !std::mem::replace(&mut control.busy, true)
    });
    operation(adapter);
    run_tasks(adapter);
}

/// Runs `task` now, or after the operation that is under way, on its thread.
fn request(adapter: &Arc<Adapter>, task: Task) {
    let mut control = lock(&adapter.control);
    control.tasks.push_back(task);
    let idle = !std::mem::replace(&mut control.busy, true);
    drop(control);
    if idle {
        run_tasks(adapter);
    }
}

/// Runs what waits; then the adapter is idle.
fn run_tasks(adapter: &Arc<Adapter>) {
    loop {
        let mut control = lock(&adapter.control);
        let Some(task) = control.tasks.pop_front() else {
            control.busy = false;
            break;
        };
        drop(control);
        task(adapter);
    }
    kernel().sched.changed();
}

/// A new adapter: attaches all filters and starts the stack.
pub fn start(adapter: &Arc<Adapter>) {
    exclusively(adapter, |adapter| {
        for driver in kernel().ndis.drivers() {
            attach_module(adapter, &driver);
        }
        restart_stack(adapter);
    });
}

/// An adapter goes: pauses the stack and detaches all filters, from the top.
pub fn stop(adapter: &Arc<Adapter>) {
    exclusively(adapter, |adapter| {
        pause_stack(adapter);
        for module in adapter.modules().iter().rev() {
            detach_module(module);
        }
    });
}

/// A driver registered: attaches it to an adapter whose stack is paused for that.
pub fn attach_driver(adapter: &Arc<Adapter>, driver: &Arc<FilterDriver>) {
    let driver = driver.clone();
    request(
        adapter,
        Box::new(move |adapter| {
            let there = adapter.modules().iter().any(|m| Arc::ptr_eq(&m.driver, &driver));
            if there || !driver.is_registered() || !adapter.plugged.load(Ordering::SeqCst) {
                return;
            }
            pause_stack(adapter);
            attach_module(adapter, &driver);
            restart_if_wanted(adapter);
        }),
    );
}

/// A driver deregisters: detaches it from an adapter; returns when that is done.
pub fn detach_driver(adapter: &Arc<Adapter>, driver: &Arc<FilterDriver>) {
    let mine = driver.clone();
    let is_there = {
        let driver = driver.clone();
        move |adapter: &Adapter| adapter.modules().iter().any(|m| Arc::ptr_eq(&m.driver, &driver))
    };
    request(
        adapter,
        Box::new(move |adapter| {
            let modules = adapter.modules();
            let Some(module) = modules.iter().find(|m| Arc::ptr_eq(&m.driver, &mine)) else {
                return;
            };
            pause_stack(adapter);
            detach_module(module);
            restart_if_wanted(adapter);
        }),
    );
    kernel().sched.wait_until("the detaching of a filter module", None, &mut || !is_there(adapter));
}

fn restart_if_wanted(adapter: &Arc<Adapter>) {
    if adapter.wanted.load(Ordering::SeqCst) && adapter.plugged.load(Ordering::SeqCst) {
        restart_stack(adapter);
    }
}

/// Pauses protocol, filters, miniport, in this order; what is paused already stays so.
pub fn pause_stack(adapter: &Arc<Adapter>) {
    adapter.witness(|witness| witness.interrupted(true));
    adapter.protocol.stop(adapter);
    wait_for_sends(adapter);
    pause_filters_and_miniport(adapter);
}

/// The same, where the protocol's sends are not done when the filters are paused: a filter "must call
/// NdisFSendNetBufferListsComplete for any queued send buffers" (`FilterPause`).
pub fn pause_stack_at_once(adapter: &Arc<Adapter>) {
    adapter.protocol.stop(adapter);
    for module in adapter.modules().iter().rev() {
        pause_module(module);
    }
    wait_for_sends(adapter);
    pause_filters_and_miniport(adapter);
}

fn wait_for_sends(adapter: &Arc<Adapter>) {
    let drained =
        kernel().sched.wait_until("the protocol's sends", Some(DRAIN_NS), &mut || adapter.protocol.outstanding() == 0);
    kernel().judge.check(rule::V12, drained, || {
        format!("a pause waits for sends: {}", adapter.protocol.waiting_for().join("; "))
    });
}

fn pause_filters_and_miniport(adapter: &Arc<Adapter>) {
    for module in adapter.modules().iter().rev() {
        pause_module(module);
    }
    adapter.miniport.stop(adapter);
    let drained = kernel()
        .sched
        .wait_until("the miniport's receives", Some(DRAIN_NS), &mut || adapter.miniport.outstanding() == 0);
    kernel().judge.check(rule::V13, drained, || {
        format!("a pause waits for receives: {}", adapter.miniport.waiting_for().join("; "))
    });
}

/// Restarts miniport, filters, protocol, in this order. A filter that does not restart is detached.
pub fn restart_stack(adapter: &Arc<Adapter>) {
    adapter.miniport.start();
    let modules: Vec<_> =
        adapter.modules().into_iter().filter(|module| module.state() == ModuleState::Paused).collect();
    // "NDIS calls FilterSetModuleOptions for all filter modules in a stack before NDIS calls FilterRestart."
    for module in &modules {
        set_module_options(module);
    }
    let mut lower = (adapter.if_index, adapter.luid);
    for module in &modules {
        if restart_module(module, lower) {
            lower = (module.if_index, module.luid);
        } else {
            detach_module(module);
        }
    }
    adapter.protocol.start();
    adapter.witness(|witness| witness.interrupted(false));
}

fn set_module_options(module: &Arc<Module>) {
    let Some(handler) = module.driver.characteristics.SetFilterModuleOptionsHandler else { return };
    module.setting_options.store(true, Ordering::SeqCst);
    let status = module.call("FilterSetModuleOptions", PASSIVE_LEVEL, |context| {
        // SAFETY: the driver registered this function.
        unsafe { handler(context) }
    });
    module.setting_options.store(false, Ordering::SeqCst);
    if status != NDIS_STATUS_SUCCESS {
        detach_module(module);
    }
}

/// Calls FilterRestart and waits for its completion: whether the module runs.
fn restart_module(module: &Arc<Module>, lower: (u32, u64)) -> bool {
    let Some(handler) = module.driver.characteristics.RestartHandler else { return false };
    if module.state() != ModuleState::Paused {
        return false;
    }
    let (lent, parameters) = attach::restart_parameters(&module.adapter, lower);
    module.in_change.store(true, Ordering::SeqCst);
    module.set_state(ModuleState::Restarting);
    module.restart.begin();
    let status = module.call("FilterRestart", PASSIVE_LEVEL, |context| {
        // SAFETY: the driver registered this function; the parameters are lent for the call.
        unsafe { handler(context, parameters) }
    });
    let status = if status == NDIS_STATUS_PENDING {
        module.in_change.store(false, Ordering::SeqCst);
        stray(module);
        kernel().sched.wait_until("NdisFRestartComplete", None, &mut || module.restart.completed().is_some());
        module.restart.completed().unwrap_or(NDIS_STATUS_FAILURE)
    } else {
        let once = module.restart.completed().is_none();
        kernel().judge.check(rule::V07, once, || {
            format!("FilterRestart of {} returned {status:#x}, and NdisFRestartComplete was called", module.name())
        });
        status
    };
    attach::take_restart_attributes(module, &lent, parameters);
    drop(lent);
    module.restart.end();
    let running = status == NDIS_STATUS_SUCCESS;
    module.set_state(if running { ModuleState::Running } else { ModuleState::Paused });
    module.in_change.store(false, Ordering::SeqCst);
    running
}

/// Calls FilterPause and waits for its completion (V01, V02, V03).
fn pause_module(module: &Arc<Module>) {
    let Some(handler) = module.driver.characteristics.PauseHandler else { return };
    if module.state() != ModuleState::Running {
        return;
    }
    let judge = &kernel().judge;
    let (lent, parameters) = attach::pause_parameters();
    let start = kernel().clock.now_ns();
    module.pause.begin();
    module.in_change.store(true, Ordering::SeqCst);
    module.set_state(ModuleState::Pausing);
    let status = module.call("FilterPause", PASSIVE_LEVEL, |context| {
        // SAFETY: the driver registered this function; the parameters are lent for the call.
        unsafe { handler(context, parameters) }
    });
    module.in_change.store(false, Ordering::SeqCst);
    drop(lent);
    let pending = status == NDIS_STATUS_PENDING;
    if pending {
        stray(module);
    }
    judge.check(rule::V02, pending || status == NDIS_STATUS_SUCCESS, || {
        format!("FilterPause of {} failed with {status:#x}", module.name())
    });
    if !pending {
        let completions = module.pause.complete(NDIS_STATUS_SUCCESS);
        judge.check(rule::V03, completions == Some(1), || {
            format!("FilterPause of {} returned {status:#x}, and NdisFPauseComplete was called", module.name())
        });
        judge_pause_complete(module);
    }
    let done =
        kernel().sched.wait_until("NdisFPauseComplete", Some(PAUSE_NS), &mut || module.pause.completed().is_some());
    // A pause may wait inside the call too.
    let took = kernel().clock.now_ns() - start;
    judge.check(rule::V01, done && took <= PAUSE_NS, || {
        let out = kernel().ndis.ledger.out_of_module(module).join("; ");
        let has = if out.is_empty() { "and holds no packet".to_owned() } else { format!("and has: {out}") };
        format!("{} took {} ms to pause, {has}", module.name(), took / 1_000_000)
    });
    module.pause.end();
    module.set_state(ModuleState::Paused);
    stray_receive(module);
    lock(&module.refusals).judge(module.adapter.config.mtu);
}

/// Where the adapter is told to: a send comes to a module that is Pausing or Restarting, and knows it (V25).
fn stray(module: &Arc<Module>) {
    let adapter = &module.adapter;
    if adapter.strays.load(Ordering::SeqCst) {
        let above = adapter.next_above(Some(module), |_| true);
        adapter.protocol.stray(adapter, above.as_deref());
    }
    stray_receive(module);
}

/// The same, from below: modules there and the miniport run still, or already.
fn stray_receive(module: &Module) {
    let adapter = &module.adapter;
    if adapter.stray_receives.load(Ordering::SeqCst) {
        adapter.miniport.stray(adapter);
    }
}

/// Nothing may be held when a pause is complete (V05).
fn judge_pause_complete(module: &Module) {
    let out = kernel().ndis.ledger.out_of_module(module);
    kernel().judge.check(rule::V05, out.is_empty(), || {
        format!("{} completed its pause and has: {}", module.name(), out.join("; "))
    });
}

/// Calls FilterAttach; a module that attaches is the topmost of the stack, Paused.
fn attach_module(adapter: &Arc<Adapter>, driver: &Arc<FilterDriver>) {
    let Some(handler) = driver.characteristics.AttachHandler else { return };
    let module = Module::new(driver.clone(), adapter.clone());
    let ndis = &kernel().ndis;
    ndis.add_module(module.clone());
    let before = ndis.objects.of(driver.id);
    let (lent, parameters) = attach::attach_parameters(adapter, &module);
    let driver_context = std::ptr::with_exposed_provenance_mut(driver.context);
    let status = module.call("FilterAttach", PASSIVE_LEVEL, |_| {
        // SAFETY: the driver registered this function; the parameters are lent for the call.
        unsafe { handler(module.ndis_handle(), driver_context, parameters) }
    });
    drop(lent);
    if status == NDIS_STATUS_SUCCESS {
        kernel().judge.check(rule::V07, module.has_context(), || {
            format!("FilterAttach of {} succeeded without NdisFSetAttributes", module.name())
        });
        module.set_state(ModuleState::Paused);
        adapter.push_module(module);
    } else {
        module.set_state(ModuleState::Detached);
        ndis.remove_module(&module);
        let after = ndis.objects.of(driver.id);
        kernel().judge.check(rule::V06, after.len() <= before.len(), || {
            format!("FilterAttach of {} failed with {status:#x} and left: {}", module.name(), after.join("; "))
        });
    }
}

/// Calls FilterDetach for a paused module; it is out of the stack then.
fn detach_module(module: &Arc<Module>) {
    let Some(handler) = module.driver.characteristics.DetachHandler else { return };
    if module.state() != ModuleState::Paused {
        return;
    }
    module.adapter.remove_module(module);
    // A binding that is closed waits for its requests, and NDIS for those that a filter has handed on.
    kernel()
        .sched
        .wait_until("callbacks of a filter module to return", None, &mut || module.is_idle() && oid::none_of(module));
    module.set_state(ModuleState::Detached);
    module.call("FilterDetach", PASSIVE_LEVEL, |context| {
        // SAFETY: the driver registered this function.
        unsafe { handler(context) }
    });
    kernel().judge.evaluated(rule::V04);
    kernel().ndis.remove_module(module);
    kernel().sched.changed();
}

pub(super) unsafe extern "efiapi" fn ndis_f_set_attributes(
    handle: NDIS_HANDLE,
    context: NDIS_HANDLE,
    attributes: *mut NDIS_FILTER_ATTRIBUTES,
) -> NDIS_STATUS {
    const FUNCTION: &str = "NdisFSetAttributes";
    thread::enter(FUNCTION, PASSIVE_LEVEL, rule::V09);
    let Some(module) = kernel().ndis.module(FUNCTION, handle) else {
        return NDIS_STATUS_INVALID_PARAMETER;
    };
    if kernel().faults.should_fail(FaultKind::Ndis) {
        return NDIS_STATUS_RESOURCES;
    }
    let size = NDIS_SIZEOF_FILTER_ATTRIBUTES_REVISION_1;
    let good = check_header(
        "NDIS_FILTER_ATTRIBUTES",
        raw::read(attributes.cast::<NDIS_OBJECT_HEADER>()),
        NDIS_OBJECT_TYPE_FILTER_ATTRIBUTES as u8,
        &[(NDIS_FILTER_ATTRIBUTES_REVISION_1 as u8, size)],
    );
    if !good || !module.require(FUNCTION, &[ModuleState::Attaching]) {
        return NDIS_STATUS_INVALID_PARAMETER;
    }
    let first = module.set_context(context);
    kernel().judge.check(rule::V07, first, || format!("{FUNCTION} twice for {}", module.name()));
    NDIS_STATUS_SUCCESS
}

/// NdisSetOptionalHandlers: for a filter only inside FilterSetModuleOptions, with the data handlers of that module.
pub(super) unsafe extern "efiapi" fn ndis_set_optional_handlers(handle: NDIS_HANDLE, handlers: PVOID) -> NDIS_STATUS {
    const FUNCTION: &str = "NdisSetOptionalHandlers";
    thread::enter(FUNCTION, PASSIVE_LEVEL, rule::V09);
    let Some(module) = kernel().ndis.module(FUNCTION, handle) else {
        return NDIS_STATUS_INVALID_PARAMETER;
    };
    let size = NDIS_SIZEOF_FILTER_PARTIAL_CHARACTERISTICS_REVISION_1;
    let good = check_header(
        "NDIS_FILTER_PARTIAL_CHARACTERISTICS",
        raw::read(handlers.cast::<NDIS_OBJECT_HEADER>()),
        NDIS_OBJECT_TYPE_FILTER_PARTIAL_CHARACTERISTICS as u8,
        &[(NDIS_FILTER_PARTIAL_CHARACTERISTICS_REVISION_1 as u8, size)],
    );
    if !good {
        return NDIS_STATUS_INVALID_PARAMETER;
    }
    let setting = module.setting_options.load(Ordering::SeqCst);
    kernel()
        .judge
        .check(rule::V07, setting, || format!("{FUNCTION} by {} outside of FilterSetModuleOptions", module.name()));
    if !setting {
        return NDIS_STATUS_FAILURE;
    }
    let new: NDIS_FILTER_PARTIAL_CHARACTERISTICS = raw::read(handlers.cast());
    let status = module.driver.characteristics.StatusHandler.is_some();
    let needed = new.ReceiveNetBufferListsHandler.is_some() || new.ReturnNetBufferListsHandler.is_some();
    kernel().judge.check(rule::V10, status || !needed, || {
        format!("{FUNCTION}: a receive or return handler needs a status handler")
    });
    module.set_handlers(DataHandlers {
        send: new.SendNetBufferListsHandler,
        send_complete: new.SendNetBufferListsCompleteHandler,
        cancel_send: new.CancelSendNetBufferListsHandler,
        receive: new.ReceiveNetBufferListsHandler,
        return_: new.ReturnNetBufferListsHandler,
    });
    NDIS_STATUS_SUCCESS
}

pub(super) unsafe extern "efiapi" fn ndis_f_pause_complete(handle: NDIS_HANDLE) {
    const FUNCTION: &str = "NdisFPauseComplete";
    thread::enter(FUNCTION, DISPATCH_LEVEL, rule::V09);
    let Some(module) = kernel().ndis.module(FUNCTION, handle) else { return };
    module.note(Event::here("called").through(FUNCTION));
    let completions = module.pause.complete(NDIS_STATUS_SUCCESS);
    kernel().judge.check(rule::V03, completions == Some(1), || {
        format!("{FUNCTION} by {} without a pause to complete, or twice", module.name())
    });
    judge_pause_complete(&module);
    kernel().sched.changed();
}

pub(super) unsafe extern "efiapi" fn ndis_f_restart_complete(handle: NDIS_HANDLE, status: NDIS_STATUS) {
    const FUNCTION: &str = "NdisFRestartComplete";
    thread::enter(FUNCTION, PASSIVE_LEVEL, rule::V09);
    let Some(module) = kernel().ndis.module(FUNCTION, handle) else { return };
    module.note(Event::here("called").through(FUNCTION));
    let completions = module.restart.complete(status);
    kernel().judge.check(rule::V07, completions == Some(1), || {
        format!("{FUNCTION} by {} without a restart to complete, or twice", module.name())
    });
    kernel().sched.changed();
}

/// NdisFRestartFilter: a pause and a restart are scheduled.
pub(super) unsafe extern "efiapi" fn ndis_f_restart_filter(handle: NDIS_HANDLE) -> NDIS_STATUS {
    const FUNCTION: &str = "NdisFRestartFilter";
    thread::enter(FUNCTION, DISPATCH_LEVEL, rule::V09);
    thread::no_locks(FUNCTION);
    let Some(module) = kernel().ndis.module(FUNCTION, handle) else { return NDIS_STATUS_FAILURE };
    if !module.require_attached(FUNCTION) {
        return NDIS_STATUS_FAILURE;
    }
    if kernel().faults.should_fail(FaultKind::Ndis) {
        return NDIS_STATUS_RESOURCES;
    }
    let adapter = module.adapter.clone();
    kernel().sched.queue_work(Box::new(move || {
        request(
            &adapter,
            Box::new(|adapter| {
                pause_stack(adapter);
                restart_if_wanted(adapter);
            }),
        );
    }));
    NDIS_STATUS_SUCCESS
}
