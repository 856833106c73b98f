//! WDFDRIVER: creation, the registry path, unloading (fxdriverapi.cpp, fxdriver.cpp).
//!
//! DriverEntry calls WdfDriverCreate once, at PASSIVE_LEVEL. With WdfDriverInitNonPnpDriver and EvtDriverUnload the
//! driver can be unloaded: the framework puts its own routine into the DRIVER_OBJECT, which calls EvtDriverUnload and
//! then deletes the WDFDRIVER with all that is below it. WdfDriverInitNoDispatchOverride drops EvtDriverUnload.

use nblease_ndis::sys::{
    self, DRIVER_OBJECT, UNICODE_STRING, WDF_DRIVER_CONFIG, WDF_DRIVER_GLOBALS, WDF_OBJECT_ATTRIBUTES,
};

use super::{
    as_pointer,
    attributes::{Attributes, Parent},
    enter, event, give, lifecycle, may_allocate,
    object::{Body, Handle, Kind, NULL},
    sized, state, string,
    sync::Constraints,
    text,
};
use crate::{
    faults::FaultKind,
    io::{NtStatus, lent::Lent, status},
    judge::rule,
    kernel::{DriverId, kernel},
    memory::Kind as SpanKind,
};

/// The flags that WdfDriverCreate knows.
const FLAGS: i32 = sys::WdfDriverInitNonPnpDriver | sys::WdfDriverInitNoDispatchOverride | sys::WdfDriverInitCompanion;

/// A WDFDRIVER.
pub(crate) struct Driver {
    /// Address of the DRIVER_OBJECT.
    pub object: usize,
    pub unload: sys::PFN_WDF_DRIVER_UNLOAD,
    pub constraints: Constraints,
    /// The registry path.
    pub registry_path: String,
    path: Lent,
}

/// The WDFDRIVER of a driver: the parent of what names none.
pub(crate) fn default_parent(driver: DriverId) -> Handle {
    state().of_kind(driver, Kind::Driver).first().copied().unwrap_or(NULL)
}

/// WdfDriverCreate.
pub(crate) unsafe extern "win64" fn create(
    globals: *mut WDF_DRIVER_GLOBALS,
    driver_object: *mut DRIVER_OBJECT,
    registry_path: *const UNICODE_STRING,
    attributes: *const WDF_OBJECT_ATTRIBUTES,
    config: *const WDF_DRIVER_CONFIG,
    result: *mut sys::WDFDRIVER,
) -> NtStatus {
    let id = enter!("WdfDriverCreate", globals);
    // SAFETY: a driver passes its configuration.
    let config = match unsafe { sized::read(config, &[]) } {
        Ok(config) => config,
        Err(status) => return status,
    };
    let flags = config.DriverInitFlags.cast_signed();
    if flags & !FLAGS != 0 {
        return status::INVALID_PARAMETER;
    }
    // SAFETY: a driver passes the path that DriverEntry was given.
    let Ok(path) = (unsafe { text::read(registry_path) }) else { return status::INVALID_PARAMETER };
    if default_parent(id) != NULL {
        return status::DRIVER_INTERNAL_ERROR;
    }
    let own_dispatch = flags & sys::WdfDriverInitNoDispatchOverride != 0;
    let non_pnp = flags & sys::WdfDriverInitNonPnpDriver != 0;
    if !own_dispatch && non_pnp && config.EvtDriverDeviceAdd.is_some() {
        return status::INVALID_PARAMETER;
    }
    // SAFETY: a driver passes its attributes or null.
    let attributes = match unsafe { Attributes::read(attributes, Parent::NotAllowed, true) } {
        Ok(attributes) => attributes,
        Err(status) => return status,
    };
    if let Err(status) = may_allocate(FaultKind::Object) {
        return status;
    }
    let unload = if own_dispatch { None } else { config.EvtDriverUnload };
    let units: Vec<u8> = path.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
    let constraints = Constraints::of_driver(id, &attributes);
    let registry_path = path;
    let path = Lent::open(SpanKind::Object, units.len(), 2);
    path.fill(0, &units);
    let body = Body::Driver(Driver { object: driver_object.addr(), unload, constraints, registry_path, path });
    let handle = state().add(Kind::Driver, id, NULL, &attributes, body);
    if !own_dispatch {
        let routine: sys::PDRIVER_UNLOAD =
            if non_pnp && unload.is_none() { None } else { Some(driver_unload as sys::DRIVER_UNLOAD) };
        // SAFETY: the driver passes the DRIVER_OBJECT that DriverEntry was given.
        unsafe { (*driver_object).DriverUnload = routine };
    }
    let displaces = if own_dispatch || non_pnp { config.EvtDriverUnload.is_some() } else { true };
    kernel().wdf.bindings.with_globals(id, |globals| {
        // SAFETY: the lab's view of the globals is always writable.
        let mut fields = unsafe { globals.read() };
        fields.Driver = as_pointer(handle);
        fields.DriverFlags |= config.DriverInitFlags;
        fields.DriverTag = config.DriverPoolTag;
        fields.DisplaceDriverUnload = u8::from(displaces);
        // SAFETY: as above.
        unsafe { globals.write(fields) };
    });
    // SAFETY: a driver passes a variable or null.
    unsafe { give(result, as_pointer(handle)) };
    status::SUCCESS
}

