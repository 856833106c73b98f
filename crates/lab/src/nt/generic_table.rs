//! Ordered tables of drivers: `RTL_AVL_TABLE` and `RTL_GENERIC_TABLE`. Up to DISPATCH_LEVEL; the driver keeps threads apart.
//!
//! Memory, order and storage of the table are the driver's routines and memory; what the links in the elements would say
//! is kept here, by the table's address.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

use nblease_ndis::sys::{BOOLEAN, PVOID, ULONG};

use super::enter;
use crate::{exports, kernel::kernel, pe::Export, sync::lock, thread::DISPATCH_LEVEL};

pub const EXPORTS: &[Export] = exports! {
    "RtlDeleteElementGenericTable" => rtl_delete_element::<Splay>,
    "RtlDeleteElementGenericTableAvl" => rtl_delete_element::<Avl>,
    "RtlEnumerateGenericTable" => rtl_enumerate::<Splay>,
    "RtlEnumerateGenericTableAvl" => rtl_enumerate::<Avl>,
    "RtlEnumerateGenericTableWithoutSplaying" => rtl_enumerate_by_key::<Splay>,
    "RtlEnumerateGenericTableWithoutSplayingAvl" => rtl_enumerate_by_key::<Avl>,
    "RtlGetElementGenericTable" => rtl_get_element::<Splay>,
    "RtlGetElementGenericTableAvl" => rtl_get_element::<Avl>,
    "RtlInitializeGenericTable" => rtl_initialize::<Splay>,
    "RtlInitializeGenericTableAvl" => rtl_initialize::<Avl>,
    "RtlInsertElementGenericTable" => rtl_insert_element::<Splay>,
    "RtlInsertElementGenericTableAvl" => rtl_insert_element::<Avl>,
    "RtlIsGenericTableEmpty" => rtl_is_empty::<Splay>,
    "RtlIsGenericTableEmptyAvl" => rtl_is_empty::<Avl>,
    "RtlLookupElementGenericTable" => rtl_lookup_element::<Splay>,
    "RtlLookupElementGenericTableAvl" => rtl_lookup_element::<Avl>,
    "RtlNumberGenericTableElements" => rtl_number_of_elements::<Splay>,
    "RtlNumberGenericTableElementsAvl" => rtl_number_of_elements::<Avl>,
};

type Compare = unsafe extern "win64" fn(PVOID, PVOID, PVOID) -> i32;
type Allocate = unsafe extern "win64" fn(PVOID, ULONG) -> PVOID;
type Free = unsafe extern "win64" fn(PVOID, PVOID);

// RTL_GENERIC_COMPARE_RESULTS
const LESS: i32 = 0;
const GREATER: i32 = 1;

/// What tells the two kinds apart.
trait Kind {
    /// Bytes of the table.
    const SIZE: usize;
    /// Where its count of elements lies.
    const COUNT: usize;
    /// Where its three routines and the context begin.
    const ROUTINES: usize;
    /// Bytes of an element's links, before the driver's data.
    const LINKS: usize;
}

/// `RTL_AVL_TABLE`, with `RTL_BALANCED_LINKS`.
struct Avl;
impl Kind for Avl {
    const SIZE: usize = 104;
    const COUNT: usize = 44;
    const ROUTINES: usize = 72;
    const LINKS: usize = 32;
}

/// `RTL_GENERIC_TABLE`, with `RTL_SPLAY_LINKS` and a list entry.
struct Splay;
impl Kind for Splay {
    const SIZE: usize = 72;
    const COUNT: usize = 36;
    const ROUTINES: usize = 40;
    const LINKS: usize = 40;
}

/// The tables by address.
#[derive(Default)]
pub struct Tables {
    tables: Mutex<BTreeMap<usize, Elements>>,
}

/// The elements of a table, ascending, and how many of them the enumeration under way has given.
#[derive(Default)]
struct Elements {
    nodes: Vec<usize>,
    given: usize,
}

fn tables() -> MutexGuard<'static, BTreeMap<usize, Elements>> {
    lock(&kernel().nt.generic_tables.tables)
}

/// What is done with a table's elements.
fn with<R>(table: PVOID, f: impl FnOnce(&mut Elements) -> R) -> R {
    let what = || kernel().judge.bug_check(format!("a generic table at {table:p} that was not initialized"));
    tables().get_mut(&table.addr()).map_or_else(what, f)
}

fn word(table: PVOID, offset: usize) -> usize {
    // SAFETY: the DDI demands an initialized table; what is none faults and is reported.
    unsafe { table.wrapping_byte_add(offset).cast::<usize>().read() }
}

fn routine<K: Kind>(table: PVOID, number: usize) -> PVOID {
    std::ptr::with_exposed_provenance_mut(word(table, K::ROUTINES + 8 * number))
}

fn data<K: Kind>(node: usize) -> PVOID {
    std::ptr::with_exposed_provenance_mut(node + K::LINKS)
}

/// Where an element is, or else where it belongs.
fn search<K: Kind>(table: PVOID, wanted: PVOID) -> Result<usize, usize> {
    // SAFETY: `RtlInitializeGenericTable` put the driver's routine there.
    let compare = unsafe { std::mem::transmute::<PVOID, Compare>(routine::<K>(table, 0)) };
    let (mut low, mut high) = (0, with(table, |elements| elements.nodes.len()));
    while low < high {
        let middle = usize::midpoint(low, high);
        let there = data::<K>(with(table, |elements| elements.nodes[middle]));
        // SAFETY: the driver's own routine, with two of its elements.
        match unsafe { compare(table, wanted, there) } {
            LESS => high = middle,
            GREATER => low = middle + 1,
            _ => return Ok(middle),
        }
    }
    Err(low)
}

