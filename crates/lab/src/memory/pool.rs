//! The pool: each allocation in pages of its own, with closed pages around it, its tag, and who allocated it where.
//!
//! As Driver Verifier's special pool, an allocation below a page ends where its page ends (up to 16-byte alignment), so
//! that an overrun faults; the bytes before it and the rest of its last page carry a pattern that is checked when it
//! is freed. An allocation of a page or more starts on a page, as `ExAllocatePool2` promises. Freed pages stay closed
//! for a while (V36).

use std::{
    collections::BTreeMap,
    sync::{Mutex, OnceLock},
};

use super::map::{self, PAGE, Protection, pages_for};
use super::runs::Runs;
use crate::{
    history::Event,
    judge::rule,
    kernel::{DriverId, kernel},
    sync::lock,
};

/// Addresses reserved for all pools of the process.
const REGION: usize = 64 << 30;
/// Pages of freed allocations that stay closed before they are used again.
const RESTING: usize = (256 << 20) / PAGE;
/// What the bytes around an allocation hold.
const SLACK: u8 = 0xfd;
/// Alignment of allocations below a page (`ExAllocatePool2`).
const ALIGNMENT: usize = 16;

/// Which pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolKind {
    /// Always resident.
    NonPaged,
    /// Not to be touched at DISPATCH_LEVEL.
    Paged,
}

/// What the lab knows of an allocation.
#[derive(Clone, Debug)]
pub struct Allocation {
    /// Whose; none: the lab's own.
    pub driver: Option<DriverId>,
    /// Its tag, first character in the low byte.
    pub tag: u32,
    /// Where it starts.
    pub start: usize,
    /// Bytes asked for.
    pub len: usize,
    /// Which pool.
    pub kind: PoolKind,
    /// The call that made it.
    pub made: Event,
    /// The call that freed it.
    pub freed: Option<Event>,
    first_page: usize,
    pages: usize,
}

impl Allocation {
    fn describe(&self) -> String {
        let Self { len, start, tag, .. } = self;
        let freed = if self.freed.is_some() { "freed " } else { "" };
        format!("{freed}{len} bytes of pool at {start:#x}, tag {}", tag_name(*tag))
    }

    /// When and by whom it was allocated, and freed.
    fn history(&self) -> Vec<String> {
        std::iter::once(&self.made).chain(&self.freed).map(Event::to_string).collect()
    }

    /// The pages' bytes before the allocation and after it.
    fn slack(&self) -> [(usize, usize); 2] {
        let (low, high) = (page_address(self.first_page), page_address(self.first_page + self.pages));
        [(low, self.start), (self.start + self.len, high)]
    }
}

/// A tag as text: `rust`, or hexadecimal where it is not printable.
pub fn tag_name(tag: u32) -> String {
    let bytes = tag.to_le_bytes();
    if bytes.iter().all(|b| (0x20..0x7f).contains(b)) {
        bytes.iter().map(|b| char::from(*b)).collect()
    } else {
        format!("{tag:#010x}")
    }
}

/// The kernel's pool.
#[derive(Default)]
pub struct Pool {
    /// By first page; freed ones until their pages are reused.
    allocations: Mutex<BTreeMap<usize, Allocation>>,
}

struct Region {
    start: usize,
    runs: Mutex<Runs>,
}

fn region() -> &'static Region {
    static REGION_CELL: OnceLock<Region> = OnceLock::new();
    REGION_CELL.get_or_init(|| {
        let start = map::reserve(REGION).expect("addresses for the pool").addr();
        let mut runs = Runs::new(REGION / PAGE, RESTING);
        // The first page is never given out, so that the first allocation has a closed page before it.
        runs.take(1);
        Region { start, runs: Mutex::new(runs) }
    })
}

/// Whether an address is one of the pools' region. A signal handler may call this.
pub fn contains(address: usize) -> bool {
    address.checked_sub(region().start).is_some_and(|offset| offset < REGION)
}

/// What fresh memory holds, again and again, that was not asked to be zeroed: another word in each run.
pub(crate) fn fresh_word(seed: u64) -> [u8; 8] {
    (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0xcdcd_cdcd_cdcd_cdcd).to_le_bytes()
}

fn page_address(page: usize) -> usize {
    region().start + page * PAGE
}

fn page_pointer(page: usize) -> *mut u8 {
    std::ptr::with_exposed_provenance_mut(page_address(page))
}

