//! The counters of the driver's branches, shown to the fuzzer as its own.
#![allow(unsafe_code)]

use std::sync::atomic::{AtomicU8, Ordering};

use nblease_lab::kernel::{DriverId, kernel};

/// The section that holds them, as the compiler names it.
const SECTION: &str = ".SCOV";
/// More than there are.
const ROOM: usize = 64 << 10;

// SAFETY: libFuzzer reads the bytes of this section and sets them to zero, between two inputs; any bytes are values.
#[unsafe(link_section = "__libfuzzer_extra_counters")]
static COUNTERS: [AtomicU8; ROOM] = [const { AtomicU8::new(0) }; ROOM];

/// Takes them from the driver's image, which is still loaded. A driver without counters has none.
pub fn take(driver: DriverId) {
    let Some(info) = kernel().driver(driver) else { return };
    let Some(section) = info.sections.iter().find(|section| section.name.starts_with(SECTION)) else { return };
    let from: *const u8 = std::ptr::with_exposed_provenance(info.base + section.start);
    assert!(section.len <= ROOM, "the driver has more counters than there is room for");
    for (at, counter) in COUNTERS.iter().enumerate().take(section.len) {
        // SAFETY: it lies in a section of the image, which is readable until the driver is unloaded.
        counter.store(unsafe { from.wrapping_add(at).read() }, Ordering::Relaxed);
    }
}
