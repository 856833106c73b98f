//! Bitmaps of drivers (`RTL_BITMAP`), and the first and last set bits of words. Any IRQL.

use nblease_ndis::sys::{BOOLEAN, ULONG};

use super::{HIGH_LEVEL, enter};
use crate::{exports, kernel::kernel, pe::Export};

pub const EXPORTS: &[Export] = exports! {
    "RtlAreBitsClear" => rtl_are_bits_clear,
    "RtlAreBitsSet" => rtl_are_bits_set,
    "RtlClearAllBits" => rtl_clear_all_bits,
    "RtlClearBit" => rtl_clear_bit,
    "RtlClearBits" => rtl_clear_bits,
    "RtlFindClearBits" => rtl_find_clear_bits,
    "RtlFindClearBitsAndSet" => rtl_find_clear_bits_and_set,
    "RtlFindLeastSignificantBit" => rtl_find_least_significant_bit,
    "RtlFindMostSignificantBit" => rtl_find_most_significant_bit,
    "RtlFindSetBits" => rtl_find_set_bits,
    "RtlFindSetBitsAndClear" => rtl_find_set_bits_and_clear,
    "RtlInitializeBitMap" => rtl_initialize_bit_map,
    "RtlNumberOfClearBits" => rtl_number_of_clear_bits,
    "RtlNumberOfSetBits" => rtl_number_of_set_bits,
    "RtlNumberOfSetBitsUlongPtr" => rtl_number_of_set_bits_ulong_ptr,
    "RtlSetAllBits" => rtl_set_all_bits,
    "RtlSetBit" => rtl_set_bit,
    "RtlSetBits" => rtl_set_bits,
    "RtlTestBit" => rtl_test_bit,
};

/// What finding says where there is nothing.
const NONE: u32 = u32::MAX;

/// `RTL_BITMAP`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Bitmap {
    size: ULONG,
    buffer: *mut ULONG,
}

impl Bitmap {
    fn of(map: *const Self) -> Self {
        // SAFETY: the DDI demands an initialized bitmap; what is none faults and is reported.
        unsafe { map.read() }
    }

    fn word(self, bit: u32) -> *mut ULONG {
        self.buffer.wrapping_add(bit as usize / 32)
    }

    fn get(self, bit: u32) -> bool {
        // SAFETY: the DDI demands a buffer with room for all bits.
        unsafe { self.word(bit).read() >> (bit % 32) & 1 != 0 }
    }

    fn put(self, bit: u32, value: bool) {
        let mask = 1 << (bit % 32);
        // SAFETY: as in `get`.
        let before = unsafe { self.word(bit).read() };
        // SAFETY: as in `get`.
        unsafe { self.word(bit).write(if value { before | mask } else { before & !mask }) };
    }

    fn put_all(self, function: &'static str, start: u32, count: u32, value: bool) {
        if start.checked_add(count).is_none_or(|end| end > self.size) {
            kernel().judge.bug_check(format!("{function}: bits {start} to {start}+{count} of a map of {}", self.size));
        }
        (start..start + count).for_each(|bit| self.put(bit, value));
    }

    fn are(self, start: u32, count: u32, value: bool) -> bool {
        let inside = count > 0 && start.checked_add(count).is_some_and(|end| end <= self.size);
        inside && (start..start + count).all(|bit| self.get(bit) == value)
    }

    /// The first run of `count` bits from the hint on, then from the start.
    fn find(self, count: u32, hint: u32, value: bool) -> u32 {
        let hint = if hint < self.size { hint } else { 0 };
        if count == 0 {
            return hint & !7;
        }
        let mut places = (hint..self.size).chain(0..hint);
        places.find(|start| self.are(*start, count, value)).unwrap_or(NONE)
    }

    fn find_and_put(self, count: u32, hint: u32, value: bool) -> u32 {
        let found = self.find(count, hint, value);
        if found != NONE {
            (found..found + count).for_each(|bit| self.put(bit, !value));
        }
        found
    }

    fn count(self, value: bool) -> u32 {
        (0..self.size).filter(|bit| self.get(*bit) == value).count() as u32
    }
}

unsafe extern "win64" fn rtl_initialize_bit_map(map: *mut Bitmap, buffer: *mut ULONG, size: ULONG) {
    enter("RtlInitializeBitMap", HIGH_LEVEL);
    // SAFETY: the DDI demands storage for a bitmap.
    unsafe { map.write(Bitmap { size, buffer }) };
}

unsafe extern "win64" fn rtl_clear_all_bits(map: *const Bitmap) {
    enter("RtlClearAllBits", HIGH_LEVEL);
    let map = Bitmap::of(map);
    map.put_all("RtlClearAllBits", 0, map.size, false);
}

