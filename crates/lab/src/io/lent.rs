//! A structure or buffer that the lab lends to the driver: a span whose data end as near the guard page as alignment
//! allows, so that the first byte past the end faults.

use crate::{
    history::Event,
    judge::rule,
    kernel::kernel,
    memory::{Access, Kind, PAGE, Span},
};

/// What the bytes around the data hold.
const SLACK: u8 = 0xfd;

/// Bytes in a span of their own. What the driver writes beside them on their pages is found when they are closed (V36).
#[derive(Debug)]
pub(crate) struct Lent {
    span: Span,
    offset: usize,
    len: usize,
}

impl Lent {
    /// `len` zeroed bytes, closed to the driver. `align` is a power of two, at most a page.
    pub(crate) fn closed(kind: Kind, len: usize, align: usize) -> Self {
        let whole = len.max(1).next_multiple_of(PAGE);
        let offset = (whole - len) & !(align - 1);
        let lent = Self { span: kernel().memory.alloc(kind, whole), offset, len };
        for (from, to) in lent.slack() {
            // SAFETY: within the span's pages, which the lab may write.
            unsafe { lent.span.lab().wrapping_add(from).write_bytes(SLACK, to - from) };
        }
        lent
    }

    /// The bytes of its pages before the data and behind.
    fn slack(&self) -> [(usize, usize); 2] {
        [(0, self.offset), (self.offset + self.len, self.span.len())]
    }

    /// The pattern around the data is as it was (V36).
    fn check_slack(&self) {
        let judge = &kernel().judge;
        judge.evaluated(rule::V36);
        for (from, to) in self.slack() {
            // SAFETY: within the span's pages, which the lab may read.
            let slack = unsafe { std::slice::from_raw_parts(self.span.lab().wrapping_add(from), to - from) };
            if let Some(at) = slack.iter().position(|byte| *byte != SLACK) {
                let offset = (from + at).cast_signed() - self.offset.cast_signed();
                let (kind, len) = (self.span.kind(), self.len);
                judge.broken(rule::V36, format!("written outside: byte {offset} of a {kind:?} of {len} bytes"));
                return;
            }
        }
    }

    /// `len` zeroed bytes that the driver may read and write.
    pub(crate) fn open(kind: Kind, len: usize, align: usize) -> Self {
        let lent = Self::closed(kind, len, align);
        lent.span.open(Access::ReadWrite);
        lent
    }

    /// A copy of `value` that the driver may read and write.
    pub(crate) fn of<T: Copy>(value: T) -> Self {
        let lent = Self::open(Kind::Object, size_of::<T>(), align_of::<T>());
        lent.write(value);
        lent
    }

    /// Overwrites the start with `value`.
    pub(crate) fn write<T: Copy>(&self, value: T) {
        debug_assert!(size_of::<T>() <= self.len);
        // SAFETY: the span has `len` bytes from here on, always writable in the lab's view, and aligned for a `T`.
        unsafe { self.lab().cast::<T>().write_unaligned(value) };
    }

    /// Where the driver finds it.
    pub(crate) fn driver(&self) -> *mut u8 {
        self.span.driver().wrapping_add(self.offset)
    }

    /// Where the lab finds it, always readable and writable.
    pub(crate) fn lab(&self) -> *mut u8 {
        self.span.lab().wrapping_add(self.offset)
    }

    /// The driver may touch it from now on.
    pub(crate) fn give(&self, access: Access) {
        self.span.open(access);
    }

    /// The driver may not touch it from now on.
    pub(crate) fn close(&self, why: &'static str) {
        if self.span.access() == Some(Access::ReadWrite) {
            self.check_slack();
        }
        self.span.close(why);
    }

    /// What the driver may do with it.
    pub(crate) fn access(&self) -> Option<Access> {
        self.span.access()
    }

    /// Adds an event to the span's history, which a report shows.
    pub(crate) fn note(&self, event: Event) {
        self.span.note(event);
    }

    /// A copy of bytes `0..count`; fewer where it is shorter.
    pub(crate) fn bytes(&self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count.min(self.len)];
        // SAFETY: as many bytes as the vector has are readable in the lab's view; the driver may write them at the same
        // time, as it may on a real machine: they are copied as raw memory.
        unsafe { std::ptr::copy_nonoverlapping(self.lab(), bytes.as_mut_ptr(), bytes.len()) };
        bytes
    }

    /// Writes `bytes` at `offset`; what does not fit is left out.
    pub(crate) fn fill(&self, offset: usize, bytes: &[u8]) {
        let count = bytes.len().min(self.len.saturating_sub(offset));
        // SAFETY: `offset + count` bytes are writable in the lab's view.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.lab().wrapping_add(offset), count) };
    }
}
