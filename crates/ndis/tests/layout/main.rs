//! Every struct's size and alignment, and every field's offset and type, against the ABI facts.
#![allow(unsafe_code)]

#[path = "../facts/mod.rs"]
mod facts;

use nblease_ndis::sys::*;
use std::collections::BTreeSet;

/// A field of ours: its path in C, its offset in bytes and its Rust type.
struct Ours {
    path: String,
    offset: usize,
    rust_type: &'static str,
}

/// A struct of ours: name, size, alignment, fields.
struct Struct {
    name: &'static str,
    size: usize,
    align: usize,
    fields: Vec<Ours>,
}

/// The name of the type of the field that `_field` points at.
fn type_of<S, F>(_field: fn(*const S) -> *const F) -> &'static str {
    std::any::type_name::<F>()
}

/// `field` or `field as "path in C"`, where the two differ.
macro_rules! layouts {
    ($($name:ident { $($($field:ident).+ $(as $c_path:literal)?),* })*) => {
        vec![$(Struct {
            name: stringify!($name),
            size: size_of::<$name>(),
            align: align_of::<$name>(),
            fields: vec![$(Ours {
                path: [$($c_path,)? stringify!($($field).+)][0].replace(' ', ""),
                offset: offset_of!($name, $($field).+),
                // SAFETY: never called; it only names a place, whose type is then known.
                rust_type: type_of(|s: *const $name| unsafe { &raw const (*s).$($field).+ }),
            }),*],
        }),*]
    };
}

mod fields;
use fields::ours;

/// Fields that have no field in the bindings, each with the reason: a struct, a path and what lies below it.
const UNBOUND: &[(&str, &str, &str)] = &[
    ("NET_BUFFER", "stDataLength", "DataLength, widened; the upper half is the padding after it"),
    ("NET_BUFFER", "Link", "the view of a free NB in NDIS's own lists"),
    ("NET_BUFFER", "NetBufferHeader", "the same fields once more, under a name"),
    ("NET_BUFFER_HEADER", "", "declared as the first fields of NET_BUFFER"),
    ("NET_BUFFER_DATA", "", "declared as the first fields of NET_BUFFER"),
    ("NET_BUFFER_DATA_LENGTH", "", "declared as a field of NET_BUFFER"),
    ("NET_BUFFER_LIST", "Link", "the view of a free NBL in NDIS's own lists"),
    ("NET_BUFFER_LIST", "NetBufferListHeader", "the same fields once more, under a name"),
    ("NET_BUFFER_LIST", "NdisReserved2", "NDIS's own view of Status"),
    ("NET_BUFFER_LIST_HEADER", "", "declared as the first fields of NET_BUFFER_LIST"),
    ("NET_BUFFER_LIST_DATA", "", "declared as the first fields of NET_BUFFER_LIST"),
    ("NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO", "Transmit", "a view of Value: accessors"),
    ("NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO", "Receive", "a view of Value: accessors"),
    ("NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO", "Transmit", "a view of Value: accessors"),
    ("NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO", "LsoV1Transmit", "a view of Value: accessors"),
    ("NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO", "LsoV1TransmitComplete", "a view of Value: accessors"),
    ("NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO", "LsoV2Transmit", "a view of Value: accessors"),
    ("NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO", "LsoV2TransmitComplete", "a view of Value: accessors"),
    ("NDIS_UDP_SEGMENTATION_OFFLOAD_NET_BUFFER_LIST_INFO", "Transmit", "a view of Value: accessors"),
    ("NDIS_NET_BUFFER_LIST_8021Q_INFO", "TagHeader", "a view of Value: accessors"),
    ("NDIS_NET_BUFFER_LIST_8021Q_INFO", "WLanTagHeader", "a view of Value: accessors"),
    ("NDIS_RSC_NBL_INFO", "Info", "a view of Value: accessors"),
    ("*", "Info", "NET_LUID's bit-fields: accessors"),
    ("*", "HeaderX64", "inside an SLIST_HEADER only Ex*SList functions look"),
    ("*", "SingleListHead", "the lookaside list's view of ListHead without sequence numbers"),
    ("*", "TargetInfoAsUlong", "a DPC's Type, Importance and Number as one word"),
    ("*", "DISPATCHER_HEADER", "views of its first four bytes, one per kind of dispatcher object"),
    ("IRP", "IoRingContext", "UserIosb of a request that came from an I/O ring"),
    ("IRP", "Overlay.AsynchronousParameters.IssuingProcess", "UserApcRoutine of an I/O ring's request"),
    ("IRP", "Overlay.AsynchronousParameters.IoRing", "UserApcContext of an I/O ring's request"),
    ("IRP", "Tail.Overlay.DeviceQueueEntry", "DriverContext while StartIo queues hold the IRP"),
    ("IRP", "Tail.Apc", "the tail once the I/O manager completes the IRP"),
    ("DEVICE_OBJECT", "Queue.Wcb.WaitQueueEntry", "three words of the HAL's DMA queue"),
    ("DEVICE_OBJECT", "DeviceQueue.Reserved", "the kernel's own bits"),
    ("DEVICE_OBJECT", "DeviceQueue.Hint", "the kernel's own bits"),
    ("KAPC_STATE", "KernelApcInProgress", "a bit of InProgressFlags"),
    ("KAPC_STATE", "SpecialApcInProgress", "a bit of InProgressFlags"),
    ("KAPC_STATE", "SpecialUserApcPending", "a bit of UserApcPendingAll"),
    ("KAPC_STATE", "UserApcPending", "a bit of UserApcPendingAll"),
    ("IO_STACK_LOCATION", "Parameters", "requests to file systems, disks and buses: neither filter nor lab sees one"),
];

