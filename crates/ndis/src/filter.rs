//! A filter module, and the driver that NDIS makes modules of.
//!
//! The driver implements [`Filter`] and registers it with [`FilterDriver::register`]. For each adapter NDIS then makes a
//! module: [`attach`](Filter::attach), any number of [`restart`](Filter::restart) and [`pause`](Filter::pause) in turn,
//! and at last [`detach`](Filter::detach). Between restart and pause the module is Running.
//!
//! | method | IRQL | states |
//! |---|---|---|
//! | `attach`, `detach` | PASSIVE | nothing else runs |
//! | `restart`, `pause` | PASSIVE | from Paused to Running and back |
//! | `send`, `receive`, `send_complete`, `returned`, `cancel_send` | up to DISPATCH | any after attach; many at once |
//! | `status` | up to DISPATCH | any after attach |
//! | `net_pnp`, `device_pnp` | PASSIVE | any after attach; must not wait |
//!
//! Status indications and events are passed on after their method has seen them, OID requests without one, as clones.
//! Direct and synchronous OID requests pass by the module: their handlers are null.

use core::ptr::{NonNull, null_mut};

use crate::adapter;
pub use crate::chain::Received;
use crate::chain::{ReturnedChain, SendChain, SentChain};
use crate::handle::FilterHandle;
pub use crate::params::{AttachParameters, LinkState, RestartParameters, StatusIndication};
use crate::status::Status;
use crate::sys::{
    self, NDIS_HANDLE, NET_PNP_EVENT_CODE, NdisFDeregisterFilterDriver, NdisFRegisterFilterDriver, NdisGetVersion,
    PVOID,
};

/// A module: this filter on one adapter.
pub trait Filter: Sized + Send + Sync + 'static {
    /// The pool tag of the module's memory and of its clones of OID requests.
    const POOL_TAG: u32;

    /// What all modules share, given to [`attach`](Self::attach).
    type Driver: Sync;

    /// FilterAttach: makes the module. It starts Paused; nothing comes before this returns.
    ///
    /// # Errors
    /// The status with which NDIS gives up to attach. Nothing of the module may be left then.
    fn attach(
        driver: &'static Self::Driver,
        filter: FilterHandle,
        parameters: &AttachParameters<'_>,
    ) -> Result<Self, Status>;

    /// FilterDetach: takes the module down. It is Paused, and nothing comes during or after. Cannot fail.
    fn detach(self) {}

    /// FilterRestart: from here on the module may originate packets.
    ///
    /// # Errors
    /// The module stays Paused, and NDIS may detach it.
    fn restart(&self, _parameters: &RestartParameters<'_>) -> Result<(), Status> {
        Ok(())
    }

    /// FilterPause: hands on or gives back all that it holds, waits for its own packets
    /// ([`NblPool::in_flight`](crate::pool::NblPool::in_flight)), and returns, within 10 s.
    /// Cannot fail. Packets that come later are not held.
    fn pause(&self) {}

    /// FilterSendNetBufferLists. A module that is not Running finishes the chain with [`Status::PAUSED`]; one that is
    /// forwards it, or holds it. There is no default: only the module knows whether it runs, and a send that is being
    /// forwarded has to keep [`pause`](Self::pause) from returning.
    fn send(&self, chain: SendChain);

    /// FilterSendNetBufferListsComplete. The module's own sends, which are among these, end when the chain leaves.
    fn send_complete(&self, chain: SentChain) {
        chain.forward();
    }

    /// FilterCancelSendNetBufferLists: finishes what it holds of the sends with this id with
    /// [`Status::SEND_ABORTED`]. The cancel is passed down after.
    fn cancel_send(&self, _id: CancelId) {}

    /// FilterReceiveNetBufferLists.
    fn receive(&self, received: Received<'_>) {
        received.forward();
    }

    /// FilterReturnNetBufferLists. The module's own receives, which are among these, end when the chain leaves.
    fn returned(&self, chain: ReturnedChain) {
        chain.forward();
    }

    /// FilterStatus: an indication that is on its way up.
    fn status(&self, _indication: &StatusIndication<'_>) {}

    /// FilterOidRequest: a request passed down, or failed with this status since it could not be cloned.
    fn oid_request(&self, _passed: Result<(), Status>) {}

    /// FilterNetPnPEvent: an event that is on its way up to the protocols.
    fn net_pnp(&self, _event: NetPnpEvent) {}

    /// FilterDevicePnPEventNotify: an event (`NDIS_DEVICE_PNP_EVENT`) that is on its way down to the miniport.
    fn device_pnp(&self, _event: sys::NDIS_DEVICE_PNP_EVENT) {}
}

