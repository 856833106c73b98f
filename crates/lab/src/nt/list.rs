//! Interlocked lists: `SLIST`s, and the doubly and singly linked lists that a spin lock guards. Any IRQL, as their memory
//! allows.
//!
//! An `SLIST_HEADER` has its depth and a sequence number in the first word and the first entry in the second, as on x64;
//! entries are 16-byte aligned. Every change goes through here, so that one mutex of the lab's makes them atomic.

use std::sync::Mutex;

use nblease_ndis::sys::{KSPIN_LOCK, LARGE_INTEGER, LIST_ENTRY, SLIST_HEADER, ULONG, USHORT};

use super::{HIGH_LEVEL, enter};
use crate::{exports, judge::rule, kernel::kernel, pe::Export, sync::lock};

pub const EXPORTS: &[Export] = exports! {
    "ExInterlockedAddLargeInteger" => ex_interlocked_add_large_integer,
    "ExInterlockedAddUlong" => ex_interlocked_add_ulong,
    "ExInterlockedInsertHeadList" => ex_interlocked_insert_head_list,
    "ExInterlockedInsertTailList" => ex_interlocked_insert_tail_list,
    "ExInterlockedPopEntryList" => ex_interlocked_pop_entry_list,
    "ExInterlockedPushEntryList" => ex_interlocked_push_entry_list,
    "ExInterlockedRemoveHeadList" => ex_interlocked_remove_head_list,
    "ExpInterlockedFlushSList" => exp_interlocked_flush_slist,
    "ExpInterlockedPopEntrySList" => exp_interlocked_pop_entry_slist,
    "ExpInterlockedPushEntrySList" => exp_interlocked_push_entry_slist,
    "ExQueryDepthSList" => ex_query_depth_slist,
    "InitializeSListHead" => initialize_slist_head,
    "RtlInitializeSListHead" => initialize_slist_head,
};

/// Makes each change whole.
static CHANGING: Mutex<()> = Mutex::new(());

/// `SLIST_ENTRY` and `SINGLE_LIST_ENTRY`: the next one.
type Entry = *mut usize;

/// Bits of the first word that count the entries.
const DEPTH: u64 = 0xffff;
/// What is added to the first word for the next sequence number.
const SEQUENCE: u64 = 0x1_0000;

fn header<'a>(head: *mut SLIST_HEADER) -> &'a mut SLIST_HEADER {
    // SAFETY: the DDI demands an initialized header, which changes under `CHANGING` alone; what is none faults.
    unsafe { &mut *head }
}

fn entry_at(address: u64) -> Entry {
    std::ptr::with_exposed_provenance_mut(address as usize)
}

unsafe extern "win64" fn initialize_slist_head(head: *mut SLIST_HEADER) {
    enter("InitializeSListHead", HIGH_LEVEL);
    aligned("InitializeSListHead", head.addr());
    // SAFETY: the DDI demands storage for a header.
    unsafe { head.write(SLIST_HEADER { Alignment: 0, Region: 0 }) };
}

/// Headers and entries are aligned to 16 bytes; NT raises STATUS_DATATYPE_MISALIGNMENT, or lists break.
fn aligned(function: &'static str, address: usize) {
    kernel().judge.check(rule::V36, address.is_multiple_of(16), || {
        format!("{function}: {address:#x} is not aligned to 16 bytes")
    });
}

unsafe extern "win64" fn ex_query_depth_slist(head: *mut SLIST_HEADER) -> USHORT {
    enter("ExQueryDepthSList", HIGH_LEVEL);
    let _changing = lock(&CHANGING);
    (header(head).Alignment & DEPTH) as USHORT
}

unsafe extern "win64" fn exp_interlocked_push_entry_slist(head: *mut SLIST_HEADER, entry: Entry) -> Entry {
    enter("ExpInterlockedPushEntrySList", HIGH_LEVEL);
    aligned("ExpInterlockedPushEntrySList", entry.addr());
    let _changing = lock(&CHANGING);
    let head = header(head);
    let first = head.Region & !15;
    // SAFETY: the DDI demands an entry, which belongs to the list from now on.
    unsafe { entry.write(first as usize) };
    head.Region = entry.expose_provenance() as u64;
    let depth = (head.Alignment & DEPTH) + 1;
    head.Alignment = (head.Alignment & !DEPTH).wrapping_add(SEQUENCE) | (depth & DEPTH);
    entry_at(first)
}

unsafe extern "win64" fn exp_interlocked_pop_entry_slist(head: *mut SLIST_HEADER) -> Entry {
    enter("ExpInterlockedPopEntrySList", HIGH_LEVEL);
    let _changing = lock(&CHANGING);
    let head = header(head);
    let first = entry_at(head.Region & !15);
    if !first.is_null() {
        // SAFETY: an entry in the list belongs to it; one that was freed meanwhile faults and is reported.
        head.Region = unsafe { first.read() } as u64;
        head.Alignment = (head.Alignment & !DEPTH) | ((head.Alignment & DEPTH).wrapping_sub(1) & DEPTH);
    }
    first
}

unsafe extern "win64" fn exp_interlocked_flush_slist(head: *mut SLIST_HEADER) -> Entry {
    enter("ExpInterlockedFlushSList", HIGH_LEVEL);
    let _changing = lock(&CHANGING);
    let head = header(head);
    let first = entry_at(head.Region & !15);
    *head = SLIST_HEADER { Alignment: head.Alignment & !DEPTH, Region: 0 };
    first
}

