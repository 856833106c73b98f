//! Strangers: programs that know nothing of the devices there are. They open any of them, call it in every way there is, and
//! leave with calls under way.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use anyhow::{Context as _, Result};
use rand::{Rng as _, rngs::SmallRng};

use super::{
    control::Job,
    event::Event,
    programs::{Caller, Calls, Crowd, Program, Programs},
};
use crate::{
    io::Process,
    kernel::{DriverId, kernel},
    pe::image::Image,
    sync::lock,
};

/// Device type of codes where there is no device yet: FILE_DEVICE_UNKNOWN.
const UNKNOWN: u32 = 0x22;
/// Calls that one has under way at most.
const CALLS: usize = 24;
/// Lengths of buffers that drivers tell apart.
const LENGTHS: [usize; 12] = [0, 1, 3, 4, 8, 12, 16, 24, 64, 4095, 4096, 70_000];

/// The strangers of a round.
pub struct Strangers {
    crowd: Crowd<Stranger>,
    codes: Codes,
}

struct Stranger(Caller<()>);

impl Program for Stranger {
    type Asked = ();

    fn caller(&mut self) -> &mut Caller<()> {
        &mut self.0
    }
}

/// What is known of IOCTL codes from outside.
struct Codes {
    /// Device types (`CTL_CODE`).
    types: Vec<u32>,
    /// Words in the drivers' code that look like codes of these types.
    found: Vec<u32>,
}

impl Codes {
    /// Those of drivers that were started, with the files that they were loaded from.
    fn of(drivers: &[(DriverId, &Path)]) -> Result<Self> {
        let (mut types, mut found) = (BTreeSet::new(), BTreeSet::new());
        for (driver, path) in drivers {
            let own: BTreeSet<u32> =
                kernel().io.devices_of(*driver).iter().map(|device| device.device_type()).collect();
            let image = Image::parse(&fs::read(path).with_context(|| path.display().to_string())?)?;
            for section in image.sections.iter().filter(|section| section.executable) {
                let code = image.bytes.get(section.start..section.start + section.len).unwrap_or_default();
                let words = code.array_windows::<4>().map(|word| u32::from_le_bytes(*word));
                found.extend(words.filter(|word| own.contains(&(word >> 16))));
            }
            types.extend(own);
        }
        Ok(Self { types: types.into_iter().collect(), found: found.into_iter().collect() })
    }

    fn draw(&self, rng: &mut SmallRng) -> u32 {
        let method = rng.random_range(0..4);
        match rng.random_range(0..10) {
            0 => rng.random(),
            1 => pick(&self.found, rng).unwrap_or_default() & !3 | method,
            2..6 if !self.found.is_empty() => pick(&self.found, rng).unwrap_or_default(),
            _ => {
                let function = match rng.random_range(0..3) {
                    0 => rng.random_range(0..16),
                    // Where the functions of others than Microsoft begin.
                    1 => rng.random_range(0x800..0x840),
                    _ => rng.random_range(0..0x1000),
                };
                let access = rng.random_range(0..4);
                pick(&self.types, rng).unwrap_or(UNKNOWN) << 16 | access << 14 | function << 2 | method
            }
        }
    }
}

fn pick<T: Copy>(all: &[T], rng: &mut SmallRng) -> Option<T> {
    all.get(rng.random_range(0..all.len().max(1))).copied()
}

fn length(rng: &mut SmallRng) -> usize {
    if rng.random_bool(0.3) { rng.random_range(0..300) } else { pick(&LENGTHS, rng).unwrap_or_default() }
}

/// Bytes of which drivers make something: small numbers, noise, nothing.
fn bytes(rng: &mut SmallRng) -> Vec<u8> {
    let length = length(rng);
    match rng.random_range(0..4) {
        0 => vec![0; length],
        1 => (0..length).map(|at| if at % 4 == 0 { rng.random_range(0..32) } else { 0 }).collect(),
        _ => (0..length).map(|_| rng.random()).collect(),
    }
}

impl Strangers {
    /// None yet. They look at the drivers, which were started, from outside.
    ///
    /// # Errors
    /// A file that cannot be read any more.
    pub fn of(drivers: &[(DriverId, &Path)]) -> Result<Self> {
        Ok(Self { crowd: Crowd::default(), codes: Codes::of(drivers)? })
    }
}

impl Programs for Strangers {
    fn job(&mut self, event: Event, _luids: &[u64], rng: &mut SmallRng) -> Result<Option<Job>> {
        match event {
            Event::Open if self.crowd.is_full() => return Ok(None),
            Event::Open => return Ok(Some(open(rng, &self.crowd.opened))),
            Event::Close | Event::Kill => return Ok(self.end_one(event, rng)),
            _ => {}
        }
        let (code, input, room) = (self.codes.draw(rng), bytes(rng), length(rng));
        let Some(Stranger(caller)) = self.crowd.any(rng, |_| true) else { return Ok(None) };
        let busy = lock(caller.calls()).len() >= CALLS;
        Ok(match event {
            Event::Read if !busy => Some(caller.call(rng, (), move |handle| handle.read(room))),
            Event::Write if !busy => Some(caller.call(rng, (), move |handle| handle.write(&input))),
            Event::Ask if !busy => Some(caller.call(rng, (), move |handle| handle.ioctl(code, &input, room))),
            Event::CancelCalls => Some(caller.cancel_calls(rng)),
            Event::Duplicate => {
                caller.duplicate();
                None
            }
            _ => {
                caller.take();
                None
            }
        })
    }

    fn end_one(&mut self, event: Event, rng: &mut SmallRng) -> Option<Job> {
        self.crowd.end_one(event, rng)
    }

    fn welcome(&mut self) {
        self.crowd.welcome();
    }

    fn left(&self) -> usize {
        self.crowd.left()
    }
}

/// One opens a device, if there is one then. It is in `opened` after that.
fn open(rng: &mut SmallRng, opened: &Arc<Mutex<Vec<Stranger>>>) -> Job {
    let (administrator, at) = (rng.random_bool(0.9), rng.random_range(0..usize::MAX));
    let opened = opened.clone();
    Box::new(move || {
        let paths = kernel().io.paths();
        let Some(path) = paths.get(at % paths.len().max(1)) else { return };
        let process = Arc::new(Process::new("stranger", administrator));
        if let Ok(handle) = process.open(path) {
            lock(&opened).push(Stranger(Caller::new(process, handle, Calls::default())));
        }
    })
}
