//! Binding of drivers that were built for other versions of the framework.

use std::ptr;

use nblease_ndis::sys::{UNICODE_STRING, WDF_FUNCTIONS};

use super::harness::*;
use crate::{
    io::{NtStatus, status},
    wdf::binding::{BindInfo, version_bind},
};

/// WDF_BIND_INFO2.
#[repr(C)]
struct BindInfo2 {
    first: BindInfo,
    minimum_minor: *const u32,
    higher: *mut u8,
    functions: *mut u32,
    structures: *mut u32,
    sizes: *mut usize,
}

fn bind_info(minor: u32, count: usize, table: *mut *const *const ()) -> BindInfo {
    BindInfo {
        size: size_of::<BindInfo>() as u32,
        component: ptr::null(),
        major: 1,
        minor,
        build: 0,
        function_count: count as u32,
        function_table: table,
        module: ptr::null_mut(),
    }
}

/// What WdfVersionBind says.
fn bind(info: &BindInfo) -> NtStatus {
    let path: UNICODE_STRING = unicode(r"\Registry\Machine\System\CurrentControlSet\Services\sample");
    let (mut globals, mut object) = (ptr::null_mut(), 0_u64);
    // SAFETY: the binding looks at the structure and the path, and writes the globals; the object it only compares to null.
    as_driver(|| unsafe { version_bind((&raw mut object).cast(), &raw const path, info, &raw mut globals) })
}

#[test]
fn a_driver_of_an_older_version_gets_its_smaller_table() {
    let driver = Driver::start(Plan::default());
    for (minor, count) in [(0, 383), (9, 396), (11, 432), (13, 438)] {
        let mut table = vec![ptr::null::<*const ()>(); count + 1];
        assert_eq!(bind(&bind_info(minor, count, table.as_mut_ptr())), status::SUCCESS, "1.{minor}");
        assert!(table[..count].iter().all(|function| !function.is_null()) && table[count].is_null(), "1.{minor}");
    }
    for (minor, count) in [(15, 444), (19, 446), (23, 451), (31, 458)] {
        let mut table = ptr::null();
        assert_eq!(bind(&bind_info(minor, count, &raw mut table)), status::SUCCESS, "1.{minor}");
        assert!(!table.is_null(), "1.{minor}");
    }
    let mut table = ptr::null();
    assert_eq!(bind(&bind_info(9, 400, &raw mut table)), status::INVALID_PARAMETER, "a table that never was");
    driver.finish();
}

#[test]
fn a_driver_of_a_newer_version_learns_what_is_there() {
    let driver = Driver::start(Plan::default());
    for (least, expected) in [(25, status::SUCCESS), (35, status::INVALID_PARAMETER)] {
        let mut table = ptr::null();
        let (mut higher, mut functions, mut structures, mut sizes) = (0_u8, 0_u32, 90_u32, 0_usize);
        let mut info = BindInfo2 {
            first: bind_info(35, WDF_FUNCTIONS.len() + 2, &raw mut table),
            minimum_minor: &raw const least,
            higher: &raw mut higher,
            functions: &raw mut functions,
            structures: &raw mut structures,
            sizes: &raw mut sizes,
        };
        info.first.size = size_of::<BindInfo2>() as u32;
        assert_eq!(bind(&info.first), expected, "at least 1.{least}");
        if expected.is_success() {
            assert_eq!((higher, functions as usize, structures), (1, WDF_FUNCTIONS.len(), 0));
        }
    }
    driver.finish();
}
