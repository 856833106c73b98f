//! Holds every size, offset and code that crosses to the ABI version: what this prints for version
//! N must be what `layout/vN.txt` says. A change of the layout raises `ABI_VERSION` and comes with
//! a new file; a published file never changes.

use std::fmt::Write;
use std::mem::{offset_of, size_of};

use nblease_abi::configure::{
    Configure, ConfigureFlags, ConfigureReply, DEFAULT_SPILL_BYTES, Directions, MAX_ADAPTERS, MAX_BUDGET_MS,
    MAX_SNAPLEN, MAX_SPILL_BYTES, MAX_TIMEOUT_MS, MIN_BUDGET_MS, MODE_GATE, MODE_TAP, POLICY_DROP, POLICY_NONE,
    POLICY_PASS, POLICY_PROMOTE,
};
use nblease_abi::ioctl::{
    self, ABI_VERSION, AdapterEntry, AdapterList, IOCTL_CONFIGURE, IOCTL_LIST_ADAPTERS, IOCTL_QUERY_VERSION,
    IOCTL_STATS, IOCTL_VERDICT, VersionInfo,
};
use nblease_abi::rules::{self, RuleRecord};
use nblease_abi::stats::{AdapterStats, LeaseStats, ReaderStats, StatsHeader};
use nblease_abi::user_call::FrameHeader;
use nblease_abi::verdict::{self, OffloadFlags, VerdictEntry, Verdicts, VerdictsReply};

macro_rules! layout {
    ($out:ident, $ty:ident { $($field:ident),* $(,)? }) => {
        writeln!($out, "{} {}", stringify!($ty), size_of::<$ty>()).unwrap();
        $(writeln!($out, "  {} {}", stringify!($field), offset_of!($ty, $field)).unwrap();)*
        // A field that is not listed above does not compile.
        let _ = |value: $ty| { let $ty { $($field: _),* } = value; };
    };
}

fn numbers() -> String {
    let mut out = String::new();
    for (name, value) in [
        ("IOCTL_QUERY_VERSION", IOCTL_QUERY_VERSION),
        ("IOCTL_LIST_ADAPTERS", IOCTL_LIST_ADAPTERS),
        ("IOCTL_CONFIGURE", IOCTL_CONFIGURE),
        ("IOCTL_STATS", IOCTL_STATS),
        ("IOCTL_VERDICT", IOCTL_VERDICT),
        ("DEVICE_TYPE", ioctl::DEVICE_TYPE),
        ("MODE_TAP", MODE_TAP),
        ("MODE_GATE", MODE_GATE),
        ("POLICY_NONE", POLICY_NONE),
        ("POLICY_PASS", POLICY_PASS),
        ("POLICY_DROP", POLICY_DROP),
        ("POLICY_PROMOTE", POLICY_PROMOTE),
        ("MIN_BUDGET_MS", MIN_BUDGET_MS),
        ("MAX_BUDGET_MS", MAX_BUDGET_MS),
        ("MAX_RULES", rules::MAX_RULES as u32),
        ("RULE_PASS", rules::RULE_PASS.into()),
        ("RULE_DROP", rules::RULE_DROP.into()),
        ("RULE_ASK", rules::RULE_ASK.into()),
        ("RULE_IN", rules::RULE_IN.into()),
        ("RULE_OUT", rules::RULE_OUT.into()),
        ("MATCH_PROTOCOL", rules::MATCH_PROTOCOL.into()),
        ("MATCH_VLAN", rules::MATCH_VLAN.into()),
        ("MATCH_SOURCE_PORTS", rules::MATCH_SOURCE_PORTS.into()),
        ("MATCH_DESTINATION_PORTS", rules::MATCH_DESTINATION_PORTS.into()),
        ("VERDICT_PASS", verdict::VERDICT_PASS),
        ("VERDICT_DROP", verdict::VERDICT_DROP),
        ("VERDICT_REPLACE", verdict::VERDICT_REPLACE),
        ("OFFLOAD_IP_CHECKSUM", OffloadFlags::IP_CHECKSUM.bits()),
        ("OFFLOAD_TRANSPORT_CHECKSUM", OffloadFlags::TRANSPORT_CHECKSUM.bits()),
        ("MAX_VERDICTS", verdict::MAX_VERDICTS),
        ("MAX_VERDICT_BYTES", verdict::MAX_VERDICT_BYTES),
        ("FLAGS", ConfigureFlags::all().bits()),
        ("DIRECTION_IN", Directions::IN.bits()),
        ("DIRECTION_OUT", Directions::OUT.bits()),
        ("MAX_SNAPLEN", MAX_SNAPLEN),
        ("MAX_TIMEOUT_MS", MAX_TIMEOUT_MS),
        ("DEFAULT_SPILL_BYTES", DEFAULT_SPILL_BYTES),
        ("MAX_SPILL_BYTES", MAX_SPILL_BYTES),
        ("MAX_ADAPTERS", MAX_ADAPTERS),
        ("MAX_READ_BYTES", ioctl::MAX_READ_BYTES),
        ("ADAPTER_STATE_PAUSED", ioctl::ADAPTER_STATE_PAUSED),
        ("ADAPTER_STATE_RESTARTING", ioctl::ADAPTER_STATE_RESTARTING),
        ("ADAPTER_STATE_RUNNING", ioctl::ADAPTER_STATE_RUNNING),
        ("ADAPTER_STATE_PAUSING", ioctl::ADAPTER_STATE_PAUSING),
    ] {
        writeln!(out, "{name} {value:#x}").unwrap();
    }
    out
}

