//! Structures that NDIS lends a driver for a call: in memory of their own, closed when the call is over, so that a
//! late look at them faults.

use nblease_ndis::sys::UNICODE_STRING;

use super::raw;
use crate::{
    kernel::kernel,
    memory::{Access, Kind, PAGE, Span, span::arena},
};

/// A place for structures lent for one call.
pub struct Lent {
    span: Span,
    used: usize,
    why: &'static str,
}

impl Lent {
    /// Room for `bytes` bytes; `why` says in reports what ended the loan.
    pub fn new(bytes: usize, why: &'static str) -> Self {
        let span = kernel().memory.alloc(Kind::Descriptor, bytes.next_multiple_of(PAGE));
        span.open(Access::ReadWrite);
        Self { span, used: 0, why }
    }

    /// Room for bytes: driver's address.
    ///
    /// # Panics
    /// Where the place is full.
    pub fn room(&mut self, bytes: usize, alignment: usize) -> *mut u8 {
        let at = self.used.next_multiple_of(alignment);
        self.used = at + bytes;
        assert!(self.used <= self.span.len(), "room for what is lent");
        self.span.driver().wrapping_add(at)
    }

    /// Puts a value down: driver's address.
    pub fn put<T>(&mut self, value: T) -> *mut T {
        let at = self.room(size_of::<T>(), align_of::<T>()).cast();
        raw::write(at, value);
        at
    }

    /// Puts the structure itself down, at the end of the place, so that a look behind it faults: driver's address.
    ///
    /// # Panics
    /// Where the place is full.
    pub fn put_last<T>(&mut self, value: T) -> *mut T {
        let end = self.span.len();
        let at = end - size_of::<T>();
        assert!(self.used <= at, "room for what is lent");
        self.used = end;
        let at = self.span.driver().wrapping_add(at).cast();
        raw::write(at, value);
        at
    }

    /// Puts bytes down: driver's address.
    pub fn put_bytes(&mut self, bytes: &[u8]) -> *mut u8 {
        let at = self.room(bytes.len().max(1), 8);
        raw::write_bytes(at, bytes);
        at
    }

    /// Puts a counted string down: driver's address. No zero follows its text.
    pub fn put_string(&mut self, text: &str) -> *mut UNICODE_STRING {
        let units: Vec<u16> = text.encode_utf16().chain([0xfffe]).collect();
        let bytes: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let length = (bytes.len() - 2) as u16;
        let buffer = self.put_bytes(&bytes).cast();
        self.put(UNICODE_STRING { Length: length, MaximumLength: length, Buffer: buffer })
    }
}

impl Lent {
    /// Whether an address lies in it.
    pub fn contains<T>(&self, at: *const T) -> bool {
        let start = self.span.driver().addr();
        (start..start + self.span.len()).contains(&at.addr())
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.span.close(self.why);
    }
}

/// Lends one value for one call.
pub fn lend<T>(value: T, why: &'static str) -> (Lent, *mut T) {
    let mut lent = Lent::new(size_of::<T>(), why);
    let at = lent.put_last(value);
    (lent, at)
}

/// Ends the loan of a structure before its place goes: whoever had it lent says that he is done.
pub fn end<T>(at: *const T, why: &'static str) {
    if let Some(record) = arena().find(at.addr()) {
        record.close(why);
    }
}
