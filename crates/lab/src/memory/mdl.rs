//! MDLs: what each describes, in a table beside the structures that the driver sees.
//!
//! The lab does not follow page numbers: the words after an MDL are not meaningful. What an MDL that is not mapped
//! would be mapped to, and whether it is locked, is kept here by its address (V40).

use std::{collections::BTreeMap, sync::Mutex};

use nblease_ndis::sys::{
    MDL, MDL_MAPPED_TO_SYSTEM_VA, MDL_PAGES_LOCKED, MDL_SOURCE_IS_NONPAGED_POOL, MDL_WRITE_OPERATION, PVOID,
};

use super::map::PAGE;
use crate::{kernel::kernel, sync::lock};

/// What an MDL of the lab describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MdlKind {
    /// Memory of the kernel's, mapped as long as it lives.
    NonPaged,
    /// Locked pages of a program, not mapped until a driver maps them. The driver may write to them.
    Locked,
    /// As `Locked`; the driver may only read.
    LockedReadOnly,
}

/// What is known of an MDL.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Described {
    /// Where its first byte lies in the driver's view.
    pub(crate) target: usize,
    /// The lab's own: its owner unlocks and unmaps it.
    pub(crate) of_lab: bool,
}

/// The MDLs that describe something, by address.
#[derive(Default)]
pub struct Mdls {
    described: Mutex<BTreeMap<usize, Described>>,
}

/// Bytes of an MDL for `len` bytes at `address`: the structure and a word for each page touched (`MmSizeOfMdl`).
pub fn size_of_mdl(address: usize, len: usize) -> usize {
    size_of::<MDL>() + ((address % PAGE) + len).div_ceil(PAGE) * size_of::<usize>()
}

impl Mdls {
    /// Writes an MDL that describes `len` bytes which the driver knows at `target`.
    ///
    /// `mdl` is its address in the driver's view of a `Descriptor` span with room for [`size_of_mdl`] bytes; it is
    /// written through the lab's view, so that the span may be closed.
    ///
    /// # Panics
    /// When `mdl` lies in no span.
    pub fn write(&self, mdl: *mut MDL, target: *mut u8, len: usize, kind: MdlKind) {
        let written = kernel().memory.to_lab(mdl).expect("an MDL of the lab lies in a span");
        let system = target.addr();
        // An address of the program's where the pages are not mapped: never to be touched (V41).
        let seen = match kind {
            MdlKind::NonPaged => system,
            MdlKind::Locked | MdlKind::LockedReadOnly => kernel().memory.user_address(len) + system % PAGE,
        };
        let pointer = |address: usize| -> PVOID { std::ptr::with_exposed_provenance_mut(address) };
        let contents = MDL {
            Next: std::ptr::null_mut(),
            // Of an MDL for 16 MiB and more the number is cut, as by the cast in MmInitializeMdl: `ByteCount` tells its pages.
            Size: (size_of_mdl(system, len) as u16).cast_signed(),
            MdlFlags: match kind {
                MdlKind::NonPaged => MDL_SOURCE_IS_NONPAGED_POOL,
                MdlKind::Locked => MDL_PAGES_LOCKED | MDL_WRITE_OPERATION,
                MdlKind::LockedReadOnly => MDL_PAGES_LOCKED,
            },
            Process: std::ptr::null_mut(),
            MappedSystemVa: if kind == MdlKind::NonPaged { target.cast() } else { std::ptr::null_mut() },
            StartVa: pointer(seen - seen % PAGE),
            ByteCount: len as u32,
            ByteOffset: (seen % PAGE) as u32,
        };
        // SAFETY: the span is the caller's, with room for an MDL; the lab's view is always writable.
        unsafe { written.write(contents) };
        self.describe(mdl.addr(), Described { target: system, of_lab: true });
    }

    /// The lab's MDL at `mdl` describes nothing any more: its owner unlocked and unmapped the pages.
    pub fn forget(&self, mdl: *mut MDL) {
        lock(&self.described).remove(&mdl.addr());
        if let Some(written) = kernel().memory.to_lab(mdl) {
            // SAFETY: the span is the caller's; the lab's view is always writable.
            unsafe { (*written).MdlFlags &= !(MDL_PAGES_LOCKED | MDL_MAPPED_TO_SYSTEM_VA) };
        }
    }

    /// Whether an MDL describes something.
    pub fn is_described(&self, mdl: *const MDL) -> bool {
        self.find(mdl.addr()).is_some()
    }

    pub(crate) fn describe(&self, mdl: usize, described: Described) {
        lock(&self.described).insert(mdl, described);
    }

    pub(crate) fn find(&self, mdl: usize) -> Option<Described> {
        lock(&self.described).get(&mdl).copied()
    }

    pub(crate) fn remove(&self, mdl: usize) -> Option<Described> {
        lock(&self.described).remove(&mdl)
    }
}
