//! Plug and play and power events: network events up the stack to the protocol, device events down to the miniport.
//!
//! After "Filter Module PnP Event Notifications", `FilterNetPnPEvent`, `FilterDevicePnPEventNotify`. IRQL:
//! PASSIVE_LEVEL. Synchronous; a filter passes an event on before it returns.

use std::sync::{Arc, atomic::Ordering};

use nblease_ndis::sys::{
    NDIS_HANDLE, NDIS_OBJECT_HEADER, NDIS_OBJECT_TYPE_DEFAULT, NDIS_SIZEOF_NET_DEVICE_PNP_EVENT_REVISION_1,
    NDIS_SIZEOF_NET_PNP_EVENT_NOTIFICATION_REVISION_1, NDIS_SIZEOF_NET_PNP_EVENT_NOTIFICATION_REVISION_2, NDIS_STATUS,
    NDIS_STATUS_INVALID_PARAMETER, NDIS_STATUS_SUCCESS, NET_DEVICE_PNP_EVENT, NET_PNP_EVENT_NOTIFICATION,
};

use super::{
    adapter::{Adapter, Event},
    attach::{blank, header},
    check_header,
    lent::Lent,
    module::Module,
    power::{self, PowerEvent},
    raw,
};
use crate::{
    judge::rule,
    kernel::kernel,
    pe::exports::Export,
    thread::{self, PASSIVE_LEVEL},
};

/// What a driver can import of this part.
pub const EXPORTS: &[Export] = crate::exports! {
    NdisFNetPnPEvent => ndis_f_net_pnp_event,
    NdisFDevicePnPEventNotify => ndis_f_device_pnp_event_notify,
};

/// A network event, from NDIS up: what came of it.
pub fn net_event(adapter: &Arc<Adapter>, event: i32, buffer: &[u8]) -> NDIS_STATUS {
    let mut lent = Lent::new(4096 + buffer.len(), "the PnP event returned");
    let mut notification: NET_PNP_EVENT_NOTIFICATION = blank();
    notification.Header =
        header(NDIS_OBJECT_TYPE_DEFAULT, 2, NDIS_SIZEOF_NET_PNP_EVENT_NOTIFICATION_REVISION_2 as usize);
    notification.NetPnPEvent.NetEvent = event;
    notification.NetPnPEvent.Buffer = lent.put_bytes(buffer).cast();
    notification.NetPnPEvent.BufferLength = buffer.len() as u32;
    let at = lent.put_last(notification);
    up(adapter, None, at)
}

/// A network event goes up from a module (none: from NDIS).
fn up(adapter: &Arc<Adapter>, from: Option<&Module>, at: *mut NET_PNP_EVENT_NOTIFICATION) -> NDIS_STATUS {
    let next = adapter.next_above(from, |module| module.driver.characteristics.NetPnPEventHandler.is_some());
    let power = power_event(at);
    let Some(module) = next else {
        let notification: NET_PNP_EVENT_NOTIFICATION = raw::read(at);
        if let Some(power) = power {
            adapter.filters_had(power);
        }
        adapter.note(Event::NetPnP(notification.NetPnPEvent.NetEvent));
        return NDIS_STATUS_SUCCESS;
    };
    let Some(handler) = module.driver.characteristics.NetPnPEventHandler else {
        return NDIS_STATUS_SUCCESS;
    };
    let started = kernel().clock.now_ns();
    module.event_passed_ns.store(0, Ordering::SeqCst);
    let status = module.call("FilterNetPnPEvent", PASSIVE_LEVEL, |context| {
        // SAFETY: the driver registered this function; the event is lent for the call.
        unsafe { handler(context, at) }
    });
    kernel().judge.evaluated(rule::V04);
    if let Some(power) = power {
        let passed = module.event_passed_ns.load(Ordering::SeqCst);
        power::handled(&module, power, (kernel().clock.now_ns() - started).saturating_sub(passed));
    }
    status
}

/// Which power event this is, if it is one.
fn power_event(at: *mut NET_PNP_EVENT_NOTIFICATION) -> Option<PowerEvent> {
    let event = raw::read(at).NetPnPEvent;
    let mut buffer = vec![0; event.BufferLength as usize];
    raw::read_bytes(event.Buffer.cast(), &mut buffer);
    PowerEvent::of(event.NetEvent, &buffer)
}

