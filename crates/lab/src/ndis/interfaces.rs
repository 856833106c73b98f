//! Network interfaces: their indexes and NetLuids, and those that a driver provides. PASSIVE_LEVEL.
//!
//! After "NDIS Network Interfaces in a Windows Network Stack", `NdisIfRegisterProvider`, `NdisIfRegisterInterface`,
//! `NdisIfAllocateNetLuidIndex`, `NdisIfAddIfStackEntry`, `NET_IF_INFORMATION`. Adapters and filter modules are interfaces
//! by themselves; nobody queries the lab's interfaces, so that a provider's handlers are not called.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use nblease_ndis::sys::{
    NDIS_HANDLE, NDIS_OBJECT_HEADER, NDIS_OBJECT_TYPE_DEFAULT, NDIS_STATUS, NDIS_STATUS_INTERFACE_NOT_FOUND,
    NDIS_STATUS_INVALID_PARAMETER, NDIS_STATUS_RESOURCES, NDIS_STATUS_SUCCESS, NET_LUID,
};

use super::{check_header, raw};
use crate::{
    faults::FaultKind,
    judge::rule,
    kernel::kernel,
    pe::exports::Export,
    sync::lock,
    thread::{self, PASSIVE_LEVEL},
};

/// What a driver can import of this part.
pub const EXPORTS: &[Export] = crate::exports! {
    "NdisIfRegisterProvider" => register_provider,
    "NdisIfDeregisterProvider" => deregister_provider,
    "NdisIfRegisterInterface" => register_interface,
    "NdisIfDeregisterInterface" => deregister_interface,
    "NdisIfAllocateNetLuidIndex" => allocate_luid_index,
    "NdisIfFreeNetLuidIndex" => free_luid_index,
    "NdisIfGetInterfaceIndexFromNetLuid" => index_of_luid,
    "NdisIfGetNetLuidFromInterfaceIndex" => luid_of_index,
    "NdisIfAddIfStackEntry" => add_stack_entry,
    "NdisIfDeleteIfStackEntry" => delete_stack_entry,
};

/// `NDIS_STATUS_DUPLICATE_OBJECTID`.
const DUPLICATE: NDIS_STATUS = 0xc000_022a_u32.cast_signed();
/// `NDIS_SIZEOF_IF_PROVIDER_CHARACTERISTICS_REVISION_1`.
const PROVIDER_SIZE: u16 = 40;
/// `NDIS_SIZEOF_NET_IF_INFORMATION_REVISION_1`.
const INFORMATION_SIZE: u16 = 96;
/// The first index of a driver's interface, above those of adapters and modules.
const FIRST_INDEX: u32 = 0x1_0000;
/// NetLuid indexes have 24 bits.
const LAST_LUID_INDEX: u32 = 0xff_ffff;

/// The interfaces that drivers provide.
#[derive(Default)]
pub struct Interfaces {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last_index: u32,
    /// NetLuid indexes that are allocated: (type, index). They outlive drivers.
    luid_indexes: BTreeSet<(u16, u32)>,
    /// By interface index.
    registered: BTreeMap<u32, Registered>,
    /// (higher, lower) interfaces.
    stack: BTreeSet<(u32, u32)>,
}

#[derive(Clone, Copy)]
struct Registered {
    luid: u64,
    provider: usize,
}

/// A registered provider.
struct Provider;

/// `NDIS_MAKE_NET_LUID`.
const fn make_luid(kind: u16, index: u32) -> u64 {
    (kind as u64) << 48 | (index as u64) << 24
}

fn state() -> std::sync::MutexGuard<'static, State> {
    lock(&kernel().ndis.interfaces.state)
}

/// All interfaces: (index, NetLuid, alias).
pub fn all() -> Vec<(u32, u64, String)> {
    let mut all = Vec::new();
    for adapter in kernel().ndis.adapters() {
        all.push((adapter.if_index, adapter.luid, adapter.config.name.clone()));
        for module in adapter.modules() {
            all.push((
                module.if_index,
                module.luid,
                format!("{}-{}-0000", adapter.config.name, module.friendly_name()),
            ));
        }
    }
    all.extend(state().registered.iter().map(|(index, it)| (*index, it.luid, format!("Interface {index}"))));
    all
}

fn exists(index: u32) -> bool {
    all().iter().any(|(other, ..)| *other == index)
}

fn fails() -> bool {
    kernel().faults.should_fail(FaultKind::Ndis)
}

fn enter(function: &'static str) {
    thread::enter(function, PASSIVE_LEVEL, rule::V09);
}

unsafe extern "win64" fn register_provider(
    characteristics: *const NDIS_OBJECT_HEADER,
    _context: NDIS_HANDLE,
    handle: *mut NDIS_HANDLE,
) -> NDIS_STATUS {
    enter("NdisIfRegisterProvider");
    let header = raw::read(characteristics);
    let sizes = [(1, PROVIDER_SIZE)];
    if !check_header("NDIS_IF_PROVIDER_CHARACTERISTICS", header, NDIS_OBJECT_TYPE_DEFAULT as u8, &sizes) {
        return NDIS_STATUS_INVALID_PARAMETER;
    }
    if fails() {
        return NDIS_STATUS_RESOURCES;
    }
    raw::write(handle, kernel().ndis.objects.add("interface provider", Arc::new(Provider)));
    NDIS_STATUS_SUCCESS
}

