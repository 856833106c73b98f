//! Times as years, months and days (`TIME_FIELDS`), and as seconds since 1970. Any IRQL.

use nblease_ndis::sys::{BOOLEAN, LARGE_INTEGER, ULONG};

use super::{HIGH_LEVEL, enter};
use crate::{exports, pe::Export};

pub const EXPORTS: &[Export] = exports! {
    "RtlSecondsSince1970ToTime" => rtl_seconds_since_1970_to_time,
    "RtlTimeFieldsToTime" => rtl_time_fields_to_time,
    "RtlTimeToSecondsSince1970" => rtl_time_to_seconds_since_1970,
    "RtlTimeToTimeFields" => rtl_time_to_time_fields,
};

/// `TIME_FIELDS`. Weekday 0 is Sunday.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fields {
    year: i16,
    month: i16,
    day: i16,
    hour: i16,
    minute: i16,
    second: i16,
    milliseconds: i16,
    weekday: i16,
}

/// Units of 100 ns.
const SECOND: i64 = 10_000_000;
const DAY: i64 = 86_400 * SECOND;
/// Seconds from 1601 to 1970.
const TO_1970: i64 = 11_644_473_600;
/// Days of four centuries, from 1601 on.
const FOUR_CENTURIES: i64 = 146_097;

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from the start of 1601 to that of a year.
fn days_before(year: i64) -> i64 {
    let years = year - 1601;
    365 * years + years / 4 - years / 100 + years / 400
}

fn to_fields(time: i64) -> Fields {
    let (days, within) = (time.div_euclid(DAY), time.rem_euclid(DAY));
    let mut year = 1601 + days * 400 / FOUR_CENTURIES;
    while days_before(year + 1) <= days {
        year += 1;
    }
    while days_before(year) > days {
        year -= 1;
    }
    let (mut month, mut day) = (1, days - days_before(year));
    while day >= days_of_month(year, month) {
        day -= days_of_month(year, month);
        month += 1;
    }
    let part = |unit: i64, count: i64| (within / unit % count) as i16;
    Fields {
        year: year as i16,
        month: month as i16,
        day: day as i16 + 1,
        hour: part(3600 * SECOND, 24),
        minute: part(60 * SECOND, 60),
        second: part(SECOND, 60),
        milliseconds: part(SECOND / 1000, 1000),
        weekday: ((days + 1) % 7) as i16,
    }
}

fn from_fields(fields: Fields) -> Option<i64> {
    let Fields { year, month, day, hour, minute, second, milliseconds, .. } = fields;
    let inside = (1601..=30827).contains(&year)
        && (1..=12).contains(&month)
        && day >= 1
        && i64::from(day) <= days_of_month(i64::from(year), i64::from(month))
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..60).contains(&second)
        && (0..1000).contains(&milliseconds);
    let months: i64 = (1..month).map(|month| days_of_month(i64::from(year), i64::from(month))).sum();
    let days = days_before(i64::from(year)) + months + i64::from(day) - 1;
    let seconds = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
    inside.then_some(days * DAY + seconds * SECOND + i64::from(milliseconds) * (SECOND / 1000))
}

fn time_of(at: *const LARGE_INTEGER) -> i64 {
    // SAFETY: the DDI demands a time; what is none faults and is reported.
    unsafe { at.cast::<i64>().read() }
}

fn put<T, V>(at: *mut T, value: V) {
    // SAFETY: the DDI demands storage; where there is none this faults and is reported.
    unsafe { at.cast::<V>().write(value) };
}

unsafe extern "win64" fn rtl_time_to_time_fields(time: *const LARGE_INTEGER, fields: *mut Fields) {
    enter("RtlTimeToTimeFields", HIGH_LEVEL);
    put(fields, to_fields(time_of(time)));
}

unsafe extern "win64" fn rtl_time_fields_to_time(fields: *const Fields, time: *mut LARGE_INTEGER) -> BOOLEAN {
    enter("RtlTimeFieldsToTime", HIGH_LEVEL);
    // SAFETY: the DDI demands fields.
    let Some(found) = from_fields(unsafe { fields.read() }) else { return 0 };
    put(time, found);
    1
}

unsafe extern "win64" fn rtl_time_to_seconds_since_1970(time: *const LARGE_INTEGER, seconds: *mut ULONG) -> BOOLEAN {
    enter("RtlTimeToSecondsSince1970", HIGH_LEVEL);
    let Ok(found) = u32::try_from(time_of(time) / SECOND - TO_1970) else { return 0 };
    put(seconds, found);
    1
}

unsafe extern "win64" fn rtl_seconds_since_1970_to_time(seconds: ULONG, time: *mut LARGE_INTEGER) {
    enter("RtlSecondsSince1970ToTime", HIGH_LEVEL);
    put(time, (i64::from(seconds) + TO_1970) * SECOND);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        let parts = |time: i64| {
            let fields = to_fields(time);
            (fields.year, fields.month, fields.day, fields.weekday)
        };
        assert_eq!(parts(0), (1601, 1, 1, 1), "a Monday");
        assert_eq!(parts(TO_1970 * SECOND), (1970, 1, 1, 4));
        assert_eq!(parts((TO_1970 + 951_782_400) * SECOND), (2000, 2, 29, 2));
        for day in 0..160_000 {
            let time = day * DAY + 12_345_670_000;
            assert_eq!(from_fields(to_fields(time)), Some(time), "day {day}");
        }
        assert_eq!(from_fields(Fields { month: 2, day: 29, ..to_fields(0) }), None);
    }
}
