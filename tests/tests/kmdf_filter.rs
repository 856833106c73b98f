//! Filters with a control device by KMDF, as others write them: what they find of the framework, and what they do wrong. The
//! filters are `tests/filters/kmdf/*.c`; what they check they check themselves.

use std::process::Command;

use nblease_lab::{
    clock::Mode,
    io::{Completion, Handle, Process},
    judge::EXIT_VIOLATION,
    kernel::kernel,
    lab::{Lab, LabConfig},
    ndis::AdapterConfig,
    registry::Value,
};
use nblease_tests::built;

const SUCCESS: u32 = 0;
const NO_MORE_ENTRIES: u32 = 0x8000_001a;
const CANCELLED: u32 = 0xc000_0120;
const ACCESS_VIOLATION: u32 = 0xc000_0005;
const BUFFER_TOO_SMALL: u32 = 0xc000_0023;

/// `CTL_CODE` of the filters' device type.
fn code(function: u32, method: u32) -> u32 {
    0x12 << 16 | function << 2 | method
}

/// A filter in a lab with an adapter that runs, and a program that has its device open.
struct Rig {
    lab: Lab,
    filter: &'static str,
    process: Process,
    handle: Handle,
}

impl Rig {
    fn start(filter: &'static str, mode: Mode) -> Self {
        Self::start_above(&[], filter, mode)
    }

    /// The same, with other filters loaded before it.
    fn start_above(others: &[&str], filter: &'static str, mode: Mode) -> Self {
        let lab = Lab::new(LabConfig { mode, ..LabConfig::default() });
        for other in others {
            lab.run(&built(&format!("filters/{other}.sys"))).expect("it starts");
        }
        kernel().registry.set("Depth", Value::Dword(17));
        kernel().registry.set("Name", Value::String("name".to_owned()));
        lab.run(&built(&format!("filters/{filter}.sys"))).expect("it starts");
        assert!(lab.adapter(AdapterConfig::default()).is_running());
        let process = lab.process("program.exe");
        let handle = process.open(r"\\.\breaker").expect("the device opens");
        Self { lab, filter, process, handle }
    }

    fn call(&self, code: u32, input: &[u8], room: usize) -> Completion {
        self.handle.ioctl(code, input, room).wait()
    }

    /// Runs one of the filter's checks: whether there is one of that number.
    fn check(&self, number: u32) -> bool {
        let result = self.call(code(number, 0), &[], 4);
        if result.status == NO_MORE_ENTRIES {
            return false;
        }
        assert_eq!(result.status, SUCCESS);
        let line = u32::from_le_bytes(result.data[..4].try_into().expect("four bytes"));
        assert_eq!(line, 0, "tests/filters/kmdf/{}.c:{line}: check {number} does not hold", self.filter);
        true
    }

    /// Runs all of the filter's checks, of which there are so many.
    fn run_checks(&self, count: u32) {
        assert!((0..count).all(|number| self.check(number)), "fewer checks");
        assert!(!self.check(count), "more checks");
    }

    fn finish(self) {
        self.handle.close();
        drop(self.process);
        let verdict = self.lab.finish();
        assert!(verdict.violations.is_empty(), "{:?}", verdict.violations);
    }
}

#[test]
fn the_frameworks_small_objects_are_there() {
    for mode in [Mode::Virtual, Mode::Real] {
        let rig = Rig::start("kmdf_objects", mode);
        rig.run_checks(7);
        rig.finish();
    }
}

#[test]
fn callbacks_of_a_scope_come_one_at_a_time() {
    for filter in ["kmdf_serial", "kmdf_serial_passive"] {
        for mode in [Mode::Virtual, Mode::Real] {
            let rig = Rig::start(filter, mode);
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
        let rig = Rig::start("kmdf_context", mode);
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
    let rig = Rig::start("kmdf_context", Mode::Virtual);
    assert!(kernel().io.hears_of_shutdown());
    rig.handle.close();
    drop(rig.process);
    let verdict = rig.lab.shut_down();
    assert!(verdict.violations.is_empty(), "{:?}", verdict.violations);
}

#[test]
fn another_drivers_device_is_a_target() {
    for mode in [Mode::Virtual, Mode::Real] {
        let rig = Rig::start_above(&["queue_device"], "kmdf_targets", mode);
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
        let said = said_by(case, || {
            let rig = Rig::start_above(&["queue_device"], "kmdf_targets", Mode::Virtual);
            assert!(rig.check(0), "the target opens");
            rig.handle.ioctl(code(number, 0), &[], 4).wait_timeout(1_000_000);
            rig.finish();
        });
        assert!(said.is_empty() || said.contains(expected), "{case}: expected {expected}\n{said}");
    }
}

/// Runs `body`, which is to end by a violation, in a process of its own: what it said.
fn said_by(case: &str, body: impl FnOnce()) -> String {
    const CHILD: &str = "NBLEASE_KMDF_FILTER";
    match std::env::var(CHILD) {
        Ok(chosen) if chosen == case => {
            body();
            std::process::exit(0);
        }
        Ok(_) => return String::new(),
        Err(_) => {}
    }
    let this = std::env::current_exe().expect("the path of the tests");
    let test = std::thread::current().name().expect("a test's name").to_owned();
    let output = Command::new(this).args(["--exact", &test, "--nocapture"]).env(CHILD, case).output();
    let output = output.expect("a process");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(EXIT_VIOLATION), "{case}: {:?}\n{said}", output.status);
    said
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
    ];
    for (number, (case, expected)) in (0..).zip(cases) {
        let said = said_by(case, || {
            let rig = Rig::start("kmdf_wrong", Mode::Virtual);
            rig.call(code(number, 0), &[], 4);
            rig.finish();
        });
        assert!(said.is_empty() || said.contains(expected), "{case}: expected {expected}\n{said}");
    }
}
