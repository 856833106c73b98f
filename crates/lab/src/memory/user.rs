//! Addresses of user programs. They stay closed: a touch by a driver faults, and is let through only where the driver may
//! make it (V41; `fault::user`). Where a program has a buffer, its pages lie there a second time, as an alias.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::{
    Access,
    map::{self, PAGE, pages_for},
};
use crate::{io::lent::Lent, sync::lock};

/// Addresses reserved.
const REGION: usize = 16 << 30;
/// Where they begin: below the lab's own memory, and where nothing else lies.
const WANTED: usize = 0x1100_0000_0000;

/// No address of a program's lies here or above, and none of the kernel's below.
pub(crate) const LIMIT: usize = WANTED + REGION;

fn region() -> usize {
    static REGION_CELL: OnceLock<usize> = OnceLock::new();
    *REGION_CELL
        .get_or_init(|| map::reserve_at(WANTED, REGION).expect("addresses for user programs").expose_provenance())
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

/// A program's buffer: the bytes with the address that the program has them at.
#[derive(Debug)]
pub(crate) struct Buffer {
    /// The bytes; the driver's view of them is what MDLs map.
    pub(crate) memory: Lent,
    /// Bytes.
    pub(crate) len: usize,
    /// Where the program has them.
    pub(crate) address: usize,
    /// Number of the program's process.
    pub(crate) process: u64,
    /// What the program itself may do with them.
    pub(crate) access: Access,
}

impl Buffer {
    /// Gives a process's buffer its addresses.
    fn new(memory: Lent, len: usize, process: u64, access: Access) -> Self {
        let inside = memory.driver().addr() % PAGE;
        let start = address(inside + len);
        let pages = memory.driver().wrapping_sub(inside);
        map::alias(pages, pages_for(inside + len) * PAGE, start);
        Self { memory, len, address: start + inside, process, access }
    }

    /// Its pages: first address, and bytes.
    pub(crate) fn pages(&self) -> (usize, usize) {
        let inside = self.address % PAGE;
        (self.address - inside, pages_for(inside + self.len) * PAGE)
    }

    /// Where the lab finds the byte at an address of the program's.
    pub(crate) fn lab(&self, address: usize) -> *mut u8 {
        self.memory.lab().wrapping_add(address.wrapping_sub(self.address))
    }

    /// Where the driver finds it once its page is mapped.
    pub(crate) fn system(&self, address: usize) -> *mut u8 {
        self.memory.driver().wrapping_add(address.wrapping_sub(self.address))
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let (start, len) = self.pages();
        map::unalias(start, len);
    }
}

/// What programs have in memory, and which of it drivers have locked.
#[derive(Default)]
pub struct Programs {
    /// By the first page's address.
    buffers: Mutex<BTreeMap<usize, Arc<Buffer>>>,
    /// By the MDL that locks it. It holds the pages, whatever the program does.
    locked: Mutex<BTreeMap<usize, Arc<Buffer>>>,
}

impl Programs {
    /// A process gets a buffer.
    pub(crate) fn add(&self, memory: Lent, len: usize, process: u64, access: Access) -> Arc<Buffer> {
        let buffer = Arc::new(Buffer::new(memory, len, process, access));
        lock(&self.buffers).insert(buffer.pages().0, buffer.clone());
        buffer
    }

    /// The program frees its buffer.
    pub(crate) fn remove(&self, buffer: &Buffer) {
        lock(&self.buffers).remove(&buffer.pages().0);
    }

    /// The buffer on whose pages an address lies.
    pub(crate) fn find(&self, address: usize) -> Option<Arc<Buffer>> {
        let buffers = lock(&self.buffers);
        let (start, buffer) = buffers.range(..=address).next_back()?;
        (address < start + buffer.pages().1).then(|| buffer.clone())
    }

    /// An MDL locks a buffer's pages: drivers may touch what it is mapped to.
    pub(crate) fn lock(&self, mdl: usize, buffer: Arc<Buffer>, access: Access) {
        let mut locked = lock(&self.locked);
        // Whoever locked it for writing has to be able to go on.
        let for_writing = locked
            .values()
            .any(|other| Arc::ptr_eq(other, &buffer) && other.memory.access() == Some(Access::ReadWrite));
        buffer.memory.give(if for_writing { Access::ReadWrite } else { access });
        locked.insert(mdl, buffer);
    }

    /// The MDL's lock ends.
    pub(crate) fn unlock(&self, mdl: usize) {
        let mut locked = lock(&self.locked);
        let Some(buffer) = locked.remove(&mdl) else { return };
        if !locked.values().any(|other| Arc::ptr_eq(other, &buffer)) {
            buffer.memory.close("its pages were unlocked by MmUnlockPages");
        }
    }

    /// How many locks there are on pages of a process.
    pub(crate) fn locks_of(&self, process: u64) -> usize {
        lock(&self.locked).values().filter(|buffer| buffer.process == process).count()
    }
}