impl Pool {
    /// Allocates `len` bytes, zeroed or filled with a pattern. Null when the addresses are used up.
    ///
    /// Whether the driver may have what it asks for, and fault injection, are the caller's affair.
    pub fn allocate(&self, driver: Option<DriverId>, tag: u32, len: usize, kind: PoolKind, zeroed: bool) -> *mut u8 {
        let pages = pages_for(len.max(1));
        let Some(first_page) = lock(&region().runs).take(pages + 1) else {
            return std::ptr::null_mut();
        };
        let low = page_pointer(first_page);
        map::protect(low, pages * PAGE, Protection::ReadWrite);
        let before = if len >= PAGE { 0 } else { PAGE - len.max(1).next_multiple_of(ALIGNMENT) };
        let start = low.wrapping_add(before);
        kernel().book.forget(low.addr(), low.addr() + pages * PAGE);
        // Pages are zero when they come: only what is to differ is written, so that a large buffer costs what is used.
        let fill = |from: usize, to: usize, byte: u8| {
            // SAFETY: within the run, which was just taken and made writable, and is this allocation's alone.
            unsafe { low.wrapping_add(from).write_bytes(byte, to - from) };
        };
        fill(0, before, SLACK);
        fill(before + len, pages * PAGE, SLACK);
        if !zeroed {
            let fresh = fresh_word(kernel().seed);
            // SAFETY: `len` bytes from the start were just taken and made writable, and are this allocation's alone.
            let bytes = unsafe { std::slice::from_raw_parts_mut(start, len) };
            bytes.chunks_mut(fresh.len()).for_each(|to| to.copy_from_slice(&fresh[..to.len()]));
        }
        let allocation = Allocation {
            driver,
            tag,
            start: start.addr(),
            len,
            kind,
            made: Event::here("allocated"),
            freed: None,
            first_page,
            pages,
        };
        let mut allocations = lock(&self.allocations);
        let overlapped: Vec<usize> = allocations.range(first_page..=first_page + pages).map(|(p, _)| *p).collect();
        let before = allocations.range(..first_page).next_back();
        let before = before.filter(|(_, a)| a.first_page + a.pages >= first_page).map(|(p, _)| *p);
        for page in overlapped.into_iter().chain(before) {
            allocations.remove(&page);
        }
        allocations.insert(first_page, allocation);
        if kind == PoolKind::Paged {
            kernel().memory.pageable.add(low.addr(), pages * PAGE, Protection::ReadWrite);
        }
        start
    }

    /// Frees what [`Self::allocate`] gave, judging the call (V36): whether it was a live allocation.
    ///
    /// `tag` is the one that the driver names, if it names one.
    pub fn free(&self, address: usize, tag: Option<u32>) -> bool {
        let judge = &kernel().judge;
        judge.evaluated(rule::V36);
        let Some(allocation) = self.find(address).filter(|a| a.start == address) else {
            let what = kernel().memory.describe(address);
            judge.broken(rule::V36, format!("freed what is no pool allocation: {what}"));
            return false;
        };
        if allocation.freed.is_some() {
            judge.broken(rule::V36, format!("freed twice: {}", allocation.describe()));
            return false;
        }
        if let Some(tag) = tag.filter(|tag| *tag != allocation.tag) {
            judge.broken(rule::V36, format!("freed with tag {}: {}", tag_name(tag), allocation.describe()));
        }
        let low = page_pointer(allocation.first_page);
        if allocation.kind == PoolKind::Paged {
            kernel().memory.pageable.remove(low.addr());
        }
        check_slack(&allocation);
        if let Some(entry) = lock(&self.allocations).get_mut(&allocation.first_page) {
            entry.freed = Some(Event::here("freed"));
        }
        map::protect(low, allocation.pages * PAGE, Protection::None);
        map::discard(low, allocation.pages * PAGE);
        lock(&region().runs).give_back(allocation.first_page, allocation.pages + 1);
        true
    }

    /// The allocation, live or freed, whose pages or closed page after them hold an address.
    pub fn find(&self, address: usize) -> Option<Allocation> {
        let offset = address.checked_sub(region().start).filter(|offset| *offset < REGION)?;
        let page = offset / PAGE;
        let allocations = lock(&self.allocations);
        let (_, allocation) = allocations.range(..=page).next_back()?;
        (page <= allocation.first_page + allocation.pages).then(|| allocation.clone())
    }

    /// The live allocations of a driver, by address.
    pub fn live(&self, driver: DriverId) -> Vec<Allocation> {
        let allocations = lock(&self.allocations);
        allocations.values().filter(|a| a.freed.is_none() && a.driver == Some(driver)).cloned().collect()
    }

    /// Name and history of the allocation that an address lies in or just behind, for reports: nothing where the pool is at
    /// work.
    pub fn history_of(&self, address: usize) -> Option<(String, Vec<String>)> {
        drop(self.allocations.try_lock().ok()?);
        self.find(address).map(|allocation| (allocation.describe(), allocation.history()))
    }

    /// Forgets what was freed: nobody looks for it any more.
    pub(crate) fn forget_freed(&self) {
        lock(&self.allocations).retain(|_, allocation| allocation.freed.is_none());
    }

    /// What lies at an address of the pool's region, for reports.
    pub fn describe(&self, address: usize) -> Option<String> {
        let offset = address.checked_sub(region().start).filter(|offset| *offset < REGION)?;
        let Some(allocation) = self.find(address) else {
            return Some(format!("byte {offset:#x} of the pool, where nothing was allocated"));
        };
        let from_start = address.cast_signed().wrapping_sub(allocation.start.cast_signed());
        Some(format!("{address:#x}: byte {from_start} of {}", allocation.describe()))
    }

