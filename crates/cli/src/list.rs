//! `nblease list`

use std::io::{self, Write};

use nblease_client::abi::ioctl;
use nblease_client::{Adapter, Device, Target};
use serde_json::{Value, json};

use crate::units;

/// Prints the adapters that the filter is attached to.
pub fn run(target: &Target, as_json: bool) -> anyhow::Result<()> {
    let adapters = Device::open(target)?.adapters()?;
    let mut out = io::stdout().lock();
    if as_json {
        let list: Vec<_> = adapters.iter().map(json).collect();
        serde_json::to_writer_pretty(&mut out, &list)?;
        writeln!(out)?;
        return Ok(());
    }
    if adapters.is_empty() {
        eprintln!("nblease: the filter is attached to no adapter");
        return Ok(());
    }
    writeln!(
        out,
        "{:>5}  {:<28} {:<17}  {:<10} {:>6}  {:<12} NETLUID",
        "INDEX", "NAME", "ADDRESS", "STATE", "MTU", "LINK"
    )?;
    for Adapter { entry, name, .. } in &adapters {
        let link = match entry.media_connect {
            2 => "disconnected".to_owned(),
            _ => units::speed(entry.link_speed),
        };
        let mtu = known_mtu(entry.mtu).map_or_else(|| "?".to_owned(), |mtu| mtu.to_string());
        writeln!(
            out,
            "{:>5}  {name:<28} {:<17}  {:<10} {mtu:>6}  {link:<12} {:#018x}",
            entry.if_index,
            units::mac(entry.mac_address()),
            state(entry.state),
            entry.net_luid,
        )?;
    }
    Ok(())
}

fn json(adapter: &Adapter) -> Value {
    let entry = &adapter.entry;
    json!({
        "name": adapter.name,
        "device": adapter.device,
        "index": entry.if_index,
        "net_luid": entry.net_luid,
        "address": units::mac(entry.mac_address()),
        "mtu": known_mtu(entry.mtu),
        "link_speed": Some(entry.link_speed).filter(|speed| ![0, u64::MAX].contains(speed)),
        "media_type": entry.media_type,
        "media_connect": match entry.media_connect {
            1 => "connected",
            2 => "disconnected",
            _ => "unknown",
        },
        "state": state(entry.state),
    })
}

/// NDIS need not say it at every restart: 0 until it has.
fn known_mtu(mtu: u32) -> Option<u32> {
    Some(mtu).filter(|&mtu| mtu != 0)
}

/// The name of a filter module's state.
pub const fn state(state: u32) -> &'static str {
    match state {
        ioctl::ADAPTER_STATE_PAUSED => "paused",
        ioctl::ADAPTER_STATE_RESTARTING => "restarting",
        ioctl::ADAPTER_STATE_RUNNING => "running",
        ioctl::ADAPTER_STATE_PAUSING => "pausing",
        _ => "unknown",
    }
}
