//! A slot under every interleaving and every memory order that loom finds: writers own disjoint
//! room, each opened read is finished once, and its finisher sees all that was written.

use std::collections::VecDeque;

use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::sync::{Arc, Mutex};
use loom::thread;
use nblease_engine::read_slot::{Finished, MAX_CAPACITY, Owner, ReadSlot, Reserve, Word};
use nblease_engine::spill::{Record, SpillRing};

/// loom's model of the slot's word.
#[derive(Debug)]
struct Model(AtomicU64);

impl Word for Model {
    fn load(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    fn replace(&self, current: u64, new: u64) -> Result<(), u64> {
        self.0.compare_exchange(current, new, Ordering::AcqRel, Ordering::Acquire).map(drop)
    }

    fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Runs `body` in every way that has at most `preemptions` of them, which is what keeps the number
/// of ways in bounds.
fn explore(preemptions: usize, body: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    model.check(body);
}

fn model_slot() -> ReadSlot<Model> {
    ReadSlot::from_words(Model(AtomicU64::new(0)), Model(AtomicU64::new(0)))
}

/// A slot with what a driver keeps beside it. loom fails a run in which two threads touch one of
/// the cells at a time, or one without having synchronised with the other.
struct Active {
    slot: ReadSlot<Model>,
    /// The number of the read, and its buffer in units of 4 bytes.
    read: UnsafeCell<u32>,
    units: Vec<UnsafeCell<()>>,
}

impl Active {
    fn new(units: usize) -> Self {
        Self { slot: model_slot(), read: UnsafeCell::new(0), units: (0..units).map(|_| UnsafeCell::new(())).collect() }
    }

    fn open(&self, owner: Owner<'_, Model>, used: u32) {
        self.read.with_mut(|_| ());
        owner.open(self.units.len() as u32 * 4, used).unwrap();
    }

    fn write(&self, offset: u32, len: u32) {
        self.read.with(|_| ());
        for unit in &self.units[offset as usize / 4..(offset + len) as usize / 4] {
            unit.with_mut(|_| ());
        }
    }

    /// What a finisher may do; returns the number of bytes.
    fn take(&self, finished: &Finished<'_, Model>) -> u32 {
        self.read.with_mut(|_| ());
        for unit in &self.units {
            unit.with_mut(|_| ());
        }
        finished.bytes
    }
}

/// Bytes written and reads finished, with their bytes.
#[derive(Default)]
struct Tally {
    written: u32,
    finished: Vec<u32>,
}

/// One record; a read that it ends is taken and, where asked for, opened again.
fn write_one(active: &Active, len: u32, reopen: bool) -> Tally {
    let mut tally = Tally::default();
    let finished = match active.slot.reserve(len) {
        Reserve::NoRead => None,
        Reserve::Full(finished) => finished,
        Reserve::Room(room) => {
            active.write(room.offset, room.len);
            tally.written += len;
            room.commit()
        }
    };
    if let Some(finished) = finished {
        tally.finished.push(active.take(&finished));
        if reopen {
            active.open(finished.owner, 0);
        }
    }
    tally
}

#[test]
fn writers_and_a_timer_finish_a_read_once() {
    explore(4, || {
        let active = Arc::new(Active::new(3));
        active.open(active.slot.acquire().unwrap(), 0);
        let writers: Vec<_> = [4, 8]
            .into_iter()
            .map(|len| {
                let active = active.clone();
                thread::spawn(move || write_one(&active, len, false))
            })
            .collect();
        let closed = active.slot.close_any().map(|finished| active.take(&finished));
        let mut all = Tally { written: 0, finished: closed.into_iter().collect() };
        for writer in writers {
            let tally = writer.join().unwrap();
            all.written += tally.written;
            all.finished.extend(tally.finished);
        }
        assert_eq!(all.finished, [all.written]);
        assert!(active.slot.acquire().is_some(), "a finished read leaves the slot idle");
    });
}

#[test]
fn a_full_read_is_finished_once_and_the_next_one_opened() {
    explore(4, || {
        let active = Arc::new(Active::new(1));
        active.open(active.slot.acquire().unwrap(), 0);
        let writers: Vec<_> = (0..2)
            .map(|_| {
                let active = active.clone();
                thread::spawn(move || [write_one(&active, 4, true), write_one(&active, 4, true)])
            })
            .collect();
        let mut written = 0;
        let mut delivered = 0;
        for tally in writers.into_iter().flat_map(|writer| writer.join().unwrap()) {
            written += tally.written;
            for bytes in tally.finished {
                assert_eq!(bytes, 4, "a read is full when a record does not fit");
                delivered += bytes;
            }
        }
        if let Some(last) = active.slot.close_any() {
            delivered += active.take(&last);
        }
        assert_eq!(delivered, written);
    });
}

#[test]
fn one_of_two_becomes_the_owner() {
    explore(4, || {
        let active = Arc::new(Active::new(1));
        let other = active.clone();
        let thread = thread::spawn(move || {
            other.slot.acquire().map(|owner| {
                other.read.with_mut(|_| ());
                drop(owner);
            })
        });
        let mine = active.slot.acquire().map(|owner| {
            active.read.with_mut(|_| ());
            drop(owner);
        });
        assert!(thread.join().unwrap().is_some() || mine.is_some());
    });
}

/// The protocol of the crate's first page, over a read of one record: a spill behind a lock, and a
/// queue of pended reads.
struct Reader {
    slot: ReadSlot<Model>,
    spill: Mutex<SpillRing<Vec<u8>>>,
    /// The record in the active read.
    buffer: Mutex<Vec<u32>>,
    pended: Mutex<VecDeque<()>>,
    delivered: Mutex<Vec<u32>>,
}

type Ended<'a> = Option<Finished<'a, Model>>;

const RECORD: Record = Record { len: 4, captured: Some(0) };

impl Reader {
    fn frame(&self, number: u32) {
        match self.deliver(number) {
            Ok(finished) => return self.finish(finished),
            Err(finished) => self.finish(finished),
        }
        let mut spill = self.spill.lock().unwrap();
        let finished = match self.deliver(number) {
            Ok(finished) => finished,
            Err(finished) => {
                let mut room = spill.reserve(RECORD).unwrap();
                room.parts().0.copy_from_slice(&number.to_le_bytes());
                room.commit();
                finished
            }
        };
        drop(spill);
        self.finish(finished);
    }

    /// Whether the record is in a read, and in both cases the read that this ended.
    fn deliver(&self, number: u32) -> Result<Ended<'_>, Ended<'_>> {
        match self.slot.reserve(4) {
            Reserve::Room(room) => {
                self.buffer.lock().unwrap().push(number);
                // The read has room for one record: it is done.
                let ticket = room.ticket;
                Ok(room.commit().or_else(|| self.slot.close(ticket)))
            }
            Reserve::Full(finished) => Err(finished),
            Reserve::NoRead => Err(None),
        }
    }

    fn finish<'a>(&'a self, ended: Ended<'a>) {
        if let Some(finished) = ended {
            let records = std::mem::take(&mut *self.buffer.lock().unwrap());
            self.delivered.lock().unwrap().extend(records);
            self.next_read(finished.owner);
        }
    }

    fn read(&self) {
        self.pended.lock().unwrap().push_back(());
        if let Some(owner) = self.slot.acquire() {
            self.next_read(owner);
        }
    }

    fn next_read<'a>(&'a self, mut owner: Owner<'a, Model>) {
        loop {
            let Some(()) = self.pended.lock().unwrap().pop_front() else {
                drop(owner);
                if self.pended.lock().unwrap().is_empty() {
                    return;
                }
                match self.slot.acquire() {
                    Some(again) => owner = again,
                    None => return,
                }
                continue;
            };
            let mut spill = self.spill.lock().unwrap();
            let spilled =
                spill.pop_with(|_, first, second| u32::from_le_bytes([first, second].concat().try_into().unwrap()));
            let Some(number) = spilled else {
                owner.open(4, 0).unwrap();
                return;
            };
            // The spill fills this read.
            self.delivered.lock().unwrap().push(number);
        }
    }
}

