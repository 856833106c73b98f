//! Callback objects: routines that drivers register under a name, and that are told when somebody notifies.
//! Creating and registering below DISPATCH_LEVEL, notifying up to DISPATCH_LEVEL.
//!
//! A registration that a driver leaves behind breaks V35.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

use nblease_ndis::sys::{
    BOOLEAN, NTSTATUS, OBJECT_ATTRIBUTES, PVOID, STATUS_INSUFFICIENT_RESOURCES, STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_SUCCESS,
};

use super::{dpc::owner, enter, string};
use crate::{
    exports,
    faults::FaultKind,
    judge::rule,
    kernel::{DriverId, kernel},
    pe::Export,
    sync::lock,
    thread::{self, APC_LEVEL, DISPATCH_LEVEL},
};

pub const EXPORTS: &[Export] = exports! {
    "ExCreateCallback" => ex_create_callback,
    "ExNotifyCallback" => ex_notify_callback,
    "ExRegisterCallback" => ex_register_callback,
    "ExUnregisterCallback" => ex_unregister_callback,
};

/// Those that the system makes.
const SYSTEMS: [&str; 3] = [r"\callback\powerstate", r"\callback\processoradd", r"\callback\setsystemtime"];
/// What callback objects begin with: no address, so that looking into one faults.
const OBJECT: usize = 0x0bad_0003_0000_0000;
/// What registrations begin with.
const REGISTRATION: usize = 0x0bad_0004_0000_0000;

type Routine = unsafe extern "win64" fn(PVOID, PVOID, PVOID);

/// The objects, and who is registered with them.
#[derive(Default)]
pub struct Callbacks {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last: usize,
    /// Object by name, in lower case.
    named: BTreeMap<String, usize>,
    registered: BTreeMap<usize, Registration>,
}

#[derive(Clone)]
struct Registration {
    object: usize,
    driver: DriverId,
    routine: usize,
    context: usize,
    /// Calls of the routine under way.
    running: usize,
}

impl State {
    fn number(&mut self) -> usize {
        self.last += 0x10;
        self.last
    }

    fn object(&mut self) -> usize {
        OBJECT | self.number()
    }
}

fn state() -> MutexGuard<'static, State> {
    lock(&kernel().nt.callbacks.state)
}

impl Callbacks {
    /// What a driver left registered.
    pub(super) fn of(&self, driver: DriverId) -> Vec<String> {
        let state = lock(&self.state);
        let left = state.registered.values().filter(|registration| registration.driver == driver);
        left.map(|left| format!("callback {}", kernel().describe_address(left.routine))).collect()
    }
}

unsafe extern "win64" fn ex_create_callback(
    object: *mut PVOID,
    attributes: *const OBJECT_ATTRIBUTES,
    create: BOOLEAN,
    _allow_multiple: BOOLEAN,
) -> NTSTATUS {
    enter("ExCreateCallback", APC_LEVEL);
    // SAFETY: the DDI demands attributes.
    let name = string::text(unsafe { (*attributes).ObjectName }).to_lowercase();
    if kernel().faults.should_fail(FaultKind::Object) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    let mut state = state();
    let known = state.named.get(&name).copied();
    let found = match known {
        Some(found) => found,
        None if create == 0 && !SYSTEMS.contains(&name.as_str()) => return STATUS_OBJECT_NAME_NOT_FOUND,
        None => {
            let made = state.object();
            if !name.is_empty() {
                state.named.insert(name, made);
            }
            made
        }
    };
    drop(state);
    kernel().nt.handles.reference(found);
    // SAFETY: the DDI demands storage for the pointer.
    unsafe { object.write(std::ptr::without_provenance_mut(found)) };
    STATUS_SUCCESS
}

unsafe extern "win64" fn ex_register_callback(object: PVOID, routine: Option<Routine>, context: PVOID) -> PVOID {
    enter("ExRegisterCallback", APC_LEVEL);
    let Some(routine) = routine else { return std::ptr::null_mut() };
    if kernel().faults.should_fail(FaultKind::Object) {
        return std::ptr::null_mut();
    }
    let routine = routine as *const () as usize;
    let context = context.expose_provenance();
    let registration = Registration { object: object.addr(), driver: owner(routine), routine, context, running: 0 };
    let mut state = state();
    let handle = REGISTRATION | state.number();
    state.registered.insert(handle, registration);
    std::ptr::without_provenance_mut(handle)
}

/// Waits for calls of the routine that are under way.
unsafe extern "win64" fn ex_unregister_callback(registration: PVOID) {
    enter("ExUnregisterCallback", APC_LEVEL);
    let handle = registration.addr();
    let known = state().registered.contains_key(&handle);
    kernel()
        .judge
        .check(rule::V36, known, || format!("ExUnregisterCallback of {registration:p}, which is no registration"));
    let is_idle = || state().registered.get(&handle).is_none_or(|registration| registration.running == 0);
    kernel().sched.wait_until("ExUnregisterCallback's wait for the routine", None, &mut || is_idle());
    state().registered.remove(&handle);
}

/// The routines are called at the notifier's IRQL.
unsafe extern "win64" fn ex_notify_callback(object: PVOID, first: PVOID, second: PVOID) {
    enter("ExNotifyCallback", DISPATCH_LEVEL);
    let handles: Vec<usize> = {
        let state = state();
        let of_object = state.registered.iter().filter(|(_, registration)| registration.object == object.addr());
        of_object.map(|(handle, _)| *handle).collect()
    };
    for handle in handles {
        let Some(registration) = state().registered.get_mut(&handle).map(|registration| {
            registration.running += 1;
            registration.clone()
        }) else {
            continue;
        };
        let routine: PVOID = std::ptr::with_exposed_provenance_mut(registration.routine);
        // SAFETY: the driver registered it as such a routine.
        let routine = unsafe { std::mem::transmute::<PVOID, Routine>(routine) };
        thread::call_driver(registration.driver, "Callback", thread::irql(), || {
            // SAFETY: the driver's own routine, with its context and what the notifier passes.
            unsafe { routine(std::ptr::with_exposed_provenance_mut(registration.context), first, second) };
        });
        if let Some(registration) = state().registered.get_mut(&handle) {
            registration.running -= 1;
        }
        kernel().sched.changed();
    }
}
