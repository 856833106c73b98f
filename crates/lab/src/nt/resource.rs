//! `ERESOURCE` and push locks: many readers or one writer, who wait. Up to APC_LEVEL, with APCs disabled.
//!
//! After "Introduction to ERESOURCE routines" and the pages of each. The state is kept here by the resource's address;
//! one whose memory goes, or whose driver does, without `ExDeleteResourceLite` breaks V36 and V35.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

use nblease_ndis::sys::{BOOLEAN, NTSTATUS, PVOID, STATUS_SUCCESS, ULONG};

use super::{enter, mutex};
use crate::{
    exports,
    judge::rule,
    kernel::{DriverId, kernel},
    pe::Export,
    processor,
    sync::lock,
    thread::{self, APC_LEVEL, DISPATCH_LEVEL},
};

pub const EXPORTS: &[Export] = exports! {
    "ExAcquirePushLockExclusiveEx" => ex_acquire_push_lock_exclusive_ex,
    "ExAcquirePushLockSharedEx" => ex_acquire_push_lock_shared_ex,
    "ExAcquireResourceExclusiveLite" => ex_acquire_resource_exclusive_lite,
    "ExAcquireResourceSharedLite" => ex_acquire_resource_shared_lite,
    "ExAcquireSharedStarveExclusive" => ex_acquire_resource_shared_lite,
    "ExAcquireSharedWaitForExclusive" => ex_acquire_resource_shared_lite,
    "ExConvertExclusiveToSharedLite" => ex_convert_exclusive_to_shared_lite,
    "ExDeleteResourceLite" => ex_delete_resource_lite,
    "ExEnterCriticalRegionAndAcquireResourceExclusive" => ex_enter_critical_region_and_acquire_resource_exclusive,
    "ExEnterCriticalRegionAndAcquireResourceShared" => ex_enter_critical_region_and_acquire_resource_shared,
    "ExGetExclusiveWaiterCount" => ex_get_waiter_count,
    "ExGetSharedWaiterCount" => ex_get_waiter_count,
    "ExInitializePushLock" => ex_initialize_push_lock,
    "ExInitializeResourceLite" => ex_initialize_resource_lite,
    "ExIsResourceAcquiredExclusiveLite" => ex_is_resource_acquired_exclusive_lite,
    "ExIsResourceAcquiredSharedLite" => ex_is_resource_acquired_shared_lite,
    "ExReinitializeResourceLite" => ex_reinitialize_resource_lite,
    "ExReleasePushLockExclusiveEx" => ex_release_push_lock_exclusive_ex,
    "ExReleasePushLockSharedEx" => ex_release_push_lock_shared_ex,
    "ExReleaseResourceAndLeaveCriticalRegion" => ex_release_resource_and_leave_critical_region,
    "ExReleaseResourceLite" => ex_release_resource_lite,
};

/// Bytes of an `ERESOURCE`.
const SIZE: usize = 104;

/// Who holds a lock: the objects of the threads, each as often as it took it.
#[derive(Default)]
struct Holders {
    driver: Option<DriverId>,
    site: usize,
    exclusive: Vec<usize>,
    shared: Vec<usize>,
}

/// The resources by address, and the push locks.
#[derive(Default)]
pub struct Resources {
    resources: Mutex<BTreeMap<usize, Holders>>,
    push_locks: Mutex<BTreeMap<usize, Holders>>,
}

impl Resources {
    /// A resource in the memory `start..end`, described.
    pub(super) fn within(&self, start: usize, end: usize) -> Option<String> {
        let resources = lock(&self.resources);
        resources.range(start..end).next().map(|(at, _)| format!("the ERESOURCE {at:#x} in it, which was not deleted"))
    }

    /// The resources that a driver did not delete.
    pub(super) fn of(&self, driver: DriverId) -> Vec<String> {
        let resources = lock(&self.resources);
        let left = resources.iter().filter(|(_, holders)| holders.driver == Some(driver));
        left.map(|(at, holders)| format!("ERESOURCE {at:#x}, made at {}", kernel().describe_address(holders.site)))
            .collect()
    }
}

fn me() -> usize {
    processor::thread_object().addr()
}

impl Holders {
    /// Takes the lock, if it can be had now.
    fn take(&mut self, exclusive: bool, recursive: bool) -> bool {
        let me = me();
        let mine = recursive && self.exclusive.contains(&me);
        let free = self.exclusive.is_empty() && (!exclusive || self.shared.is_empty());
        if mine || exclusive && free {
            self.exclusive.push(me);
        } else if free {
            self.shared.push(me);
        }
        mine || free
    }