    /// Rule V35, when a driver was unloaded: none of its pool is left. The leaks are listed by tag.
    pub fn check_empty(&self, driver: DriverId) {
        let mut by_tag: BTreeMap<u32, Vec<Allocation>> = BTreeMap::new();
        for allocation in self.live(driver) {
            check_slack(&allocation);
            by_tag.entry(allocation.tag).or_default().push(allocation);
        }
        let judge = &kernel().judge;
        judge.evaluated(rule::V35);
        for (tag, leaks) in by_tag {
            let bytes: usize = leaks.iter().map(|a| a.len).sum();
            let (name, count) = (tag_name(tag), leaks.len());
            let what =
                format!("{} left {count} allocations, {bytes} bytes, with tag {name}", kernel().driver_name(driver));
            let leaks = leaks.iter().take(16);
            let lines =
                leaks.flat_map(|leak| leak.history().into_iter().map(|line| format!("{}: {line}", leak.describe())));
            judge.broken_with(rule::V35, what, lines.collect());
        }
    }
}

/// The pattern around an allocation is as it was (V36).
fn check_slack(allocation: &Allocation) {
    for (from, to) in allocation.slack() {
        let start: *const u8 = std::ptr::with_exposed_provenance(from);
        // SAFETY: the allocation is live, hence its pages are readable; the driver's writes to them are what is looked for.
        let slack = unsafe { std::slice::from_raw_parts(start, to - from) };
        if let Some(at) = slack.iter().position(|byte| *byte != SLACK) {
            let offset = (from + at).cast_signed().wrapping_sub(allocation.start.cast_signed());
            let what =
                format!("written outside: byte {offset} of {}, found when it was freed or left", allocation.describe());
            kernel().judge.broken(rule::V36, what);
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::Mode, kernel::Kernel};

    fn violations(check: impl FnOnce(&Pool)) -> Vec<String> {
        let _one_at_a_time = crate::kernel::one_at_a_time();
        let kernel = Kernel::install(Mode::Virtual, 1);
        kernel.judge.stop_at_first(false);
        check(&kernel.memory.pool);
        kernel.judge.verdict().violations.iter().map(|v| format!("{}: {}", v.rule, v.what)).collect()
    }

    const TAG: u32 = u32::from_le_bytes(*b"test");

    fn allocate(pool: &Pool, len: usize) -> *mut u8 {
        pool.allocate(Some(DriverId(0)), TAG, len, PoolKind::NonPaged, true)
    }

    #[test]
    fn clean_use_breaks_nothing() {
        let found = violations(|pool| {
            for len in [1, 15, 16, 17, 4095, 4096, 4097, 100_000] {
                let p = allocate(pool, len);
                assert_eq!(p.addr() % ALIGNMENT, 0);
                assert!(len < PAGE || p.addr().is_multiple_of(PAGE), "a page or more starts on a page");
                // SAFETY: `len` bytes were allocated.
                unsafe { p.write_bytes(7, len) };
                assert!(pool.free(p.addr(), Some(TAG)));
            }
            pool.check_empty(DriverId(0));
        });
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn writes_just_outside_are_found_when_freed() {
        for at in [-1, 20] {
            let found = violations(|pool| {
                let p = allocate(pool, 20);
                // SAFETY: byte 20 of 20 and the byte before lie in the allocation's page.
                unsafe { p.wrapping_offset(at).write(0) };
                pool.free(p.addr(), None);
            });
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].starts_with(&format!("V36: written outside: byte {at} of 20 bytes")), "{found:?}");
        }
    }

    #[test]
    fn double_free_wrong_tag_and_foreign_addresses_are_found() {
        let found = violations(|pool| {
            let p = allocate(pool, 8);
            assert!(pool.free(p.addr(), Some(TAG)));
            assert!(!pool.free(p.addr(), Some(TAG)));
            let p = allocate(pool, 8);
            assert!(pool.free(p.addr(), Some(TAG + 1)));
            let p = allocate(pool, 8);
            assert!(!pool.free(p.addr() + 4, None));
            assert!(!pool.free(0x1000, None));
        });
        let starts = ["V36: freed twice", "V36: freed with tag uest", "V36: freed what", "V36: freed what"];
        assert_eq!(found.len(), starts.len(), "{found:?}");
        for (found, start) in found.iter().zip(starts) {
            assert!(found.starts_with(start), "{found}");
        }
    }

    #[test]
    fn leaks_are_listed_by_tag_and_driver() {
        let found = violations(|pool| {
            allocate(pool, 8);
            allocate(pool, 9);
            pool.allocate(Some(DriverId(1)), TAG, 1, PoolKind::NonPaged, true);
            pool.check_empty(DriverId(0));
        });
        assert_eq!(found, ["V35: driver 0 left 2 allocations, 17 bytes, with tag test"]);
    }
}
