//! The system's shutdown, as a control device hears of it (IRP_MJ_SHUTDOWN, FxPkgGeneral).

use nblease_ndis::sys::{self, WDF_DRIVER_GLOBALS};

use super::{as_pointer, device_init, enter, event, object::Handle, state};
use crate::{judge::rule, kernel::kernel};

/// EvtDeviceShutdownNotification.
pub(crate) type EvtShutdown = unsafe extern "efiapi" fn(sys::WDFDEVICE);

/// `WdfDeviceShutdown`: before the file systems are flushed. `WdfDeviceLastChanceShutdown`: after.
const FLAGS: [u8; 2] = [1, 2];

/// What a device wants to hear of the shutdown.
#[derive(Clone, Copy)]
pub(crate) struct Notification {
    callback: EvtShutdown,
    flags: u8,
}

/// WdfControlDeviceInitSetShutdownNotification.
pub(crate) unsafe extern "win64" fn set_notification(
    globals: *mut WDF_DRIVER_GLOBALS,
    init: sys::PVOID,
    callback: Option<EvtShutdown>,
    flags: u8,
) {
    const DDI: &str = "WdfControlDeviceInitSetShutdownNotification";
    enter!("WdfControlDeviceInitSetShutdownNotification", globals);
    let known = callback.is_some() && flags & !(FLAGS[0] | FLAGS[1]) == 0;
    kernel().judge.check(rule::V07, known, || format!("{DDI} was given no callback, or flags {flags:#x}"));
    device_init::change(DDI, init, |init| {
        init.shutdown = callback.map(|callback| Notification { callback, flags });
    });
}

/// Whether a device is told.
pub(crate) fn is_wanted(device: Handle) -> bool {
    state().device("IRP_MJ_SHUTDOWN", device).init.shutdown.is_some()
}

/// Tells a device, once for each notification that it asked for. PASSIVE_LEVEL.
pub(crate) fn tell(device: Handle) {
    let (driver, notification) = {
        let mut state = state();
        let driver = state.any("IRP_MJ_SHUTDOWN", device).driver;
        (driver, state.device("IRP_MJ_SHUTDOWN", device).init.shutdown)
    };
    let Some(Notification { callback, flags }) = notification else { return };
    for _ in FLAGS.iter().filter(|flag| flags & **flag != 0) {
        event(driver, "EvtDeviceShutdownNotification", || {
            // SAFETY: the driver registered it, and the handle is live.
            unsafe { callback(as_pointer(device)) };
        });
    }
}