    /// Gives it back: whether this thread had it.
    fn give_back(&mut self) -> bool {
        let me = me();
        for held in [&mut self.exclusive, &mut self.shared] {
            if let Some(at) = held.iter().rposition(|holder| *holder == me) {
                held.remove(at);
                return true;
            }
        }
        false
    }
}

fn resources() -> MutexGuard<'static, BTreeMap<usize, Holders>> {
    lock(&kernel().nt.resources.resources)
}

/// Looks at a resource; what is none ends the run.
fn with<R>(function: &'static str, resource: PVOID, f: impl FnOnce(&mut Holders) -> R) -> R {
    let mut resources = resources();
    let Some(holders) = resources.get_mut(&resource.addr()) else {
        drop(resources);
        let what = kernel().memory.describe(resource.addr());
        kernel().judge.fatal(rule::V36, format!("{function} of what is no ERESOURCE: {what}"), Vec::new());
    };
    f(holders)
}

unsafe extern "win64" fn ex_initialize_resource_lite(resource: PVOID) -> NTSTATUS {
    enter("ExInitializeResourceLite", DISPATCH_LEVEL);
    // SAFETY: the DDI demands storage for a resource.
    unsafe { resource.cast::<u8>().write_bytes(0, SIZE) };
    let holders = Holders { driver: thread::current_driver(), site: thread::call_site(), ..Holders::default() };
    let before = resources().insert(resource.addr(), holders);
    kernel().judge.check(rule::V36, before.is_none(), || format!("the ERESOURCE {resource:p} is initialized anew"));
    STATUS_SUCCESS
}

unsafe extern "win64" fn ex_reinitialize_resource_lite(resource: PVOID) -> NTSTATUS {
    enter("ExReinitializeResourceLite", DISPATCH_LEVEL);
    with("ExReinitializeResourceLite", resource, |holders| {
        holders.exclusive.clear();
        holders.shared.clear();
    });
    STATUS_SUCCESS
}

unsafe extern "win64" fn ex_delete_resource_lite(resource: PVOID) -> NTSTATUS {
    enter("ExDeleteResourceLite", DISPATCH_LEVEL);
    let held = with("ExDeleteResourceLite", resource, |h| !h.exclusive.is_empty() || !h.shared.is_empty());
    kernel().judge.check(rule::V39, !held, || format!("ExDeleteResourceLite of {resource:p}, which is held"));
    resources().remove(&resource.addr());
    STATUS_SUCCESS
}

fn acquire(function: &'static str, resource: PVOID, exclusive: bool, wait: BOOLEAN) -> BOOLEAN {
    if wait == 0 {
        enter(function, APC_LEVEL);
    } else {
        thread::enter_to_wait(function, APC_LEVEL, rule::V09);
    }
    kernel().judge.check(rule::V09, mutex::critical_regions() > 0 || thread::irql() == APC_LEVEL, || {
        format!("{function} with normal kernel APCs enabled: neither in a critical region nor at APC_LEVEL")
    });
    let mut attempt = || with(function, resource, |holders| holders.take(exclusive, true));
    if wait == 0 {
        return u8::from(attempt());
    }
    let upgrade = exclusive && with(function, resource, |h| h.shared.contains(&me()) && h.exclusive.is_empty());
    if upgrade {
        let what = format!("{function} of {resource:p} by a thread that holds it shared: it waits for itself");
        kernel().judge.fatal(rule::V39, what, Vec::new());
    }
    u8::from(kernel().sched.wait_until(function, None, &mut attempt))
}

fn release(function: &'static str, resource: PVOID) {
    enter(function, DISPATCH_LEVEL);
    let had = with(function, resource, Holders::give_back);
    kernel().judge.check(rule::V39, had, || format!("{function} of {resource:p} by a thread that does not hold it"));
    kernel().sched.changed();
}

unsafe extern "win64" fn ex_acquire_resource_exclusive_lite(resource: PVOID, wait: BOOLEAN) -> BOOLEAN {
    acquire("ExAcquireResourceExclusiveLite", resource, true, wait)
}

unsafe extern "win64" fn ex_acquire_resource_shared_lite(resource: PVOID, wait: BOOLEAN) -> BOOLEAN {
    acquire("ExAcquireResourceSharedLite", resource, false, wait)
}

unsafe extern "win64" fn ex_enter_critical_region_and_acquire_resource_exclusive(resource: PVOID) -> PVOID {
    mutex::enter_region();
    acquire("ExEnterCriticalRegionAndAcquireResourceExclusive", resource, true, 1);
    std::ptr::null_mut()
}

