//! Automatic synchronization: execution levels, synchronization scopes, and the locks behind them (FxDeviceBase and
//! FxIoQueue::ConfigureConstraints, fxcallbackspinlock.hpp, fxcallbackmutexlock.hpp).
//!
//! A device and each of its queues has a callback lock: a spin lock where the execution level is dispatch, else a mutex.
//! Where a scope asks for it the framework holds the device's or the queue's while it calls the driver. A callback that
//! falls due while its own thread holds the lock is put off until that is released (CanThreadDispatchEventsLocked).

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread::yield_now,
};

use nblease_ndis::sys::{self, WDF_DRIVER_GLOBALS};

use super::{
    attributes::Attributes,
    enter,
    lock::this_thread,
    object::{Body, Handle, State},
    state,
};
use crate::{
    clock::Mode,
    io::{NtStatus, status},
    judge::rule,
    kernel::{DriverId, kernel},
    sched::Routine,
    sync::lock,
    thread::{self, DISPATCH_LEVEL, FRAMEWORKS_LOCK, PASSIVE_LEVEL},
};

/// What a lock serializes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Device,
    Queue,
    None,
}

/// The lock that callbacks are called with.
pub(crate) struct CallbackLock {
    driver: DriverId,
    /// Thread that holds it; 0 nobody.
    holder: AtomicU64,
    /// A mutex, for callbacks at PASSIVE_LEVEL.
    passive: bool,
    put_off: Mutex<Vec<Routine>>,
}

impl CallbackLock {
    fn new(driver: DriverId, passive: bool) -> Arc<Self> {
        Arc::new(Self { driver, holder: AtomicU64::new(0), passive, put_off: Mutex::default() })
    }

    /// Whether this thread holds it.
    fn is_mine(&self) -> bool {
        self.holder.load(Ordering::SeqCst) == this_thread()
    }

