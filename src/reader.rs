//! A configured handle: its active read, the spill behind it, and how a frame gets into either.
//!
//! Calling contexts: [`Reader::deliver`] and [`Reader::end_batch`] up to DISPATCH_LEVEL with the adapter's readers
//! locked to read, on several processors at once. [`Reader::pend`] and [`Reader::end`] at PASSIVE_LEVEL. The timer and
//! the cancel callback up to DISPATCH_LEVEL. A frame is borrowed from its NBL, whose owner is the caller. Reads that
//! end are handed out in [`Completions`] and completed by the caller, without a lock.
//!
//! A frame goes into the open read where it fits: room is reserved by one atomic operation and filled without a lock.
//! Only where there is no open read or no room is the reader's own lock taken: to end the read and open the next, or
//! to put the record into the spill. A read is open only while the spill is empty, so records keep their order.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use nblease_abi::{pcapng::EpbPlan, rules::RuleRecord, stats::ReaderStats};
use nblease_engine::{
    clock::Clock,
    counters::ReaderCounters,
    drop_count::DropCount,
    lease::ReaderId,
    read_slot::{Finished, ReadSlot, Reserve, Reserved, Ticket},
    reader::{Direction, ReaderConfig},
    rules::RuleTable,
    spill::{Record, SpillLevel, SpillRing},
};
use nblease_ndis::packet::{FrameRef, NblRef};
use nblease_wdf::{
    NtStatus,
    device::File,
    lock::{SpinGuard, SpinLock},
    read::{ActiveRead, CancelledRead, Completions, OpenBuffer, Read, ReadQueue},
    request::Request,
    rundown::Rundown,
    time,
    timer::Timer,
};

use crate::{
    control::Device,
    entry::driver,
    record::{self, Plan, ReadRoom, SpillParts},
};

/// Most bytes that a waiting read gets out of the spill while the reader is locked.
const SERVED_BYTES: usize = 256 << 10;

/// A reader. Shared by its handle and by the adapters that it watches.
pub struct Reader {
    config: ReaderConfig,
    rules: RuleTable<Vec<RuleRecord>>,
    /// Its place among the leases, where it may hold frames.
    lease_id: AtomicU8,
    /// A frame was refused for want of a READ, and none has come since.
    starved: AtomicBool,
    clock: Clock,
    file: File<Device>,
    reads: ReadQueue,
    timer: Timer,
    /// The last handle is closed: no adapter gets to know the reader any more.
    retired: AtomicBool,
    /// Entered by who puts reads into the queue: the handle's end waits for them, as nothing else keeps the file.
    pending: Rundown,
    slot: ReadSlot,
    buffer: OpenBuffer,
    /// Frames and captured bytes in the open read.
    filled: Tally,
    untold_drops: DropCount,
    waiting: SpinLock<Waiting>,
    counters: ReaderCounters,
}

/// What the reader's lock guards.
struct Waiting {
    /// The read that is open or closing.
    active: Option<(ActiveRead, Ticket)>,
    /// When its time is up, by the performance counter.
    due: u64,
    /// It is being closed because its time is up.
    is_time_up: bool,
    spill: SpillRing<Vec<u8>>,
    /// The handle is closed: nothing is taken from the queue any more.
    ended: bool,
}

#[derive(Default)]
struct Tally {
    frames: AtomicU64,
    bytes: AtomicU64,
}

/// What a record says besides its frame.
#[derive(Clone, Copy)]
pub struct Told {
    /// Whence the frame came, and when.
    pub batch: Batch,
    /// The adapter's place in the reader's configuration.
    pub interface: u32,
    /// By what a GATE answers.
    pub ticket: Option<u64>,
}

/// What is done with a record for which there is no read.
#[derive(Clone, Copy)]
pub enum Otherwise {
    /// It is spilled.
    Spill,
    /// It is refused: its frame waits.
    Refuse,
}

/// What a callback knows about the frames that it brings, read once for all of them.
#[derive(Clone, Copy)]
pub struct Batch {
    /// Seen from this machine.
    pub direction: Direction,
    /// The performance counter.
    pub counter: u64,
}

