//! Touches of memory by the lab on behalf of the driver: checked against the spans' states, through the lab's view.

use std::sync::atomic::Ordering;

use super::{
    Memory,
    span::{Access, Kind, arena},
};
use crate::{
    fault::report::{BadTouch, How},
    memory::PAGE,
    sync::lock,
};

/// Memory that may be touched.
pub struct Touch {
    /// Where the lab touches it.
    pub address: *mut u8,
    /// What span it lies in; none: in no span.
    pub kind: Option<Kind>,
}

/// Bytes that the driver has the lab read. Where it may not, the run ends (V16, V36).
pub fn read_at(address: *const u8, len: usize) -> Touch {
    touch(address.cast_mut(), len, How::Read)
}

/// Bytes that the driver has the lab write.
pub fn write_at(address: *mut u8, len: usize) -> Touch {
    touch(address, len, How::Write)
}

fn touch(address: *mut u8, len: usize, how: How) -> Touch {
    let Some(at) = arena().to_lab(address.addr()) else {
        return Touch { address, kind: None };
    };
    let Some(record) = arena().find(address.addr()) else {
        BadTouch::by_the_lab(address.addr(), how).report();
    };
    let end = record.driver().addr() + record.pages * PAGE;
    let allowed = match lock(&record.state).access {
        Some(Access::ReadWrite) => true,
        Some(Access::ReadOnly) => how == How::Read,
        None => false,
    };
    if !allowed {
        BadTouch::by_the_lab(address.addr(), how).report();
    }
    if address.addr() + len > end {
        BadTouch::by_the_lab(end, how).report();
    }
    Touch { address: at, kind: Some(record.kind) }
}

impl Memory {
    /// Counts a move from one place to another.
    pub(crate) fn count_move(&self, from: &Touch, to: &Touch, len: usize) {
        if from.kind == Some(Kind::Payload) && to.kind == Some(Kind::ReadBuffer) {
            self.count_straight(len);
        }
        self.count_read(from, len);
        self.count_write(to, len);
    }

    pub(crate) fn count_read(&self, touch: &Touch, len: usize) {
        self.count(touch.kind, false, len);
    }

    pub(crate) fn count_write(&self, touch: &Touch, len: usize) {
        self.count(touch.kind, true, len);
    }

    pub(crate) fn count_straight(&self, len: usize) {
        self.counters.payload_to_read_buffer.fetch_add(len as u64, Ordering::Relaxed);
    }

    /// Counts `len` bytes read or written.
    pub(crate) fn count(&self, kind: Option<Kind>, write: bool, len: usize) {
        let counter = match (kind, write) {
            (Some(Kind::Payload), false) => &self.counters.payload_read,
            (Some(Kind::Payload), true) => &self.counters.payload_written,
            (Some(Kind::ReadBuffer), false) => &self.counters.read_buffer_read,
            (Some(Kind::ReadBuffer), true) => &self.counters.read_buffer_written,
            (Some(Kind::Descriptor | Kind::Request | Kind::Object | Kind::Program) | None, _) => return,
        };
        counter.fetch_add(len as u64, Ordering::Relaxed);
    }
}