#[test]
fn slot_and_spill_together_keep_order_and_lose_nothing() {
    explore(4, || {
        let reader = Arc::new(Reader {
            slot: model_slot(),
            spill: Mutex::new(SpillRing::new(vec![0; 256])),
            buffer: Mutex::default(),
            pended: Mutex::default(),
            delivered: Mutex::default(),
        });
        let reads = {
            let reader = reader.clone();
            thread::spawn(move || {
                reader.read();
                reader.read();
            })
        };
        for number in 0..3 {
            reader.frame(number);
        }
        reads.join().unwrap();
        // Both reads got a frame: none was left pended while a frame waited.
        let mut all = reader.delivered.lock().unwrap().clone();
        assert_eq!(all.len(), 2);
        let mut spill = reader.spill.lock().unwrap();
        while let Some(number) = spill.pop_with(|_, a, b| [a, b].concat()) {
            all.push(u32::from_le_bytes(number.try_into().unwrap()));
        }
        assert_eq!(all, [0, 1, 2]);
    });
}

#[test]
fn what_comes_late_closes_no_other_read() {
    let slot = ReadSlot::new();
    let first = slot.acquire().unwrap().open(8, 0).unwrap();
    assert!(slot.acquire().is_none(), "an open slot is nobody's");
    let finished = slot.close(first).unwrap();
    assert_eq!(finished.bytes, 0);
    assert!(slot.close(first).is_none(), "a read is finished once");
    let second = finished.owner.open(8, 4).unwrap();
    assert!(slot.close(first).is_none(), "the ticket is that of the read before");
    assert_eq!(slot.close(second).unwrap().bytes, 4);
}