/// By which sends are cancelled: compared with an NBL's `NetBufferListCancelId`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CancelId(pub(crate) PVOID);

impl CancelId {
    /// As a number, 0 for a send that cannot be cancelled.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0.addr() as u64
    }
}

/// A network plug and play event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetPnpEvent {
    /// `NetEventSetPower`: the adapter goes to this device power state.
    SetPower(sys::NDIS_DEVICE_POWER_STATE),
    /// Any other, by its code.
    Other(NET_PNP_EVENT_CODE),
}

/// The names of a filter in Windows, as UTF-16 without a zero at the end. The first is for people; the others are the
/// INF's.
#[derive(Clone, Copy)]
pub struct Names {
    /// FriendlyName.
    pub friendly: &'static [u16],
    /// UniqueName: NetCfgInstanceId, with its braces.
    pub unique: &'static [u16],
    /// ServiceName.
    pub service: &'static [u16],
}

/// A version of NDIS, such as 6.87.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NdisVersion {
    /// 6.
    pub major: u8,
    /// As a decimal number: 87 in 6.87.
    pub minor: u8,
}

impl NdisVersion {
    /// The oldest that this crate registers with: Windows 10 2004, Server 2022.
    pub const OLDEST: Self = Self { major: 6, minor: 83 };
    /// The newest whose structs this crate knows.
    pub const NEWEST: Self = Self { major: 6, minor: 89 };

    /// What the running system has (`NdisGetVersion`). IRQL: any.
    #[must_use]
    pub fn running() -> Self {
        // SAFETY: takes nothing, has no precondition.
        let version = unsafe { NdisGetVersion() };
        Self { major: (version >> 16) as u8, minor: version as u8 }
    }

    /// The version to register with on a system that has `self`: the highest that both know.
    ///
    /// # Errors
    /// [`Status::BAD_VERSION`] where the system is older than [`OLDEST`](Self::OLDEST).
    pub fn to_register(self) -> Result<Self, Status> {
        if self < Self::OLDEST { Err(Status::BAD_VERSION) } else { Ok(self.min(Self::NEWEST)) }
    }
}

/// The registration of the driver as a filter. Dropping it deregisters.
pub struct FilterDriver(NDIS_HANDLE);

// SAFETY: a handle that NDIS takes on any thread.
unsafe impl Send for FilterDriver {}
// SAFETY: as for Send.
unsafe impl Sync for FilterDriver {}

impl FilterDriver {
    /// Registers with NDIS (`NdisFRegisterFilterDriver`). IRQL: PASSIVE_LEVEL, in `DriverEntry`. Modules may attach before
    /// this returns, so all that they need of `driver` is ready.
    ///
    /// # Safety
    /// `driver_object` is the driver object of this image, as `DriverEntry` got it.
    ///
    /// # Errors
    /// What NDIS answered; then nothing is registered.
    pub unsafe fn register<F: Filter>(
        driver_object: NonNull<sys::c_void>,
        driver: &'static F::Driver,
        names: Names,
        version: NdisVersion,
    ) -> Result<Self, Status> {
        let mut characteristics = adapter::characteristics::<F>(names, version);
        let mut handle = null_mut();
        // SAFETY: the object is the caller's promise; the characteristics are filled in; the context outlives the
        // registration; the handle's place is ours.
        let status = unsafe {
            NdisFRegisterFilterDriver(
                driver_object.as_ptr().cast(),
                (&raw const *driver).cast_mut().cast(),
                &raw mut characteristics,
                &raw mut handle,
            )
        };
        Status::from_raw(status).check()?;
        Ok(Self(handle))
    }

    /// Deregisters (`NdisFDeregisterFilterDriver`), which detaches every module first. IRQL: PASSIVE_LEVEL, in the
    /// driver's unload or in a `DriverEntry` that fails after registration. No lock is held.
    pub fn deregister(self) {
        drop(self);
    }
}

impl Drop for FilterDriver {
    fn drop(&mut self) {
        // SAFETY: the handle is of a registration that lives until here.
        unsafe { NdisFDeregisterFilterDriver(self.0) };
    }
}
