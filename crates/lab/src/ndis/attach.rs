//! The parameters that FilterAttach, FilterRestart and FilterPause are lent.
//!
//! After `NDIS_FILTER_ATTACH_PARAMETERS`, `NDIS_FILTER_RESTART_PARAMETERS`, `NDIS_RESTART_ATTRIBUTES`,
//! `NDIS_FILTER_PAUSE_PARAMETERS`. Strings have no zero behind them; everything closes when the call is over.

use std::mem::{offset_of, zeroed};

use nblease_ndis::sys::{
    DEVICE_OBJECT, MediaConnectStateConnected, MediaDuplexStateFull, NDIS_FILTER_ATTACH_PARAMETERS,
    NDIS_FILTER_ATTACH_PARAMETERS_REVISION_4, NDIS_FILTER_PAUSE_PARAMETERS, NDIS_FILTER_PAUSE_PARAMETERS_REVISION_1,
    NDIS_FILTER_RESTART_PARAMETERS, NDIS_FILTER_RESTART_PARAMETERS_REVISION_1, NDIS_OBJECT_HEADER,
    NDIS_OBJECT_TYPE_FILTER_ATTACH_PARAMETERS, NDIS_OBJECT_TYPE_FILTER_PAUSE_PARAMETERS,
    NDIS_OBJECT_TYPE_FILTER_RESTART_PARAMETERS, NDIS_OBJECT_TYPE_RESTART_GENERAL_ATTRIBUTES, NDIS_RESTART_ATTRIBUTES,
    NDIS_RESTART_GENERAL_ATTRIBUTES, NDIS_SIZEOF_FILTER_ATTACH_PARAMETERS_REVISION_4,
    NDIS_SIZEOF_FILTER_PAUSE_PARAMETERS_REVISION_1, NdisMedium802_3, NdisMedium802_5, NdisMediumNative802_11,
    NdisMediumWirelessWan, OID_802_3_CURRENT_ADDRESS, OID_GEN_CURRENT_PACKET_FILTER,
    OID_GEN_MINIPORT_RESTART_ATTRIBUTES, OID_GEN_STATISTICS,
};
use rand::Rng as _;

use super::{
    adapter::Adapter,
    lent::{Lent, lend},
    module::Module,
};
use crate::{judge::rule, kernel::kernel};

/// The `NDIS_PHYSICAL_MEDIUM` that cards of an `NDIS_MEDIUM` mostly have: its own kind.
const PHYSICAL_MEDIA: [(i32, i32); 4] =
    [(NdisMedium802_3, 14), (NdisMedium802_5, 15), (NdisMediumWirelessWan, 8), (NdisMediumNative802_11, 9)];
/// `NdisPhysicalMediumUnspecified`.
const UNSPECIFIED: i32 = 0;
/// `NDIS_SIZEOF__FILTER_RESTART_PARAMETERS_REVISION_1`: up to `Flags`, without the padding.
const RESTART_PARAMETERS_SIZE: u16 = 0x2c;

/// A structure of NDIS with all bits zero.
pub fn blank<T: Copy>() -> T {
    // SAFETY: only used for `repr(C)` structures of the bindings, whose fields are integers, arrays of them, pointers
    // and optional functions: all bits zero is a value of each.
    unsafe { zeroed() }
}

/// A header.
pub fn header(kind: u32, revision: u32, size: usize) -> NDIS_OBJECT_HEADER {
    NDIS_OBJECT_HEADER { Type: kind as u8, Revision: revision as u8, Size: size as u16 }
}

/// What FilterAttach gets: the place that holds it, and its address.
pub fn attach_parameters(adapter: &Adapter, module: &Module) -> (Lent, *mut NDIS_FILTER_ATTACH_PARAMETERS) {
    let mut lent = Lent::new(4096, "FilterAttach returned");
    let config = &adapter.config;
    let lower = adapter.modules().last().map_or((adapter.if_index, adapter.luid), |below| (below.if_index, below.luid));
    let mut p: NDIS_FILTER_ATTACH_PARAMETERS = blank();
    p.Header = header(
        NDIS_OBJECT_TYPE_FILTER_ATTACH_PARAMETERS,
        NDIS_FILTER_ATTACH_PARAMETERS_REVISION_4,
        NDIS_SIZEOF_FILTER_ATTACH_PARAMETERS_REVISION_4 as usize,
    );
    p.IfIndex = module.if_index;
    p.NetLuid.Value = module.luid;
    p.FilterModuleGuidName = lent.put_string(&module.instance_name());
    p.BaseMiniportIfIndex = adapter.if_index;
    p.BaseMiniportInstanceName = lent.put_string(&config.name);
    p.BaseMiniportName = lent.put_string(&format!(r"\DEVICE\{}", guid(adapter.luid)));
    p.MediaConnectState = MediaConnectStateConnected;
    p.MediaDuplexState = MediaDuplexStateFull;
    p.XmitLinkSpeed = config.link_speed;
    p.RcvLinkSpeed = config.link_speed;
    p.MiniportMediaType = config.medium;
    p.MiniportPhysicalMediaType = physical_medium(config.medium);
    p.DefaultOffloadConfiguration = lent.put(adapter.miniport.offloads().config());
    p.MacAddressLength = config.mac.len() as u16;
    for (to, from) in p.CurrentMacAddress.iter_mut().zip(config.mac) {
        *to = from;
    }
    p.BaseMiniportNetLuid.Value = adapter.luid;
    p.LowerIfIndex = lower.0;
    p.LowerIfNetLuid.Value = lower.1;
    p.MiniportPhysicalDeviceObject = lent.put::<DEVICE_OBJECT>(blank());
    p.BaseMiniportIfConnectorPresent = 1;
    let at = lent.put_last(p);
    (lent, at)
}

