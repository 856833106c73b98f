//! Spans: memory that the lab lends to the driver, mapped twice, so that the driver's view alone can be closed.
//!
//! All spans of the process lie in one [`Arena`]. A span is a run of pages and a guard page after it, which is never
//! open. What becomes of its driver view is kept in a [`Record`] that outlives the span, until its pages are reused:
//! a late touch is thus told from any other fault and reported with the span's history.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Arc, Mutex, OnceLock},
};

use super::map::{self, PAGE, Protection, pages_for};
use super::runs::Runs;
use crate::{
    history::{Event, History},
    judge::{Rule, rule},
    kernel::kernel,
    sync::lock,
};

/// Addresses reserved for each of the two views.
const ARENA: usize = 8 << 30;
/// Pages of freed spans that stay closed before they are used again.
const RESTING: usize = (64 << 20) / PAGE;
/// Events kept for a span.
const HISTORY: usize = 32;

/// What a span holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Structures: NBLs, NBs, their MDLs.
    Descriptor,
    /// An IRP, or the MDL of its buffer.
    Request,
    /// Another object of the system's: a device, a file, the context of a framework's object.
    Object,
    /// The bytes of packets.
    Payload,
    /// A user program's buffer, as an MDL describes it.
    ReadBuffer,
    /// A user program's buffer of which the driver gets the address.
    Program,
}

impl Kind {
    /// Whether slow mode watches the touches of it.
    pub(crate) fn is_watched(self) -> bool {
        matches!(self, Self::Payload | Self::ReadBuffer)
    }

    /// The rule that a touch after the span was closed breaks.
    pub(crate) fn rule(self) -> Rule {
        match self {
            Self::Descriptor | Self::Payload => rule::V16,
            // A request's buffer goes with the request.
            Self::Request | Self::ReadBuffer => rule::V43,
            Self::Program => rule::V40,
            Self::Object => rule::V36,
        }
    }

    /// In a report's words.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Descriptor => "structures",
            Self::Request => "a request",
            Self::Object => "an object",
            Self::Payload => "payload",
            Self::ReadBuffer => "a request's buffer",
            Self::Program => "a program's buffer",
        }
    }
}

/// What the driver may do with an open span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reads and writes.
    ReadWrite,
    /// Reads.
    ReadOnly,
}

/// What is known of a span, while its pages are not reused.
pub struct Record {
    pub(crate) first: usize,
    pub(crate) pages: usize,
    pub(crate) len: usize,
    pub(crate) kind: Kind,
    pub(crate) state: Mutex<State>,
}

/// The driver's view of a span.
pub(crate) struct State {
    /// None: closed, for the reason in `why`.
    pub(crate) access: Option<Access>,
    pub(crate) why: &'static str,
    pub(crate) freed: bool,
    history: History,
}

impl Record {
    /// See [`Span::close`].
    pub fn close(&self, why: &'static str) {
        let mut state = lock(&self.state);
        state.why = why;
        if state.access.take().is_some() {
            self.protect(Protection::None);
            // From here on the pages themselves evaluate the rule.
            kernel().judge.evaluated(self.kind.rule());
        }
    }

    /// Start of the driver's view.
    pub(crate) fn driver(&self) -> *mut u8 {
        arena().driver.wrapping_add(self.first * PAGE)
    }

    /// Start of the lab's view.
    pub(crate) fn lab(&self) -> *mut u8 {
        arena().lab.wrapping_add(self.first * PAGE)
    }

    /// Sets the protection of the driver's view.
    pub(crate) fn protect(&self, protection: Protection) {
        map::protect(self.driver(), self.pages * PAGE, protection);
    }

    /// The protection that the state asks for when each access is (`watched`) or is not to trap.
    pub(crate) fn resting_protection(&self, access: Option<Access>, slow: bool) -> Protection {
        match access {
            Some(_) if slow && self.kind.is_watched() => Protection::None,
            Some(Access::ReadWrite) => Protection::ReadWrite,
            Some(Access::ReadOnly) => Protection::Read,
            None => Protection::None,
        }
    }

    /// What the span holds, its length and its history, for reports.
    pub(crate) fn history(&self) -> Vec<String> {
        let history = lock(&self.state).history.clone();
        history.lines()
    }
}

/// The region that all spans lie in.
pub(crate) struct Arena {
    pub(crate) lab: *mut u8,
    pub(crate) driver: *mut u8,
    tables: Mutex<Tables>,
}

struct Tables {
    runs: Runs,
    records: BTreeMap<usize, Arc<Record>>,
}

// SAFETY: the views are mapped for as long as the process lives; who may touch what is the models' affair.
unsafe impl Send for Arena {}
// SAFETY: as above; the tables are behind a mutex.
unsafe impl Sync for Arena {}

/// The process's arena.
///
/// # Panics
/// When the addresses cannot be reserved.
pub(crate) fn arena() -> &'static Arena {
    static ARENA_CELL: OnceLock<Arena> = OnceLock::new();
    ARENA_CELL.get_or_init(|| {
        let (lab, driver) = map::reserve_twice(ARENA).expect("addresses for the lab's memory");
        let tables = Tables { runs: Runs::new(ARENA / PAGE, RESTING), records: BTreeMap::new() };
        Arena { lab, driver, tables: Mutex::new(tables) }
    })
}

