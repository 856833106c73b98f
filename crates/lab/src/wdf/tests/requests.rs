//! Requests: parameters, buffers, completion, contexts.

use std::sync::atomic::Ordering;

use nblease_ndis::sys;

use super::harness::*;
use crate::{
    faults::{FaultKind, Plan as Faults},
    io::status,
    judge::rule,
    kernel::kernel,
};

/// CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800, method, FILE_ANY_ACCESS).
const fn ioctl(method: u32) -> u32 {
    0x22_2000 | method
}

#[test]
fn a_direct_read_gets_what_the_driver_wrote_into_its_own_pages() {
    let driver = Driver::start(Plan {
        read: Some(|request, len| {
            assert_eq!(len, 5000);
            answer(request, &[7; 1234]);
        }),
        ..Plan::default()
    });
    let (_process, handle) = driver.open();
    let read = handle.read(5000).wait();
    assert_eq!((read.status, read.information), (0, 1234));
    assert_eq!(read.data, [7; 1234]);
    handle.close();
    driver.finish();
    assert_evaluated(&[rule::V39, rule::V43, rule::V44, rule::V46]);
}

#[test]
fn a_buffered_read_goes_through_a_system_buffer() {
    let driver =
        Driver::start(Plan { buffered: true, read: Some(|request, _| answer(request, b"hello")), ..Plan::default() });
    let (_process, handle) = driver.open();
    assert_eq!(handle.read(16).wait().data, b"hello");
    handle.close();
    driver.finish();
}

#[test]
fn a_write_is_read_by_the_driver() {
    let driver = Driver::start(Plan {
        write: Some(|request, len| {
            let (mut buffer, mut length) = (0usize, 0usize);
            let status = wdf_status("WdfRequestRetrieveInputBuffer", &[request, 1, out(&mut buffer), out(&mut length)]);
            assert_eq!((status, length), (status::SUCCESS, len));
            let from: *const u8 = std::ptr::with_exposed_provenance(buffer);
            // SAFETY: the buffer has `len` bytes.
            let bytes = unsafe { std::slice::from_raw_parts(from, len) };
            log(String::from_utf8_lossy(bytes));
            complete(request, status::SUCCESS, len);
        }),
        ..Plan::default()
    });
    let (_process, handle) = driver.open();
    assert_eq!(handle.write(b"bytes of the program").wait().information, 20);
    assert_eq!(take_log(), ["bytes of the program"]);
    handle.close();
    driver.finish();
}

#[test]
fn a_buffered_control_has_one_buffer_for_both_ways() {
    let driver = Driver::start(Plan {
        control: Some(|request, output, input, code| {
            assert_eq!((output, input, code), (8, 4, ioctl(0)));
            let (mut from, mut to) = (0usize, 0usize);
            wdf("WdfRequestRetrieveInputBuffer", &[request, 4, out(&mut from), 0]);
            wdf("WdfRequestRetrieveOutputBuffer", &[request, 8, out(&mut to), 0]);
            assert_eq!(from, to);
            let word: *mut u32 = std::ptr::with_exposed_provenance_mut(to);
            // SAFETY: the buffer has eight bytes.
            let first = unsafe { word.read() };
            // SAFETY: as above.
            unsafe { word.wrapping_add(1).write(first + 1) };
            complete(request, status::SUCCESS, 8);
        }),
        ..Plan::default()
    });
    let (_process, handle) = driver.open();
    let result = handle.ioctl(ioctl(0), &41u32.to_le_bytes(), 8).wait();
    assert_eq!(result.data, [41u32.to_le_bytes(), 42u32.to_le_bytes()].concat());
    handle.close();
    driver.finish();
}