/// The `NDIS_PHYSICAL_MEDIUM` of cards of an `NDIS_MEDIUM`.
pub fn physical_medium(medium: i32) -> i32 {
    PHYSICAL_MEDIA.iter().find(|(of, _)| *of == medium).map_or(UNSPECIFIED, |(_, physical)| *physical)
}

/// A GUID in braces that a NetLuid stands for.
pub fn guid(luid: u64) -> String {
    format!("{{4D36E972-E325-11CE-BFC1-{:012X}}}", luid >> 16)
}

/// What FilterRestart gets. The list of restart attributes is null where NDIS has none to show.
pub fn restart_parameters(adapter: &Adapter, lower: (u32, u64)) -> (Lent, *mut NDIS_FILTER_RESTART_PARAMETERS) {
    let mut lent = Lent::new(4096, "FilterRestart returned");
    let mut p: NDIS_FILTER_RESTART_PARAMETERS = blank();
    p.Header = header(
        NDIS_OBJECT_TYPE_FILTER_RESTART_PARAMETERS,
        NDIS_FILTER_RESTART_PARAMETERS_REVISION_1,
        usize::from(RESTART_PARAMETERS_SIZE),
    );
    p.MiniportMediaType = adapter.config.medium;
    p.MiniportPhysicalMediaType = physical_medium(adapter.config.medium);
    let with = adapter.config.restart_attributes;
    if with.unwrap_or_else(|| kernel().rng().random_bool(0.7)) {
        p.RestartAttributes = restart_attributes(adapter, &mut lent);
    }
    p.LowerIfIndex = lower.0;
    p.LowerIfNetLuid.Value = lower.1;
    let at = lent.put_last(p);
    (lent, at)
}

/// The list of restart attributes: the general ones.
fn restart_attributes(adapter: &Adapter, lent: &mut Lent) -> *mut NDIS_RESTART_ATTRIBUTES {
    let oids = [OID_GEN_CURRENT_PACKET_FILTER, OID_GEN_STATISTICS, OID_802_3_CURRENT_ADDRESS];
    let oid_bytes: Vec<u8> = oids.iter().flat_map(|oid| oid.to_le_bytes()).collect();
    let mut general: NDIS_RESTART_GENERAL_ATTRIBUTES = blank();
    general.Header =
        header(NDIS_OBJECT_TYPE_RESTART_GENERAL_ATTRIBUTES, 2, size_of::<NDIS_RESTART_GENERAL_ATTRIBUTES>());
    general.MtuSize = adapter.config.mtu;
    general.MaxXmitLinkSpeed = adapter.config.link_speed;
    general.MaxRcvLinkSpeed = adapter.config.link_speed;
    general.LookaheadSize = adapter.config.mtu;
    general.SupportedOidList = lent.put_bytes(&oid_bytes).cast();
    general.SupportedOidListLength = oid_bytes.len() as u32;

    let data = offset_of!(NDIS_RESTART_ATTRIBUTES, Data);
    let bytes = size_of::<NDIS_RESTART_GENERAL_ATTRIBUTES>();
    let at = lent.room(data + bytes, 16);
    // `room` aligned it.
    #[allow(clippy::cast_ptr_alignment)]
    let list = at.cast::<NDIS_RESTART_ATTRIBUTES>();
    super::raw::write(
        list,
        NDIS_RESTART_ATTRIBUTES {
            Next: std::ptr::null_mut(),
            Oid: OID_GEN_MINIPORT_RESTART_ATTRIBUTES,
            DataLength: bytes as u32,
            Data: [0],
        },
    );
    super::raw::write(at.wrapping_add(data).cast(), general);
    list
}

/// What a filter added to the list: memory of the pool, which NDIS frees once overlying drivers have seen it
/// (`FilterRestart`, `NDIS_RESTART_ATTRIBUTES`).
pub fn take_restart_attributes(module: &Module, lent: &Lent, parameters: *mut NDIS_FILTER_RESTART_PARAMETERS) {
    let mut at = super::raw::read(parameters).RestartAttributes;
    while !at.is_null() {
        at = if lent.contains(at) { super::raw::read(at).Next } else { take_added(module, at) };
    }
}

/// Frees an entry that a filter added: the one after it.
fn take_added(module: &Module, at: *mut NDIS_RESTART_ATTRIBUTES) -> *mut NDIS_RESTART_ATTRIBUTES {
    let pool = &kernel().memory.pool;
    let is_pool = pool.find(at.addr()).is_some_and(|found| found.start == at.addr() && found.freed.is_none());
    kernel().judge.check(rule::V36, is_pool, || {
        let what = kernel().memory.describe(at.addr());
        format!("{} left restart attributes that NDIS cannot free: {what}", module.name())
    });
    if !is_pool {
        return std::ptr::null_mut();
    }
    let next = super::raw::read(at).Next;
    pool.free(at.addr(), None);
    next
}

/// What FilterPause gets.
pub fn pause_parameters() -> (Lent, *mut NDIS_FILTER_PAUSE_PARAMETERS) {
    let mut p: NDIS_FILTER_PAUSE_PARAMETERS = blank();
    p.Header = header(
        NDIS_OBJECT_TYPE_FILTER_PAUSE_PARAMETERS,
        NDIS_FILTER_PAUSE_PARAMETERS_REVISION_1,
        NDIS_SIZEOF_FILTER_PAUSE_PARAMETERS_REVISION_1 as usize,
    );
    lend(p, "FilterPause returned")
}
