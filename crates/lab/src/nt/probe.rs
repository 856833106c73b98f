//! Programs' memory: probing, and what a driver may then do with it. Up to APC_LEVEL.
//!
//! After "Using Neither Buffered Nor Direct I/O" and "Accessing User-Space Memory" of the Windows driver documentation: a
//! driver touches a program's buffer only in the context of that program, after it probed the addresses, and inside a
//! `__try` block, since the program may unmap it at any time (V41).

use std::cell::RefCell;

use nblease_ndis::sys::{PVOID, SIZE_T, ULONG};

use super::{
    enter,
    exception::{self, ACCESS_VIOLATION, Context, raise, raising},
};
use crate::{
    exports,
    fault::report::{BadTouch, How},
    io,
    kernel::kernel,
    memory::{Access, user},
    pe::Export,
    thread::{self, APC_LEVEL, DISPATCH_LEVEL},
};

pub(super) const EXPORTS: &[Export] = exports! {
    "ProbeForRead" => probe_for_read,
    "ProbeForWrite" => probe_for_write,
};

/// By these headers probe inline.
pub(super) const DATA_EXPORTS: &[Export] = &[
    Export::direct("MmHighestUserAddress", (&raw const HIGHEST).cast()),
    Export::direct("MmSystemRangeStart", (&raw const LIMIT).cast()),
    Export::direct("MmUserProbeAddress", (&raw const LIMIT).cast()),
];

static HIGHEST: usize = user::LIMIT - 1;
static LIMIT: usize = user::LIMIT;

/// `STATUS_DATATYPE_MISALIGNMENT`.
const MISALIGNMENT: u32 = 0x8000_0002;

thread_local! {
    /// What the system call under way on this thread has probed: first and last address, and whether for writing.
    static PROBED: RefCell<Vec<(usize, usize, bool)>> = const { RefCell::new(Vec::new()) };
}

/// What becomes of a touch of a program's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is made.
    Permitted,
    /// Nothing that can be touched so lies there, as can be at any time: an exception.
    Exception,
    /// The driver may not touch it (V41), for this reason.
    Broken(&'static str),
}

/// Probes of one system call: dropped, those of the call around it are back.
pub(crate) struct Probes(Vec<(usize, usize, bool)>);

impl Probes {
    /// A system call begins: nothing is probed.
    pub(crate) fn begin() -> Self {
        Self(PROBED.take())
    }
}

impl Drop for Probes {
    fn drop(&mut self) {
        PROBED.replace(std::mem::take(&mut self.0));
    }
}

fn is_probed(first: usize, last: usize, how: How) -> bool {
    let probed = PROBED.with_borrow(|probed| {
        let covers =
            |(from, to, write): &(usize, usize, bool)| *from <= first && last <= *to && (*write || how == How::Read);
        probed.iter().any(covers)
    });
    // What headers have inline is not seen.
    let inline = || thread::current_driver().and_then(|id| kernel().driver(id)).is_some_and(|info| info.probes_inline);
    probed || inline()
}

/// What becomes of a touch of `len` bytes of a program's. `guarded` says whether a `__try` block is around it.
pub fn verdict(address: usize, len: usize, how: How, guarded: impl FnOnce() -> bool) -> Verdict {
    let Some(buffer) = kernel().memory.programs.find(address) else { return Verdict::Exception };
    let last = address.saturating_add(len.saturating_sub(1));
    let (start, pages) = buffer.pages();
    match () {
        () if thread::irql() >= DISPATCH_LEVEL => Verdict::Broken(", at DISPATCH_LEVEL"),
        () if buffer.process != io::current_number() => Verdict::Broken(", outside of that program's context"),
        () if !is_probed(address, last, how) => Verdict::Broken(", which was not probed for that"),
        () if !guarded() => Verdict::Broken(", outside of any __try block"),
        () if how == How::Write && buffer.access == Access::ReadOnly => Verdict::Exception,
        () if last >= start + pages => Verdict::Exception,
        () => Verdict::Permitted,
    }
}

/// Where the lab finds `len` bytes that it is to touch for the caller whose context this is; none: not a program's.
/// Raises, or reports, where the caller may not touch them so.
pub(super) fn touch(address: usize, len: usize, how: How, context: &mut Context) -> Option<*mut u8> {
    if !exception::is_exception(address) {
        return None;
    }
    match verdict(address, len, how, || exception::is_guarded(context)) {
        Verdict::Permitted => kernel().memory.programs.find(address).map(|buffer| buffer.lab(address)),
        Verdict::Exception => exception::raise_touch(address, how, context),
        Verdict::Broken(why) => BadTouch::by_the_lab(address, how).since(why).report(),
    }
}

raising! {
    probe_for_read => probe_read;
    probe_for_write => probe_write;
}

unsafe extern "win64" fn probe_read(address: PVOID, len: SIZE_T, alignment: ULONG, context: *mut Context) {
    // SAFETY: what `raising!` declares passes a context on its own stack.
    let context = unsafe { &mut *context };
    probe("ProbeForRead", address.addr(), len, alignment, How::Read, context);
}

unsafe extern "win64" fn probe_write(address: PVOID, len: SIZE_T, alignment: ULONG, context: *mut Context) {
    // SAFETY: as above.
    let context = unsafe { &mut *context };
    probe("ProbeForWrite", address.addr(), len, alignment, How::Write, context);
}

/// That the addresses are a program's, and aligned; for writing also that each page can be written.
fn probe(function: &'static str, first: usize, len: usize, alignment: u32, how: How, context: &mut Context) {
    enter(function, APC_LEVEL);
    if len == 0 {
        return;
    }
    if !first.is_multiple_of(alignment.max(1) as usize) {
        raise(MISALIGNMENT, &[], context);
    }
    let write = u64::from(how == How::Write);
    let last = first.saturating_add(len - 1);
    if !user::contains(first) || !user::contains(last) {
        raise(ACCESS_VIOLATION, &[write, first as u64], context);
    }
    if how == How::Write {
        let buffer = kernel().memory.programs.find(first).filter(|buffer| buffer.process == io::current_number());
        let writable = buffer.is_some_and(|buffer| {
            let (start, pages) = buffer.pages();
            buffer.access == Access::ReadWrite && last < start + pages
        });
        if !writable {
            raise(ACCESS_VIOLATION, &[write, first as u64], context);
        }
    }
    PROBED.with_borrow_mut(|probed| probed.push((first, last, how == How::Write)));
}