unsafe extern "win64" fn rtl_set_all_bits(map: *const Bitmap) {
    enter("RtlSetAllBits", HIGH_LEVEL);
    let map = Bitmap::of(map);
    map.put_all("RtlSetAllBits", 0, map.size, true);
}

unsafe extern "win64" fn rtl_clear_bit(map: *const Bitmap, bit: ULONG) {
    enter("RtlClearBit", HIGH_LEVEL);
    Bitmap::of(map).put_all("RtlClearBit", bit, 1, false);
}

unsafe extern "win64" fn rtl_set_bit(map: *const Bitmap, bit: ULONG) {
    enter("RtlSetBit", HIGH_LEVEL);
    Bitmap::of(map).put_all("RtlSetBit", bit, 1, true);
}

unsafe extern "win64" fn rtl_clear_bits(map: *const Bitmap, start: ULONG, count: ULONG) {
    enter("RtlClearBits", HIGH_LEVEL);
    Bitmap::of(map).put_all("RtlClearBits", start, count, false);
}

unsafe extern "win64" fn rtl_set_bits(map: *const Bitmap, start: ULONG, count: ULONG) {
    enter("RtlSetBits", HIGH_LEVEL);
    Bitmap::of(map).put_all("RtlSetBits", start, count, true);
}

unsafe extern "win64" fn rtl_test_bit(map: *const Bitmap, bit: ULONG) -> BOOLEAN {
    enter("RtlTestBit", HIGH_LEVEL);
    u8::from(Bitmap::of(map).are(bit, 1, true))
}

unsafe extern "win64" fn rtl_are_bits_clear(map: *const Bitmap, start: ULONG, count: ULONG) -> BOOLEAN {
    enter("RtlAreBitsClear", HIGH_LEVEL);
    u8::from(Bitmap::of(map).are(start, count, false))
}

unsafe extern "win64" fn rtl_are_bits_set(map: *const Bitmap, start: ULONG, count: ULONG) -> BOOLEAN {
    enter("RtlAreBitsSet", HIGH_LEVEL);
    u8::from(Bitmap::of(map).are(start, count, true))
}

unsafe extern "win64" fn rtl_find_clear_bits(map: *const Bitmap, count: ULONG, hint: ULONG) -> ULONG {
    enter("RtlFindClearBits", HIGH_LEVEL);
    Bitmap::of(map).find(count, hint, false)
}

unsafe extern "win64" fn rtl_find_set_bits(map: *const Bitmap, count: ULONG, hint: ULONG) -> ULONG {
    enter("RtlFindSetBits", HIGH_LEVEL);
    Bitmap::of(map).find(count, hint, true)
}

unsafe extern "win64" fn rtl_find_clear_bits_and_set(map: *const Bitmap, count: ULONG, hint: ULONG) -> ULONG {
    enter("RtlFindClearBitsAndSet", HIGH_LEVEL);
    Bitmap::of(map).find_and_put(count, hint, false)
}

unsafe extern "win64" fn rtl_find_set_bits_and_clear(map: *const Bitmap, count: ULONG, hint: ULONG) -> ULONG {
    enter("RtlFindSetBitsAndClear", HIGH_LEVEL);
    Bitmap::of(map).find_and_put(count, hint, true)
}

unsafe extern "win64" fn rtl_number_of_set_bits(map: *const Bitmap) -> ULONG {
    enter("RtlNumberOfSetBits", HIGH_LEVEL);
    Bitmap::of(map).count(true)
}

unsafe extern "win64" fn rtl_number_of_clear_bits(map: *const Bitmap) -> ULONG {
    enter("RtlNumberOfClearBits", HIGH_LEVEL);
    Bitmap::of(map).count(false)
}

unsafe extern "win64" fn rtl_number_of_set_bits_ulong_ptr(word: usize) -> ULONG {
    enter("RtlNumberOfSetBitsUlongPtr", HIGH_LEVEL);
    word.count_ones()
}

/// The number of a bit; -1 where none is set.
fn bit_number(number: Option<u32>) -> i8 {
    number.and_then(|number| i8::try_from(number).ok()).unwrap_or(-1)
}

unsafe extern "win64" fn rtl_find_least_significant_bit(word: u64) -> i8 {
    enter("RtlFindLeastSignificantBit", HIGH_LEVEL);
    bit_number((word != 0).then(|| word.trailing_zeros()))
}

unsafe extern "win64" fn rtl_find_most_significant_bit(word: u64) -> i8 {
    enter("RtlFindMostSignificantBit", HIGH_LEVEL);
    bit_number(word.checked_ilog2())
}
