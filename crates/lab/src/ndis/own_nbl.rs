//! For tests: NBLs of a filter's own, over bytes of its own or over the data of an NBL that it holds.

use std::sync::Mutex;

use nblease_ndis::sys::*;

use super::{build::set_data, data, frame::Oob, pool, raw};
use crate::sync::lock;

type List = *mut NET_BUFFER_LIST;

/// Pools of the NBLs that are out, by the NBLs.
static POOLS: Mutex<Vec<(usize, usize)>> = Mutex::new(Vec::new());

fn pool_of_nbls(handle: NDIS_HANDLE, data_bytes: u32) -> NDIS_HANDLE {
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
        DataSize: data_bytes,
        Flags: 0,
    };
    // SAFETY: as a driver would.
    unsafe { pool::allocate_nbl_pool(handle, &raw const parameters) }
}

fn keep(handle: NDIS_HANDLE, list: List, pool: NDIS_HANDLE, oob: &Oob) -> List {
    lock(&POOLS).push((list.addr(), pool.expose_provenance()));
    let nbl = raw::Nbl::at(list).expect("an NBL");
    nbl.set_source(handle);
    nbl.set_info(oob.0.map(std::ptr::without_provenance_mut::<_>));
    list
}

/// An NBL with a frame of its own.
pub fn with_bytes(handle: NDIS_HANDLE, bytes: &[u8], oob: &Oob) -> List {
    let pool = pool_of_nbls(handle, bytes.len() as u32);
    // SAFETY: as a driver would.
    let list = unsafe { pool::allocate_nbl(pool, 0, 0) };
    let nb = raw::Nb::at(raw::Nbl::at(list).expect("an NBL").first_nb()).expect("its NB");
    nb.set_data_length(bytes.len() as u32);
    let parts = raw::parts(nb.mdl_chain(), nb.data_offset() as usize, bytes.len());
    let mut left = bytes;
    for (at, count) in parts {
        let (now, later) = left.split_at(count);
        raw::write_bytes(at, now);
        left = later;
    }
    assert!(left.is_empty());
    keep(handle, list, pool, oob)
}

/// An NBL whose NB describes the data of the first NB of another.
pub fn over(handle: NDIS_HANDLE, original: List) -> List {
    let pool = pool_of_nbls(handle, 0);
    let from = raw::Nb::at(raw::Nbl::at(original).expect("an NBL").first_nb()).expect("its NB");
    // SAFETY: as a driver would.
    let list = unsafe {
        pool::allocate_nb_and_nbl(pool, 0, 0, from.mdl_chain(), from.data_offset(), from.data_length() as usize)
    };
    let nb = raw::Nb::at(raw::Nbl::at(list).expect("an NBL").first_nb()).expect("its NB");
    set_data(nb, from.mdl_chain(), from.data_offset(), from.data_length());
    let oob = Oob(raw::Nbl::at(original).expect("an NBL").info().map(<*mut _>::addr));
    keep(handle, list, pool, &oob)
}

/// Frees such an NBL and its pool.
pub fn free(list: List) {
    let mut pools = lock(&POOLS);
    let at = pools.iter().position(|(nbl, _)| *nbl == list.addr()).expect("an NBL that is out");
    let pool = std::ptr::with_exposed_provenance_mut(pools.remove(at).1);
    drop(pools);
    // SAFETY: as a driver would.
    unsafe { pool::free_nbl(list) };
    // SAFETY: as a driver would.
    unsafe { pool::free_nbl_pool(pool) };
}

/// Whether an NBL is one of these.
pub fn is_own(list: List) -> bool {
    lock(&POOLS).iter().any(|(nbl, _)| *nbl == list.addr())
}

/// The first byte of the used data, read as the driver does: through its view.
pub fn read_as_driver(list: List) -> u8 {
    let nb = raw::Nbl::at(list).expect("an NBL").first_nb();
    let mut storage = [0_u8; 1];
    // SAFETY: as a driver would.
    let at = unsafe { data::get_data_buffer(nb, 1, (&raw mut storage).cast(), 1, 0) };
    // SAFETY: the driver may read where its data lies, or faults.
    unsafe { at.cast::<u8>().read_volatile() }
}