/// The DriverUnload that the framework puts into the DRIVER_OBJECT (FxDriver::Unload). PASSIVE_LEVEL.
unsafe extern "efiapi" fn driver_unload(object: *mut DRIVER_OBJECT) {
    let found = {
        let state = state();
        let mut drivers = state.all_of_kind(Kind::Driver).into_iter();
        drivers.find_map(|(handle, o)| match &o.body {
            Body::Driver(driver) if driver.object == object.addr() => Some((handle, o.driver, driver.unload)),
            _ => None,
        })
    };
    let Some((handle, id, unload)) = found else { return };
    let open = kernel().io.open_files(id);
    kernel().judge.check(rule::V48, open.is_empty(), || format!("EvtDriverUnload with handles open: {open:?}"));
    if let Some(unload) = unload {
        event(id, "EvtDriverUnload", || {
            // SAFETY: the driver registered it, and the handle is live.
            unsafe { unload(as_pointer(handle)) };
        });
    }
    lifecycle::delete(handle);
}

/// Deletes what is left of a driver's objects: the WDFDRIVER, and what the driver forgot.
pub(crate) fn delete_all(id: DriverId) {
    let left = state().of_kind(id, Kind::DeviceInit);
    kernel().judge.check(rule::V35, left.is_empty(), || {
        "a PWDFDEVICE_INIT was neither used by WdfDeviceCreate nor freed by WdfDeviceInitFree".to_owned()
    });
    for init in left {
        lifecycle::delete(init);
    }
    let driver = default_parent(id);
    if driver != NULL {
        lifecycle::delete(driver);
    }
    let left = state().of_driver(id);
    kernel().judge.check(rule::V35, left.is_empty(), || {
        format!("objects of the framework outlive their driver, since it holds references to them: {}", left.join(", "))
    });
}

/// WdfDriverGetRegistryPath: a string that ends with a zero.
pub(crate) unsafe extern "win64" fn get_registry_path(
    globals: *mut WDF_DRIVER_GLOBALS,
    driver: sys::WDFDRIVER,
) -> *mut u16 {
    enter!("WdfDriverGetRegistryPath", globals);
    state().driver("WdfDriverGetRegistryPath", driver.addr()).path.driver().cast()
}

/// WdfDriverRetrieveVersionString: "Kernel Mode Driver Framework version 1.33" and the build in the driver's WDFSTRING.
pub(crate) unsafe extern "win64" fn retrieve_version_string(
    globals: *mut WDF_DRIVER_GLOBALS,
    driver: sys::WDFDRIVER,
    to: sys::HANDLE,
) -> NtStatus {
    const DDI: &str = "WdfDriverRetrieveVersionString";
    enter!("WdfDriverRetrieveVersionString", globals);
    state().driver(DDI, driver.addr());
    let units: Vec<u16> = "Kernel Mode Driver Framework version 1.33.0".encode_utf16().collect();
    string::assign(DDI, to.addr(), &units).err().unwrap_or(status::SUCCESS)
}

/// WdfDriverRegisterTraceInfo: for user mode; KMDF does nothing.
pub(crate) unsafe extern "win64" fn register_trace_info(
    globals: *mut WDF_DRIVER_GLOBALS,
    _driver_object: *mut DRIVER_OBJECT,
    _trace: sys::PVOID,
    _control: sys::PVOID,
) -> NtStatus {
    enter!("WdfDriverRegisterTraceInfo", globals);
    status::SUCCESS
}

/// WdfWdmDriverGetWdfDriverHandle: null for what is not the driver's own object.
pub(crate) unsafe extern "win64" fn wdm_get_wdf_handle(
    globals: *mut WDF_DRIVER_GLOBALS,
    object: *mut DRIVER_OBJECT,
) -> sys::WDFDRIVER {
    let id = enter!("WdfWdmDriverGetWdfDriverHandle", globals);
    let driver = default_parent(id);
    let own = driver != NULL && state().driver("WdfWdmDriverGetWdfDriverHandle", driver).object == object.addr();
    as_pointer(if own { driver } else { NULL })
}

/// WdfDriverWdmGetDriverObject.
pub(crate) unsafe extern "win64" fn wdm_get_driver_object(
    globals: *mut WDF_DRIVER_GLOBALS,
    driver: sys::WDFDRIVER,
) -> *mut DRIVER_OBJECT {
    enter!("WdfDriverWdmGetDriverObject", globals);
    let object = state().driver("WdfDriverWdmGetDriverObject", driver.addr()).object;
    std::ptr::with_exposed_provenance_mut(object)
}

/// WdfDriverIsVersionAvailable: 1.33 and below.
pub(crate) unsafe extern "win64" fn is_version_available(
    globals: *mut WDF_DRIVER_GLOBALS,
    driver: sys::WDFDRIVER,
    parameters: *const sys::WDF_DRIVER_VERSION_AVAILABLE_PARAMS,
) -> sys::BOOLEAN {
    enter!("WdfDriverIsVersionAvailable", globals);
    state().driver("WdfDriverIsVersionAvailable", driver.addr());
    // SAFETY: a driver passes its parameters.
    let asked = unsafe { parameters.read_unaligned() };
    u8::from(asked.Size as usize == size_of_val(&asked) && (asked.MajorVersion, asked.MinorVersion) <= (1, 33))
}
