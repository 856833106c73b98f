//! `nblease stats`

use std::io::{self, Write};

use nblease_client::{Device, Stats, Target};
use serde_json::{Map, Value, json};

use crate::hold_times;
use crate::list::state;

/// Prints the sums over all readers, what is held, and each adapter's counters.
pub fn run(target: &Target, as_json: bool) -> anyhow::Result<()> {
    let mut device = Device::open(target)?;
    let stats = device.stats()?;
    let adapters = device.adapters()?;
    let name = |luid| {
        adapters
            .iter()
            .find(|adapter| adapter.entry.net_luid == luid)
            .map_or_else(|| format!("{luid:#018x}"), |adapter| adapter.name.clone())
    };
    let mut out = io::stdout().lock();
    if as_json {
        serde_json::to_writer_pretty(&mut out, &json(&stats, name))?;
        writeln!(out)?;
        return Ok(());
    }
    writeln!(out, "all readers ({} now)", stats.readers)?;
    table(&mut out, stats.reader.counters())?;
    writeln!(out)?;
    hold_times::print(&mut out, &stats.leases)?;
    for adapter in &stats.adapters {
        writeln!(out, "\n{} ({})", name(adapter.net_luid), state(adapter.state))?;
        table(&mut out, adapter.counters())?;
    }
    Ok(())
}

fn table(out: &mut impl Write, counters: impl Iterator<Item = (&'static str, u64)>) -> io::Result<()> {
    for (name, count) in counters {
        writeln!(out, "  {:<28} {count:>14}", name.replace('_', " "))?;
    }
    Ok(())
}

fn json(stats: &Stats, name: impl Fn(u64) -> String) -> Value {
    let adapters: Vec<_> = stats
        .adapters
        .iter()
        .map(|adapter| {
            json!({
                "name": name(adapter.net_luid),
                "net_luid": adapter.net_luid,
                "index": adapter.if_index,
                "state": state(adapter.state),
                "counters": object(adapter.counters()),
            })
        })
        .collect();
    json!({
        "readers": stats.readers,
        "held": hold_times::json(&stats.leases),
        "all_readers": object(stats.reader.counters()),
        "adapters": adapters,
    })
}

/// Counters as a JSON object.
pub fn object(counters: impl Iterator<Item = (&'static str, u64)>) -> Map<String, Value> {
    counters.map(|(name, count)| (name.to_owned(), count.into())).collect()
}