/// The views of a `DISPATCHER_HEADER`'s first four bytes that are not bound.
const DISPATCHER_VIEWS: &[&str] = &[
    "Lock",
    "LockNV",
    "TimerType",
    "TimerControlFlags",
    "Hand",
    "TimerMiscFlags",
    "Timer2Type",
    "Timer2Flags",
    "Timer2ComponentId",
    "Timer2RelativeId",
    "QueueType",
    "QueueControlFlags",
    "QueueSize",
    "QueueReserved",
    "ThreadType",
    "ThreadReserved",
    "ThreadControlFlags",
    "DebugActive",
    "MutantType",
    "MutantSize",
    "DpcActive",
    "MutantReserved",
];

/// Whether `UNBOUND` has a reason for the row.
fn is_unbound(name: &str, path: &str) -> bool {
    UNBOUND.iter().any(|(of, prefix, _)| match (*of, *prefix) {
        ("*", "DISPATCHER_HEADER") => {
            let (parent, field) = path.rsplit_once('.').unwrap_or(("Header", path));
            (name == "DISPATCHER_HEADER" || path.contains('.'))
                && parent.ends_with("Header")
                && DISPATCHER_VIEWS.contains(&field)
        }
        ("*", prefix) => path.split('.').any(|part| part == prefix),
        (of, prefix) => {
            of == name
                && path
                    .strip_prefix(prefix)
                    .is_some_and(|rest| prefix.is_empty() || rest.is_empty() || rest.starts_with('.'))
        }
    })
}

