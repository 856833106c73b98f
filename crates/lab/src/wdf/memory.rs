//! WDFMEMORY: memory of the framework's, of the driver's, or of a request (fxmemorybufferapi.cpp,
//! fxmemorybufferpreallocatedapi.cpp).

use nblease_ndis::sys::{self, WDF_DRIVER_GLOBALS, WDF_OBJECT_ATTRIBUTES};

use super::{
    as_pointer,
    attributes::{Attributes, Parent},
    enter, give, may_allocate,
    object::{Body, Handle, Kind},
    object_ddi::make,
    state,
};
use crate::{
    faults::FaultKind,
    io::{NtStatus, lent::Lent, status},
    judge::rule,
    kernel::{DriverId, kernel},
    memory::Kind as SpanKind,
};

/// A WDFMEMORY.
pub(crate) struct Memory {
    /// Where the driver finds it.
    address: usize,
    len: usize,
    read_only: bool,
    /// The driver named the buffer and may name another.
    assignable: bool,
    /// It stands for locked pages of a program's.
    locks_pages: bool,
    /// The framework's own allocation.
    own: Option<Lent>,
}

/// `WDFMEMORY_OFFSET`: a part of a memory object.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Offset {
    offset: usize,
    len: usize,
}

/// The part that a driver names, if it names one.
///
/// # Safety
/// `part` is null or readable.
pub(crate) unsafe fn part_of(part: *const Offset) -> Option<Offset> {
    // SAFETY: the caller's promise; a driver's variable need not be aligned.
    (!part.is_null()).then(|| unsafe { part.read_unaligned() })
}

impl Memory {
    /// A buffer of a request.
    pub(crate) fn of_request(address: usize, len: usize, read_only: bool) -> Self {
        Self { address, len, read_only, assignable: false, locks_pages: false, own: None }
    }

    /// Pages of a program's, locked by [`crate::memory::user::Programs::lock`] under the object's handle.
    pub(crate) fn of_program(address: usize, len: usize, read_only: bool) -> Self {
        Self { locks_pages: true, ..Self::of_request(address, len, read_only) }
    }

    /// The object of that handle is gone: its memory is the driver's no more, and its pages are unlocked.
    pub(crate) fn ends(&self, handle: Handle) {
        if let Some(own) = &self.own {
            own.close("its WDFMEMORY was deleted");
        }
        if self.locks_pages {
            kernel().memory.programs.unlock(handle);
        }
    }

    /// Where the driver finds a part of it, and its length: STATUS_INTEGER_OVERFLOW where it is not all inside
    /// (IFxMemory::ValidateMemoryOffsets). No part is the whole; a length of zero is that of the rest.
    pub(crate) fn range(&self, part: Option<Offset>) -> Result<(usize, usize), NtStatus> {
        let Offset { offset, len } = part.unwrap_or(Offset { offset: 0, len: 0 });
        offset.checked_add(len).filter(|end| *end <= self.len).ok_or(status::INTEGER_OVERFLOW)?;
        Ok((self.address + offset, if len == 0 { self.len - offset } else { len }))
    }
}

/// The pool has to be such that nobody executes it (V37; FxVerifierCheckNxPoolType): not NonPagedPool itself.
pub(crate) fn check_pool(ddi: &str, pool: i32) {
    // NonPagedPoolNx is 512, PagedPool 1; the must-succeed and cache-aligned kinds are bits beside those.
    let executable = pool & (512 | 1) == 0;
    kernel().judge.check(rule::V37, !executable, || format!("{ddi} of executable pool: pool type {pool}"));
}

/// Makes a memory object with a buffer of its own: it, and where the driver finds the buffer.
pub(crate) fn allocate(
    ddi: &str,
    id: DriverId,
    attributes: &Attributes,
    len: usize,
) -> Result<(Handle, *mut u8), NtStatus> {
    may_allocate(FaultKind::Pool)?;
    let own = Lent::open(SpanKind::Object, len, 16);
    let address = own.driver();
    let parent = attributes.parent_or_driver(ddi, id);
    let memory = Memory { own: Some(own), ..Memory::of_request(address.expose_provenance(), len, false) };
    Ok((state().add(Kind::Memory, id, parent, attributes, Body::Memory(memory)), address))
}

/// WdfMemoryCreate.
pub(crate) unsafe extern "win64" fn create(
    globals: *mut WDF_DRIVER_GLOBALS,
    attributes: *const WDF_OBJECT_ATTRIBUTES,
    pool: i32,
    _tag: u32,
    len: usize,
    memory: *mut sys::WDFMEMORY,
    buffer: *mut sys::PVOID,
) -> NtStatus {
    let id = enter!("WdfMemoryCreate", globals);
    if len == 0 {
        return status::INVALID_PARAMETER;
    }
    // SAFETY: a driver passes its attributes or null.
    let attributes = match unsafe { Attributes::read(attributes, Parent::Allowed, false) } {
        Ok(attributes) => attributes,
        Err(status) => return status,
    };
    check_pool("WdfMemoryCreate", pool);
    let (handle, address) = match allocate("WdfMemoryCreate", id, &attributes, len) {
        Ok(made) => made,
        Err(status) => return status,
    };
    // SAFETY: a driver passes its variable.
    unsafe { give(memory, as_pointer(handle)) };
    // SAFETY: a driver passes its variable or null.
    unsafe { give(buffer, address.cast()) };
    status::SUCCESS
}