impl Reader {
    /// A reader whose first records are `descriptions`: the blocks that describe its interfaces. PASSIVE_LEVEL.
    ///
    /// # Errors
    /// STATUS_INSUFFICIENT_RESOURCES where there is no memory for the spill.
    pub fn new(
        config: ReaderConfig,
        rules: RuleTable<Vec<RuleRecord>>,
        clock: Clock,
        file: File<Device>,
        timer: Timer,
        reads: ReadQueue,
        descriptions: &[Vec<u8>],
    ) -> Result<Self, NtStatus> {
        let mut memory = Vec::new();
        let bytes = config.spill_bytes() as usize;
        memory.try_reserve_exact(bytes).map_err(|_| NtStatus::INSUFFICIENT_RESOURCES)?;
        memory.resize(bytes, 0);
        let mut spill = SpillRing::new(memory);
        for block in descriptions {
            let record = Record { len: block.len() as u32, captured: None };
            let mut room = spill.reserve(record).ok_or(NtStatus::INSUFFICIENT_RESOURCES)?;
            let (first, second) = room.parts();
            for (to, from) in first.iter_mut().chain(second).zip(block) {
                *to = *from;
            }
            room.commit();
        }
        let pending = Rundown::closed();
        pending.open();
        Ok(Self {
            config,
            rules,
            lease_id: AtomicU8::new(u8::MAX),
            starved: AtomicBool::new(false),
            clock,
            file,
            reads,
            timer,
            retired: AtomicBool::new(false),
            pending,
            slot: ReadSlot::new(),
            buffer: OpenBuffer::new(),
            filled: Tally::default(),
            untold_drops: DropCount::new(),
            waiting: SpinLock::new(Waiting { active: None, spill, due: 0, is_time_up: false, ended: false }),
            counters: ReaderCounters::new(),
        })
    }

    /// What it asked for.
    pub const fn config(&self) -> &ReaderConfig {
        &self.config
    }

    /// What its rules say.
    pub const fn rules(&self) -> &RuleTable<Vec<RuleRecord>> {
        &self.rules
    }

    /// Its place among the leases, where it may hold frames. Any IRQL.
    pub fn lease_id(&self) -> Option<ReaderId> {
        ReaderId::of_index(self.lease_id.load(Ordering::Relaxed))
    }

    /// Gives it a place, before any adapter knows it.
    pub fn set_lease_id(&self, id: ReaderId) {
        self.lease_id.store(id.index() as u8, Ordering::Relaxed);
    }

    /// Whether there may be a READ for what waits for it. Any IRQL.
    pub fn may_take(&self) -> bool {
        !self.starved.load(Ordering::Relaxed)
    }

    /// Its counters.
    pub const fn counters(&self) -> &ReaderCounters {
        &self.counters
    }

    /// Counts a verdict whose replacement could not be made.
    pub fn count_unfit(&self) {
        self.count(&ReaderStats { verdicts_unfit: 1, ..ReaderStats::default() });
    }

    /// Its counters now.
    pub fn stats(&self) -> ReaderStats {
        let level: SpillLevel = self.waiting.lock().spill.level();
        self.counters.snapshot(level)
    }

    /// Adds what a batch counted.
    pub fn count(&self, counted: &ReaderStats) {
        self.counters.add(counted);
    }

    /// A READ came: it waits for records, or gets those that wait.
    pub fn pend(&self, request: Request) {
        let read = match Read::map(request, self.config.largest_record() as usize) {
            Ok(read) => read,
            Err((request, status)) => {
                let unmapped = status == NtStatus::INSUFFICIENT_RESOURCES;
                self.count(&ReaderStats {
                    reads_failed_mapping: unmapped.into(),
                    reads_refused: (!unmapped).into(),
                    ..ReaderStats::default()
                });
                return request.complete(status, 0);
            }
        };
        let mut done = Completions::new();
        // Once the read is in the queue it is somebody else's, and with it goes what keeps the file.
        let Some(_pending) = self.pending.enter() else {
            self.count_read(0);
            return read.finish(0, &mut done);
        };
        if let Err((request, status)) = read.pend(self.reads) {
            return self.refuse(request, status);
        }
        let waiting = self.waiting.lock();
        self.starved.store(false, Ordering::Relaxed);
        self.serve(waiting, &mut done);
        done.complete();
    }

