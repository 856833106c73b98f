//! `memcpy` and its kin, and `__chkstk`. Any IRQL.
//!
//! They know the spans: a span is reached through the lab's view once its state was checked (V16), so that slow mode
//! counts what they move without a trap for each access.

use std::arch::naked_asm;

use nblease_ndis::sys::SIZE_T;

use super::{exception, probe};
use crate::{
    exports,
    fault::report::How,
    kernel::kernel,
    memory::touch::{Touch, read_at, write_at},
    pe::Export,
};

pub const EXPORTS: &[Export] = exports! {
    "memcmp" => memcmp,
    "memcpy" => copy,
    "memmove" => copy,
    "memset" => fill,
    "RtlCompareMemory" => rtl_compare_memory,
    "RtlCopyMemory" => copy,
    "RtlFillMemory" => rtl_fill_memory,
    "RtlMoveMemory" => copy,
    "RtlZeroMemory" => rtl_zero_memory,
};

pub const DIRECT_EXPORTS: &[Export] = &[Export::direct("__chkstk", chkstk as *const ())];

/// Touches each page of the stack between `rsp` and `rsp - rax`, as the compiler asks before it moves `rsp` by more
/// than a page. No register may change.
#[unsafe(naked)]
unsafe extern "win64" fn chkstk() {
    naked_asm!(
        "push rcx",
        "push rax",
        "lea rcx, [rsp + 24]",
        "2:",
        "cmp rax, 4096",
        "jb 3f",
        "sub rcx, 4096",
        "test byte ptr [rcx], cl",
        "sub rax, 4096",
        "jmp 2b",
        "3:",
        "sub rcx, rax",
        "test byte ptr [rcx], cl",
        "pop rax",
        "pop rcx",
        "ret",
    )
}

/// `memcpy` and `memmove`: an exception where a program's memory is touched, which the caller may handle.
#[unsafe(naked)]
unsafe extern "win64" fn copy() {
    naked_asm!(
        "push rcx",
        "push rdx",
        "push r8",
        "sub rsp, 32",
        "call {raises}",
        "add rsp, 32",
        "pop r8",
        "pop rdx",
        "pop rcx",
        "test al, al",
        "jnz {raising}",
        "jmp {moving}",
        raises = sym is_exception,
        raising = sym copy_raising,
        moving = sym memmove,
    )
}

unsafe extern "win64" fn is_exception(to: usize, from: usize, len: usize) -> bool {
    len > 0 && (exception::is_exception(to) || exception::is_exception(from))
}

exception::raising! {
    copy_raising => raise_copy;
    fill_raising => raise_fill;
}

/// One of the places is a program's, or null.
unsafe extern "win64" fn raise_copy(
    to: *mut u8,
    from: *const u8,
    len: usize,
    context: *mut exception::Context,
) -> *mut u8 {
    // SAFETY: what `raising!` declares passes a context on its own stack.
    let context = unsafe { &mut *context };
    let source = probe::touch(from.addr(), len, How::Read, context);
    let target = probe::touch(to.addr(), len, How::Write, context);
    // SAFETY: the caller's promise is the same; what is a program's was found in the lab's view.
    unsafe { memmove(target.unwrap_or(to), source.map_or(from, <*mut u8>::cast_const), len) };
    to
}

/// Moves; source and target may overlap, as the kernel's `memcpy` allows in fact.
unsafe extern "win64" fn memmove(to: *mut u8, from: *const u8, len: SIZE_T) -> *mut u8 {
    if len > 0 {
        let source = read_at(from, len);
        let target = write_at(to, len);
        kernel().memory.count_move(&source, &target, len);
        // SAFETY: spans were checked; any other address faults where it is not the driver's to touch, and is reported.
        unsafe { target.address.copy_from(source.address, len) };
    }
    to
}

/// `memset`: raises as [`copy`] does.
#[unsafe(naked)]
unsafe extern "win64" fn fill() {
    naked_asm!(
        "push rcx",
        "push rdx",
        "push r8",
        "sub rsp, 32",
        "call {raises}",
        "add rsp, 32",
        "pop r8",
        "pop rdx",
        "pop rcx",
        "test al, al",
        "jnz {raising}",
        "jmp {setting}",
        raises = sym is_fill_exception,
        raising = sym fill_raising,
        setting = sym memset,
    )
}

unsafe extern "win64" fn is_fill_exception(to: usize, _value: i32, len: usize) -> bool {
    len > 0 && exception::is_exception(to)
}

unsafe extern "win64" fn raise_fill(to: *mut u8, value: i32, len: usize, context: *mut exception::Context) -> *mut u8 {
    // SAFETY: as in `raise_copy`.
    let target = probe::touch(to.addr(), len, How::Write, unsafe { &mut *context });
    // SAFETY: as in `raise_copy`.
    unsafe { memset(target.unwrap_or(to), value, len) };
    to
}

unsafe extern "win64" fn memset(to: *mut u8, value: i32, len: SIZE_T) -> *mut u8 {
    if len > 0 {
        let target = write_at(to, len);
        kernel().memory.count_write(&target, len);
        // SAFETY: as in `memmove`.
        unsafe { target.address.write_bytes(value.cast_unsigned() as u8, len) };
    }
    to
}

unsafe extern "win64" fn rtl_fill_memory(to: *mut u8, len: SIZE_T, value: u8) {
    // SAFETY: the caller's promise is the same.
    unsafe { memset(to, i32::from(value), len) };
}

unsafe extern "win64" fn rtl_zero_memory(to: *mut u8, len: SIZE_T) {
    // SAFETY: the caller's promise is the same.
    unsafe { memset(to, 0, len) };
}

/// Bytes from the start that are equal, and whether all are.
fn equal_bytes(first: &Touch, second: &Touch, len: usize) -> usize {
    // SAFETY: as in `memmove`; nobody writes the lab's view while the driver's call runs.
    let first = unsafe { std::slice::from_raw_parts(first.address, len) };
    // SAFETY: as above.
    let second = unsafe { std::slice::from_raw_parts(second.address, len) };
    first.iter().zip(second).take_while(|(a, b)| a == b).count()
}

unsafe extern "win64" fn memcmp(first: *const u8, second: *const u8, len: SIZE_T) -> i32 {
    if len == 0 {
        return 0;
    }
    let (a, b) = (read_at(first, len), read_at(second, len));
    let equal = equal_bytes(&a, &b, len);
    // What a comparison reads: up to the first difference.
    let read = (equal + 1).min(len);
    kernel().memory.count_read(&a, read);
    kernel().memory.count_read(&b, read);
    if equal == len {
        return 0;
    }
    let byte_of = |touch: &Touch| {
        // SAFETY: as in `memmove`; `equal` is below `len`.
        i32::from(unsafe { touch.address.wrapping_add(equal).read() })
    };
    byte_of(&a) - byte_of(&b)
}

unsafe extern "win64" fn rtl_compare_memory(first: *const u8, second: *const u8, len: SIZE_T) -> SIZE_T {
    if len == 0 {
        return 0;
    }
    let (a, b) = (read_at(first, len), read_at(second, len));
    let equal = equal_bytes(&a, &b, len);
    kernel().memory.count_read(&a, (equal + 1).min(len));
    kernel().memory.count_read(&b, (equal + 1).min(len));
    equal
}
