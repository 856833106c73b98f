//! WDFMEMORY: memory of the framework's, of the driver's, or of a request (fxmemorybufferapi.cpp).

use nblease_ndis::sys::{self, WDF_DRIVER_GLOBALS, WDF_OBJECT_ATTRIBUTES};

use super::{
    as_pointer,
    attributes::{Attributes, Parent},
    driver::default_parent,
    enter, give, may_allocate,
    object::{Body, Kind, NULL},
    state,
};
use crate::{
    faults::FaultKind,
    io::{NtStatus, lent::Lent, status},
    judge::rule,
    kernel::kernel,
    memory::Kind as SpanKind,
};

/// A WDFMEMORY.
pub(crate) struct Memory {
    /// Where the driver finds it.
    address: usize,
    len: usize,
    read_only: bool,
    /// The framework's own allocation.
    _own: Option<Lent>,
}

impl Memory {
    /// A buffer of a request.
    pub(crate) fn of_request(address: usize, len: usize, read_only: bool) -> Self {
        Self { address, len, read_only, _own: None }
    }
}

/// WdfMemoryCreate.
pub(crate) unsafe extern "win64" fn create(
    globals: *mut WDF_DRIVER_GLOBALS,
    attributes: *const WDF_OBJECT_ATTRIBUTES,
    _pool: i32,
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
    if let Err(status) = may_allocate(FaultKind::Pool) {
        return status;
    }
    let own = Lent::open(SpanKind::Descriptor, len, 16);
    let address = own.driver();
    let parent = if attributes.parent == NULL { default_parent(id) } else { attributes.parent };
    let body = Body::Memory(Memory { address: address.addr(), len, read_only: false, _own: Some(own) });
    let handle = state().add(Kind::Memory, id, parent, &attributes, body);
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
    // SAFETY: a driver passes its attributes or null.
    let attributes = match unsafe { Attributes::read(attributes, Parent::Allowed, false) } {
        Ok(attributes) => attributes,
        Err(status) => return status,
    };
    if let Err(status) = may_allocate(FaultKind::Object) {
        return status;
    }
    let parent = if attributes.parent == NULL { default_parent(id) } else { attributes.parent };
    let body = Body::Memory(Memory::of_request(buffer.expose_provenance(), len, false));
    let handle = state().add(Kind::Memory, id, parent, &attributes, body);
    // SAFETY: a driver passes its variable.
    unsafe { give(memory, as_pointer(handle)) };
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
