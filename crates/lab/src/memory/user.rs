//! Addresses of user programs: a region that is never mapped, so that a driver which touches one faults (V41).

use std::sync::{
    OnceLock,
    atomic::{AtomicUsize, Ordering},
};

use super::map::{self, PAGE};

/// Addresses reserved.
const REGION: usize = 16 << 30;

fn region() -> usize {
    static REGION_CELL: OnceLock<usize> = OnceLock::new();
    *REGION_CELL.get_or_init(|| map::reserve(REGION).expect("addresses for user programs").expose_provenance())
}

/// Page-aligned addresses for `len` bytes of a program's, used again only after all others.
pub(super) fn address(len: usize) -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let needed = len.next_multiple_of(PAGE) + 2 * PAGE;
    let at = NEXT.fetch_add(needed, Ordering::Relaxed) % (REGION - needed);
    region() + at.next_multiple_of(PAGE)
}

/// Whether an address is a program's.
pub(crate) fn contains(address: usize) -> bool {
    address.checked_sub(region()).is_some_and(|offset| offset < REGION)
}