#[test]
fn a_direct_control_maps_the_callers_pages() {
    let driver = Driver::start(Plan {
        control: Some(|request, _, _, _| {
            let (mut mdl, mut input) = (0usize, 0usize);
            assert_eq!(wdf_status("WdfRequestRetrieveOutputWdmMdl", &[request, out(&mut mdl)]), status::SUCCESS);
            let mdl: *const sys::MDL = std::ptr::with_exposed_provenance(mdl);
            // SAFETY: the driver may look at the MDL.
            let mdl = unsafe { mdl.read() };
            assert_eq!(mdl.ByteCount, 9000);
            assert_eq!(mdl.MdlFlags & (sys::MDL_PAGES_LOCKED | sys::MDL_MAPPED_TO_SYSTEM_VA), sys::MDL_PAGES_LOCKED);
            wdf("WdfRequestRetrieveInputBuffer", &[request, 3, out(&mut input), 0]);
            assert_ne!(input, 0);
            answer(request, &[9; 9000]);
        }),
        ..Plan::default()
    });
    let (_process, handle) = driver.open();
    assert_eq!(handle.ioctl(ioctl(2), b"abc", 9000).wait().data, [9; 9000]);
    handle.close();
    driver.finish();
}

#[test]
fn lengths_and_kinds_are_told_as_windows_does() {
    let driver = Driver::start(Plan {
        control: Some(|request, _, _, code| {
            let mut buffer = 0usize;
            let status = match code {
                1 => wdf_status("WdfRequestRetrieveInputBuffer", &[request, 5, out(&mut buffer), 0]),
                2 => wdf_status("WdfRequestRetrieveOutputBuffer", &[request, 0, out(&mut buffer), 0]),
                _ => wdf_status("WdfRequestRetrieveInputBuffer", &[request, 0, out(&mut buffer), 0]),
            };
            assert_eq!(buffer, 0);
            complete(request, status, 0);
        }),
        ..Plan::default()
    });
    let (_process, handle) = driver.open();
    let status = |code, input: &[u8]| handle.ioctl(code, input, 0).wait().nt_status();
    // Shorter than asked for; none; METHOD_NEITHER.
    assert_eq!(status(1, b"four"), status::BUFFER_TOO_SMALL);
    assert_eq!(status(2, b"four"), status::BUFFER_TOO_SMALL);
    assert_eq!(status(3, b"four"), status::INVALID_DEVICE_REQUEST);
    // No event for writes, none for internal controls.
    assert_eq!(handle.write(b"x").wait().nt_status(), status::INVALID_DEVICE_REQUEST);
    assert_eq!(handle.internal_ioctl(1, b"", 0).wait().nt_status(), status::INVALID_DEVICE_REQUEST);
    // Of no length: done by the framework.
    assert_eq!(handle.read(0).wait().nt_status(), status::SUCCESS);
    handle.close();
    assert_eq!(handle.read(1).wait().nt_status(), status::INVALID_HANDLE);
    driver.finish();
}

#[test]
fn parameters_say_what_is_asked_for() {
    let driver = Driver::start(Plan {
        control: Some(|request, _, _, _| {
            let mut parameters: sys::WDF_REQUEST_PARAMETERS = zeroed();
            parameters.Size = size_of_val(&parameters) as u16;
            wdf("WdfRequestGetParameters", &[request, out(&mut parameters)]);
            assert_eq!(parameters.Type, sys::WdfRequestTypeDeviceControl);
            // SAFETY: the type says which view holds.
            let control = unsafe { parameters.Parameters.DeviceIoControl };
            assert_eq!((control.InputBufferLength, control.OutputBufferLength), (2, 3));
            assert_eq!(control.IoControlCode, ioctl(0));
            assert_eq!(wdf("WdfRequestGetIoQueue", &[request]), get(&QUEUE));
            let file = wdf("WdfRequestGetFileObject", &[request]);
            assert_eq!(wdf("WdfFileObjectGetDevice", &[file]), get(&DEVICE));
            let irp: *const sys::IRP = std::ptr::with_exposed_provenance(wdf("WdfRequestWdmGetIrp", &[request]));
            // SAFETY: the driver may look at the IRP.
            let irp = unsafe { irp.read() };
            // SAFETY: of an IRP under way this view holds.
            let stack = unsafe { irp.Tail.Overlay.CurrentStackLocation };
            // SAFETY: the driver may look at the stack location.
            assert_eq!(unsafe { (*stack).MajorFunction }, 0x0E);
            wdf("WdfRequestSetInformation", &[request, 0]);
            wdf("WdfRequestComplete", &[request, 0]);
        }),
        ..Plan::default()
    });
    let (_process, handle) = driver.open();
    assert_eq!(handle.ioctl(ioctl(0), b"in", 3).wait().information, 0);
    handle.close();
    driver.finish();
}

