//! Which adapters `-i` means.

use anyhow::{Result, bail};
use nblease_client::Adapter;

use crate::args::WrongUsage;

/// The `NetLuid`s of the adapters that are wanted, in the order of the command line and each once;
/// all adapters where none is named.
pub fn select(adapters: &[Adapter], wanted: &[String]) -> Result<Vec<u64>> {
    if adapters.is_empty() {
        bail!("the filter is attached to no adapter");
    }
    if wanted.is_empty() {
        return Ok(adapters.iter().map(|adapter| adapter.entry.net_luid).collect());
    }
    let mut luids = Vec::new();
    for name in wanted {
        let Some(adapter) = find(adapters, name) else {
            let known: Vec<_> = adapters.iter().map(describe).collect();
            let sentence = format!("there is no adapter \"{name}\"; there are: {}", known.join(", "));
            return Err(WrongUsage(sentence).into());
        };
        if !luids.contains(&adapter.entry.net_luid) {
            luids.push(adapter.entry.net_luid);
        }
    }
    Ok(luids)
}

fn describe(adapter: &Adapter) -> String {
    format!("\"{}\" (index {})", adapter.name, adapter.entry.if_index)
}

/// By name, then by device name, by interface index, and by `NetLuid`.
fn find<'a>(adapters: &'a [Adapter], wanted: &str) -> Option<&'a Adapter> {
    let number = match wanted.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => wanted.parse().ok(),
    };
    let named = |name: &str| name.eq_ignore_ascii_case(wanted);
    None.or_else(|| adapters.iter().find(|adapter| named(&adapter.name)))
        .or_else(|| adapters.iter().find(|adapter| named(&adapter.device)))
        .or_else(|| adapters.iter().find(|a| number == Some(a.entry.if_index.into())))
        .or_else(|| adapters.iter().find(|a| number == Some(a.entry.net_luid)))
}
