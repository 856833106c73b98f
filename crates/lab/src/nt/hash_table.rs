//! Hash tables of drivers: `RTL_DYNAMIC_HASH_TABLE` (ntddk.h). Up to DISPATCH_LEVEL; the driver keeps threads apart.
//!
//! Headers read the counts inline; entries and their signatures are the driver's memory, which each search reads; in what
//! order they come is kept here. A table that is not deleted breaks V35.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard},
};

use nblease_ndis::sys::{BOOLEAN, PVOID, ULONG};

use super::{enter, pool};
use crate::{exports, faults::FaultKind, judge::rule, kernel::kernel, pe::Export, sync::lock, thread::DISPATCH_LEVEL};

pub const EXPORTS: &[Export] = exports! {
    "RtlContractHashTable" => rtl_contract_hash_table,
    "RtlCreateHashTable" => rtl_create_hash_table,
    "RtlCreateHashTableEx" => rtl_create_hash_table_ex,
    "RtlDeleteHashTable" => rtl_delete_hash_table,
    "RtlEndEnumerationHashTable" => rtl_end_enumeration,
    "RtlEndWeakEnumerationHashTable" => rtl_end_enumeration,
    "RtlEnumerateEntryHashTable" => rtl_enumerate_entry,
    "RtlExpandHashTable" => rtl_expand_hash_table,
    "RtlGetNextEntryHashTable" => rtl_get_next_entry,
    "RtlInitEnumerationHashTable" => rtl_init_enumeration,
    "RtlInitWeakEnumerationHashTable" => rtl_init_enumeration,
    "RtlInsertEntryHashTable" => rtl_insert_entry,
    "RtlLookupEntryHashTable" => rtl_lookup_entry,
    "RtlRemoveEntryHashTable" => rtl_remove_entry,
    "RtlWeaklyEnumerateEntryHashTable" => rtl_enumerate_entry,
};

/// The tag by which a table that was not deleted shows at unload.
const TAG: [u8; 4] = *b"HTab";
/// `RTL_HASH_ALLOCATED_HEADER`.
const ALLOCATED_HEADER: u32 = 1;
/// `BASE_HASH_TABLE_SIZE`.
const BUCKETS: u32 = 128;

/// `RTL_DYNAMIC_HASH_TABLE`.
#[repr(C)]
struct Table {
    flags: u32,
    shift: u32,
    size: u32,
    pivot: u32,
    divisor_mask: u32,
    entries: u32,
    non_empty_buckets: u32,
    enumerators: u32,
    directory: PVOID,
}

/// `RTL_DYNAMIC_HASH_TABLE_ENTRY`.
#[repr(C)]
struct Entry {
    linkage: [usize; 2],
    signature: usize,
}

/// `RTL_DYNAMIC_HASH_TABLE_CONTEXT`: where the search has come to.
#[repr(C)]
struct Context {
    chain: usize,
    previous: usize,
    signature: usize,
}

/// The tables by address.
#[derive(Default)]
pub struct Tables {
    tables: Mutex<BTreeMap<usize, Entries>>,
}

/// A table's entries in the order in which they came, and how many of them each enumeration has given.
#[derive(Default)]
struct Entries {
    all: Vec<usize>,
    given: BTreeMap<usize, usize>,
}

fn tables() -> MutexGuard<'static, BTreeMap<usize, Entries>> {
    lock(&kernel().nt.hash_tables.tables)
}

/// What is done with a table's entries.
fn with<R>(table: *mut Table, f: impl FnOnce(&mut Entries) -> R) -> R {
    let what = || kernel().judge.bug_check(format!("a hash table at {table:p} that was not created"));
    tables().get_mut(&table.addr()).map_or_else(what, f)
}

fn signature_of(entry: usize) -> usize {
    let entry: *const Entry = std::ptr::with_exposed_provenance(entry);
    // SAFETY: an entry that the driver inserted, and has not removed; where it freed it this faults and is reported.
    unsafe { entry.read() }.signature
}

fn entry_at(entry: Option<usize>) -> *mut Entry {
    entry.map_or(std::ptr::null_mut(), std::ptr::with_exposed_provenance_mut)
}

/// Writes the counts that headers read.
fn put_counts(table: *mut Table) {
    let (entries, enumerators) = with(table, |entries| (entries.all.clone(), entries.given.len()));
    // SAFETY: the DDI demands a table that was created.
    let table = unsafe { &mut *table };
    let buckets: BTreeSet<usize> =
        entries.iter().map(|entry| (signature_of(*entry) >> table.shift.min(63)) % BUCKETS as usize).collect();
    table.entries = entries.len() as u32;
    table.non_empty_buckets = buckets.len() as u32;
    table.enumerators = enumerators as u32;
}

unsafe extern "win64" fn rtl_create_hash_table(table: *mut *mut Table, shift: ULONG, flags: ULONG) -> BOOLEAN {
    create("RtlCreateHashTable", table, shift, flags)
}

unsafe extern "win64" fn rtl_create_hash_table_ex(
    table: *mut *mut Table,
    _size: ULONG,
    shift: ULONG,
    flags: ULONG,
) -> BOOLEAN {
    create("RtlCreateHashTableEx", table, shift, flags)
}

