//! A filter module: this driver on one adapter, from attach to detach.
//!
//! Calling contexts: attach, restart, pause and detach at PASSIVE_LEVEL, one at a time for a module, without a lock of
//! ours on entry; the registry's waiting lock is taken and released inside, never across a call into NDIS. The data
//! path's callbacks are in `datapath`, and what of them ends at pause and sleep in `power`. Nothing foreign is owned here.
//!
//! A module is Running between restart and pause. The rundown says so to the data path: it is open in that time, every
//! callback that shows frames to readers holds it, and pause waits until none does.

use core::num::NonZeroU32;

use nblease_abi::{
    ioctl::{self, AdapterEntry},
    stats::AdapterStats,
};
use nblease_ndis::{
    FilterHandle, Status,
    chain::{Received, ReturnedChain, SendChain, SentChain},
    filter::{AttachParameters, CancelId, Filter, LinkState, NetPnpEvent, RestartParameters, StatusIndication},
    pool::NblPool,
};
use nblease_wdf::{event::Event, pool::PoolArc, rundown::Rundown};
use zerocopy::FromZeros;

use crate::{
    adapter::Adapter,
    entry::{Driver, driver},
};

/// This driver on one adapter.
pub struct Module {
    /// What readers and programs know of the adapter.
    pub adapter: PoolArc<Adapter>,
    /// Open while the module runs.
    pub running: Rundown,
}

impl Filter for Module {
    const POOL_TAG: u32 = u32::from_le_bytes(*b"nblM");

    type Driver = Driver;

    fn attach(
        driver: &'static Driver,
        filter: FilterHandle,
        parameters: &AttachParameters<'_>,
    ) -> Result<Self, Status> {
        if !parameters.is_ethernet() {
            return Err(Status::UNSUPPORTED_MEDIA);
        }
        let tag = NonZeroU32::new(Self::POOL_TAG).ok_or(Status::RESOURCES)?;
        let pool = NblPool::new(filter, tag)?;
        let idle = Event::try_new().map_err(|_| Status::RESOURCES)?;
        let adapter =
            Adapter::new(&describe(parameters), ioctl::ADAPTER_STATE_PAUSED, parameters.offloads(), pool, idle);
        let adapter = PoolArc::try_new(adapter).map_err(|_| Status::RESOURCES)?;
        let mut registry = driver.registry.lock();
        registry.attach(&adapter).map_err(|_| Status::RESOURCES)?;
        driver.leases.add_adapter(&adapter);
        drop(registry);
        Ok(Self { adapter, running: Rundown::closed() })
    }

    fn detach(self) {
        if let Some(driver) = driver() {
            driver.registry.lock().detach(&self.adapter);
            driver.leases.remove_adapter(&self.adapter);
        }
    }

    fn restart(&self, parameters: &RestartParameters<'_>) -> Result<(), Status> {
        if let Some(mtu) = parameters.mtu() {
            self.adapter.update(|entry| entry.mtu = mtu);
        }
        self.adapter.count(&AdapterStats { restarts: 1, ..AdapterStats::default() });
        self.admit();
        self.adapter.set_state(ioctl::ADAPTER_STATE_RUNNING);
        Ok(())
    }

    fn pause(&self) {
        self.adapter.set_state(ioctl::ADAPTER_STATE_PAUSING);
        self.drain();
        self.adapter.count(&AdapterStats { pauses: 1, ..AdapterStats::default() });
        self.adapter.set_state(ioctl::ADAPTER_STATE_PAUSED);
    }

    fn send(&self, chain: SendChain) {
        self.send_down(chain);
    }

    fn send_complete(&self, chain: SentChain) {
        self.sent_up(chain);
    }

    fn cancel_send(&self, id: CancelId) {
        self.cancel_sends(id);
    }

    fn receive(&self, received: Received<'_>) {
        self.receive_up(received);
    }

    fn returned(&self, chain: ReturnedChain) {
        self.returned_down(chain);
    }

    fn net_pnp(&self, event: NetPnpEvent) {
        self.power_event(event);
    }

    fn status(&self, indication: &StatusIndication<'_>) {
        if let Some(link) = indication.link() {
            self.adapter.update(|entry| set_link(entry, link));
        }
        if let Some(offloads) = indication.offloads() {
            self.adapter.set_offloads(offloads);
        }
    }

    fn oid_request(&self, passed: Result<(), Status>) {
        self.adapter.count(&AdapterStats {
            oids_forwarded: passed.is_ok().into(),
            oids_failed: passed.is_err().into(),
            ..AdapterStats::default()
        });
    }
}

/// The link as LIST_ADAPTERS tells it.
fn set_link(entry: &mut AdapterEntry, link: LinkState) {
    entry.media_connect = link.connect_state;
    entry.link_speed = link.receive_speed;
}

/// The adapter as LIST_ADAPTERS tells it.
fn describe(parameters: &AttachParameters<'_>) -> AdapterEntry {
    let mut entry = AdapterEntry::new_zeroed();
    entry.net_luid = parameters.base_net_luid().Value;
    entry.if_index = parameters.base_if_index();
    set_link(&mut entry, parameters.link());
    entry.set_mac(parameters.mac());
    entry.set_name(parameters.base_instance_name());
    entry.set_base_miniport(parameters.base_name());
    entry
}
