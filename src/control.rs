//! The control device: open, close, READ and the IOCTLs.
//!
//! Calling contexts: all at PASSIVE_LEVEL, any number at once, without a lock of ours, except the cancel callback and
//! the timer, which come up to DISPATCH_LEVEL and go straight to the reader. A request belongs to the callback that
//! receives it, and is completed there or handed to the reader. Every length is that of the request's own buffer; a
//! refused request changes nothing.

use alloc::vec::Vec;

use nblease_abi::{
    self as abi,
    configure::{self, Configure, ConfigureReply},
    ioctl::{self, ABI_VERSION, AdapterEntry, AdapterList, VersionInfo},
    rules,
    stats::{AdapterStats, STATS_OF_ALL_READERS, STATS_OF_THIS_READER, StatsHeader},
    verdict::{Verdicts, VerdictsReply},
};
use nblease_engine::{clock::Clock, reader::ReaderConfig, rules::RuleTable};
use nblease_wdf::{
    NtStatus,
    device::{Control, File},
    lock::SpinLock,
    pool::PoolArc,
    read::CancelledRead,
    request::{Buffers, Request},
    time,
    timer::Timer,
};
use zerocopy::IntoBytes;

use crate::{
    entry::{Driver, driver},
    reader::Reader,
    registry::Registry,
    verdict,
};

/// The control device's implementation.
pub struct Device;

/// An open handle: a reader once CONFIGURE has made it one.
pub struct Handle {
    file: File<Device>,
    /// Calls [`Control::timer`]; the framework deletes it with the file.
    timer: Timer,
    state: SpinLock<State>,
}

/// What a handle is. It changes with the registry locked, so that CONFIGURE and the last close do not pass each other.
#[derive(Clone)]
enum State {
    /// Opened.
    Open,
    /// CONFIGURE made it a reader.
    Reader(PoolArc<Reader>),
    /// The last handle is closed: what it was.
    Ended(Option<PoolArc<Reader>>),
}

impl Handle {
    /// The reader, also one that has ended: its requests still come back.
    fn reader(&self) -> Option<PoolArc<Reader>> {
        match &*self.state.lock() {
            State::Open => None,
            State::Reader(reader) => Some(reader.clone()),
            State::Ended(reader) => reader.clone(),
        }
    }

    /// Sets the state, and lets go of the one before without the lock.
    fn set(&self, state: State) {
        let before = core::mem::replace(&mut *self.state.lock(), state);
        drop(before);
    }
}

impl Control for Device {
    type File = Handle;

    fn open(file: File<Self>) -> Result<Handle, NtStatus> {
        Ok(Handle { file, timer: file.timer()?, state: SpinLock::new(State::Open) })
    }

    fn cleanup(handle: &Handle) {
        let Some(driver) = driver() else { return };
        let reader = {
            let registry = driver.registry.lock();
            let reader = handle.reader();
            handle.set(State::Ended(reader.clone()));
            if let Some(reader) = &reader {
                registry.retire(reader);
            }
            reader
        };
        if let Some(reader) = reader {
            if let Some(id) = reader.lease_id() {
                driver.leases.close_reader(id, &reader);
            }
            reader.end();
        }
    }

    fn read(handle: &Handle, request: Request, length: usize) {
        let Some(reader) = handle.reader() else {
            return request.complete(status(abi::NtStatus::DEVICE_NOT_READY), 0);
        };
        if length > ioctl::MAX_READ_BYTES as usize {
            return reader.refuse(request, status(abi::NtStatus::INVALID_PARAMETER));
        }
        reader.pend(request);
        if let (Some(driver), Some(id)) = (driver(), reader.lease_id()) {
            driver.leases.reader_reads(id);
        }
    }

    fn ioctl(handle: &Handle, mut request: Request, code: u32) {
        let result = driver().ok_or(status(abi::NtStatus::DELETE_PENDING)).and_then(|driver| match code {
            ioctl::IOCTL_QUERY_VERSION => query_version(driver, &mut request),
            ioctl::IOCTL_LIST_ADAPTERS => list_adapters(driver, &mut request),
            ioctl::IOCTL_CONFIGURE => configure(driver, handle, &mut request),
            ioctl::IOCTL_STATS => stats(driver, handle, &mut request),
            ioctl::IOCTL_VERDICT => verdicts(driver, handle, &mut request),
            _ => Err(status(abi::NtStatus::INVALID_DEVICE_REQUEST)),
        });
        match result {
            Ok(bytes) => request.complete(NtStatus::SUCCESS, bytes),
            Err(status) => request.complete(status, 0),
        }
    }

