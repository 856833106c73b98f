//! Filters with a control device by KMDF, as others write them: what they find of the framework, and what they do wrong. The
//! filters are `tests/filters/kmdf/*.c`; what they check they check themselves.

use nblease_lab::{clock::Mode, kernel::kernel};
use nblease_tests::filter_rig::{FilterRig, assert_said, code, status::*};

fn start(filter: &str, mode: Mode) -> FilterRig {
    start_above(&[], filter, mode)
}

/// The same, with other filters loaded before it.
fn start_above(others: &[&str], filter: &str, mode: Mode) -> FilterRig {
    FilterRig::start(others, &format!("kmdf/{filter}"), r"\\.\breaker", mode)
}

#[test]
fn the_frameworks_small_objects_are_there() {
    for mode in [Mode::Virtual, Mode::Real] {
        let rig = start("kmdf_objects", mode);
        rig.run_checks(7);
        rig.finish();
    }
}

#[test]
fn callbacks_of_a_scope_come_one_at_a_time() {
    for filter in ["kmdf_serial", "kmdf_serial_passive"] {
        for mode in [Mode::Virtual, Mode::Real] {
            let rig = start(filter, mode);
            assert!(rig.check(0) && rig.check(1));
            let writes: Vec<_> = (1..5).map(|len| rig.handle.write(&vec![7; len])).collect();
            let written: Vec<_> = writes.iter().map(|write| write.wait().information).collect();
            assert_eq!(written, [1, 2, 3, 4], "{filter}");
            kernel().sched.advance(50_000_000);
            assert!(rig.check(2));
            rig.finish();
        }
    }
}

#[test]
fn a_callers_memory_is_locked_in_its_context_and_used_later() {
    for mode in [Mode::Virtual, Mode::Real] {
        let rig = start("kmdf_context", mode);
        assert!(rig.check(0), "a request that was enqueued from there");
        let sum = rig.call(code(100, 3), &[1, 2, 3, 250], 4);
        assert_eq!((sum.status, sum.data), (SUCCESS, 256_u32.to_le_bytes().to_vec()));
        assert_eq!(rig.call(code(100, 3), &[1], 3).status, BUFFER_TOO_SMALL);
        assert_eq!(rig.call(code(101, 3), &[1], 4).status, SUCCESS, "completed there");
        assert_eq!(rig.call(code(102, 3), &[1], 4).status, ACCESS_VIOLATION, "an address where nothing is");
        rig.finish();
    }
}

#[test]
fn a_control_device_hears_of_the_shutdown() {
    let rig = start("kmdf_context", Mode::Virtual);
    assert!(kernel().io.hears_of_shutdown());
    rig.handle.close();
    drop(rig.process);
    let verdict = rig.lab.shut_down();
    assert!(verdict.violations.is_empty(), "{:?}", verdict.violations);
}

#[test]
fn another_drivers_device_is_a_target() {
    for mode in [Mode::Virtual, Mode::Real] {
        let rig = start_above(&["queue_device"], "kmdf_targets", mode);
        rig.run_checks(4);
        let read = rig.handle.read(8);
        let other = rig.process.open(r"\\.\queue_device").expect("the target's own device opens");
        assert_eq!(other.write(b"through").wait().information, 7);
        let read = read.wait();
        assert_eq!((read.status, read.data), (SUCCESS, b"through".to_vec()), "a read that went on to the target");
        let canceled = rig.handle.read(8);
        canceled.cancel();
        assert_eq!(canceled.wait().status, CANCELLED, "by the target");
        assert_ne!(rig.call(code(0x100, 0), &[], 4).status, SUCCESS, "a control that the target does not know");
        assert_eq!(rig.call(code(0x107, 0), &[], 4).status, rig.call(code(0x100, 0), &[], 4).status, "forgotten");
        other.close();
        rig.finish();
    }
}

#[test]
fn what_is_not_to_be_done_with_what_was_sent_is_said() {
    let cases = [
        ("sent twice", "V43: WdfRequestSend on WDFREQUEST"),
        ("completed while sent", "V43: WdfRequestComplete"),
        ("deleted while sent", "V43: WdfObjectDelete on WDFREQUEST"),
        ("sent with nobody to complete it", "without a completion routine: nobody completes it"),
        ("own request completed", "V07: WdfRequestComplete wants a request that a queue gave"),
        ("sent without a format", "which has no format"),
    ];
    for (number, (case, expected)) in (0x101..).zip(cases) {
        assert_said(case, &[expected], || {
            let rig = start_above(&["queue_device"], "kmdf_targets", Mode::Virtual);
            assert!(rig.check(0), "the target opens");
            rig.handle.ioctl(code(number, 0), &[], 4).wait_timeout(1_000_000);
            rig.finish();
        });
    }
}

#[test]
fn what_a_driver_does_wrong_with_the_framework_is_said() {
    let cases = [
        ("takes the device twice", "V39: WdfObjectAcquireLock of"),
        ("releases what it has not", "V39: WdfObjectReleaseLock of"),
        ("keeps the device", "V39: EvtIoDeviceControl returned with locks held: [callback lock of the framework"),
        ("locks a string", "V07: WdfObjectAcquireLock wants a device or a queue and got WDFSTRING"),
        ("removes what is not there", "V07: WdfCollectionRemove of what is not in"),
        ("uses a deleted collection", "V36: WdfCollectionGetCount was given WDFCOLLECTION"),
        ("takes executable memory", "V37: WdfMemoryCreate of executable pool"),
        (
            "assigns the framework's memory",
            "V07: WdfMemoryAssignBuffer wants memory that WdfMemoryCreatePreallocated made",
        ),
        ("writes past a lookaside entry", "V36: write"),
        ("reads the registry at dispatch", "V45: WdfRegistryQueryULong called at IRQL 2"),
        (
            "takes a caller's address late",
            "V41: WdfRequestRetrieveUnsafeUserOutputBuffer outside of EvtIoInCallerContext",
        ),
        ("enqueues what came from a queue", "V43: WdfDeviceEnqueueRequest of WDFREQUEST"),
        ("makes DMA", "BUGCHECK: the lab does not model WdfDmaEnablerCreate: of KMDF it leaves out DMA"),
        ("makes a lock below a deleted object", "V36: WdfSpinLockCreate was given WDFOBJECT"),
    ];
    for (number, (case, expected)) in (0..).zip(cases) {
        assert_said(case, &[expected], || {
            let rig = start("kmdf_wrong", Mode::Virtual);
            rig.call(code(number, 0), &[], 4);
            rig.finish();
        });
    }
}