#[test]
fn structs_are_as_the_headers_say() {
    let facts = facts::structs();
    let types = facts::Types::new();
    let mut wrong = Vec::new();
    let ours = ours();
    for ours in &ours {
        let Some(rows) = facts.get(ours.name) else {
            wrong.push(format!("{}: no such struct in the facts", ours.name));
            continue;
        };
        if rows[0].layout != Some((ours.size, ours.align)) {
            wrong.push(format!(
                "{}: size and alignment {:?}, facts {:?}",
                ours.name,
                (ours.size, ours.align),
                rows[0].layout
            ));
        }
        for field in &ours.fields {
            let Some(row) = rows.iter().find(|row| row.path == field.path) else {
                wrong.push(format!("{}.{}: no such field in the facts", ours.name, field.path));
                continue;
            };
            if row.offset != field.offset {
                wrong.push(format!("{}.{}: offset {}, facts {}", ours.name, field.path, field.offset, row.offset));
            }
            let named = !matches!(row.c_type, "struct/union" | "struct" | "union");
            let tagged_but_unlisted = NESTED.contains(&row.c_type);
            if named && !tagged_but_unlisted {
                let (is, should) = (facts::short(field.rust_type), types.rust(row.c_type));
                if is != should {
                    wrong.push(format!("{}.{}: type {is}, facts {} = {should}", ours.name, field.path, row.c_type));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Structs with a tag that have no rows of their own: their fields are rows of the struct around them.
const NESTED: &[&str] = &[
    "struct _NDIS_TCP_IP_CHECKSUM_OFFLOAD",
    "struct _NDIS_TCP_LARGE_SEND_OFFLOAD_V1",
    "struct _NDIS_IPSEC_OFFLOAD_V1",
    "struct _NDIS_TCP_LARGE_SEND_OFFLOAD_V2",
    "struct _NDIS_IPSEC_OFFLOAD_V2",
    "struct _NDIS_TCP_RECV_SEG_COALESCE_OFFLOAD",
    "struct _NDIS_ENCAPSULATED_PACKET_TASK_OFFLOAD",
    "struct _NDIS_ENCAPSULATED_PACKET_TASK_OFFLOAD_V2",
    "union _ENCAPSULATION_PROTOCOL_INFO",
    "struct _VXLAN_INFO",
    "struct _NDIS_RFC6877_464XLAT_OFFLOAD",
    "struct _NDIS_UDP_SEGMENTATION_OFFLOAD",
    "union _REQUEST_DATA",
    "struct _QUERY",
    "struct _SET",
    "struct _METHOD",
    "struct _WAIT_CONTEXT_BLOCK",
    "struct _KDEVICE_QUEUE",
    "struct _GENERAL_LOOKASIDE_POOL",
    "struct _WDF_IO_FORWARD_PROGRESS_RESERVED_POLICY_SETTINGS",
];

#[test]
fn every_field_is_bound_or_has_a_reason_not_to_be() {
    let ours = ours();
    let bound: BTreeSet<(&str, &str)> = ours
        .iter()
        .flat_map(|ours| ours.fields.iter().map(|field| (ours.name, field.path.as_str())).chain([(ours.name, "")]))
        .collect();
    let bits: BTreeSet<(&str, &str)> = bit_rows().iter().map(|(name, path, ..)| (*name, *path)).collect();
    let mut missing = Vec::new();
    for (name, rows) in facts::structs() {
        for row in rows {
            let known =
                bound.contains(&(name, row.path)) || bits.contains(&(name, row.path)) || is_unbound(name, row.path);
            if !known {
                missing.push(format!("{name}.{}", row.path));
            }
        }
    }
    assert!(missing.is_empty(), "neither bound nor in UNBOUND: {}", missing.join(" "));
}

/// A bit-field of ours: struct and path in C, first and last bit from the start of the struct.
type BitRow = (&'static str, &'static str, u32, u32);

/// A word of bit-fields of ours, and where the facts have it.
struct BitWord {
    name: &'static str,
    /// Name, first bit, last bit.
    fields: &'static [(&'static str, u32, u32)],
    c_struct: &'static str,
    /// The path of what holds the word.
    prefix: &'static str,
    /// The word's place in the struct, in bytes.
    offset: u32,
}

/// `type, struct in C, path of what holds the word in C, byte offset of the word`.
macro_rules! bit_layouts {
    ($($name:ident, $c_struct:literal, $prefix:literal, $offset:literal;)*) => {
        vec![$(BitWord {
            name: stringify!($name),
            fields: $name::BIT_FIELDS,
            c_struct: $c_struct,
            prefix: $prefix,
            offset: $offset,
        }),*]
    };
}

/// The rows of the facts that each struct with accessors is about.
fn bit_words() -> Vec<BitWord> {
    bit_layouts! {
        NET_LUID, "NET_LUID", "Info.", 0;
        NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO, "NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO", "", 0;
        NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO, "NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO", "", 0;
        NDIS_UDP_SEGMENTATION_OFFLOAD_NET_BUFFER_LIST_INFO, "NDIS_UDP_SEGMENTATION_OFFLOAD_NET_BUFFER_LIST_INFO", "", 0;
        NDIS_NET_BUFFER_LIST_8021Q_INFO, "NDIS_NET_BUFFER_LIST_8021Q_INFO", "", 0;
        NDIS_CHECKSUM_OFFLOAD_IPv4Transmit, "NDIS_OFFLOAD", "Checksum.IPv4Transmit.", 8;
        NDIS_CHECKSUM_OFFLOAD_IPv4Receive, "NDIS_OFFLOAD", "Checksum.IPv4Receive.", 16;
        NDIS_CHECKSUM_OFFLOAD_IPv6Transmit, "NDIS_OFFLOAD", "Checksum.IPv6Transmit.", 24;
        NDIS_CHECKSUM_OFFLOAD_IPv6Receive, "NDIS_OFFLOAD", "Checksum.IPv6Receive.", 32;
        NDIS_TCP_LARGE_SEND_OFFLOAD_V1_IPv4, "NDIS_OFFLOAD", "LsoV1.IPv4.", 48;
        NDIS_IPSEC_OFFLOAD_V1_IPv4AH, "NDIS_OFFLOAD", "IPsecV1.IPv4AH.", 72;
        NDIS_IPSEC_OFFLOAD_V1_IPv4ESP, "NDIS_OFFLOAD", "IPsecV1.IPv4ESP.", 76;
        NDIS_TCP_LARGE_SEND_OFFLOAD_V2_IPv6, "NDIS_OFFLOAD", "LsoV2.IPv6.", 104;
        NDIS_ENCAPSULATED_PACKET_TASK_OFFLOAD, "NDIS_OFFLOAD", "EncapsulatedPacketTaskOffloadGre.", 148;
        NDIS_ENCAPSULATED_PACKET_TASK_OFFLOAD_V2, "NDIS_OFFLOAD", "EncapsulatedPacketTaskOffloadVxlan.", 156;
        VXLAN_INFO, "NDIS_OFFLOAD", "EncapsulatedPacketTaskOffloadVxlan.EncapsulationProtocolInfo.VxlanInfo.", 166;
        NDIS_UDP_SEGMENTATION_OFFLOAD_IPv4, "NDIS_OFFLOAD", "UdpSegmentation.IPv4.", 196;
        NDIS_UDP_SEGMENTATION_OFFLOAD_IPv6, "NDIS_OFFLOAD", "UdpSegmentation.IPv6.", 208;
    }
}

/// The bit-field rows of the facts that accessors cover.
fn bit_rows() -> Vec<BitRow> {
    let facts = facts::structs();
    let mut rows = Vec::new();
    for BitWord { name, fields, c_struct, prefix, offset } in bit_words() {
        let base = offset * 8;
        let listed: Vec<_> = facts[c_struct]
            .iter()
            .filter_map(|row| Some((row, row.path.strip_prefix(prefix)?, row.bits?)))
            .filter(|(_, path, _)| prefix.is_empty() || !path.contains('.'))
            .collect();
        assert!(!listed.is_empty(), "{name}: nothing at {c_struct}.{prefix}");
        for (row, path, (low, high)) in listed {
            let from = row.offset as u32 * 8;
            let ours = fields.iter().find(|(field, ..)| *field == path.replace('.', "_"));
            let ours = ours.map(|(_, low, high)| (base + low, base + high));
            assert_eq!(ours, Some((from + low, from + high)), "{name}: {path}");
            rows.push((c_struct, row.path, from + low, from + high));
        }
    }
    rows
}

#[test]
fn bit_fields_are_where_the_headers_say() {
    let ours: usize = bit_words().iter().map(|word| word.fields.len()).sum();
    // RSC's two halves are USHORT fields in C, and accessors here: checked below, not through bit rows.
    assert_eq!(bit_rows().len(), ours);
    assert_eq!(NDIS_RSC_NBL_INFO::BIT_FIELDS, [("Info_CoalescedSegCount", 0, 15), ("Info_DupAckCount", 16, 31)]);
    let facts = facts::structs();
    let offsets: Vec<_> = facts["NDIS_RSC_NBL_INFO"].iter().map(|row| (row.path, row.offset)).collect();
    assert!(offsets.contains(&("Info.CoalescedSegCount", 0)) && offsets.contains(&("Info.DupAckCount", 2)));
}

#[test]
fn accessors_touch_their_own_bits_only() {
    let mut luid = NET_LUID { Value: u64::MAX };
    luid.set_IfType(6);
    luid.set_NetLuidIndex(0x01_0203);
    assert_eq!(luid.Value, 0x0006_0102_03ff_ffff);
    assert_eq!((luid.IfType(), luid.NetLuidIndex(), luid.Reserved()), (6, 0x01_0203, 0xff_ffff));

    let mut tag = NDIS_NET_BUFFER_LIST_8021Q_INFO { Value: std::ptr::without_provenance_mut(0xaaaa_bbbb_0000_0000) };
    tag.set_TagHeader_VlanId(0x1fff);
    assert_eq!(tag.Value.addr(), 0xaaaa_bbbb_0000_fff0, "a value too wide is cut");
    tag.set_TagHeader_VlanId(0x123);
    tag.set_TagHeader_UserPriority(5);
    assert_eq!(tag.Value.addr(), 0xaaaa_bbbb_0000_1235);
    assert_eq!(
        (tag.TagHeader_VlanId(), tag.TagHeader_UserPriority(), tag.TagHeader_CanonicalFormatId()),
        (0x123, 5, 0)
    );

    // SAFETY: all-zero is a value of this struct of integers.
    let mut uso: NDIS_UDP_SEGMENTATION_OFFLOAD_IPv6 = unsafe { std::mem::zeroed() };
    uso.set_IpExtensionHeadersSupported(3);
    uso.set_MinSegmentCount(2);
    assert_eq!((uso.Bits0, uso.Bits1), (2, 3));
}
