//! A program that knows nothing of the drivers: it opens each device the moment that it can be opened and again later,
//! calls it in every way there is, cancels some calls, and leaves with calls under way.
//!
//! It finds out which control codes a driver knows ([`codes`]), and calls those with buffers of many lengths.

mod codes;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use codes::Codes;
use rand::{Rng as _, seq::SliceRandom as _};

use super::settle;
use crate::{
    io::{Handle, NtStatus, Pending, Process},
    kernel::kernel,
    sync::lock,
    thread::{self, PASSIVE_LEVEL},
};

/// A control code that no driver is likely to have (CTL_CODE of FILE_DEVICE_UNKNOWN, function 0xfff); its low two bits are
/// the method.
const UNKNOWN: u32 = 0x22 << 16 | 0xfff << 2;
/// Bytes of most buffers.
const LEN: usize = 64;
/// Lengths of buffers that a driver may not think of.
const LENGTHS: [usize; 14] = [0, 1, 2, 4, 8, 12, 16, 20, 24, 32, 40, 48, LEN, 4100];
/// Lengths of reads and writes.
const TRANSFERS: [usize; 5] = [LEN, 0, 1, 1514, 70_000];
/// Calls of one handle under way after which no more kinds are tried: a driver may keep whatever comes.
const MOST_UNDER_WAY: usize = 256;
/// How long closed handles' calls may take. V47 is judged before.
const END_NS: u64 = 20_000_000_000;

/// The program.
pub struct Stranger {
    process: Arc<Process>,
    early: Arc<Mutex<Vec<Handle>>>,
    guests: Vec<Guest>,
}

/// An open device, and the calls that were made on it.
struct Guest {
    handle: Handle,
    known: Vec<u32>,
    /// Codes whose calls the driver has kept.
    kept: BTreeSet<u32>,
    calls: Vec<Pending>,
}

impl Stranger {
    /// From now on it opens devices as they become ready: inside DriverEntry, where the driver is not done yet.
    pub fn lie_in_wait() -> Self {
        let stranger =
            Self { process: Arc::new(Process::new("stranger", true)), early: Arc::default(), guests: Vec::new() };
        stranger.process.be_impatient();
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

    /// Opens each device twice and makes calls of every kind; some stay under way. `thorough`: also calls with control
    /// codes that the drivers may know, and lengths of which they may not think.
    pub fn arrive(&mut self, thorough: bool) {
        let codes = if thorough { codes::codes() } else { Codes::default() };
        for path in kernel().io.paths() {
            for nth in 0..2 {
                let Ok(handle) = self.process.open(&path) else { continue };
                let mut guest = Guest::new(handle);
                guest.call();
                if nth == 0 {
                    guest.explore(&codes);
                } else {
                    let first = self.guests.last();
                    guest.known = first.map(|first| first.known.clone()).unwrap_or_default();
                    guest.kept = first.map(|first| first.kept.clone()).unwrap_or_default();
                }
                self.guests.push(guest);
                settle();
            }
        }
    }

    /// Some more calls, and some that are under way are cancelled.
    pub fn call_on(&mut self) {
        for guest in &mut self.guests {
            guest.call_on();
            guest.cancel_some();
        }
        settle();
    }

    /// Closes a handle of each device with calls under way, while another of the same device stays open; then dies with
    /// calls under way on the rest.
    pub fn leave(&mut self) {
        let guests = std::mem::take(&mut self.guests);
        let (first, second): (Vec<_>, Vec<_>) = guests.into_iter().enumerate().partition(|(at, _)| at % 2 == 0);
        let calls: Vec<Pending> = first.into_iter().flat_map(|(_, guest)| guest.close()).collect();
        for handle in std::mem::take(&mut *lock(&self.early)) {
            let mut guest = Guest::new(handle);
            guest.call();
        }
        let still_open: Vec<Pending> = second.into_iter().flat_map(|(_, guest)| guest.calls).collect();
        self.process.kill();
        let ended = &mut || calls.iter().chain(&still_open).all(|call| call.try_result().is_some());
        kernel().sched.wait_until("the calls of closed handles", Some(END_NS), ended);
        settle();
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        kernel().io.on_ready(None);
    }
}

impl Guest {
    fn new(handle: Handle) -> Self {
        Self { handle, known: Vec::new(), kept: BTreeSet::new(), calls: Vec::new() }
    }

    /// A call of each kind.
    fn call(&mut self) {
        let bytes = filled(LEN);
        self.calls.extend([self.handle.read(LEN), self.handle.read(LEN), self.handle.write(&bytes)]);
        self.calls.extend((0..4).map(|method| self.handle.ioctl(UNKNOWN | method, &bytes, LEN)));
        for len in TRANSFERS {
            self.calls.extend([self.handle.read(len), self.handle.write(&filled(len))]);
        }
        self.forget_ended();
    }

    /// Looks for the codes that the driver knows, and calls those with buffers of all lengths.
    fn explore(&mut self, codes: &Codes) {
        let bytes = filled(LEN);
        let unknown = (0..4).map(|method| self.handle.ioctl(UNKNOWN | method, &bytes, LEN).try_result());
        let refusals: Vec<NtStatus> = unknown.flatten().map(|answer| answer.nt_status()).collect();
        for code in &codes.near {
            let call = self.handle.ioctl(*code, &bytes, LEN);
            let refused = call.try_result().is_some_and(|answer| refusals.contains(&answer.nt_status()));
            if !refused {
                self.known.push(*code);
                self.calls.push(call);
            }
            if self.has_enough_under_way() {
                return;
            }
        }
        self.known.extend(&codes.named);
        for code in self.known.clone() {
            for len in LENGTHS {
                for (input, output) in [(len, len), (len, 0), (0, len), (len, LEN), (LEN, len)] {
                    let call = self.handle.ioctl(code, &filled(input), output);
                    if call.try_result().is_none() {
                        self.kept.insert(code);
                    }
                    self.calls.push(call);
                }
            }
            if self.has_enough_under_way() {
                return;
            }
            settle();
        }
    }

    /// Whether the driver keeps so much that it may keep whatever comes.
    fn has_enough_under_way(&mut self) -> bool {
        if self.calls.len() > MOST_UNDER_WAY {
            self.forget_ended();
        }
        self.calls.len() > MOST_UNDER_WAY
    }

    fn call_on(&mut self) {
        self.calls.extend([self.handle.read(LEN), self.handle.read(2 * LEN), self.handle.write(&filled(LEN))]);
        self.known.shuffle(&mut *kernel().rng());
        for code in self.known.iter().take(8).chain(&self.kept) {
            self.calls.push(self.handle.ioctl(*code, &filled(LEN), LEN));
        }
        self.forget_ended();
    }

    /// Cancels about half of what is under way, in any order.
    fn cancel_some(&mut self) {
        self.forget_ended();
        self.calls.shuffle(&mut *kernel().rng());
        for call in &self.calls[self.calls.len() / 2..] {
            call.cancel();
        }
        self.forget_ended();
    }

    /// Closes the handle: what was under way.
    fn close(mut self) -> Vec<Pending> {
        self.call_on();
        if let Some(call) = self.calls.first() {
            call.cancel();
        }
        self.handle.close();
        settle();
        self.calls
    }

    fn forget_ended(&mut self) {
        self.calls.retain(|call| call.try_result().is_none());
    }
}

/// Bytes to send: all zero, all ones, or counted up.
fn filled(len: usize) -> Vec<u8> {
    match kernel().rng().random_range(0..4) {
        0 => vec![0; len],
        1 => vec![0xff; len],
        _ => (0..len).map(|at| at as u8).collect(),
    }
}
