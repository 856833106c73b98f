//! `NDIS_RW_LOCK`, the read-write lock from before NDIS 6.20, which lies in the driver's own memory.
//!
//! After `NdisInitializeReadWriteLock`, `NdisAcquireReadWriteLock`, `NdisDprAcquireReadWriteLock` and their releases.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use nblease_ndis::sys::PVOID;

use super::{
    raw,
    rwlock::{RwLock, lower},
};
use crate::{
    judge::rule,
    kernel::kernel,
    pe::exports::Export,
    sync::lock,
    thread::{self, DISPATCH_LEVEL},
};

/// What a driver can import of this part.
pub const EXPORTS: &[Export] = crate::exports! {
    "NdisInitializeReadWriteLock" => initialize,
    "NdisAcquireReadWriteLock" => acquire,
    "NdisReleaseReadWriteLock" => release,
    "NdisDprAcquireReadWriteLock" => dpr_acquire,
    "NdisDprReleaseReadWriteLock" => dpr_release,
};

/// Highest IRQL.
const HIGH_LEVEL: u8 = 15;

/// `LOCK_STATE`: what `LockState` says is NDIS's own affair.
#[repr(C)]
#[derive(Clone, Copy)]
struct LockState {
    state: u16,
    old_irql: u8,
}

/// The locks by address.
#[derive(Default)]
pub struct Locks {
    all: Mutex<HashMap<usize, Arc<RwLock>>>,
}

/// The lock that a driver initialized here; V07 where it did not.
fn find(function: &'static str, at: PVOID) -> Option<Arc<RwLock>> {
    raw::touch(at);
    let found = lock(&kernel().ndis.read_write_locks.all).get(&at.addr()).cloned();
    kernel().judge.check(rule::V07, found.is_some(), || format!("{function} of {at:p}, which was not initialized"));
    found
}

unsafe extern "win64" fn initialize(at: PVOID) {
    thread::enter("NdisInitializeReadWriteLock", HIGH_LEVEL, rule::V09);
    raw::write(at.cast::<[u64; 4]>(), [0; 4]);
    kernel().lock_order.forget(at.addr(), at.addr() + 1);
    lock(&kernel().ndis.read_write_locks.all).insert(at.addr(), Arc::default());
}

unsafe extern "win64" fn acquire(at: PVOID, write: u8, state: *mut LockState) {
    const FUNCTION: &str = "NdisAcquireReadWriteLock";
    thread::enter(FUNCTION, DISPATCH_LEVEL, rule::V09);
    let old_irql = thread::set_irql(DISPATCH_LEVEL);
    take(FUNCTION, at, write != 0, state, old_irql);
}

unsafe extern "win64" fn dpr_acquire(at: PVOID, write: u8, state: *mut LockState) {
    const FUNCTION: &str = "NdisDprAcquireReadWriteLock";
    at_dispatch(FUNCTION);
    take(FUNCTION, at, write != 0, state, DISPATCH_LEVEL);
}

fn take(function: &'static str, at: PVOID, write: bool, state: *mut LockState, old_irql: u8) {
    let Some(found) = find(function, at) else { return };
    raw::write(state, LockState { state: u16::from(write), old_irql });
    if write {
        found.write(function, state.addr(), at.addr());
    } else {
        found.read(function, state.addr(), at.addr());
    }
}

unsafe extern "win64" fn release(at: PVOID, state: *const LockState) {
    const FUNCTION: &str = "NdisReleaseReadWriteLock";
    at_dispatch(FUNCTION);
    give_back(FUNCTION, at, state);
    lower(raw::read(state).old_irql);
}

unsafe extern "win64" fn dpr_release(at: PVOID, state: *const LockState) {
    const FUNCTION: &str = "NdisDprReleaseReadWriteLock";
    at_dispatch(FUNCTION);
    give_back(FUNCTION, at, state);
}

fn give_back(function: &'static str, at: PVOID, state: *const LockState) {
    if let Some(found) = find(function, at) {
        found.release(state.addr(), raw::read(state).state != 0);
    }
}

fn at_dispatch(function: &'static str) {
    thread::enter(function, DISPATCH_LEVEL, rule::V09);
    kernel().judge.check(rule::V09, thread::irql() == DISPATCH_LEVEL, || {
        format!("{function} called at IRQL {}, below DISPATCH_LEVEL", thread::irql())
    });
}