fn structures() -> String {
    let mut out = String::new();
    layout!(
        out,
        VersionInfo {
            abi_version,
            driver,
            reserved0,
            ndis_version,
            modes,
            max_snaplen,
            max_spill_bytes,
            max_adapters,
            max_read_bytes,
            max_budget_ms,
            max_rules,
            max_verdicts,
            reserved1,
        }
    );
    layout!(out, AdapterList { abi_version, header_size, entry_size, count, total, reserved });
    layout!(
        out,
        AdapterEntry {
            net_luid,
            link_speed,
            if_index,
            mtu,
            media_type,
            state,
            media_connect,
            mac_len,
            name_len,
            base_miniport_len,
            reserved0,
            reserved1,
            mac,
            name,
            base_miniport,
        }
    );
    layout!(
        out,
        Configure {
            abi_version,
            flags,
            mode,
            directions,
            snaplen,
            timeout_ms,
            spill_bytes,
            adapter_count,
            policy,
            budget_ms,
            priority,
            rule_count,
            reserved,
        }
    );
    layout!(out, ConfigureReply { needed_read_bytes, spill_bytes, reserved });
    layout!(
        out,
        RuleRecord {
            verdict,
            directions,
            matches,
            family,
            protocol,
            source_prefix,
            destination_prefix,
            reserved,
            vlan,
            source_ports,
            destination_ports,
            source,
            destination,
            reserved_end,
        }
    );
    layout!(out, Verdicts { count, bytes, reserved });
    layout!(out, VerdictEntry { ticket, verdict, offload, segment, offset, length, reserved });
    layout!(out, VerdictsReply { count, accepted, reserved });
    out
}

fn counters_and_frames() -> String {
    let mut out = String::new();
    layout!(
        out,
        StatsHeader {
            abi_version,
            header_size,
            reader_size,
            adapter_size,
            adapter_count,
            adapter_total,
            readers,
            scope,
        }
    );
    layout!(
        out,
        ReaderStats {
            frames_seen,
            frames_direct,
            frames_spilled,
            frames_dropped_spill_full,
            frames_dropped_no_memory,
            frames_dropped_unreadable,
            frames_delivered,
            bytes_delivered,
            bytes_copied,
            reads_completed,
            reads_timed_out,
            reads_cancelled,
            reads_refused,
            reads_failed_mapping,
            fillers,
            spill_frames,
            spill_bytes_used,
            spill_bytes_peak,
            frames_asked,
            frames_watched,
            frames_passed,
            frames_dropped,
            frames_replaced,
            frames_rule_passed,
            frames_rule_dropped,
            frames_policy_passed,
            frames_policy_dropped,
            nbls_spilled,
            nbls_promoted,
            nbls_promotion_refused,
            nbls_promotion_failed,
            nbls_not_promotable,
            nbls_promoted_expired,
            nbls_reader_full,
            trips,
            recoveries,
            verdicts_twice,
            verdicts_late,
            verdicts_cancelled,
            verdicts_foreign,
            verdicts_unknown,
            verdicts_unfit,
        }
    );
    layout!(out, LeaseStats { leases, originals, original_bytes, promoted_bytes, longest_hold, received, sent });
    layout!(
        out,
        AdapterStats {
            net_luid,
            if_index,
            state,
            send_nbls,
            send_frames,
            receive_nbls,
            receive_frames,
            receive_nbls_resources,
            frames_loopback_skipped,
            frames_wanted,
            send_nbls_refused_paused,
            receive_nbls_unexamined,
            pauses,
            restarts,
            oids_forwarded,
            oids_failed,
            nbls_leased,
            nbls_adapter_full,
            nbls_table_full,
            nbls_no_place,
            nbls_order_lost,
            nbls_hurried,
            leases_cancelled,
            leases_drained,
            nbls_shadowed,
            nbls_shadow_failed,
        }
    );
    layout!(out, FrameHeader { len, kind, reserved, id });
    out
}

#[test]
fn the_layout_is_that_of_its_version() {
    let path = format!("{}/layout/v{ABI_VERSION}.txt", env!("CARGO_MANIFEST_DIR"));
    let pinned = std::fs::read_to_string(&path).unwrap_or_default();
    let now = numbers() + &structures() + &counters_and_frames();
    assert!(pinned == now, "{path} differs from the layout, which is now:\n{now}");
}

#[test]
fn codes_agree_with_ctl_code_by_hand() {
    // (device type << 16) | (access << 14) | (function << 2) | method
    assert_eq!(IOCTL_QUERY_VERSION, 0x0012_6400);
    assert_eq!(IOCTL_LIST_ADAPTERS, 0x0012_6404);
    assert_eq!(IOCTL_CONFIGURE, 0x0012_E408);
    assert_eq!(IOCTL_STATS, 0x0012_640C);
    assert_eq!(IOCTL_VERDICT, 0x0012_E410);
}
