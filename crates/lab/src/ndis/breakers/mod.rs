//! Filters that each break one rule of the model of NDIS, and what the judge says of them.

use std::sync::{Arc, Mutex};

use nblease_ndis::sys::*;

use super::{testing::*, *};
use crate::{kernel::one_at_a_time, sync::lock};

mod loopback;
mod packets;
mod requests;
mod states;
mod survival;

type List = *mut NET_BUFFER_LIST;

/// NBLs that a filter under test keeps, by the heads of their lists.
static KEPT: Mutex<Vec<usize>> = Mutex::new(Vec::new());

fn keep(list: List) {
    lock(&KEPT).push(list.expose_provenance());
}

fn kept() -> Option<List> {
    lock(&KEPT).pop().map(std::ptr::with_exposed_provenance_mut)
}

/// The rules that break when a filter of this script is put through `act`.
fn broken_by(script: Script, act: impl FnOnce(&Arc<Adapter>)) -> Vec<String> {
    virtual_kernel(1);
    kernel().judge.stop_at_first(false);
    lock(&KEPT).clear();
    let filter = filter(script);
    let adapter = adapter();
    adapter.set_pace(ProtocolPace::AtOnce, MiniportPace::AtOnce);
    act(&adapter);
    kernel().sched.pump();
    filter.unload();
    let violations = kernel().judge.verdict().violations;
    violations.into_iter().map(|violation| violation.rule).collect()
}

/// The first rule that breaks, which is the one that is meant.
fn first_broken_by(script: Script, act: impl FnOnce(&Arc<Adapter>)) -> String {
    let _one = one_at_a_time();
    broken_by(script, act).into_iter().next().unwrap_or_default()
}

fn frame() -> Frame {
    Frame::new(vec![5; 60])
}

fn send(adapter: &Arc<Adapter>) {
    adapter.send(&[SendNbl::new([frame(), frame()])], 0);
}

fn receive(adapter: &Arc<Adapter>) {
    adapter.receive(&[RecvNbl::new(frame()), RecvNbl::new(frame())], 0);
}

fn receive_lent(adapter: &Arc<Adapter>) {
    adapter.receive(&[RecvNbl::new(frame()), RecvNbl::new(frame())], NDIS_RECEIVE_FLAGS_RESOURCES);
}

/// Sets the status of each NBL of a list that the filter owns.
fn set_status(list: List, status: NDIS_STATUS) {
    let mut at = list;
    while let Some(nbl) = raw::Nbl::at(at) {
        nbl.set_status(status);
        at = nbl.next();
    }
}

#[test]
fn a_good_filter_breaks_nothing() {
    let broken = first_broken_by(Script::default(), |adapter| {
        send(adapter);
        receive(adapter);
        receive_lent(adapter);
        adapter.pause();
        adapter.send_anyway(&[SendNbl::new([frame()])], 0, 0);
        adapter.restart();
        send(adapter);
    });
    assert_eq!(broken, "");
}

/// A pool of NBLs with one NB each.
fn nbl_pool(handle: NDIS_HANDLE) -> NDIS_HANDLE {
    let parameters = NET_BUFFER_LIST_POOL_PARAMETERS {
        Header: NDIS_OBJECT_HEADER {
            Type: NDIS_OBJECT_TYPE_DEFAULT as u8,
            Revision: 1,
            Size: NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
        },
        ProtocolId: 0,
        fAllocateNetBuffer: 1,
        ContextSize: 0,
        PoolTag: 1,
        DataSize: 64,
        Flags: 0,
    };
    // SAFETY: as a driver would.
    unsafe { pool::allocate_nbl_pool(handle, &raw const parameters) }
}

/// An NBL of the filter's own with a frame of 60 bytes. Its pool is the first of [`KEPT`].
fn own_nbl(handle: NDIS_HANDLE) -> List {
    let pool = nbl_pool(handle);
    lock(&KEPT).insert(0, pool.expose_provenance());
    // SAFETY: as a driver would.
    let list = unsafe { pool::allocate_nbl(pool, 0, 0) };
    let nbl = raw::Nbl::at(list).expect("an NBL");
    nbl.set_source(handle);
    raw::Nb::at(nbl.first_nb()).expect("its NB").set_data_length(60);
    list
}

/// Frees an NBL of the filter's own and its pool.
fn free_own(list: List) {
    let pool = std::ptr::with_exposed_provenance_mut(lock(&KEPT).remove(0));
    // SAFETY: as a driver would.
    unsafe { pool::free_nbl(list) };
    // SAFETY: as a driver would.
    unsafe { pool::free_nbl_pool(pool) };
}

/// A filter that sends and indicates a frame of its own from a callback, and frees them when they come back.
fn originating(restart_or_pause: fn(NDIS_HANDLE) -> NDIS_STATUS) -> Script {
    Script {
        pause: restart_or_pause,
        send_complete: |handle, list, flags| {
            let own = kernel().ndis.ledger.find(list).is_some_and(|packet| packet.is_drivers());
            if own { free_own(list) } else { pass_send_complete(handle, list, flags) }
        },
        return_: |handle, list, flags| {
            let own = kernel().ndis.ledger.find(list).is_some_and(|packet| packet.is_drivers());
            if own { free_own(list) } else { pass_return(handle, list, flags) }
        },
        ..Script::default()
    }
}

fn as_filter(adapter: &Arc<Adapter>, act: impl FnOnce(NDIS_HANDLE)) {
    let module = adapter.modules().pop().expect("the filter's module");
    as_driver(module.driver.id, || act(module.ndis_handle()));
}
