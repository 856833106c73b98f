//! Extensions of driver objects, by client (`IoAllocateDriverObjectExtension`). Up to DISPATCH_LEVEL. The I/O manager frees them
//! with the driver's object.

use std::{collections::BTreeMap, sync::Mutex};

use nblease_ndis::sys::{
    DRIVER_OBJECT, NTSTATUS, PVOID, STATUS_INSUFFICIENT_RESOURCES, STATUS_OBJECT_NAME_COLLISION, STATUS_SUCCESS, ULONG,
};

use super::enter;
use crate::{
    exports,
    faults::FaultKind,
    io::lent::Lent,
    kernel::kernel,
    memory::Kind,
    pe::Export,
    sync::lock,
    thread::{APC_LEVEL, DISPATCH_LEVEL},
};

pub const EXPORTS: &[Export] = exports! {
    "IoAllocateDriverObjectExtension" => io_allocate_driver_object_extension,
    "IoGetDriverObjectExtension" => io_get_driver_object_extension,
};

/// By driver object and client.
#[derive(Default)]
pub struct Extensions {
    extensions: Mutex<BTreeMap<(usize, usize), Lent>>,
}

unsafe extern "win64" fn io_allocate_driver_object_extension(
    driver: *mut DRIVER_OBJECT,
    client: PVOID,
    len: ULONG,
    extension: *mut PVOID,
) -> NTSTATUS {
    enter("IoAllocateDriverObjectExtension", APC_LEVEL);
    let put = |found: PVOID| {
        // SAFETY: the DDI demands storage for the pointer.
        unsafe { extension.write(found) };
    };
    put(std::ptr::null_mut());
    if kernel().faults.should_fail(FaultKind::Object) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    let mut extensions = lock(&kernel().nt.driver_extensions.extensions);
    let key = (driver.addr(), client.addr());
    if extensions.contains_key(&key) {
        return STATUS_OBJECT_NAME_COLLISION;
    }
    let memory = Lent::open(Kind::Object, len as usize, 16);
    put(memory.driver().cast());
    extensions.insert(key, memory);
    STATUS_SUCCESS
}

/// Null where there is none of that client.
unsafe extern "win64" fn io_get_driver_object_extension(driver: *mut DRIVER_OBJECT, client: PVOID) -> PVOID {
    enter("IoGetDriverObjectExtension", DISPATCH_LEVEL);
    let extensions = lock(&kernel().nt.driver_extensions.extensions);
    extensions.get(&(driver.addr(), client.addr())).map_or(std::ptr::null_mut(), |found| found.driver().cast())
}
