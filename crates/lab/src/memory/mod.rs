//! Memory that the driver can touch: spans lent to it, its pool, and what is known of any address.

mod counts;
pub(crate) mod map;
pub mod mdl;
pub mod pageable;
pub mod pool;
mod runs;
mod search;
pub(crate) mod span;
pub mod touch;
pub mod user;

use std::sync::atomic::{AtomicBool, Ordering};

pub use counts::Counts;
pub use map::{PAGE, Protection};
pub use span::{Access, Kind, Span};

use crate::{judge::rule, kernel::kernel, sync::lock, wdf};
use counts::Counters;

/// The kernel's memory model.
#[derive(Default)]
pub struct Memory {
    /// The drivers' pool.
    pub pool: pool::Pool,
    /// What MDLs describe.
    pub mdls: mdl::Mdls,
    /// What may be out at DISPATCH_LEVEL.
    pub pageable: pageable::Pageable,
    /// What programs have in memory.
    pub programs: user::Programs,
    slow: AtomicBool,
    pub(crate) counters: Counters,
}

impl Memory {
    /// A zeroed span of `len` bytes, closed to the driver.
    pub fn alloc(&self, kind: Kind, len: usize) -> Span {
        Span::allocate(kind, len)
    }

    /// The lab's address of a byte that the driver knows by `address`; none when it lies in no span.
    pub fn to_lab<T>(&self, address: *const T) -> Option<*mut T> {
        span::arena().to_lab(address.addr()).map(<*mut u8>::cast)
    }

    /// Page-aligned addresses for `len` bytes of a user program where nothing is mapped: a driver which touches them
    /// faults (V41).
    pub fn user_address(&self, len: usize) -> usize {
        kernel().judge.evaluated(rule::V41);
        user::address(len)
    }

    /// Whether an address is a user program's.
    pub fn is_user(&self, address: usize) -> bool {
        user::contains(address)
    }

    /// What lies at an address, for reports.
    pub fn describe(&self, address: usize) -> String {
        if self.is_user(address) {
            return format!("{address:#x}, an address of a user program");
        }
        if let Some(handle) = wdf::describe_handle(address) {
            return handle;
        }
        let Some(record) = span::arena().find(address) else {
            return self.pool.describe(address).unwrap_or_else(|| kernel().describe_address(address));
        };
        let state = lock(&record.state);
        let offset = address - record.driver().addr();
        let is = match state.access {
            Some(_) if offset >= record.len => "which lies past its end".to_owned(),
            Some(Access::ReadOnly) => "which the driver may read and not write".to_owned(),
            Some(Access::ReadWrite) => "which the driver may touch".to_owned(),
            None => format!("which the driver may not touch: {}", state.why),
        };
        let start = record.driver().addr();
        let packet = kernel().ndis.ledger.owner_of(start).map(|name| format!(" of {name}"));
        let object = || kernel().book.last_in(start, address).map(|(kind, at)| format!(" with the {kind} {at:#x}"));
        let whose = packet.or_else(object).unwrap_or_default();
        format!("{address:#x}: byte {offset} of {} bytes of {}{whose}, {is}", record.len, record.kind.name())
    }

    /// Whether each access to payload and read buffers traps and is counted.
    pub fn is_slow(&self) -> bool {
        self.slow.load(Ordering::Relaxed)
    }

    /// Turns slow mode on or off. No driver code may be running.
    pub fn slow(&self, on: bool) {
        self.slow.store(on, Ordering::SeqCst);
        for record in span::arena().records() {
            let state = lock(&record.state);
            if !state.freed && state.access.is_some() {
                record.protect(record.resting_protection(state.access, on));
            }
        }
    }

    /// Bytes touched so far: in slow mode all, else those that the lab moved on the driver's behalf (`memcpy` and its kin).
    pub fn counts(&self) -> Counts {
        self.counters.get()
    }

    /// Counts from zero again.
    pub fn reset_counts(&self) {
        self.counters.reset();
    }
}