fn links<'a>(entry: *mut LIST_ENTRY) -> &'a mut LIST_ENTRY {
    // SAFETY: the DDI demands a list that changes with its spin lock held alone, hence under `CHANGING`.
    unsafe { &mut *entry }
}

/// Puts `entry` between two neighbours.
fn insert(before: *mut LIST_ENTRY, entry: *mut LIST_ENTRY, after: *mut LIST_ENTRY) {
    *links(entry) = LIST_ENTRY { Flink: after, Blink: before };
    links(before).Flink = entry;
    links(after).Blink = entry;
}

/// The entry, or null for the list's head itself: an empty list.
fn unless_head(entry: *mut LIST_ENTRY, head: *mut LIST_ENTRY) -> *mut LIST_ENTRY {
    if entry == head { std::ptr::null_mut() } else { entry }
}

/// A list whose links disagree is a fast fail there.
fn check_links(function: &'static str, head: *mut LIST_ENTRY) {
    let (next, previous) = (links(head).Flink, links(head).Blink);
    let whole = links(next).Blink == head && links(previous).Flink == head;
    kernel().judge.check(rule::V36, whole, || format!("{function}: the list at {head:p} is corrupt"));
}

unsafe extern "win64" fn ex_interlocked_insert_head_list(
    head: *mut LIST_ENTRY,
    entry: *mut LIST_ENTRY,
    _lock: *mut KSPIN_LOCK,
) -> *mut LIST_ENTRY {
    enter("ExInterlockedInsertHeadList", HIGH_LEVEL);
    let _changing = lock(&CHANGING);
    check_links("ExInterlockedInsertHeadList", head);
    let first = links(head).Flink;
    insert(head, entry, first);
    unless_head(first, head)
}

unsafe extern "win64" fn ex_interlocked_insert_tail_list(
    head: *mut LIST_ENTRY,
    entry: *mut LIST_ENTRY,
    _lock: *mut KSPIN_LOCK,
) -> *mut LIST_ENTRY {
    enter("ExInterlockedInsertTailList", HIGH_LEVEL);
    let _changing = lock(&CHANGING);
    check_links("ExInterlockedInsertTailList", head);
    let last = links(head).Blink;
    insert(last, entry, head);
    unless_head(last, head)
}

unsafe extern "win64" fn ex_interlocked_remove_head_list(
    head: *mut LIST_ENTRY,
    _lock: *mut KSPIN_LOCK,
) -> *mut LIST_ENTRY {
    enter("ExInterlockedRemoveHeadList", HIGH_LEVEL);
    let _changing = lock(&CHANGING);
    check_links("ExInterlockedRemoveHeadList", head);
    let first = links(head).Flink;
    let second = links(first).Flink;
    links(head).Flink = second;
    links(second).Blink = head;
    unless_head(first, head)
}

unsafe extern "win64" fn ex_interlocked_push_entry_list(head: Entry, entry: Entry, _lock: *mut KSPIN_LOCK) -> Entry {
    enter("ExInterlockedPushEntryList", HIGH_LEVEL);
    let _changing = lock(&CHANGING);
    // SAFETY: the DDI demands a list's head.
    let first = unsafe { head.read() };
    // SAFETY: the DDI demands an entry.
    unsafe { entry.write(first) };
    // SAFETY: as above.
    unsafe { head.write(entry.expose_provenance()) };
    entry_at(first as u64)
}

unsafe extern "win64" fn ex_interlocked_pop_entry_list(head: Entry, _lock: *mut KSPIN_LOCK) -> Entry {
    enter("ExInterlockedPopEntryList", HIGH_LEVEL);
    let _changing = lock(&CHANGING);
    // SAFETY: the DDI demands a list's head.
    let first = entry_at(unsafe { head.read() } as u64);
    if !first.is_null() {
        // SAFETY: an entry in the list belongs to it.
        let second = unsafe { first.read() };
        // SAFETY: as above.
        unsafe { head.write(second) };
    }
    first
}

unsafe extern "win64" fn ex_interlocked_add_ulong(at: *mut ULONG, value: ULONG, _lock: *mut KSPIN_LOCK) -> ULONG {
    enter("ExInterlockedAddUlong", HIGH_LEVEL);
    let _changing = lock(&CHANGING);
    // SAFETY: the DDI demands a number.
    let before = unsafe { at.read() };
    // SAFETY: as above.
    unsafe { at.write(before.wrapping_add(value)) };
    before
}

unsafe extern "win64" fn ex_interlocked_add_large_integer(
    at: *mut LARGE_INTEGER,
    value: LARGE_INTEGER,
    _lock: *mut KSPIN_LOCK,
) -> LARGE_INTEGER {
    enter("ExInterlockedAddLargeInteger", HIGH_LEVEL);
    let _changing = lock(&CHANGING);
    // SAFETY: the DDI demands a number.
    let before = unsafe { at.read() };
    // SAFETY: each view of the union holds all of its bits.
    let sum = unsafe { before.QuadPart };
    // SAFETY: as above.
    let sum = sum.wrapping_add(unsafe { value.QuadPart });
    // SAFETY: as above.
    unsafe { at.write(LARGE_INTEGER { QuadPart: sum }) };
    before
}
