//! A program that knows nothing of the drivers: it opens each device the moment that it can be opened, calls it in every
//! way there is, and leaves with calls under way.

use std::sync::{Arc, Mutex};

use super::settle;
use crate::{
    io::{Handle, Pending, Process},
    kernel::kernel,
    sync::lock,
    thread::{self, PASSIVE_LEVEL},
};

/// An IOCTL that no driver is likely to have (CTL_CODE of FILE_DEVICE_UNKNOWN, function 0xfff); its low two bits are the
/// method.
const IOCTL: u32 = 0x22 << 16 | 0xfff << 2;
/// Bytes of each buffer.
const LEN: usize = 64;

/// The program.
pub struct Stranger {
    process: Arc<Process>,
    early: Arc<Mutex<Vec<Handle>>>,
}

impl Stranger {
    /// From now on it opens devices as they become ready: inside DriverEntry, where the driver is not done yet.
    pub fn lie_in_wait() -> Self {
        let stranger = Self { process: Arc::new(Process::new("stranger", true)), early: Arc::default() };
        let (process, early) = (stranger.process.clone(), stranger.early.clone());
        kernel().io.on_ready(Some(Arc::new(move |path| {
            if thread::irql() == PASSIVE_LEVEL
                && let Ok(handle) = process.open(path)
            {
                lock(&early).push(handle);
            }
        })));
        stranger
    }

    /// Calls each device and closes it with calls under way; then calls it once more and dies.
    pub fn call_and_leave(self) {
        for path in kernel().io.paths() {
            let Ok(handle) = self.process.open(&path) else { continue };
            let calls = call(&handle);
            settle();
            if let Some(first) = calls.first() {
                first.cancel();
            }
            settle();
            handle.close();
            settle();
        }
        for handle in std::mem::take(&mut *lock(&self.early)) {
            call(&handle);
        }
        self.process.kill();
        settle();
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        kernel().io.on_ready(None);
    }
}

fn call(handle: &Handle) -> Vec<Pending> {
    let input: Vec<u8> = (0..LEN as u8).collect();
    let mut calls = vec![handle.read(LEN), handle.read(LEN), handle.write(&input)];
    calls.extend((0..4).map(|method| handle.ioctl(IOCTL | method, &input, LEN)));
    calls
}
