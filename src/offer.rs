//! A packet that waits for a reader, shown to it frame by frame: what it has asked for, or is asked about.
//!
//! Calling contexts: up to DISPATCH_LEVEL, no lock held. The packet is a copier's for that time. Reads that end are
//! handed out in [`Completions`].

use nblease_abi::stats::ReaderStats;
use nblease_engine::{
    lease::{Question, Ticket},
    reader::Direction,
};
use nblease_ndis::packet::NblRef;
use nblease_wdf::{read::Completions, time};

use crate::reader::{Batch, Otherwise, Reader, Told};

/// 100-ns units of a second.
const UNITS_PER_SECOND: u64 = 10_000_000;

/// A packet that waits for a reader, as the reader is told of it.
pub struct Offer<'a> {
    reader: &'a Reader,
    batch: Batch,
    interface: u32,
}

impl Offer<'_> {
    /// Copies frames straight into the reader's READs, those asked about and in this order, until one finds no room; the
    /// ticket of the last that did.
    pub fn give(&self, nbl: NblRef<'_>, asked: &[Question], done: &mut Completions) -> Option<Ticket> {
        self.show(nbl, asked, Otherwise::Refuse, done)
    }

    /// As [`Self::give`], but what finds no room goes into the spill.
    pub fn spill(&self, nbl: NblRef<'_>, asked: &[Question], done: &mut Completions) -> Option<Ticket> {
        self.show(nbl, asked, Otherwise::Spill, done)
    }

    fn show(
        &self,
        nbl: NblRef<'_>,
        asked: &[Question],
        otherwise: Otherwise,
        done: &mut Completions,
    ) -> Option<Ticket> {
        let Self { reader, batch, interface } = *self;
        let mut counted = ReaderStats::default();
        let mut last = None;
        let mut asked = asked.iter().peekable();
        for (number, frame) in nbl.frames().enumerate() {
            if asked.peek().is_none() {
                break;
            }
            let Some(question) = asked.next_if(|question| usize::from(question.frame) == number) else { continue };
            let ticket = reader.config().is_gate().then_some(question.ticket.0);
            if !reader.write(nbl, frame, Told { batch, interface, ticket }, otherwise, &mut counted, done) {
                break;
            }
            last = Some(question.ticket);
        }
        reader.count(&counted);
        last
    }
}

impl Reader {
    /// What waits for the reader since `since` (unbiased time), to be given to it. The adapter is one of its own.
    pub fn offer(&self, direction: Direction, since: u64, net_luid: u64) -> Offer<'_> {
        let (counter, frequency) = time::performance_counter();
        let waited = time::unbiased_time().saturating_sub(since);
        let ticks = waited.saturating_mul(frequency) / UNITS_PER_SECOND;
        let batch = Batch { direction, counter: counter.saturating_sub(ticks) };
        Offer { reader: self, batch, interface: self.config().interface(net_luid).unwrap_or(0) }
    }
}
