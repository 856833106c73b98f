//! For the lab's own tests: drivers of a few instructions, and processes that are expected to end by a report.

use std::process::Command;

use crate::{
    judge::EXIT_VIOLATION,
    kernel::{DriverId, kernel},
    pe::{self, sample::Sample},
    thread,
};

/// Names a piece of machine code: `code!(NAME, "mov rax, [rcx]", "ret")` declares `fn NAME() -> Vec<u8>`.
///
/// The code is copied into a sample driver, at 0x1000, so that it may refer to itself only relative to `rip`.
#[macro_export]
macro_rules! code {
    ($name:ident, $($line:literal),+ $(,)?) => {
        std::arch::global_asm!(
            concat!(".globl lab_test_", stringify!($name), ", lab_test_", stringify!($name), "_end"),
            concat!("lab_test_", stringify!($name), ":"),
            $($line,)+
            concat!("lab_test_", stringify!($name), "_end:"),
        );
        fn $name() -> Vec<u8> {
            unsafe extern "C" {
                #[link_name = concat!("lab_test_", stringify!($name))]
                static START: u8;
                #[link_name = concat!("lab_test_", stringify!($name), "_end")]
                static END: u8;
            }
            let (start, end) = (&raw const START, &raw const END);
            // SAFETY: the code lies between the two labels.
            unsafe { std::slice::from_raw_parts(start, end.addr() - start.addr()) }.to_vec()
        }
    };
}

/// A loaded driver whose code is called directly.
pub(crate) struct TestDriver {
    pub id: DriverId,
    entry: usize,
}

impl TestDriver {
    /// Loads code that imports the functions named; their slots lie 0x1000 bytes after the code.
    pub fn load(code: Vec<u8>, imports: &[&'static str]) -> Self {
        let sample = Sample { code, imports: imports.to_vec(), ..Sample::default() };
        let id = pe::load_bytes("sample.sys", &sample.file(), Vec::new()).expect("the sample loads");
        let entry = kernel().driver(id).expect("it was loaded").entry;
        Self { id, entry }
    }

    /// Calls the code with up to three arguments, at an IRQL.
    pub fn call_at(&self, irql: u8, arguments: [usize; 3]) -> usize {
        let entry: *const () = std::ptr::with_exposed_provenance(self.entry);
        // SAFETY: the sample's code follows the calling convention.
        let function =
            unsafe { std::mem::transmute::<*const (), unsafe extern "win64" fn(usize, usize, usize) -> usize>(entry) };
        let [first, second, third] = arguments;
        thread::call_driver(self.id, "Sample", irql, || {
            // SAFETY: as above; what the code does wrong is what the test is about.
            unsafe { function(first, second, third) }
        })
    }

    /// As [`Self::call_at`], at PASSIVE_LEVEL.
    pub fn call(&self, arguments: [usize; 3]) -> usize {
        self.call_at(thread::PASSIVE_LEVEL, arguments)
    }
}

/// Runs `body`, which is to end its process by a report, in a process of its own: what it wrote.
///
/// `test` is the full name of the calling test, without the crate's.
pub(crate) fn report_of(test: &str, body: impl FnOnce()) -> String {
    report_of_case(test, 0, body)
}

/// As [`report_of`], for one of several cases in a test.
pub(crate) fn report_of_case(test: &str, case: usize, body: impl FnOnce()) -> String {
    const CHILD: &str = "NBLEASE_LAB_TEST";
    let running = format!("{test} {case}");
    match std::env::var(CHILD) {
        Ok(chosen) if chosen == running => {
            body();
            eprintln!("the test's body returned");
            std::process::exit(0);
        }
        // In the child of another case: this one is not its business.
        Ok(_) => return String::new(),
        Err(_) => {}
    }
    let this = std::env::current_exe().expect("the path of the tests");
    let output = Command::new(this).args(["--exact", test, "--nocapture"]).env(CHILD, running).output();
    let output = output.expect("a process");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(EXIT_VIOLATION), "{:?}\n{errors}", output.status);
    errors
}

/// Whether this is the child process of [`report_of_case`], where a case returns an empty report.
pub(crate) fn is_child() -> bool {
    std::env::var("NBLEASE_LAB_TEST").is_ok()
}
