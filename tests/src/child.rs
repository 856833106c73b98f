//! The `nblease` program as a process of its own.

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::SystemTime,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::live::{len, wait_until};

/// The program, as it was built last beside this test.
pub fn nblease() -> PathBuf {
    let test = std::env::current_exe().expect("this program has a path");
    let target = test.ancestors().nth(3).expect("a test lies in target/PROFILE/deps");
    let built = |profile: &str| -> Option<(SystemTime, PathBuf)> {
        let path = target.join(profile).join("nblease");
        Some((fs::metadata(&path).ok()?.modified().ok()?, path))
    };
    let newest = ["debug", "release"].into_iter().filter_map(built).max();
    newest.expect("nblease is not built: run `cargo build -p nblease-cli`").1
}

/// `nblease capture` under way. It does not survive its owner.
pub struct Capture {
    child: Child,
    /// What it writes.
    pub file: PathBuf,
}

/// How a program ended.
#[derive(Debug)]
pub struct Ended {
    /// Its status; absent where a signal ended it.
    pub code: Option<i32>,
    /// What it said on standard error.
    pub said: String,
}

/// The line that a capture ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Frames in the output.
    pub captured: u64,
    /// Frames that the driver saw.
    pub received: u64,
    /// Frames that it lost.
    pub dropped: u64,
}

impl Capture {
    /// Starts one that writes `file`, and waits until it captures.
    pub fn start(mut command: Command, file: PathBuf) -> Self {
        let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("nblease runs");
        let mut capture = Self { child, file };
        wait_until("the head of a capture", || {
            assert!(capture.status().is_none(), "nblease ended early: {:?}", capture.said());
            // It is written when the driver has taken the configuration.
            len(&capture.file) > 0
        });
        capture
    }

    fn status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the program can be waited for")
    }

    fn said(&mut self) -> String {
        let mut said = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            stderr.read_to_string(&mut said).expect("text");
        }
        said
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the program is there");
    }

    /// Ctrl-C, to its end.
    pub fn interrupt(self) -> Ended {
        self.signal(Signal::INT);
        self.end()
    }

    /// SIGKILL, to its end.
    pub fn kill(self) -> Ended {
        self.signal(Signal::KILL);
        self.end()
    }

    /// Waits for its end.
    pub fn end(mut self) -> Ended {
        let mut code = None;
        wait_until("the end of a capture", || self.status().map(|status| code = status.code()).is_some());
        Ended { code, said: self.said() }
    }

    /// SIGSTOP; it has stopped when this returns.
    pub fn suspend(&self) {
        self.signal(Signal::STOP);
        wait_until("a program that is suspended", || self.state() == Some('T'));
    }

    /// SIGCONT.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// State of the process, as proc(5) names it.
    fn state(&self) -> Option<char> {
        let stat = fs::read_to_string(Path::new("/proc").join(self.child.id().to_string()).join("stat")).ok()?;
        stat.rsplit_once(") ")?.1.chars().next()
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        // Both do nothing where it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// The summary of a capture that ended well and said nothing else.
    pub fn summary(&self) -> Summary {
        assert_eq!(self.code, Some(0), "{}", self.said);
        let words: Vec<_> = self.said.trim_end().split(' ').collect();
        let [
            "nblease:",
            captured,
            "frames",
            "captured,",
            received,
            "received",
            "by",
            "the",
            "filter,",
            dropped,
            "dropped",
            "by",
            "it",
        ] = words[..]
        else {
            panic!("no summary: {}", self.said);
        };
        let [captured, received, dropped] = [captured, received, dropped].map(|word| word.parse().expect("a number"));
        Summary { captured, received, dropped }
    }
}
