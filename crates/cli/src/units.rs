//! Quantities as people write and read them.

use std::time::Duration;

/// Seconds, or a number with `ms`, `s`, `m` or `h`.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let seconds = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(format!("\"{unit}\" is no unit of time: ms, s, m, h")),
    };
    let number: f64 = number.parse().map_err(|_| format!("\"{number}\" is no number"))?;
    Duration::try_from_secs_f64(number * seconds).map_err(|error| error.to_string())
}

/// Bytes, or a number with `K` or `M`.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let (number, factor) = match text.strip_suffix(['K', 'k']) {
        Some(number) => (number, 1 << 10),
        None => match text.strip_suffix(['M', 'm']) {
            Some(number) => (number, 1 << 20),
            None => (text, 1),
        },
    };
    let number: u64 = number.parse().map_err(|_| format!("\"{text}\" is no number of bytes"))?;
    number.checked_mul(factor).ok_or_else(|| format!("\"{text}\" is too large"))
}

/// A hardware address, its bytes joined by colons.
pub fn mac(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

/// Bits a second; empty where they are not known.
pub fn speed(bits: u64) -> String {
    match bits {
        0 | u64::MAX => String::new(),
        1_000_000_000.. => format!("{} Gbit/s", bits / 1_000_000_000),
        1_000_000.. => format!("{} Mbit/s", bits / 1_000_000),
        _ => format!("{bits} bit/s"),
    }
}

/// The time of day of a frame, in UTC.
pub fn time_of_day(unix_ns: u64) -> String {
    let seconds = unix_ns / 1_000_000_000;
    let (hours, minutes) = (seconds / 3600 % 24, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}.{:09}", seconds % 60, unix_ns % 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        let cases = [("10", 10_000), ("1.5", 1500), ("20s", 20_000), ("300ms", 300), ("2m", 120_000)];
        for (text, milliseconds) in cases {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "s", "-1", "1d", "1e999", "1 s"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn bytes_have_units() {
        assert_eq!(parse_bytes("1000"), Ok(1000));
        assert_eq!(parse_bytes("64K"), Ok(65_536));
        assert_eq!(parse_bytes("3m"), Ok(3 << 20));
        for text in ["", "K", "1.5M", "-1", "99999999999999999999", "99999999999999999M"] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_time_of_day_is_utc() {
        // 2009-02-13 23:31:30 UTC
        assert_eq!(time_of_day(1_234_567_890_000_000_042), "23:31:30.000000042");
    }
}