    fn try_take(&self) -> bool {
        self.holder.compare_exchange(0, this_thread(), Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    fn name(self: &Arc<Self>) -> usize {
        Arc::as_ptr(self).addr()
    }

    /// Takes the lock: the IRQL before.
    fn acquire(self: &Arc<Self>) -> u8 {
        let before = thread::irql();
        if self.passive {
            thread::lock_taken(self.name(), FRAMEWORKS_LOCK);
            kernel().sched.wait_until("a callback lock", None, &mut || self.try_take());
            return before;
        }
        thread::set_irql(DISPATCH_LEVEL.max(before));
        thread::lock_taken(self.name(), FRAMEWORKS_LOCK);
        let taken = match kernel().clock.mode() {
            Mode::Virtual => kernel().sched.spin(|| self.try_take()),
            Mode::Real => {
                while !self.try_take() {
                    yield_now();
                }
                true
            }
        };
        if !taken {
            kernel().judge.fatal(rule::V39, "deadlock on a callback lock of the framework", Vec::new());
        }
        before
    }

    /// Releases it, and lets what was put off follow.
    fn release(self: &Arc<Self>, before: u8) {
        thread::lock_released(self.name(), FRAMEWORKS_LOCK);
        self.holder.store(0, Ordering::SeqCst);
        let put_off = std::mem::take(&mut *lock(&self.put_off));
        for routine in put_off {
            if self.passive {
                kernel().sched.queue_work(routine);
            } else {
                kernel().sched.queue_dpc(self.driver, routine);
            }
        }
        if thread::set_irql(before) > before && before < DISPATCH_LEVEL {
            kernel().irql_fell();
        }
        kernel().sched.changed();
    }

    /// Puts `routine` off until the lock is released, where this thread holds it: whether it was put off.
    pub(crate) fn puts_off(&self, routine: impl FnOnce() + Send + 'static) -> bool {
        let mine = self.is_mine();
        if mine {
            lock(&self.put_off).push(Box::new(routine));
        }
        mine
    }
}

/// Runs `f`, which calls the driver, with a callback lock, where there is one.
pub(crate) fn with<R>(callback_lock: Option<&Arc<CallbackLock>>, f: impl FnOnce() -> R) -> R {
    // What is called inside one of the lab's own waits may find the lock held below it on the same stack.
    let Some(callback_lock) = callback_lock.filter(|lock| !lock.is_mine()) else { return f() };
    let before = callback_lock.acquire();
    let result = f();
    callback_lock.release(before);
    result
}

/// Level, scope and lock of an object that has callbacks.
#[derive(Clone)]
pub(crate) struct Constraints {
    /// Callbacks at PASSIVE_LEVEL.
    pub passive: bool,
    pub scope: Scope,
    lock: Arc<CallbackLock>,
}

impl Constraints {
    /// Those of a driver: dispatch and no scope, unless its attributes say so.
    pub(crate) fn of_driver(driver: DriverId, attributes: &Attributes) -> Self {
        let passive = attributes.level == sys::WdfExecutionLevelPassive;
        let scope = scope_of(attributes).unwrap_or(Scope::None);
        Self { passive, scope, lock: CallbackLock::new(driver, passive) }
    }

    /// Those of a device, from its driver's.
    pub(crate) fn of_device(&self, attributes: &Attributes) -> Self {
        let passive = attributes.passive_below(self.passive);
        let scope = scope_of(attributes).unwrap_or(self.scope);
        Self { passive, scope, lock: CallbackLock::new(self.lock.driver, passive) }
    }

    /// Those of a queue, from its device's. STATUS_INVALID_PARAMETER where it is to share a lock of another level.
    pub(crate) fn of_queue(&self, attributes: &Attributes) -> Result<Self, NtStatus> {
        let own = self.of_device(attributes);
        match own.scope {
            Scope::Device if own.passive != self.passive => Err(status::INVALID_PARAMETER),
            Scope::Device => Ok(Self { lock: self.lock.clone(), ..own }),
            Scope::Queue | Scope::None => Ok(own),
        }
    }

    /// The lock of the file events of a device: STATUS_INVALID_DEVICE_REQUEST for a queue's scope, and for a device's
    /// that is not at PASSIVE_LEVEL (FxPkgGeneral::ConfigureConstraints). `given`: the driver passed attributes.
    pub(crate) fn of_files(&self, attributes: &Attributes, given: bool) -> Result<Option<Arc<CallbackLock>>, NtStatus> {
        let scope = if given { scope_of(attributes).unwrap_or(self.scope) } else { Scope::None };
        match scope {
            Scope::None => Ok(None),
            Scope::Device if self.passive => Ok(Some(self.lock.clone())),
            Scope::Device | Scope::Queue => Err(status::INVALID_DEVICE_REQUEST),
        }
    }

    /// Puts `routine` off until the object's lock is released, where this thread holds it: whether it was put off.
    pub(crate) fn puts_off(&self, routine: impl FnOnce() + Send + 'static) -> bool {
        self.lock.puts_off(routine)
    }

    /// The lock that the object's own callbacks are called with.
    pub(crate) fn automatic(&self) -> Option<&Arc<CallbackLock>> {
        (self.scope != Scope::None).then_some(&self.lock)
    }
}

/// None: the parent's.
fn scope_of(attributes: &Attributes) -> Option<Scope> {
    match attributes.scope {
        sys::WdfSynchronizationScopeDevice => Some(Scope::Device),
        sys::WdfSynchronizationScopeQueue => Some(Scope::Queue),
        sys::WdfSynchronizationScopeNone => Some(Scope::None),
        _ => None,
    }
}

/// The constraints of the nearest device or queue among an object and its ancestors.
fn constraints_above(state: &State, handle: Handle) -> Option<&Constraints> {
    let mut at = handle;
    loop {
        let object = state.get(at)?;
        match &object.body {
            Body::Queue(queue) => return Some(&queue.constraints),
            Body::Device(device) => return Some(&device.constraints),
            _ => at = object.parent,
        }
    }
}

/// The lock of a timer, DPC or work item below `parent` (FxObject::_GetEffectiveLock): none without automatic
/// serialization or a scope. STATUS_WDF_INCOMPATIBLE_EXECUTION_LEVEL where the lock is of another level.
pub(crate) fn effective_lock(
    state: &State,
    parent: Handle,
    automatic: bool,
    passive: bool,
) -> Result<Option<Arc<CallbackLock>>, NtStatus> {
    let constraints = constraints_above(state, parent).filter(|c| automatic && c.scope != Scope::None);
    match constraints {
        Some(constraints) if constraints.passive != passive => Err(status::WDF_INCOMPATIBLE_EXECUTION_LEVEL),
        Some(constraints) => Ok(Some(constraints.lock.clone())),
        None => Ok(None),
    }
}

/// The callback lock of a device or queue; nothing else has one (WDF_INVALID_LOCK_OPERATION).
fn lock_of(ddi: &'static str, handle: Handle) -> Arc<CallbackLock> {
    let mut state = state();
    state.any(ddi, handle);
    match state.get(handle).map(|object| &object.body) {
        Some(Body::Queue(queue)) => queue.constraints.lock.clone(),
        Some(Body::Device(device)) => device.constraints.lock.clone(),
        _ => state.misuse(ddi, handle, "a device or a queue"),
    }
}

/// WdfObjectAcquireLock, of a device or a queue. A lock of the passive level is taken at PASSIVE_LEVEL alone.
pub(crate) unsafe extern "win64" fn object_acquire_lock(globals: *mut WDF_DRIVER_GLOBALS, object: sys::WDFOBJECT) {
    const DDI: &str = "WdfObjectAcquireLock";
    enter!("WdfObjectAcquireLock", globals);
    let callback_lock = lock_of(DDI, object.addr());
    if callback_lock.passive {
        thread::enter("WdfObjectAcquireLock of a passive lock", PASSIVE_LEVEL, rule::V45);
    }
    if callback_lock.is_mine() {
        let what = format!("{DDI} of {:#x}, whose lock this thread holds", object.addr());
        kernel().judge.fatal(rule::V39, what, Vec::new());
    }
    let before = callback_lock.acquire();
    match state().get_mut(object.addr()) {
        Some(object) => object.irql_before_lock = before,
        None => unreachable!("it was looked up just now"),
    }
}

/// WdfObjectReleaseLock, by the thread that holds it.
pub(crate) unsafe extern "win64" fn object_release_lock(globals: *mut WDF_DRIVER_GLOBALS, object: sys::WDFOBJECT) {
    const DDI: &str = "WdfObjectReleaseLock";
    enter!("WdfObjectReleaseLock", globals);
    let callback_lock = lock_of(DDI, object.addr());
    if !callback_lock.is_mine() {
        let what = format!("{DDI} of {:#x}, whose lock this thread does not hold", object.addr());
        kernel().judge.fatal(rule::V39, what, Vec::new());
    }
    let before = state().any(DDI, object.addr()).irql_before_lock;
    callback_lock.release(before);
}