#[test]
fn a_mapping_may_fail() {
    let driver = Driver::start(Plan { read: Some(|request, _| answer(request, &[1; 10])), ..Plan::default() });
    let (_process, handle) = driver.open();
    kernel().faults.plan(Faults::NthOf(FaultKind::Map, 1));
    assert_eq!(handle.read(10).wait().nt_status(), status::INSUFFICIENT_RESOURCES);
    assert_eq!(handle.read(10).wait().data, [1; 10]);
    kernel().faults.plan(Faults::All(FaultKind::Request));
    assert_eq!(handle.read(10).wait().nt_status(), status::INSUFFICIENT_RESOURCES);
    kernel().faults.plan(Faults::None);
    handle.close();
    driver.finish();
    assert_evaluated(&[rule::V29]);
}

#[test]
fn memory_objects_stand_for_buffers_and_bound_copies() {
    let driver = Driver::start(Plan {
        read: Some(|request, _| {
            let (mut memory, mut again, mut len) = (0usize, 0usize, 0usize);
            wdf("WdfRequestRetrieveOutputMemory", &[request, out(&mut memory)]);
            wdf("WdfRequestRetrieveOutputMemory", &[request, out(&mut again)]);
            assert_eq!(memory, again);
            assert_ne!(wdf("WdfMemoryGetBuffer", &[memory, out(&mut len)]), 0);
            assert_eq!(len, 8);
            let bytes = [3u8; 8];
            let copy = |offset, count| wdf_status("WdfMemoryCopyFromBuffer", &[memory, offset, at(&bytes), count]);
            assert_eq!(copy(4, 5), status::BUFFER_TOO_SMALL);
            assert_eq!(copy(usize::MAX, 5), status::BUFFER_TOO_SMALL);
            assert_eq!(copy(0, 8), status::SUCCESS);
            complete(request, status::SUCCESS, 8);
        }),
        ..Plan::default()
    });
    let (_process, handle) = driver.open();
    assert_eq!(handle.read(8).wait().data, [3; 8]);
    handle.close();
    driver.finish();
}

unsafe extern "efiapi" fn cleaned(request: sys::WDFOBJECT) {
    // The request's IRP and its context are there still.
    assert_ne!(wdf("WdfRequestWdmGetIrp", &[request.addr()]), 0);
    log("cleanup");
}

unsafe extern "efiapi" fn destroyed(request: sys::WDFOBJECT) {
    let context = wdf("WdfObjectGetTypedContextWorker", &[request.addr(), at(context_type())]);
    assert_eq!(wdf("WdfObjectContextGetObject", &[context]), request.addr());
    log("destroy");
}

#[test]
fn a_requests_context_ends_after_its_completion() {
    let driver = Driver::start(Plan {
        request_cleanup: Some(cleaned),
        request_destroy: Some(destroyed),
        read: Some(|request, _| {
            let context = wdf("WdfObjectGetTypedContextWorker", &[request, at(context_type())]);
            assert_eq!(context % 16, 0);
            let words: *mut u64 = std::ptr::with_exposed_provenance_mut(context);
            // SAFETY: the context has three words of zeros.
            unsafe { assert_eq!(words.wrapping_add(2).read(), 0) };
            KEPT.store(request, Ordering::SeqCst);
            wdf("WdfObjectReferenceActual", &[request]);
            complete(request, status::SUCCESS, 0);
            log("completed");
            wdf("WdfObjectDereferenceActual", &[request]);
        }),
        ..Plan::default()
    });
    let (_process, handle) = driver.open();
    handle.read(8).wait();
    assert_eq!(take_log(), ["cleanup", "completed", "destroy"]);
    handle.close();
    driver.finish();
}

#[test]
fn a_request_that_the_driver_never_saw_ends_without_its_callbacks() {
    let driver =
        Driver::start(Plan { request_cleanup: Some(cleaned), request_destroy: Some(destroyed), ..Plan::default() });
    let (_process, handle) = driver.open();
    assert_eq!(handle.write(b"no event for writes").wait().nt_status(), status::INVALID_DEVICE_REQUEST);
    assert_eq!(take_log(), Vec::<String>::new());
    handle.close();
    driver.finish();
}