    fn read_withdrawn(handle: &Handle, request: Request) {
        match handle.reader() {
            Some(reader) => reader.withdraw(request),
            None => request.complete(NtStatus::CANCELLED, 0),
        }
    }

    fn read_cancelled(handle: &Handle, read: CancelledRead) {
        if let Some(reader) = handle.reader() {
            reader.cancel(read);
        }
    }

    fn timer(handle: &Handle) {
        if let Some(reader) = handle.reader() {
            reader.time_up();
        }
    }

    fn deadline() {
        if let Some(driver) = driver() {
            driver.leases.deadline();
        }
    }
}

impl Drop for Handle {
    /// The file is closed: no read is left, and the counters do not change any more.
    fn drop(&mut self) {
        if let (Some(driver), Some(reader)) = (driver(), self.reader()) {
            driver.registry.lock().bury(&reader);
        }
    }
}

/// A status that crosses to user mode, as the kernel has it.
const fn status(status: abi::NtStatus) -> NtStatus {
    NtStatus::new(status.0)
}

// These are not inlined into one function, which would need the stack of all of them at once.

#[inline(never)]
fn query_version(driver: &Driver, request: &mut Request) -> Result<usize, NtStatus> {
    let info = VersionInfo {
        abi_version: ABI_VERSION,
        driver: crate::names::VERSION,
        reserved0: 0,
        ndis_version: driver.ndis_version,
        modes: 1 << configure::MODE_TAP | 1 << configure::MODE_GATE,
        max_snaplen: configure::MAX_SNAPLEN,
        max_spill_bytes: configure::MAX_SPILL_BYTES,
        max_adapters: configure::MAX_ADAPTERS,
        max_read_bytes: ioctl::MAX_READ_BYTES,
        max_budget_ms: configure::MAX_BUDGET_MS,
        max_rules: rules::MAX_RULES as u32,
        max_verdicts: abi::verdict::MAX_VERDICTS,
        reserved1: [0; 4],
    };
    answer(request.output(0)?, &[info.as_bytes()], &[])
}

#[inline(never)]
fn list_adapters(driver: &Driver, request: &mut Request) -> Result<usize, NtStatus> {
    let output = request.output(size_of::<AdapterList>())?;
    let room = AdapterList::room(output.len()).unwrap_or(0);
    let (entries, total) = {
        let registry = driver.registry.lock();
        let adapters = registry.adapters();
        (collect(adapters.iter().take(room).map(|adapter| adapter.entry()))?, adapters.len())
    };
    let head = AdapterList::new(entries.len() as u32, total as u32);
    answer(output, &[head.as_bytes()], entries.as_bytes())
}

#[inline(never)]
fn stats(driver: &Driver, handle: &Handle, request: &mut Request) -> Result<usize, NtStatus> {
    let output = request.output(0)?;
    let room = StatsHeader::room(output.len()).ok_or(status(abi::NtStatus::BUFFER_TOO_SMALL))?;
    let reader = handle.reader();
    let (header, counters, adapters) = {
        let registry = driver.registry.lock();
        let adapters = collect(registry.adapters().iter().take(room).map(|adapter| adapter.stats()))?;
        let (scope, counters) = match &reader {
            Some(reader) => (STATS_OF_THIS_READER, reader.stats()),
            None => (STATS_OF_ALL_READERS, registry.stats(&driver.leases.closed_stats())),
        };
        let (count, total) = (adapters.len() as u32, registry.adapters().len() as u32);
        (StatsHeader::new(count, total, registry.readers() as u32, scope), counters, adapters)
    };
    let leases = driver.leases.stats();
    answer(output, &[header.as_bytes(), counters.as_bytes(), leases.as_bytes()], adapters.as_bytes())
}

#[inline(never)]
fn configure(driver: &Driver, handle: &Handle, request: &mut Request) -> Result<usize, NtStatus> {
    let buffers = request.buffers()?;
    has_room(&buffers, size_of::<ConfigureReply>())?;
    // From here to the end of the function CONFIGUREs come one at a time.
    let mut registry = driver.registry.lock();
    let (reader, reply) = new_reader(driver, handle, &registry, buffers.input())?;
    if let Some(hold) = reader.config().hold() {
        driver.leases.activate(registry.adapters().iter())?;
        let id = driver.leases.add_reader(&reader, hold)?;
        reader.set_lease_id(id);
        if let Err(status) = registry.add(&reader) {
            driver.leases.close_reader(id, &reader);
            return Err(status);
        }
    } else {
        registry.add(&reader)?;
    }
    handle.set(State::Reader(reader));
    answer(buffers.into_output(), &[reply.as_bytes()], &[])
}