/// WdfMemoryCreatePreallocated.
pub(crate) unsafe extern "win64" fn create_preallocated(
    globals: *mut WDF_DRIVER_GLOBALS,
    attributes: *const WDF_OBJECT_ATTRIBUTES,
    buffer: sys::PVOID,
    len: usize,
    memory: *mut sys::WDFMEMORY,
) -> NtStatus {
    let id = enter!("WdfMemoryCreatePreallocated", globals);
    if len == 0 || buffer.is_null() {
        return status::INVALID_PARAMETER;
    }
    let own = Memory { assignable: true, ..Memory::of_request(buffer.expose_provenance(), len, false) };
    // SAFETY: a driver passes its attributes or null, and its variable.
    unsafe { make("WdfMemoryCreatePreallocated", id, attributes, Kind::Memory, Body::Memory(own), memory) }
}

/// WdfMemoryAssignBuffer, for what WdfMemoryCreatePreallocated made.
pub(crate) unsafe extern "win64" fn assign_buffer(
    globals: *mut WDF_DRIVER_GLOBALS,
    memory: sys::WDFMEMORY,
    buffer: sys::PVOID,
    len: usize,
) -> NtStatus {
    const DDI: &str = "WdfMemoryAssignBuffer";
    enter!("WdfMemoryAssignBuffer", globals);
    let mut state = state();
    if !state.memory(DDI, memory.addr()).assignable {
        state.misuse(DDI, memory.addr(), "memory that WdfMemoryCreatePreallocated made");
    }
    if len == 0 || buffer.is_null() {
        return status::INVALID_PARAMETER;
    }
    let memory = state.memory(DDI, memory.addr());
    (memory.address, memory.len) = (buffer.expose_provenance(), len);
    status::SUCCESS
}

/// WdfMemoryGetBuffer.
pub(crate) unsafe extern "win64" fn get_buffer(
    globals: *mut WDF_DRIVER_GLOBALS,
    memory: sys::WDFMEMORY,
    length: *mut usize,
) -> sys::PVOID {
    enter!("WdfMemoryGetBuffer", globals);
    let (address, len) = {
        let mut state = state();
        let memory = state.memory("WdfMemoryGetBuffer", memory.addr());
        (memory.address, memory.len)
    };
    // SAFETY: a driver passes its variable or null.
    unsafe { give(length, len) };
    std::ptr::with_exposed_provenance_mut(address)
}

/// A part of a memory object: its address; STATUS_BUFFER_TOO_SMALL where it is not all inside.
fn part(
    ddi: &'static str,
    memory: sys::WDFMEMORY,
    offset: usize,
    len: usize,
    writes: bool,
) -> Result<*mut u8, NtStatus> {
    let mut state = state();
    let memory = state.memory(ddi, memory.addr());
    kernel()
        .judge
        .check(rule::V46, !(writes && memory.read_only), || format!("{ddi} writes what the caller passed in"));
    let end = offset.checked_add(len).filter(|end| *end <= memory.len);
    end.ok_or(status::BUFFER_TOO_SMALL)?;
    Ok(std::ptr::with_exposed_provenance_mut(memory.address + offset))
}

/// WdfMemoryCopyFromBuffer: into the memory object.
pub(crate) unsafe extern "win64" fn copy_from_buffer(
    globals: *mut WDF_DRIVER_GLOBALS,
    memory: sys::WDFMEMORY,
    offset: usize,
    buffer: *const u8,
    len: usize,
) -> NtStatus {
    enter!("WdfMemoryCopyFromBuffer", globals);
    match part("WdfMemoryCopyFromBuffer", memory, offset, len, true) {
        Ok(to) => {
            // SAFETY: the part lies in the object; the driver's buffer has `len` bytes.
            unsafe { std::ptr::copy(buffer, to, len) };
            status::SUCCESS
        }
        Err(status) => status,
    }
}

/// WdfMemoryCopyToBuffer: out of the memory object.
pub(crate) unsafe extern "win64" fn copy_to_buffer(
    globals: *mut WDF_DRIVER_GLOBALS,
    memory: sys::WDFMEMORY,
    offset: usize,
    buffer: *mut u8,
    len: usize,
) -> NtStatus {
    enter!("WdfMemoryCopyToBuffer", globals);
    match part("WdfMemoryCopyToBuffer", memory, offset, len, false) {
        Ok(from) => {
            // SAFETY: the part lies in the object; the driver's buffer has room for `len` bytes.
            unsafe { std::ptr::copy(from, buffer, len) };
            status::SUCCESS
        }
        Err(status) => status,
    }
}