/// Two processors deliver at once, each closing what is filled after its record.
#[test]
fn the_end_of_a_batch_closes_no_empty_read() {
    explore(4, || {
        let active = Arc::new(Active::new(2));
        active.open(active.slot.acquire().unwrap(), 0);
        let batch = |active: &Active| {
            let mut tally = write_one(active, 4, true);
            if let Some(finished) = active.slot.close_filled() {
                tally.finished.push(active.take(&finished));
                active.open(finished.owner, 0);
            }
            tally
        };
        let other = active.clone();
        let thread = thread::spawn(move || batch(&other));
        let tallies = [batch(&active), thread.join().unwrap()];
        let finished: Vec<_> = tallies.iter().flat_map(|tally| &tally.finished).collect();
        assert!(finished.iter().all(|bytes| **bytes != 0), "{finished:?}");
        let written: u32 = tallies.iter().map(|tally| tally.written).sum();
        assert_eq!(finished.into_iter().sum::<u32>(), written);
    });
}

#[test]
fn a_closed_read_takes_nothing_more_and_ends_with_its_last_writer() {
    let slot = ReadSlot::new();
    let ticket = slot.acquire().unwrap().open(100, 12).unwrap();
    let room = |len| match slot.reserve(len) {
        Reserve::Room(room) => room,
        other => panic!("{other:?}"),
    };
    let (a, b) = (room(40), room(44));
    assert_eq!((a.offset, b.offset), (12, 52));
    assert!(matches!(slot.reserve(8), Reserve::Full(None)), "4 bytes are left");
    assert!(matches!(slot.reserve(4), Reserve::NoRead), "and the read is closed");
    assert!(slot.close(ticket).is_none());
    assert!(b.commit().is_none());
    assert_eq!(a.commit().unwrap().bytes, 96);
    assert!(matches!(slot.reserve(4), Reserve::NoRead));
}

#[test]
fn a_capacity_out_of_range_gives_the_owner_back() {
    let slot = ReadSlot::new();
    let owner = slot.acquire().unwrap();
    let owner = owner.open(MAX_CAPACITY + 1, 0).unwrap_err();
    let owner = owner.open(4, 8).unwrap_err();
    owner.open(MAX_CAPACITY, 0).unwrap();
    assert!(matches!(slot.reserve(MAX_CAPACITY), Reserve::Room(_)));
}
