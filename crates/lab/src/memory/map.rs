//! Thin cover over `mmap` and `mprotect`: page-granular mappings that live as long as the process.

use std::{io, ptr};

/// Bytes in a page, on Windows for x64 as on Linux.
pub const PAGE: usize = 4096;

/// What may be done with mapped pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// Every touch faults.
    None,
    /// Reads only.
    Read,
    /// Reads and writes.
    ReadWrite,
    /// Reads and execution.
    ReadExecute,
}

impl Protection {
    fn bits(self) -> libc::c_int {
        match self {
            Self::None => libc::PROT_NONE,
            Self::Read => libc::PROT_READ,
            Self::ReadWrite => libc::PROT_READ | libc::PROT_WRITE,
            Self::ReadExecute => libc::PROT_READ | libc::PROT_EXEC,
        }
    }
}

/// Pages needed for so many bytes.
pub const fn pages_for(len: usize) -> usize {
    len.div_ceil(PAGE)
}

/// Reserves `len` bytes of addresses; nothing may be touched until [`protect`] allows it.
pub fn reserve(len: usize) -> io::Result<*mut u8> {
    reserve_at(0, len)
}

/// As [`reserve`], at `address` where nothing lies there.
pub fn reserve_at(address: usize, len: usize) -> io::Result<*mut u8> {
    let wanted = ptr::without_provenance_mut(address);
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a new mapping, at the address asked for only where that is free, touches no existing memory.
    let address = unsafe { libc::mmap(wanted, len, libc::PROT_NONE, flags, -1, 0) };
    mapped(address)
}

/// A file in memory of `len` bytes, mapped twice: (always writable, not accessible yet).
pub fn reserve_twice(len: usize) -> io::Result<(*mut u8, *mut u8)> {
    // SAFETY: the name is a C string; a new descriptor is made.
    let fd = unsafe { libc::memfd_create(c"nblease-lab".as_ptr(), libc::MFD_CLOEXEC) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    let size = libc::off_t::try_from(len).map_err(io::Error::other)?;
    // SAFETY: `fd` is the descriptor just made.
    if unsafe { libc::ftruncate(fd, size) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let flags = libc::MAP_SHARED | libc::MAP_NORESERVE;
    // SAFETY: a new mapping at an address of the kernel's choice touches no existing memory.
    let open = unsafe { libc::mmap(ptr::null_mut(), len, Protection::ReadWrite.bits(), flags, fd, 0) };
    // SAFETY: as above.
    let closed = unsafe { libc::mmap(ptr::null_mut(), len, libc::PROT_NONE, flags, fd, 0) };
    // SAFETY: the descriptor is ours; the mappings keep the file alive.
    unsafe { libc::close(fd) };
    Ok((mapped(open)?, mapped(closed)?))
}

/// Lays the shared pages at `pages` down a second time, at `at`, where this module reserved addresses: not accessible yet.
///
/// # Panics
/// When the system refuses.
pub fn alias(pages: *mut u8, len: usize, at: usize) {
    let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
    let wanted: *mut libc::c_void = ptr::with_exposed_provenance_mut(at);
    // SAFETY: an old length of 0 copies a shared mapping; only addresses that this module reserved are replaced.
    let result = unsafe { libc::mremap(pages.cast(), 0, len, flags, wanted) };
    let start = mapped(result).expect("an alias of shared pages");
    protect(start, len, Protection::None);
}

/// Takes such an alias away; its addresses stay reserved.
///
/// # Panics
/// When the system refuses.
pub fn unalias(at: usize, len: usize) {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED;
    let wanted = ptr::with_exposed_provenance_mut(at);
    // SAFETY: only what `alias` laid down there is replaced.
    let result = unsafe { libc::mmap(wanted, len, libc::PROT_NONE, flags, -1, 0) };
    mapped(result).expect("reserved addresses");
}

/// Changes what may be done with the pages of `start..start + len`.
///
/// # Panics
/// When the system refuses (too many mappings: `vm.max_map_count`).
pub fn protect(start: *mut u8, len: usize, protection: Protection) {
    // SAFETY: only ranges of this module's own mappings are passed here; no Rust reference lies in them.
    let result = unsafe { libc::mprotect(start.cast(), len, protection.bits()) };
    assert!(result == 0, "mprotect of {len} bytes at {start:p}: {} (vm.max_map_count?)", io::Error::last_os_error());
}

/// Gives the contents of private pages back to the system; the next touch finds zeros.
pub fn discard(start: *mut u8, len: usize) {
    // SAFETY: as for `protect`.
    unsafe { libc::madvise(start.cast(), len, libc::MADV_DONTNEED) };
}

fn mapped(address: *mut libc::c_void) -> io::Result<*mut u8> {
    if address == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(address.cast()) }
}