/// A device event, from NDIS down.
pub fn device_event(adapter: &Arc<Adapter>, event: i32) {
    let mut lent = Lent::new(4096, "the device PnP event returned");
    let mut notification: NET_DEVICE_PNP_EVENT = blank();
    notification.Header = header(NDIS_OBJECT_TYPE_DEFAULT, 1, NDIS_SIZEOF_NET_DEVICE_PNP_EVENT_REVISION_1 as usize);
    notification.DevicePnPEvent = event;
    let at = lent.put_last(notification);
    down(adapter, None, at);
}

/// A device event goes down from a module (none: from NDIS).
fn down(adapter: &Arc<Adapter>, from: Option<&Module>, at: *mut NET_DEVICE_PNP_EVENT) {
    let next = adapter.next_below(from, |module| module.driver.characteristics.DevicePnPEventNotifyHandler.is_some());
    let Some(module) = next else {
        let notification: NET_DEVICE_PNP_EVENT = raw::read(at);
        adapter.note(Event::DevicePnP(notification.DevicePnPEvent));
        return;
    };
    let Some(handler) = module.driver.characteristics.DevicePnPEventNotifyHandler else { return };
    module.call("FilterDevicePnPEventNotify", PASSIVE_LEVEL, |context| {
        // SAFETY: the driver registered this function; the event is lent for the call.
        unsafe { handler(context, at) }
    });
    kernel().judge.evaluated(rule::V04);
}

pub(super) unsafe extern "efiapi" fn ndis_f_net_pnp_event(
    handle: NDIS_HANDLE,
    at: *mut NET_PNP_EVENT_NOTIFICATION,
) -> NDIS_STATUS {
    const FUNCTION: &str = "NdisFNetPnPEvent";
    thread::enter(FUNCTION, PASSIVE_LEVEL, rule::V09);
    thread::no_locks(FUNCTION);
    let Some(module) = kernel().ndis.module(FUNCTION, handle) else {
        return NDIS_STATUS_INVALID_PARAMETER;
    };
    raw::touch(at);
    let good = check_header(
        "NET_PNP_EVENT_NOTIFICATION",
        raw::read(at.cast::<NDIS_OBJECT_HEADER>()),
        NDIS_OBJECT_TYPE_DEFAULT as u8,
        &[
            (1, NDIS_SIZEOF_NET_PNP_EVENT_NOTIFICATION_REVISION_1),
            (2, NDIS_SIZEOF_NET_PNP_EVENT_NOTIFICATION_REVISION_2),
        ],
    );
    if !good || !module.require_attached(FUNCTION) {
        return NDIS_STATUS_INVALID_PARAMETER;
    }
    if power_event(at) == Some(PowerEvent::Low) {
        power::passed_on(&module);
    }
    let started = kernel().clock.now_ns();
    let status = up(&module.adapter, Some(&module), at);
    module.event_passed_ns.fetch_add(kernel().clock.now_ns() - started, Ordering::SeqCst);
    status
}

pub(super) unsafe extern "efiapi" fn ndis_f_device_pnp_event_notify(
    handle: NDIS_HANDLE,
    at: *mut NET_DEVICE_PNP_EVENT,
) {
    const FUNCTION: &str = "NdisFDevicePnPEventNotify";
    thread::enter(FUNCTION, PASSIVE_LEVEL, rule::V09);
    thread::no_locks(FUNCTION);
    let Some(module) = kernel().ndis.module(FUNCTION, handle) else { return };
    raw::touch(at);
    let good = check_header(
        "NET_DEVICE_PNP_EVENT",
        raw::read(at.cast::<NDIS_OBJECT_HEADER>()),
        NDIS_OBJECT_TYPE_DEFAULT as u8,
        &[(1, NDIS_SIZEOF_NET_DEVICE_PNP_EVENT_REVISION_1)],
    );
    if good && module.require_attached(FUNCTION) {
        down(&module.adapter, Some(&module), at);
    }
}
