//! Where records wait when no read is open: a bounded ring of whole records.
//!
//! A record lies in the ring behind a small header; the record may wrap around the end, its header
//! never does. The driver keeps the ring behind a lock.

/// What is known about a record besides its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Bytes of the record: a multiple of 4.
    pub len: u32,
    /// Captured bytes of the frame in it; `None` where it holds no frame, as an interface's
    /// description does.
    pub captured: Option<u32>,
}

/// Bytes before each record: its length in the low half, its captured bytes in the high half.
const RECORD_HEADER: usize = 8;

/// Stands for `captured: None`.
const NO_FRAME: u32 = u32::MAX;

/// A ring over memory of the driver's. See the [module](self).
#[derive(Debug)]
pub struct SpillRing<S> {
    memory: S,
    /// Where the first record's header starts: a multiple of a header, below the capacity.
    head: usize,
    /// Bytes from `head` on that hold records and their headers.
    used: usize,
    frames: u64,
    record_bytes: u64,
    peak: u64,
}

/// How full a ring is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpillLevel {
    /// Frames in it.
    pub frames: u64,
    /// Bytes of records in it.
    pub bytes: u64,
    /// Most bytes of records that it has held.
    pub peak: u64,
}

impl<S: AsRef<[u8]> + AsMut<[u8]>> SpillRing<S> {
    /// An empty ring over `memory`, of which a rest below 8 bytes stays unused.
    pub const fn new(memory: S) -> Self {
        Self { memory, head: 0, used: 0, frames: 0, record_bytes: 0, peak: 0 }
    }

    /// Bytes of memory that the ring uses: a multiple of a header, so that none wraps.
    fn capacity(&self) -> usize {
        self.memory.as_ref().len() / RECORD_HEADER * RECORD_HEADER
    }

    /// Bytes that a record takes up: header, content, and what is missing to the next header.
    fn footprint(record: Record) -> usize {
        RECORD_HEADER + (record.len as usize).next_multiple_of(RECORD_HEADER)
    }

    /// How full it is.
    pub const fn level(&self) -> SpillLevel {
        SpillLevel { frames: self.frames, bytes: self.record_bytes, peak: self.peak }
    }

    /// Whether there is no record.
    pub const fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Room for a record at the end; `None` where it does not fit, and then nothing has changed.
    pub fn reserve(&mut self, record: Record) -> Option<SpillRoom<'_, S>> {
        (Self::footprint(record) <= self.capacity() - self.used).then_some(SpillRoom { ring: self, record })
    }

    /// The first record.
    pub fn front(&self) -> Option<Record> {
        if self.is_empty() {
            return None;
        }
        let header = self.memory.as_ref().get(self.head..)?.first_chunk()?;
        let header = u64::from_le_bytes(*header);
        let captured = (header >> 32) as u32;
        Some(Record { len: header as u32, captured: Some(captured).filter(|&captured| captured != NO_FRAME) })
    }

    /// Takes the first record out: `take` gets it in two parts, of which the second is empty unless
    /// the record wraps. `None` where there is none.
    pub fn pop_with<R>(&mut self, take: impl FnOnce(Record, &[u8], &[u8]) -> R) -> Option<R> {
        let record = self.front()?;
        let capacity = self.capacity();
        let start = wrap(self.head + RECORD_HEADER, capacity);
        let (first, second) = split(start, record.len as usize, capacity);
        let memory = self.memory.as_ref();
        let result = take(record, memory.get(first)?, memory.get(second)?);
        let footprint = Self::footprint(record);
        self.head = wrap(self.head + footprint, capacity);
        self.used = self.used.saturating_sub(footprint);
        self.frames -= u64::from(record.captured.is_some());
        self.record_bytes -= u64::from(record.len);
        Some(result)
    }
}

/// `at` brought back into a ring of `capacity` bytes; it is below twice that.
const fn wrap(at: usize, capacity: usize) -> usize {
    if at < capacity { at } else { at - capacity }
}

/// The two ranges of `len` bytes from `start` in a ring of `capacity` bytes.
const fn split(start: usize, len: usize, capacity: usize) -> (core::ops::Range<usize>, core::ops::Range<usize>) {
    let end = start + len;
    if end <= capacity { (start..end, 0..0) } else { (start..capacity, 0..end - capacity) }
}

/// Room at a ring's end; dropped without [`commit`](Self::commit) it leaves the ring as it was.
#[must_use = "the record is in the ring only once this is committed"]
#[derive(Debug)]
pub struct SpillRoom<'a, S> {
    ring: &'a mut SpillRing<S>,
    record: Record,
}

impl<S: AsRef<[u8]> + AsMut<[u8]>> SpillRoom<'_, S> {
    /// Where the record is written, in two parts, of which the second is empty unless it wraps.
    pub fn parts(&mut self) -> (&mut [u8], &mut [u8]) {
        let capacity = self.ring.capacity();
        let header = wrap(self.ring.head + self.ring.used, capacity);
        let start = wrap(header + RECORD_HEADER, capacity);
        let (first, second) = split(start, self.record.len as usize, capacity);
        // A second part lies before the first.
        let memory = self.ring.memory.as_mut();
        match memory.split_at_mut_checked(first.start) {
            Some((before, rest)) => {
                (rest.get_mut(..first.len()).unwrap_or_default(), before.get_mut(second).unwrap_or_default())
            }
            None => Default::default(),
        }
    }

    /// Makes the record the ring's last.
    pub fn commit(self) {
        let Self { ring, record } = self;
        let at = wrap(ring.head + ring.used, ring.capacity());
        let header = ring.memory.as_mut().get_mut(at..).and_then(|m| m.first_chunk_mut::<8>());
        if let Some(header) = header {
            let captured = record.captured.unwrap_or(NO_FRAME);
            *header = (u64::from(captured) << 32 | u64::from(record.len)).to_le_bytes();
            ring.used += SpillRing::<S>::footprint(record);
            ring.frames += u64::from(record.captured.is_some());
            ring.record_bytes += u64::from(record.len);
            ring.peak = ring.peak.max(ring.record_bytes);
        }
    }
}