unsafe extern "win64" fn deregister_provider(handle: NDIS_HANDLE) {
    const FUNCTION: &str = "NdisIfDeregisterProvider";
    enter(FUNCTION);
    if kernel().ndis.objects.remove::<Provider>(FUNCTION, handle).is_none() {
        return;
    }
    let left: Vec<u32> = {
        let state = state();
        let of_it = state.registered.iter().filter(|(_, interface)| interface.provider == handle.addr());
        of_it.map(|(index, _)| *index).collect()
    };
    kernel()
        .judge
        .check(rule::V06, left.is_empty(), || format!("{FUNCTION} with interfaces registered still: {left:?}"));
}

unsafe extern "win64" fn register_interface(
    provider: NDIS_HANDLE,
    luid: NET_LUID,
    _context: NDIS_HANDLE,
    information: *const NDIS_OBJECT_HEADER,
    index: *mut u32,
) -> NDIS_STATUS {
    const FUNCTION: &str = "NdisIfRegisterInterface";
    enter(FUNCTION);
    let known = kernel().ndis.objects.get::<Provider>(FUNCTION, provider).is_some();
    let sizes = [(1, INFORMATION_SIZE)];
    let good = check_header("NET_IF_INFORMATION", raw::read(information), NDIS_OBJECT_TYPE_DEFAULT as u8, &sizes);
    let (kind, number) = (luid.IfType() as u16, luid.NetLuidIndex() as u32);
    if !known || !good || !state().luid_indexes.contains(&(kind, number)) {
        return NDIS_STATUS_INVALID_PARAMETER;
    }
    if all().iter().any(|(_, other, _)| *other == luid.Value) {
        return DUPLICATE;
    }
    if fails() {
        return NDIS_STATUS_RESOURCES;
    }
    let mut state = state();
    state.last_index = state.last_index.max(FIRST_INDEX) + 1;
    let new = state.last_index;
    state.registered.insert(new, Registered { luid: luid.Value, provider: provider.addr() });
    drop(state);
    raw::write(index, new);
    NDIS_STATUS_SUCCESS
}

unsafe extern "win64" fn deregister_interface(index: u32) {
    const FUNCTION: &str = "NdisIfDeregisterInterface";
    enter(FUNCTION);
    let mut state = state();
    let known = state.registered.remove(&index).is_some();
    state.stack.retain(|(higher, lower)| *higher != index && *lower != index);
    drop(state);
    kernel().judge.check(rule::V07, known, || format!("{FUNCTION} of {index}, which no driver registered"));
}

unsafe extern "win64" fn allocate_luid_index(kind: u16, index: *mut u32) -> NDIS_STATUS {
    enter("NdisIfAllocateNetLuidIndex");
    if fails() {
        return NDIS_STATUS_RESOURCES;
    }
    let taken: BTreeSet<u64> = all().into_iter().map(|(_, luid, _)| luid).collect();
    let mut state = state();
    let free = |index: &u32| !taken.contains(&make_luid(kind, *index)) && !state.luid_indexes.contains(&(kind, *index));
    let Some(new) = (1..=LAST_LUID_INDEX).find(free) else { return NDIS_STATUS_RESOURCES };
    state.luid_indexes.insert((kind, new));
    drop(state);
    raw::write(index, new);
    NDIS_STATUS_SUCCESS
}

unsafe extern "win64" fn free_luid_index(kind: u16, index: u32) -> NDIS_STATUS {
    const FUNCTION: &str = "NdisIfFreeNetLuidIndex";
    enter(FUNCTION);
    let known = state().luid_indexes.remove(&(kind, index));
    kernel().judge.check(rule::V07, known, || format!("{FUNCTION} of {index} (type {kind}), which is not allocated"));
    if known { NDIS_STATUS_SUCCESS } else { NDIS_STATUS_INVALID_PARAMETER }
}

unsafe extern "win64" fn index_of_luid(luid: NET_LUID, index: *mut u32) -> NDIS_STATUS {
    enter("NdisIfGetInterfaceIndexFromNetLuid");
    let found = all().into_iter().find(|(_, other, _)| *other == luid.Value);
    raw::write(index, found.as_ref().map_or(0, |(index, ..)| *index));
    if found.is_some() { NDIS_STATUS_SUCCESS } else { NDIS_STATUS_INTERFACE_NOT_FOUND }
}

unsafe extern "win64" fn luid_of_index(index: u32, luid: *mut NET_LUID) -> NDIS_STATUS {
    enter("NdisIfGetNetLuidFromInterfaceIndex");
    let found = all().into_iter().find(|(other, ..)| *other == index);
    raw::write(luid, NET_LUID { Value: found.as_ref().map_or(0, |(_, luid, _)| *luid) });
    if found.is_some() { NDIS_STATUS_SUCCESS } else { NDIS_STATUS_INTERFACE_NOT_FOUND }
}

unsafe extern "win64" fn add_stack_entry(higher: u32, lower: u32) -> NDIS_STATUS {
    enter("NdisIfAddIfStackEntry");
    if !exists(higher) || !exists(lower) {
        return NDIS_STATUS_INTERFACE_NOT_FOUND;
    }
    if fails() {
        return NDIS_STATUS_RESOURCES;
    }
    state().stack.insert((higher, lower));
    NDIS_STATUS_SUCCESS
}

unsafe extern "win64" fn delete_stack_entry(higher: u32, lower: u32) {
    enter("NdisIfDeleteIfStackEntry");
    state().stack.remove(&(higher, lower));
}