unsafe extern "win64" fn ex_enter_critical_region_and_acquire_resource_shared(resource: PVOID) -> PVOID {
    mutex::enter_region();
    acquire("ExEnterCriticalRegionAndAcquireResourceShared", resource, false, 1);
    std::ptr::null_mut()
}

unsafe extern "win64" fn ex_release_resource_lite(resource: PVOID) {
    release("ExReleaseResourceLite", resource);
}

unsafe extern "win64" fn ex_release_resource_and_leave_critical_region(resource: PVOID) {
    release("ExReleaseResourceAndLeaveCriticalRegion", resource);
    mutex::leave_region();
}

unsafe extern "win64" fn ex_convert_exclusive_to_shared_lite(resource: PVOID) {
    const FUNCTION: &str = "ExConvertExclusiveToSharedLite";
    enter(FUNCTION, DISPATCH_LEVEL);
    let had = with(FUNCTION, resource, |holders| {
        let had = holders.exclusive.contains(&me());
        let held = std::mem::take(&mut holders.exclusive);
        holders.shared.extend(held);
        had
    });
    kernel().judge.check(rule::V39, had, || format!("{FUNCTION} of {resource:p} by a thread that does not own it"));
    kernel().sched.changed();
}

unsafe extern "win64" fn ex_is_resource_acquired_exclusive_lite(resource: PVOID) -> BOOLEAN {
    enter("ExIsResourceAcquiredExclusiveLite", DISPATCH_LEVEL);
    u8::from(with("ExIsResourceAcquiredExclusiveLite", resource, |holders| holders.exclusive.contains(&me())))
}

unsafe extern "win64" fn ex_is_resource_acquired_shared_lite(resource: PVOID) -> ULONG {
    enter("ExIsResourceAcquiredSharedLite", DISPATCH_LEVEL);
    let count = with("ExIsResourceAcquiredSharedLite", resource, |holders| {
        holders.exclusive.iter().chain(&holders.shared).filter(|holder| **holder == me()).count()
    });
    count as ULONG
}

/// Waiters are not counted: who asks uses the number as a hint.
unsafe extern "win64" fn ex_get_waiter_count(resource: PVOID) -> ULONG {
    enter("ExGetExclusiveWaiterCount", DISPATCH_LEVEL);
    with("ExGetExclusiveWaiterCount", resource, |_| 0)
}

fn push_lock<R>(at: PVOID, f: impl FnOnce(&mut Holders) -> R) -> R {
    f(lock(&kernel().nt.resources.push_locks).entry(at.addr()).or_default())
}

unsafe extern "win64" fn ex_initialize_push_lock(at: *mut usize) {
    enter("ExInitializePushLock", DISPATCH_LEVEL);
    // SAFETY: the DDI demands storage for a push lock, which is a word.
    unsafe { at.write(0) };
    lock(&kernel().nt.resources.push_locks).remove(&at.addr());
}

fn acquire_push_lock(function: &'static str, at: PVOID, exclusive: bool) {
    thread::enter_to_wait(function, APC_LEVEL, rule::V09);
    let mine =
        push_lock(at, |holders| holders.exclusive.contains(&me()) || exclusive && holders.shared.contains(&me()));
    if mine {
        kernel().judge.fatal(rule::V39, format!("{function}: the thread holds {at:p} already"), Vec::new());
    }
    kernel().sched.wait_until(function, None, &mut || push_lock(at, |holders| holders.take(exclusive, false)));
}

fn release_push_lock(function: &'static str, at: PVOID) {
    enter(function, APC_LEVEL);
    let had = push_lock(at, Holders::give_back);
    kernel().judge.check(rule::V39, had, || format!("{function} of {at:p} by a thread that does not hold it"));
    kernel().sched.changed();
}

unsafe extern "win64" fn ex_acquire_push_lock_exclusive_ex(at: PVOID, _flags: ULONG) {
    acquire_push_lock("ExAcquirePushLockExclusiveEx", at, true);
}

unsafe extern "win64" fn ex_acquire_push_lock_shared_ex(at: PVOID, _flags: ULONG) {
    acquire_push_lock("ExAcquirePushLockSharedEx", at, false);
}

unsafe extern "win64" fn ex_release_push_lock_exclusive_ex(at: PVOID, _flags: ULONG) {
    release_push_lock("ExReleasePushLockExclusiveEx", at);
}

unsafe extern "win64" fn ex_release_push_lock_shared_ex(at: PVOID, _flags: ULONG) {
    release_push_lock("ExReleasePushLockSharedEx", at);
}
