//! The filters in C of `tests/filters/wdm` and `tests/filters/kmdf`: one in a lab, with a program at its device, its checks of
//! itself, and what is said of what it does wrong.

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

use crate::{built, frame_bytes, receive_of, send_of};

/// The statuses that the filters end calls with.
pub mod status {
    #![allow(missing_docs, reason = "their names are NTSTATUS's")]
    pub const SUCCESS: u32 = 0;
    pub const DEVICE_BUSY: u32 = 0x8000_0011;
    pub const NO_MORE_ENTRIES: u32 = 0x8000_001a;
    pub const ACCESS_VIOLATION: u32 = 0xc000_0005;
    pub const BUFFER_TOO_SMALL: u32 = 0xc000_0023;
    pub const CANCELLED: u32 = 0xc000_0120;
}

/// `CTL_CODE` of the filters' device type.
pub fn code(function: u32, method: u32) -> u32 {
    0x12 << 16 | function << 2 | method
}

/// A filter in a lab with an adapter that runs and has carried a frame each way, and a program that has its device open.
pub struct FilterRig {
    /// The lab.
    pub lab: Lab,
    /// The program.
    pub process: Process,
    /// Its handle.
    pub handle: Handle,
    source: String,
}

impl FilterRig {
    /// `source` lies in `tests/filters` and is said without `.c`; `others` are images that are loaded before it.
    pub fn start(others: &[&str], source: &str, device: &str, mode: Mode) -> Self {
        let lab = Lab::new(LabConfig { mode, ..LabConfig::default() });
        let (_, name) = source.rsplit_once('/').expect("FOLDER/NAME");
        for other in others {
            lab.run(&built(&format!("filters/{other}.sys"))).expect("it starts");
        }
        kernel().registry.set("Depth", Value::Dword(17));
        kernel().registry.set("Name", Value::String("name".to_owned()));
        let driver = lab.run(&built(&format!("filters/{name}.sys"))).expect("it starts");
        if !["wrong", "lacks"].contains(&name) {
            assert_eq!(kernel().driver(driver).expect("loaded").names_of_lacking(), Vec::<String>::new());
        }
        let adapter = lab.adapter(AdapterConfig::default());
        kernel().sched.pump();
        assert!(adapter.is_running());
        adapter.send(&[send_of(frame_bytes(60, 1))], 0);
        adapter.receive(&[receive_of(frame_bytes(60, 2))], 0);
        kernel().sched.pump();
        let process = lab.process("program.exe");
        let handle = process.open(device).expect("the device opens");
        Self { lab, process, handle, source: source.to_owned() }
    }

    /// An IOCTL, to its end.
    pub fn call(&self, code: u32, input: &[u8], room: usize) -> Completion {
        self.handle.ioctl(code, input, room).wait()
    }

    /// Runs one of the filter's checks, which has to hold: whether there is one of that number.
    pub fn check(&self, number: u32) -> bool {
        let result = self.call(code(number, 0), &[], 4);
        if result.status == status::NO_MORE_ENTRIES {
            return false;
        }
        assert_eq!(result.status, status::SUCCESS);
        let line = u32::from_le_bytes(result.data[..4].try_into().expect("four bytes"));
        assert_eq!(line, 0, "tests/filters/{}.c:{line}: check {number} does not hold", self.source);
        true
    }

    /// Runs all of the filter's checks, of which there are so many.
    pub fn run_checks(&self, count: u32) {
        assert!((0..count).all(|number| self.check(number)), "fewer checks");
        assert!(!self.check(count), "more checks");
    }

    /// The program ends, and all is unloaded: no rule was broken.
    pub fn finish(self) {
        self.handle.close();
        drop(self.process);
        let verdict = self.lab.finish();
        assert!(verdict.violations.is_empty(), "{:?}", verdict.violations);
    }
}

/// Runs `body`, one of several cases of the calling test, in a process of its own: a broken rule has to end it, and the report
/// to have these words.
pub fn assert_said(case: &str, expected: &[&str], body: impl FnOnce()) {
    const CHILD: &str = "NBLEASE_TEST_CASE";
    match std::env::var(CHILD) {
        Ok(chosen) if chosen == case => {
            body();
            std::process::exit(0);
        }
        // In the process of another case.
        Ok(_) => return,
        Err(_) => {}
    }
    let this = std::env::current_exe().expect("the path of the tests");
    let test = std::thread::current().name().expect("a test's name").to_owned();
    let output = Command::new(this).args(["--exact", &test, "--nocapture"]).env(CHILD, case).output();
    let output = output.expect("a process");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(EXIT_VIOLATION), "{case}: {:?}\n{said}", output.status);
    for words in expected {
        assert!(said.contains(words), "{case}: expected {words}\n{said}");
    }
}
