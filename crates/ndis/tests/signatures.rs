//! Every function's and callback's signature, against the ABI facts: the Rust type's own name is compared with the one
//! that the C prototype amounts to.

mod facts;

use std::any::type_name;
use std::collections::BTreeSet;

use nblease_ndis::sys::signatures::SIGNATURES;
use nblease_ndis::sys::*;

#[test]
fn functions_are_as_the_headers_say() {
    let facts = facts::functions();
    let types = facts::Types::new();
    let mut wrong = Vec::new();
    for (name, rust_type) in SIGNATURES {
        let Some((kind, prototype)) = facts.get(name) else {
            wrong.push(format!("{name}: no such function in the facts"));
            continue;
        };
        let (is, should) = (facts::short(rust_type()), types.signature(prototype));
        if is != should || *kind != "export" {
            wrong.push(format!("{name}: {is}\n    facts: {kind} {prototype}\n    that is {should}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a light filter may call, all of which is bound.
#[test]
fn filter_functions_are_whole() {
    let ours: BTreeSet<_> = SIGNATURES.iter().map(|(name, _)| *name).collect();
    let missing: Vec<_> = facts::functions()
        .into_iter()
        .filter(|(name, (kind, _))| {
            *kind == "export" && name.strip_prefix("NdisF").is_some_and(|rest| rest.starts_with(char::is_uppercase))
        })
        .map(|(name, _)| name)
        .filter(|name| !ours.contains(name))
        .collect();
    // Hyper-V's switch handlers: a filter of the extensible switch alone asks for them.
    assert_eq!(missing, ["NdisFGetOptionalSwitchHandlers"]);
}

macro_rules! callbacks {
    ($($name:ident)*) => { [$((stringify!($name), type_name::<$name>())),*] };
}

#[test]
fn callbacks_are_as_the_headers_say() {
    let facts = facts::callbacks();
    let types = facts::Types::new();
    let ours = callbacks! {
        FILTER_ATTACH FILTER_ATTACH_HANDLER FILTER_CANCEL_DIRECT_OID_REQUEST
        FILTER_CANCEL_DIRECT_OID_REQUEST_HANDLER FILTER_CANCEL_OID_REQUEST FILTER_CANCEL_OID_REQUEST_HANDLER
        FILTER_CANCEL_SEND_HANDLER FILTER_CANCEL_SEND_NET_BUFFER_LISTS FILTER_DETACH FILTER_DETACH_HANDLER
        FILTER_DEVICE_PNP_EVENT_NOTIFY FILTER_DEVICE_PNP_EVENT_NOTIFY_HANDLER FILTER_DIRECT_OID_REQUEST
        FILTER_DIRECT_OID_REQUEST_COMPLETE FILTER_DIRECT_OID_REQUEST_COMPLETE_HANDLER
        FILTER_DIRECT_OID_REQUEST_HANDLER FILTER_NET_PNP_EVENT FILTER_NET_PNP_EVENT_HANDLER FILTER_OID_REQUEST
        FILTER_OID_REQUEST_COMPLETE FILTER_OID_REQUEST_COMPLETE_HANDLER FILTER_OID_REQUEST_HANDLER
        FILTER_PAUSE FILTER_PAUSE_HANDLER FILTER_RECEIVE_NET_BUFFER_LISTS
        FILTER_RECEIVE_NET_BUFFER_LISTS_HANDLER FILTER_RESTART FILTER_RESTART_HANDLER
        FILTER_RETURN_NET_BUFFER_LISTS FILTER_RETURN_NET_BUFFER_LISTS_HANDLER FILTER_SEND_NET_BUFFER_LISTS
        FILTER_SEND_NET_BUFFER_LISTS_COMPLETE FILTER_SEND_NET_BUFFER_LISTS_COMPLETE_HANDLER
        FILTER_SEND_NET_BUFFER_LISTS_HANDLER FILTER_SET_FILTER_MODULE_OPTIONS_HANDLER
        FILTER_SET_MODULE_OPTIONS FILTER_SET_OPTIONS FILTER_STATUS FILTER_STATUS_HANDLER
        FILTER_SYNCHRONOUS_OID_REQUEST FILTER_SYNCHRONOUS_OID_REQUEST_COMPLETE
        FILTER_SYNCHRONOUS_OID_REQUEST_COMPLETE_HANDLER FILTER_SYNCHRONOUS_OID_REQUEST_HANDLER SET_OPTIONS
        SET_OPTIONS_HANDLER CALLBACK_FUNCTION DRIVER_CANCEL DRIVER_DISPATCH DRIVER_INITIALIZE DRIVER_UNLOAD
        EXT_CALLBACK IO_WORKITEM_ROUTINE IO_WORKITEM_ROUTINE_EX KDEFERRED_ROUTINE KSTART_ROUTINE
        NDIS_TIMER_FUNCTION NET_BUFFER_ALLOCATE_MDL NET_BUFFER_FREE_MDL EVT_WDF_DEVICE_FILE_CREATE
        PFN_WDF_DEVICE_FILE_CREATE EVT_WDF_DEVICE_PROCESS_QUERY_INTERFACE_REQUEST
        PFN_WDF_DEVICE_PROCESS_QUERY_INTERFACE_REQUEST EVT_WDF_DPC PFN_WDF_DPC EVT_WDF_DRIVER_DEVICE_ADD
        PFN_WDF_DRIVER_DEVICE_ADD EVT_WDF_DRIVER_UNLOAD PFN_WDF_DRIVER_UNLOAD EVT_WDF_FILE_CLEANUP
        PFN_WDF_FILE_CLEANUP EVT_WDF_FILE_CLOSE PFN_WDF_FILE_CLOSE EVT_WDF_IO_ALLOCATE_REQUEST_RESOURCES
        PFN_WDF_IO_ALLOCATE_REQUEST_RESOURCES EVT_WDF_IO_ALLOCATE_RESOURCES_FOR_RESERVED_REQUEST
        PFN_WDF_IO_ALLOCATE_RESOURCES_FOR_RESERVED_REQUEST EVT_WDF_IO_QUEUE_IO_CANCELED_ON_QUEUE
        PFN_WDF_IO_QUEUE_IO_CANCELED_ON_QUEUE EVT_WDF_IO_QUEUE_IO_DEFAULT PFN_WDF_IO_QUEUE_IO_DEFAULT
        EVT_WDF_IO_QUEUE_IO_DEVICE_CONTROL PFN_WDF_IO_QUEUE_IO_DEVICE_CONTROL
        EVT_WDF_IO_QUEUE_IO_INTERNAL_DEVICE_CONTROL PFN_WDF_IO_QUEUE_IO_INTERNAL_DEVICE_CONTROL
        EVT_WDF_IO_QUEUE_IO_READ PFN_WDF_IO_QUEUE_IO_READ EVT_WDF_IO_QUEUE_IO_RESUME
        PFN_WDF_IO_QUEUE_IO_RESUME EVT_WDF_IO_QUEUE_IO_STOP PFN_WDF_IO_QUEUE_IO_STOP EVT_WDF_IO_QUEUE_IO_WRITE
        PFN_WDF_IO_QUEUE_IO_WRITE EVT_WDF_IO_TARGET_QUERY_REMOVE PFN_WDF_IO_TARGET_QUERY_REMOVE
        EVT_WDF_IO_TARGET_REMOVE_CANCELED PFN_WDF_IO_TARGET_REMOVE_CANCELED EVT_WDF_IO_TARGET_REMOVE_COMPLETE
        PFN_WDF_IO_TARGET_REMOVE_COMPLETE EVT_WDF_IO_WDM_IRP_FOR_FORWARD_PROGRESS
        PFN_WDF_IO_WDM_IRP_FOR_FORWARD_PROGRESS EVT_WDF_OBJECT_CONTEXT_CLEANUP PFN_WDF_OBJECT_CONTEXT_CLEANUP
        EVT_WDF_OBJECT_CONTEXT_DESTROY PFN_WDF_OBJECT_CONTEXT_DESTROY EVT_WDF_TIMER PFN_WDF_TIMER
        EVT_WDF_WORKITEM PFN_WDF_WORKITEM
    };
    let mut wrong = Vec::new();
    for (name, rust_type) in ours {
        let Some(prototype) = facts.get(name) else {
            wrong.push(format!("{name}: no such callback in the facts"));
            continue;
        };
        let is_pointer = name.starts_with("PFN_") || name.ends_with("_HANDLER");
        let should = if is_pointer { types.rust(name) } else { types.signature(prototype) };
        let is = facts::short(rust_type);
        if is != should {
            wrong.push(format!("{name}: {is}\n    facts: {prototype}\n    that is {should}"));
        }
    }
    let source = include_str!("../src/sys/callbacks.rs");
    let is_bound = |name: &str| source.contains(&format!("pub type {name} ="));
    for name in facts.keys().filter(|name| name.starts_with("FILTER_") || is_bound(name)) {
        if !ours.iter().any(|(ours, _)| ours == name) {
            wrong.push(format!("{name} is not bound, or not listed here"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