    /// Whether the last handle is closed.
    pub fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Relaxed)
    }

    /// The last handle is closed; with the registry locked.
    pub fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
    }

    /// A READ was refused when it came.
    pub fn refuse(&self, request: Request, status: NtStatus) {
        self.count(&ReaderStats { reads_refused: 1, ..ReaderStats::default() });
        request.complete(status, 0);
    }

    /// A waiting READ is cancelled, or its handle closed.
    pub fn withdraw(&self, request: Request) {
        self.count(&ReaderStats { reads_cancelled: 1, ..ReaderStats::default() });
        request.complete(NtStatus::CANCELLED, 0);
    }

    /// Copies a frame into the open read, or into the spill; where neither can be, it is counted as lost.
    pub fn deliver(
        &self,
        nbl: NblRef<'_>,
        frame: FrameRef<'_>,
        batch: Batch,
        interface: u32,
        counted: &mut ReaderStats,
        done: &mut Completions,
    ) {
        self.write(nbl, frame, Told { batch, interface, ticket: None }, Otherwise::Spill, counted, done);
    }

    /// Copies a frame's record to where it goes; false where it is refused.
    pub fn write(
        &self,
        nbl: NblRef<'_>,
        frame: FrameRef<'_>,
        told: Told,
        otherwise: Otherwise,
        counted: &mut ReaderStats,
        done: &mut Completions,
    ) -> bool {
        let shape = Plan::shape(nbl, frame, self.config.snaplen());
        // Mapped before any room is taken, so that a copy once begun ends.
        if frame.map((shape.captured_len as usize).min(frame.len())).is_err() {
            counted.frames_seen += 1;
            counted.frames_dropped_unreadable += 1;
            self.untold_drops.add(1);
            return true;
        }
        let block = EpbPlan {
            interface: told.interface,
            timestamp_ns: self.clock.unix_ns(told.batch.counter),
            captured_len: shape.captured_len,
            original_len: shape.original_len,
            flags: record::flags(nbl, told.batch.direction),
            dropcount: self.untold_drops.take(),
            packet_id: told.ticket,
            queue: None,
        };
        let plan = Plan { shape, block };
        let finished = match self.slot.reserve(plan.len()) {
            Reserve::Room(room) => {
                self.fill(room, frame, plan, counted, done);
                return true;
            }
            Reserve::NoRead => None,
            Reserve::Full(finished) => finished,
        };
        self.write_locked(finished, frame, plan, otherwise, counted, done)
    }

    /// The indication is over: a reader that asked for it gets what is there at once.
    pub fn end_batch(&self, done: &mut Completions) {
        if self.config.is_immediate() {
            // Not one that another processor has just opened.
            if let Some(finished) = self.slot.close_filled() {
                self.finish_and_serve(finished, done);
            }
        }
    }

    /// The timer ran out: the open read's time is up, or was that of one before it.
    pub fn time_up(&self) {
        let mut done = Completions::new();
        let mut waiting = self.waiting.lock();
        let (now, frequency) = time::performance_counter();
        if waiting.active.is_some() && now < waiting.due && !waiting.ended {
            // One more millisecond than is left, since the division cut it.
            let left = (waiting.due - now).saturating_mul(1000) / frequency.max(1);
            self.timer.start(left as u32 + 1);
        } else {
            waiting.is_time_up = waiting.active.is_some();
            // Where a writer is in it, the last of them ends it.
            if let Some(finished) = self.slot.close_filled() {
                self.finish(&mut waiting, finished, &mut done);
                self.serve(waiting, &mut done);
            }
        }
        done.complete();
    }

    /// The framework cancels an active read: it ends with what is in it.
    pub fn cancel(&self, cancelled: CancelledRead) {
        let mut done = Completions::new();
        let mut waiting = self.waiting.lock();
        // Another read, or one with a writer in it: whoever ends it finds the mark left below.
        let ticket = waiting.active.as_ref().filter(|(active, _)| active.is(&cancelled)).map(|(_, ticket)| *ticket);
        if let Some(finished) = ticket.and_then(|ticket| self.slot.close(ticket)) {
            if let Some((active, _)) = waiting.active.take() {
                self.count_read(finished.bytes);
                active.finish_cancelled(finished.bytes as usize);
            }
            drop(finished);
            self.serve(waiting, &mut done);
        } else {
            drop(waiting);
        }
        cancelled.finish(&mut done);
        done.complete();
    }

    /// The handle is closed, and no adapter knows the reader any more: its active read ends with what is in it. The
    /// framework cancels the waiting ones.
    pub fn end(&self) {
        let mut done = Completions::new();
        {
            let mut waiting = self.waiting.lock();
            waiting.ended = true;
            if let Some(finished) = self.slot.close_any() {
                self.finish(&mut waiting, finished, &mut done);
            }
        }
        done.complete();
        // Nothing starts it any more.
        self.timer.stop();
        // Reads that come now are refused; those that came before are in the queue, where the framework looks after this.
        self.pending.close();
    }

    /// There is no open read with room: opens the next one, or does otherwise.
    fn write_locked<'a>(
        &'a self,
        mut finished: Option<Finished<'a>>,
        frame: FrameRef<'_>,
        plan: Plan,
        otherwise: Otherwise,
        counted: &mut ReaderStats,
        done: &mut Completions,
    ) -> bool {
        let mut waiting = self.waiting.lock();
        let mut ended = false;
        loop {
            if let Some(finished) = finished.take() {
                self.finish(&mut waiting, finished, done);
                ended = true;
            }
            // Another processor may have opened a read meanwhile.
            match self.slot.reserve(plan.len()) {
                Reserve::Room(room) => {
                    drop(waiting);
                    self.fill(room, frame, plan, counted, done);
                    return true;
                }
                Reserve::Full(Some(full)) => finished = Some(full),
                // Writers are still in it; the last of them serves what is spilled here.
                Reserve::Full(None) => break,
                Reserve::NoRead if !waiting.spill.is_empty() => break,
                Reserve::NoRead if !self.open(&mut waiting, done) => break,
                Reserve::NoRead => {}
            }
        }
        let taken = match otherwise {
            Otherwise::Spill => {
                self.spill(&mut waiting, frame, plan, counted);
                true
            }
            Otherwise::Refuse => {
                self.untold_drops.add(plan.block.dropcount);
                // Under the lock, so that neither a READ that comes now is missed nor one that is being ended.
                self.starved.store(true, Ordering::Relaxed);
                false
            }
        };
        // Others may have spilled while the slot was ours, and found no read to serve.
        if ended {
            self.serve(waiting, done);
        }
        taken
    }

    /// Takes the next waiting read and opens it; false where there is none, or the slot is not free.
    fn open(&self, waiting: &mut Waiting, done: &mut Completions) -> bool {
        let Some(mut owner) = self.slot.acquire() else { return false };
        while let Some(read) = self.next_read(waiting) {
            let active = match self.file.activate(read) {
                Ok(active) => active,
                Err(cancelled) => {
                    self.count_read(0);
                    cancelled.finish(0, done);
                    continue;
                }
            };
            self.buffer.set(active.buffer());
            match owner.open(active.buffer().len() as u32, 0) {
                Ok(ticket) => {
                    waiting.active = Some((active, ticket));
                    if !self.config.is_immediate() {
                        let (now, frequency) = time::performance_counter();
                        waiting.due = now + frequency.saturating_mul(self.config.timeout_ms().into()) / 1000;
                        self.timer.start(self.config.timeout_ms());
                    }
                    return true;
                }
                Err(back) => {
                    owner = back;
                    self.count_read(0);
                    active.finish(0, done);
                }
            }
        }
        false
    }

    /// The first read that waits, unless the handle is closed.
    fn next_read(&self, waiting: &Waiting) -> Option<Read> {
        if waiting.ended { None } else { self.file.take_read(self.reads) }
    }

    /// Writes a record into its room in the open read.
    fn fill(
        &self,
        room: Reserved<'_>,
        frame: FrameRef<'_>,
        plan: Plan,
        counted: &mut ReaderStats,
        done: &mut Completions,
    ) {
        let captured = u64::from(plan.shape.captured_len);
        counted.frames_seen += 1;
        if let Some(buffer) = self.buffer.get() {
            plan.write(frame, &mut ReadRoom { buffer, start: room.offset as usize });
        }
        counted.frames_direct += 1;
        counted.bytes_copied += captured;
        self.filled.frames.fetch_add(1, Ordering::Relaxed);
        self.filled.bytes.fetch_add(captured, Ordering::Relaxed);
        if let Some(finished) = room.commit() {
            self.finish_and_serve(finished, done);
        }
    }

    /// Copies a record into the spill; a full spill loses it.
    fn spill(&self, waiting: &mut Waiting, frame: FrameRef<'_>, plan: Plan, counted: &mut ReaderStats) {
        let captured = plan.shape.captured_len;
        counted.frames_seen += 1;
        let record = Record { len: plan.len(), captured: Some(captured) };
        let Some(mut room) = waiting.spill.reserve(record) else {
            counted.frames_dropped_spill_full += 1;
            self.untold_drops.add(plan.block.dropcount + 1);
            return;
        };
        let (first, second) = room.parts();
        plan.write(frame, &mut SpillParts { first, second });
        room.commit();
        counted.frames_spilled += 1;
        counted.bytes_copied += u64::from(captured);
    }

    /// Gives spilled records to waiting reads, as long as there are both. The lock is held for one read at a time, which
    /// gets at most [`SERVED_BYTES`], so that who delivers meanwhile does not wait for long.
    fn serve<'a>(&'a self, mut waiting: SpinGuard<'a, Waiting>, done: &mut Completions) {
        while self.serve_one(&mut waiting, done) {
            drop(waiting);
            waiting = self.waiting.lock();
        }
    }

    /// Gives spilled records to a waiting read; false where there is no record or no read.
    fn serve_one(&self, waiting: &mut Waiting, done: &mut Completions) -> bool {
        if waiting.spill.is_empty() {
            return false;
        }
        // A read that writers are still in goes first; the last of them comes here.
        let Some(_owner) = self.slot.acquire() else { return false };
        let Some(read) = self.next_read(waiting) else { return false };
        let buffer = read.buffer();
        let room = buffer.len().min(SERVED_BYTES);
        let mut filled = 0;
        let mut counted = ReaderStats { reads_completed: 1, ..ReaderStats::default() };
        while let Some(record) = waiting.spill.front() {
            // The first one fits: no read is shorter than the largest record.
            if filled != 0 && record.len as usize > room - filled {
                break;
            }
            waiting.spill.pop_with(|_, first, second| {
                buffer.put(filled, first);
                buffer.put(filled + first.len(), second);
            });
            filled += record.len as usize;
            let captured = record.captured.map_or(0, u64::from);
            counted.frames_delivered += u64::from(record.captured.is_some());
            counted.bytes_delivered += captured;
            counted.bytes_copied += captured;
            if filled >= room {
                break;
            }
        }
        self.count(&counted);
        read.finish(filled, done);
        true
    }

    fn finish_and_serve(&self, finished: Finished<'_>, done: &mut Completions) {
        let mut waiting = self.waiting.lock();
        self.finish(&mut waiting, finished, done);
        self.serve(waiting, done);
    }

    /// Ends the active read with what is in it, and frees the slot.
    fn finish(&self, waiting: &mut Waiting, finished: Finished<'_>, done: &mut Completions) {
        let Finished { bytes, owner } = finished;
        let timed_out = core::mem::take(&mut waiting.is_time_up);
        if let Some((active, _)) = waiting.active.take() {
            self.count(&ReaderStats { reads_timed_out: timed_out.into(), ..ReaderStats::default() });
            self.count_read(bytes);
            active.finish(bytes as usize, done);
        }
        // The slot is free for the next read.
        drop(owner);
        if self.starved.swap(false, Ordering::Relaxed)
            && let (Some(driver), Some(id)) = (driver(), self.lease_id())
        {
            driver.leases.kick(id);
        }
    }

    /// Counts a read that ends with `bytes` of records written by [`Self::fill`].
    fn count_read(&self, bytes: u32) {
        self.count(&ReaderStats {
            frames_delivered: self.filled.frames.swap(0, Ordering::Relaxed),
            bytes_delivered: self.filled.bytes.swap(0, Ordering::Relaxed),
            reads_completed: (bytes != 0).into(),
            reads_cancelled: (bytes == 0).into(),
            ..ReaderStats::default()
        });
    }
}