/// The reader that a CONFIGURE asks for, known to nobody yet.
#[inline(never)]
fn new_reader(
    driver: &Driver,
    handle: &Handle,
    registry: &Registry,
    input: &[u8],
) -> Result<(PoolArc<Reader>, ConfigureReply), NtStatus> {
    let (config, luids, rules) = Configure::parse(input).map_err(|error| status(error.status()))?;
    let reply = config.reply();
    let config = ReaderConfig::new(&config, luids);
    let rules = RuleTable::new(collect(rules.iter().copied())?);
    let rules = rules.map_err(|_| status(abi::NtStatus::INVALID_PARAMETER))?;
    match *handle.state.lock() {
        State::Open => {}
        State::Reader(_) => return Err(status(abi::NtStatus::INVALID_DEVICE_STATE)),
        State::Ended(_) => return Err(NtStatus::CANCELLED),
    }
    let mut descriptions = Vec::new();
    descriptions.try_reserve_exact(config.adapters().len()).map_err(|_| NtStatus::INSUFFICIENT_RESOURCES)?;
    for &luid in config.adapters() {
        descriptions.push(registry.adapter(luid)?.description(config.snaplen())?);
    }
    let reads = driver.device.reads;
    let reader = Reader::new(config, rules, clock()?, handle.file, handle.timer, reads, &descriptions)?;
    let reader = PoolArc::try_new(reader).map_err(|_| NtStatus::INSUFFICIENT_RESOURCES)?;
    Ok((reader, reply))
}

#[inline(never)]
fn verdicts(driver: &Driver, handle: &Handle, request: &mut Request) -> Result<usize, NtStatus> {
    let reader = handle.reader().ok_or(status(abi::NtStatus::DEVICE_NOT_READY))?;
    let id = reader.lease_id().filter(|_| reader.config().is_gate());
    let id = id.ok_or(status(abi::NtStatus::INVALID_DEVICE_REQUEST))?;
    let buffers = request.buffers()?;
    let list = Verdicts::parse(buffers.input()).map_err(|error| status(error.status()))?;
    // Before any verdict holds it has to be sure that all can be told.
    has_room(&buffers, VerdictsReply::output_len(list.len()))?;
    let mut statuses = Vec::new();
    statuses.try_reserve_exact(list.len()).map_err(|_| NtStatus::INSUFFICIENT_RESOURCES)?;
    let accepted = verdict::answer(driver, &reader, id, list, &mut statuses);
    let reply = VerdictsReply::new(statuses.len() as u32, accepted);
    answer(buffers.into_output(), &[reply.as_bytes()], statuses.as_bytes())
}

/// Whether an answer of so many bytes can be given.
fn has_room(buffers: &Buffers<'_>, length: usize) -> Result<(), NtStatus> {
    if buffers.output_len() < length { Err(status(abi::NtStatus::BUFFER_TOO_SMALL)) } else { Ok(()) }
}

/// The performance counter tied to the time of day, once for each reader.
fn clock() -> Result<Clock, NtStatus> {
    let (before, frequency) = time::performance_counter();
    let now = time::system_time();
    let (after, _) = time::performance_counter();
    Clock::tie(frequency, before, now, after).ok_or(status(abi::NtStatus::UNSUCCESSFUL))
}

/// The items in memory of their own: the output is written when no lock is held.
fn collect<T>(items: impl ExactSizeIterator<Item = T>) -> Result<Vec<T>, NtStatus> {
    let mut all = Vec::new();
    all.try_reserve_exact(items.len()).map_err(|_| NtStatus::INSUFFICIENT_RESOURCES)?;
    all.extend(items);
    Ok(all)
}

/// Writes the heads and the entries behind each other into the output, and says how many bytes they are.
fn answer(mut output: &mut [u8], heads: &[&[u8]], entries: &[u8]) -> Result<usize, NtStatus> {
    let mut length = 0;
    for part in heads.iter().chain(&[entries]) {
        let (room, rest) = output.split_at_mut_checked(part.len()).ok_or(status(abi::NtStatus::BUFFER_TOO_SMALL))?;
        room.copy_from_slice(part);
        output = rest;
        length += part.len();
    }
    Ok(length)
}

const _: () = assert!(align_of::<AdapterEntry>() <= 8 && align_of::<AdapterStats>() <= 8);