impl Arena {
    /// The record of the span that an address of the driver's view belongs to, its guard page included.
    pub(crate) fn find(&self, address: usize) -> Option<Arc<Record>> {
        let offset = address.checked_sub(self.driver.addr()).filter(|offset| *offset < ARENA)?;
        self.record_at(offset / PAGE)
    }

    /// The lab's address of a byte in the driver's view.
    pub(crate) fn to_lab(&self, address: usize) -> Option<*mut u8> {
        let offset = address.checked_sub(self.driver.addr()).filter(|offset| *offset < ARENA)?;
        Some(self.lab.wrapping_add(offset))
    }

    fn record_at(&self, page: usize) -> Option<Arc<Record>> {
        let tables = lock(&self.tables);
        let (_, record) = tables.records.range(..=page).next_back()?;
        (page <= record.first + record.pages).then(|| record.clone())
    }

    fn allocate(&self, kind: Kind, len: usize) -> Arc<Record> {
        let pages = pages_for(len.max(1));
        let mut tables = lock(&self.tables);
        let first = tables.runs.take(pages + 1).expect("room in the lab's memory");
        let record = Arc::new(Record {
            first,
            pages,
            len,
            kind,
            state: Mutex::new(State {
                access: None,
                why: "not handed to the driver yet",
                freed: false,
                history: History::default(),
            }),
        });
        tables.forget(first, first + pages + 1);
        tables.records.insert(first, record.clone());
        record
    }

    fn free(&self, record: &Record) {
        lock(&self.tables).runs.give_back(record.first, record.pages + 1);
    }

    /// All records, those of freed spans included.
    pub(crate) fn records(&self) -> Vec<Arc<Record>> {
        lock(&self.tables).records.values().cloned().collect()
    }
}

impl Tables {
    /// Drops the records of freed spans whose pages are used anew.
    fn forget(&mut self, from: usize, to: usize) {
        let before = self.records.range(..from).next_back().filter(|(_, r)| r.first + r.pages >= from);
        let mut gone: Vec<usize> = before.map(|(first, _)| *first).into_iter().collect();
        gone.extend(self.records.range((Bound::Included(from), Bound::Excluded(to))).map(|(first, _)| *first));
        for first in gone {
            self.records.remove(&first);
        }
    }
}

/// Memory lent to the driver. Dropping it closes the driver's view and, after a while, reuses the pages.
pub struct Span {
    record: Arc<Record>,
}

impl Span {
    /// A zeroed span, closed to the driver.
    pub(crate) fn allocate(kind: Kind, len: usize) -> Self {
        let record = arena().allocate(kind, len);
        // SAFETY: the run's pages are this span's alone, and the lab's view of them is always writable.
        unsafe { record.lab().write_bytes(0, record.pages * PAGE) };
        Self { record }
    }

    /// Start of the lab's view: always readable and writable, page-aligned.
    pub fn lab(&self) -> *mut u8 {
        self.record.lab()
    }

    /// Start of the driver's view, page-aligned.
    pub fn driver(&self) -> *mut u8 {
        self.record.driver()
    }

    /// Bytes asked for. The pages' rest may be touched; the page after them never.
    pub fn len(&self) -> usize {
        self.record.len
    }

    /// Whether no byte was asked for.
    pub fn is_empty(&self) -> bool {
        self.record.len == 0
    }

    /// What it holds.
    pub fn kind(&self) -> Kind {
        self.record.kind
    }

    /// The driver may touch it from now on.
    pub fn open(&self, access: Access) {
        let mut state = lock(&self.record.state);
        if state.access != Some(access) {
            state.access = Some(access);
            if access == Access::ReadOnly {
                // From here on the pages themselves evaluate the rule.
                kernel().judge.evaluated(rule::V30);
            }
            self.record.protect(self.record.resting_protection(Some(access), kernel().memory.is_slow()));
        }
    }

    /// The driver may not touch it from now on, since `why` ("it was handed to NDIS by NdisFSendNetBufferLists").
    pub fn close(&self, why: &'static str) {
        self.record.close(why);
    }

    /// Whether the driver may touch it, and how.
    pub fn access(&self) -> Option<Access> {
        lock(&self.record.state).access
    }

    /// Adds an event to its history, which a report shows.
    pub fn note(&self, event: Event) {
        lock(&self.record.state).history.add(event, HISTORY);
    }

    /// Its last events, oldest first.
    pub fn history(&self) -> Vec<String> {
        self.record.history()
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        {
            let mut state = lock(&self.record.state);
            state.freed = true;
            if state.access.take().is_some() {
                state.why = "it was freed";
                self.record.protect(Protection::None);
            }
        }
        arena().free(&self.record);
    }
}

impl std::fmt::Debug for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} of {} bytes at {:p}", self.record.kind, self.record.len, self.driver())
    }
}
