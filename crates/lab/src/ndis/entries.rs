//! The entries of a filter driver's callbacks by the callbacks' names, for reports.

use nblease_ndis::sys::NDIS_FILTER_DRIVER_CHARACTERISTICS;

use super::Ndis;
use crate::kernel::DriverId;

/// (callback, address) of those that a driver registered.
fn entries(c: &NDIS_FILTER_DRIVER_CHARACTERISTICS) -> Vec<(&'static str, usize)> {
    macro_rules! entries {
        ($($name:literal: $handler:ident,)*) => {
            [$(($name, c.$handler.map(|handler| (handler as *const ()).addr())),)*]
        };
    }
    let all = entries! {
        "FilterSetOptions": SetOptionsHandler,
        "FilterSetModuleOptions": SetFilterModuleOptionsHandler,
        "FilterAttach": AttachHandler,
        "FilterDetach": DetachHandler,
        "FilterRestart": RestartHandler,
        "FilterPause": PauseHandler,
        "FilterSendNetBufferLists": SendNetBufferListsHandler,
        "FilterSendNetBufferListsComplete": SendNetBufferListsCompleteHandler,
        "FilterCancelSendNetBufferLists": CancelSendNetBufferListsHandler,
        "FilterReceiveNetBufferLists": ReceiveNetBufferListsHandler,
        "FilterReturnNetBufferLists": ReturnNetBufferListsHandler,
        "FilterOidRequest": OidRequestHandler,
        "FilterOidRequestComplete": OidRequestCompleteHandler,
        "FilterCancelOidRequest": CancelOidRequestHandler,
        "FilterDevicePnPEventNotify": DevicePnPEventNotifyHandler,
        "FilterNetPnPEvent": NetPnPEventHandler,
        "FilterStatus": StatusHandler,
        "FilterDirectOidRequest": DirectOidRequestHandler,
        "FilterDirectOidRequestComplete": DirectOidRequestCompleteHandler,
        "FilterSynchronousOidRequest": SynchronousOidRequestHandler,
        "FilterSynchronousOidRequestComplete": SynchronousOidRequestCompleteHandler,
    };
    all.into_iter().filter_map(|(name, at)| Some((name, at?))).collect()
}

impl Ndis {
    /// Where a callback of a driver begins, by the callback's name; none where NDIS was not told.
    pub fn entry_of(&self, driver: DriverId, callback: &str) -> Option<usize> {
        let drivers = self.drivers.try_lock().ok()?;
        let driver = drivers.iter().find(|registered| registered.id == driver)?;
        entries(&driver.characteristics).into_iter().find(|(name, _)| *name == callback).map(|(_, at)| at)
    }
}