fn put_count<K: Kind>(table: PVOID) {
    let count = with(table, |elements| elements.nodes.len()) as u32;
    let slot: *mut u32 = table.wrapping_byte_add(K::COUNT).cast();
    // SAFETY: the field of an initialized table.
    unsafe { slot.write(count) };
}

unsafe extern "win64" fn rtl_initialize<K: Kind>(
    table: PVOID,
    compare: usize,
    allocate: usize,
    free: usize,
    context: usize,
) {
    enter("RtlInitializeGenericTable", DISPATCH_LEVEL);
    // SAFETY: the DDI demands storage for a table.
    unsafe { table.cast::<u8>().write_bytes(0, K::SIZE) };
    let slots: *mut [usize; 4] = table.wrapping_byte_add(K::ROUTINES).cast();
    // SAFETY: as above.
    unsafe { slots.write([compare, allocate, free, context]) };
    tables().insert(table.expose_provenance(), Elements::default());
}

unsafe extern "win64" fn rtl_insert_element<K: Kind>(
    table: PVOID,
    buffer: PVOID,
    len: ULONG,
    new: *mut BOOLEAN,
) -> PVOID {
    enter("RtlInsertElementGenericTable", DISPATCH_LEVEL);
    let found = search::<K>(table, buffer);
    // SAFETY: the DDI demands null or storage.
    if let Some(new) = unsafe { new.as_mut() } {
        *new = u8::from(found.is_err());
    }
    let place = match found {
        Ok(place) => return data::<K>(with(table, |elements| elements.nodes[place])),
        Err(place) => place,
    };
    // SAFETY: as in `search`.
    let allocate = unsafe { std::mem::transmute::<PVOID, Allocate>(routine::<K>(table, 1)) };
    // SAFETY: the driver's own routine.
    let node = unsafe { allocate(table, K::LINKS as u32 + len) };
    if node.is_null() {
        return node;
    }
    // SAFETY: the driver allocated so much for it.
    unsafe { node.cast::<u8>().write_bytes(0, K::LINKS) };
    let node = node.expose_provenance();
    // SAFETY: the DDI demands so many bytes of data, and the driver allocated room for them.
    unsafe { data::<K>(node).cast::<u8>().copy_from(buffer.cast(), len as usize) };
    with(table, |elements| {
        elements.nodes.insert(place, node);
        elements.given += usize::from(place < elements.given);
    });
    put_count::<K>(table);
    data::<K>(node)
}

unsafe extern "win64" fn rtl_lookup_element<K: Kind>(table: PVOID, buffer: PVOID) -> PVOID {
    enter("RtlLookupElementGenericTable", DISPATCH_LEVEL);
    let found = search::<K>(table, buffer).ok();
    found.map_or(std::ptr::null_mut(), |place| data::<K>(with(table, |elements| elements.nodes[place])))
}

unsafe extern "win64" fn rtl_delete_element<K: Kind>(table: PVOID, buffer: PVOID) -> BOOLEAN {
    enter("RtlDeleteElementGenericTable", DISPATCH_LEVEL);
    let Ok(place) = search::<K>(table, buffer) else { return 0 };
    let node = with(table, |elements| {
        elements.given -= usize::from(place < elements.given);
        elements.nodes.remove(place)
    });
    put_count::<K>(table);
    // SAFETY: as in `search`.
    let free = unsafe { std::mem::transmute::<PVOID, Free>(routine::<K>(table, 2)) };
    // SAFETY: the driver's own routine, with what its other routine gave.
    unsafe { free(table, std::ptr::with_exposed_provenance_mut(node)) };
    1
}

unsafe extern "win64" fn rtl_enumerate<K: Kind>(table: PVOID, restart: BOOLEAN) -> PVOID {
    enter("RtlEnumerateGenericTable", DISPATCH_LEVEL);
    let next = with(table, |elements| {
        if restart != 0 {
            elements.given = 0;
        }
        let next = elements.nodes.get(elements.given).copied();
        elements.given += usize::from(next.is_some());
        next
    });
    next.map_or(std::ptr::null_mut(), data::<K>)
}

/// The key is null at first, then the element that was given last.
unsafe extern "win64" fn rtl_enumerate_by_key<K: Kind>(table: PVOID, key: *mut usize) -> PVOID {
    enter("RtlEnumerateGenericTableWithoutSplaying", DISPATCH_LEVEL);
    // SAFETY: the DDI demands a key.
    let last = unsafe { key.read() };
    let place = match last {
        0 => 0,
        node => search::<K>(table, data::<K>(node)).map_or_else(|place| place, |place| place + 1),
    };
    let Some(next) = with(table, |elements| elements.nodes.get(place).copied()) else { return std::ptr::null_mut() };
    // SAFETY: as above.
    unsafe { key.write(next) };
    data::<K>(next)
}

unsafe extern "win64" fn rtl_get_element<K: Kind>(table: PVOID, number: ULONG) -> PVOID {
    enter("RtlGetElementGenericTable", DISPATCH_LEVEL);
    let node = with(table, |elements| elements.nodes.get(number as usize).copied());
    node.map_or(std::ptr::null_mut(), data::<K>)
}

unsafe extern "win64" fn rtl_number_of_elements<K: Kind>(table: PVOID) -> ULONG {
    enter("RtlNumberGenericTableElements", DISPATCH_LEVEL);
    with(table, |elements| elements.nodes.len()) as u32
}

unsafe extern "win64" fn rtl_is_empty<K: Kind>(table: PVOID) -> BOOLEAN {
    enter("RtlIsGenericTableEmpty", DISPATCH_LEVEL);
    u8::from(with(table, |elements| elements.nodes.is_empty()))
}
