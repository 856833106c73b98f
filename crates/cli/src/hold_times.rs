//! What is held, and the histogram of how long originals were held: as text with bars, and as JSON.

use std::io::{self, Write};

use nblease_client::abi::stats::{HOLD_BUCKETS, LeaseStats};
use serde_json::{Value, json};

/// Characters of the longest bar.
const BAR: u64 = 24;

/// Prints what is held now, the longest hold, and a line for each bucket that is or lies between those with a count.
pub fn print(out: &mut impl Write, leases: &LeaseStats) -> io::Result<()> {
    let LeaseStats { leases: count, originals, original_bytes, promoted_bytes, longest_hold, received, sent } = leases;
    writeln!(out, "leases now: {count}")?;
    let copies = count.saturating_sub(*originals);
    writeln!(out, "  {:<28} {originals:>14}  ({original_bytes} bytes)", "originals")?;
    writeln!(out, "  {:<28} {copies:>14}  ({promoted_bytes} bytes)", "promoted copies")?;
    writeln!(out, "longest hold: {} ms", milliseconds(*longest_hold))?;
    let is_used = |bucket: &usize| at(received, *bucket) != 0 || at(sent, *bucket) != 0;
    let (Some(first), Some(last)) = ((0..HOLD_BUCKETS).find(is_used), (0..HOLD_BUCKETS).rev().find(is_used)) else {
        return Ok(());
    };
    let most = received.iter().chain(sent).copied().max().unwrap_or(0);
    let (width, bar_width) = (12, BAR as usize);
    writeln!(out, "\n{:>16}  {:>width$} {:bar_width$}  {:>width$}", "held", "received", "", "sent")?;
    for bucket in first..=last {
        let (received, sent) = (at(received, bucket), at(sent, bucket));
        let line = format!(
            "{:>16}  {received:>width$} {:bar_width$}  {sent:>width$} {}",
            range(bucket),
            bar(received, most),
            bar(sent, most)
        );
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// The same; buckets without a count are left out.
pub fn json(leases: &LeaseStats) -> Value {
    let histogram = |counts: &[u64; HOLD_BUCKETS]| -> Vec<Value> {
        let used = (0..).zip(counts).filter(|(_, count)| **count != 0);
        used.map(|(bucket, count)| json!({ "from_us": start(bucket), "below_us": end(bucket), "count": count }))
            .collect()
    };
    json!({
        "leases": leases.leases,
        "originals": leases.originals,
        "original_bytes": leases.original_bytes,
        "promoted_bytes": leases.promoted_bytes,
        "longest_hold_ms": f64::from(u32::try_from(leases.longest_hold).unwrap_or(u32::MAX)) / 10_000.0,
        "held_received": histogram(&leases.received),
        "held_sent": histogram(&leases.sent),
    })
}

fn at(counts: &[u64], bucket: usize) -> u64 {
    counts.get(bucket).copied().unwrap_or(0)
}

/// A time in 100-ns units, in milliseconds.
fn milliseconds(time: u64) -> String {
    let micros = time / 10;
    format!("{}.{:03}", micros / 1000, micros % 1000)
}

/// The first microsecond of a bucket.
const fn start(bucket: usize) -> u64 {
    match bucket {
        0 => 0,
        _ => 1 << (bucket - 1),
    }
}

/// The first microsecond behind it; the last is open.
const fn end(bucket: usize) -> Option<u64> {
    if bucket + 1 < HOLD_BUCKETS { Some(1 << bucket) } else { None }
}

fn range(bucket: usize) -> String {
    match (start(bucket), end(bucket)) {
        (0, Some(end)) => format!("< {}", time(end)),
        (start, None) => format!(">= {}", time(start)),
        (start, Some(end)) => format!("{} - {}", time(start), time(end)),
    }
}

/// Microseconds in the unit that fits.
fn time(us: u64) -> String {
    match us {
        0..1000 => format!("{us} us"),
        1000..1_000_000 => format!("{} ms", us / 1000),
        _ => format!("{} s", us / 1_000_000),
    }
}

/// As long as `count` is of `most`; not empty where there is any.
fn bar(count: u64, most: u64) -> String {
    let len = (u128::from(count) * u128::from(BAR)).div_ceil(u128::from(most.max(1)));
    "#".repeat(len as usize)
}
