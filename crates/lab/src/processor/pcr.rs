//! The KPCR behind GS, and the thread object that it names.
//!
//! Offsets are those of `KPCR` in the WDK's `wdm.h` for x64, and of the few fields of the `KPRCB` in it (at 180h) that
//! the headers' inline functions read. All else is zero. Beyond its page GS faults.

use std::cell::OnceCell;

use nblease_ndis::sys::DISPATCHER_HEADER;

use crate::{
    memory::{PAGE, Protection, map},
    thread,
};

/// `KPCR.Self`.
const SELF: usize = 0x18;
/// `KPCR.CurrentPrcb`.
const CURRENT_PRCB: usize = 0x20;
/// `KPCR.MajorVersion`, which is 1.
const MAJOR_VERSION: usize = 0x60;
/// `KPCR.Prcb`.
const PRCB: usize = 0x180;
/// The processor's number as a byte: `KeGetCurrentProcessorNumber`.
const LEGACY_NUMBER: usize = 0x184;
/// `KeGetCurrentThread`.
const CURRENT_THREAD: usize = 0x188;
/// `KeGetCurrentProcessorIndex`.
const NUMBER: usize = 0x1a4;

/// `ThreadObject` of `KOBJECTS`.
const THREAD_OBJECT: u8 = 6;
/// Bytes of a KTHREAD: opaque but for its header.
const THREAD_SIZE: usize = 0x480;

/// `ARCH_SET_GS` of arch_prctl(2).
const ARCH_SET_GS: libc::c_int = 0x1001;

thread_local! {
    static PCR: OnceCell<Pcr> = const { OnceCell::new() };
}

/// A thread's KPCR and thread object. Neither is ever freed: a driver may keep the addresses.
struct Pcr {
    page: *mut u8,
    thread: *mut DISPATCHER_HEADER,
}

impl Pcr {
    fn new(thread: *mut DISPATCHER_HEADER) -> Self {
        let page = map::reserve(2 * PAGE).expect("addresses for a KPCR");
        map::protect(page, PAGE, Protection::ReadWrite);
        let pcr = Self { page, thread };
        let here = page.expose_provenance() as u64;
        pcr.put(SELF, here);
        pcr.put(CURRENT_PRCB, here + PRCB as u64);
        pcr.put(MAJOR_VERSION, 1_u16);
        pcr.put(CURRENT_THREAD, thread.expose_provenance() as u64);
        // SAFETY: sets this thread's GS base, which neither Rust nor the C library uses on x86-64 Linux.
        let result = unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_SET_GS, page) };
        assert_eq!(result, 0, "the GS base of a thread");
        pcr
    }

    fn put<T>(&self, at: usize, value: T) {
        // SAFETY: every offset lies in the page, is aligned for its field, and only this thread uses the page.
        unsafe { self.page.wrapping_add(at).cast::<T>().write(value) };
    }
}

/// Makes GS of this thread what kernel code expects; [`crate::thread::call_driver`] does so.
pub fn prepare_thread() {
    PCR.with(|pcr| {
        let pcr = pcr.get_or_init(|| Pcr::new(new_thread_object()));
        // It depends on the mode of the kernel, which may be another one now.
        let number = thread::processor();
        pcr.put(NUMBER, number);
        pcr.put(LEGACY_NUMBER, number as u8);
    });
}

/// A thread object, of a thread to come.
pub fn new_thread_object() -> *mut DISPATCHER_HEADER {
    let object: &'static mut [u128] = Box::leak(vec![0_u128; THREAD_SIZE / size_of::<u128>()].into_boxed_slice());
    let thread: *mut DISPATCHER_HEADER = object.as_mut_ptr().cast();
    // SAFETY: the object is larger than the header, aligned for it, and this function's own.
    unsafe { (*thread).Type = THREAD_OBJECT };
    thread
}

/// Makes `thread` the object of this thread, which has none yet.
pub fn adopt_thread_object(thread: *mut DISPATCHER_HEADER) {
    PCR.with(|pcr| {
        pcr.get_or_init(|| Pcr::new(thread));
    });
}

/// The object of this thread: the KTHREAD that `KeGetCurrentThread` finds.
pub fn thread_object() -> *mut DISPATCHER_HEADER {
    PCR.with(|pcr| pcr.get_or_init(|| Pcr::new(new_thread_object())).thread)
}