/// A table where the pointer says, or in memory of its own where it is null.
fn create(function: &'static str, slot: *mut *mut Table, shift: u32, flags: u32) -> BOOLEAN {
    enter(function, DISPATCH_LEVEL);
    if flags != 0 || kernel().faults.should_fail(FaultKind::Pool) {
        return 0;
    }
    // SAFETY: the DDI demands a pointer, which may be null itself.
    let given = unsafe { slot.read() };
    let (at, flags) = if given.is_null() {
        (pool::allocate_object(TAG, size_of::<Table>()).cast(), ALLOCATED_HEADER)
    } else {
        (given, 0)
    };
    let directory = pool::allocate_object(TAG, BUCKETS as usize * 16);
    let mask = BUCKETS - 1;
    let made = Table {
        flags,
        shift,
        size: BUCKETS,
        pivot: 0,
        divisor_mask: mask,
        entries: 0,
        non_empty_buckets: 0,
        enumerators: 0,
        directory,
    };
    // SAFETY: the driver's storage for a table, or memory that was just allocated.
    unsafe { at.write(made) };
    tables().insert(at.expose_provenance(), Entries::default());
    // SAFETY: as above.
    unsafe { slot.write(at) };
    1
}

unsafe extern "win64" fn rtl_delete_hash_table(table: *mut Table) {
    enter("RtlDeleteHashTable", DISPATCH_LEVEL);
    with(table, |_| ());
    // SAFETY: a table that was created.
    let Table { flags, directory, .. } = unsafe { table.read() };
    tables().remove(&table.addr());
    pool::free_object(TAG, directory);
    if flags & ALLOCATED_HEADER != 0 {
        pool::free_object(TAG, table.cast());
    }
}

unsafe extern "win64" fn rtl_insert_entry(
    table: *mut Table,
    entry: *mut Entry,
    signature: usize,
    _context: *mut Context,
) -> BOOLEAN {
    enter("RtlInsertEntryHashTable", DISPATCH_LEVEL);
    // SAFETY: the DDI demands storage for an entry.
    unsafe { entry.write(Entry { linkage: [entry.addr(); 2], signature }) };
    let entry = entry.expose_provenance();
    let new = with(table, |entries| {
        let new = !entries.all.contains(&entry);
        entries.all.extend(new.then_some(entry));
        new
    });
    let described = || format!("RtlInsertEntryHashTable of the entry {entry:#x}, which is in the table already");
    kernel().judge.check(rule::V36, new, described);
    put_counts(table);
    1
}

unsafe extern "win64" fn rtl_remove_entry(table: *mut Table, entry: *mut Entry, _context: *mut Context) -> BOOLEAN {
    enter("RtlRemoveEntryHashTable", DISPATCH_LEVEL);
    let was_there = with(table, |entries| {
        let at = entries.all.iter().position(|other| *other == entry.addr());
        if let Some(at) = at {
            entries.all.remove(at);
            entries.given.values_mut().filter(|given| **given > at).for_each(|given| *given -= 1);
        }
        at.is_some()
    });
    kernel().judge.check(rule::V36, was_there, || {
        format!("RtlRemoveEntryHashTable of the entry {entry:p}, which is not in the table")
    });
    put_counts(table);
    1
}

/// The first entry with a signature among those from `first` on.
fn find(table: *mut Table, first: usize, signature: usize) -> Option<usize> {
    let all = with(table, |entries| entries.all.clone());
    all.into_iter().skip(first).find(|entry| signature_of(*entry) == signature)
}

unsafe extern "win64" fn rtl_lookup_entry(table: *mut Table, signature: usize, context: *mut Context) -> *mut Entry {
    enter("RtlLookupEntryHashTable", DISPATCH_LEVEL);
    let found = find(table, 0, signature);
    if !context.is_null() {
        let come_to = Context { chain: table.addr(), previous: found.unwrap_or_default(), signature };
        // SAFETY: the DDI demands null or storage.
        unsafe { context.write(come_to) };
    }
    entry_at(found)
}

unsafe extern "win64" fn rtl_get_next_entry(table: *mut Table, context: *mut Context) -> *mut Entry {
    enter("RtlGetNextEntryHashTable", DISPATCH_LEVEL);
    // SAFETY: the DDI demands the context of a search.
    let context = unsafe { &mut *context };
    let at = with(table, |entries| entries.all.iter().position(|entry| *entry == context.previous));
    let found = at.and_then(|at| find(table, at + 1, context.signature));
    context.previous = found.unwrap_or_default();
    entry_at(found)
}

unsafe extern "win64" fn rtl_init_enumeration(table: *mut Table, enumerator: PVOID) -> BOOLEAN {
    enter("RtlInitEnumerationHashTable", DISPATCH_LEVEL);
    with(table, |entries| entries.given.insert(enumerator.addr(), 0));
    put_counts(table);
    1
}

unsafe extern "win64" fn rtl_enumerate_entry(table: *mut Table, enumerator: PVOID) -> *mut Entry {
    enter("RtlEnumerateEntryHashTable", DISPATCH_LEVEL);
    entry_at(with(table, |entries| {
        let given = entries.given.get_mut(&enumerator.addr())?;
        let next = entries.all.get(*given).copied()?;
        *given += 1;
        Some(next)
    }))
}

unsafe extern "win64" fn rtl_end_enumeration(table: *mut Table, enumerator: PVOID) {
    enter("RtlEndEnumerationHashTable", DISPATCH_LEVEL);
    with(table, |entries| entries.given.remove(&enumerator.addr()));
    put_counts(table);
}

/// The table has as many buckets as ever.
unsafe extern "win64" fn rtl_expand_hash_table(_table: *mut Table) -> BOOLEAN {
    enter("RtlExpandHashTable", DISPATCH_LEVEL);
    0
}

/// As [`rtl_expand_hash_table`].
unsafe extern "win64" fn rtl_contract_hash_table(_table: *mut Table) -> BOOLEAN {
    enter("RtlContractHashTable", DISPATCH_LEVEL);
    0
}
