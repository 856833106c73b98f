//! Frames that cannot be leased: receives that the card lends for a call (RESOURCES), and those for
//! which the table has no place. Policy decides about them at once.

use super::ids::{ReaderId, ReaderSet};
use super::list::Through;
use super::out::{Ending, FrameSet, MAX_FRAMES};
use super::readers::Policy;
use super::slots::{Ix, LeaseIx};
use super::state::Timed;
use super::table::{Arrival, LeaseTable};
use super::tally::{Event, Tally};
use crate::flow::FlowKey;

impl<P, T: Tally> LeaseTable<P, T> {
    /// What policy makes at once of frames that cannot be leased: those lent for a call, and those
    /// for which there is no place. A promoted copy takes a place too, so what policy would have
    /// copied is dropped, unless it must not be copied.
    ///
    /// Without `by_policy` what no rule has dropped passes, as before sleep.
    ///
    /// The readers named have to get the frames by their spill before they go on.
    pub fn judge(&mut self, arrival: &Arrival<'_>, by_policy: bool) -> (Ending, ReaderSet) {
        let mut passing = FrameSet::default();
        let mut spill = ReaderSet::EMPTY;
        let mut count = 0;
        for (number, frame) in arrival.frames.iter().enumerate() {
            let mut passes = !frame.dropped;
            for id in frame.readers.iter().filter(|&id| !frame.dropped && self.readers[id].is_open()) {
                let (drops, event) = match self.readers[id].setup.policy {
                    Policy::Spill => {
                        spill.insert(id);
                        continue;
                    }
                    _ if !by_policy => continue,
                    Policy::Pass => (false, Event::PolicyPassed),
                    Policy::Drop => (true, Event::PolicyDropped),
                    Policy::Promote if arrival.promotable => (true, Event::PromotionRefused),
                    Policy::Promote => (false, Event::NotPromotable),
                };
                passes &= !drops;
                self.tally.count(Some(arrival.adapter), Some(id), event, 1);
            }
            if passes {
                passing.insert(number);
                count += 1;
            }
        }
        // Frames beyond what a set holds are decided with the others of their NBL.
        let ending = if count == arrival.frames.len() {
            Ending::Forward
        } else if count == 0 || arrival.frames.len() > MAX_FRAMES {
            Ending::Drop
        } else {
            Ending::Partly(passing)
        };
        (ending, spill)
    }

    /// Lets policy decide at once about all that waits in a flow, since what comes now cannot wait
    /// and goes on: it must not overtake. True where the flow has something that leaves before.
    pub fn make_way(&mut self, flow: FlowKey, now: u64) -> bool {
        self.set_clock(now);
        let Some(flow) = self.flows.find(&mut self.leases, flow) else {
            return false;
        };
        self.hurry(flow, LeaseIx::NONE);
        true
    }

    /// Whose policy would have the frames copied, and may: the caller makes the copy without the
    /// lock, and [inserts](Self::insert_copy) it.
    pub fn promoter(&self, arrival: &Arrival<'_>) -> Option<ReaderId> {
        let wanted = arrival.frames.iter().filter(|frame| !frame.dropped);
        let readers = wanted.fold(ReaderSet::EMPTY, |all, frame| all.union(frame.readers));
        let promotes = |&id: &ReaderId| {
            let reader = &self.readers[id];
            reader.is_open()
                && reader.setup.policy == Policy::Promote
                && reader.promoted.saturating_add(arrival.bytes.into()) <= reader.setup.promoted_bytes
        };
        let room = self.promoted_load.saturating_add(arrival.bytes.into()) <= self.setup.promoted_bytes;
        readers.iter().find(promotes).filter(|_| arrival.promotable && room && self.has_place(arrival))
    }

    /// A copy of what was lent; the GATEs are asked about it as about any promoted copy. The lent
    /// frames themselves end with the call, and go no further. TAPs have seen them by then.
    ///
    /// # Errors
    /// The copy, where there is no [promoter](Self::promoter) any more, or the adapter is closed.
    pub fn insert_copy(&mut self, arrival: &Arrival<'_>, copy: P, now: u64) -> Result<(), P> {
        self.set_clock(now);
        let adapter = arrival.adapter;
        let Some(promoter) = self.promoter(arrival).filter(|_| self.adapters[adapter].closed.is_none()) else {
            return Err(copy);
        };
        let Some(ix) = self.place(arrival, copy) else {
            return Ok(());
        };
        let bytes = u64::from(arrival.bytes);
        self.promoted_load = self.promoted_load.saturating_add(bytes);
        let reader = &mut self.readers[promoter];
        reader.promoted = reader.promoted.saturating_add(bytes);
        self.tally.count(Some(adapter), Some(promoter), Event::Promoted, 1);
        let due = self.tick() + u64::from(self.setup.promoted_ms);
        for reader in self.leases[ix].bound.iter().filter(|&id| self.readers[id].setup.policy == Policy::Spill) {
            self.leases[ix].readers.remove(reader);
        }
        let lease = &mut self.leases[ix];
        lease.promoter = promoter;
        lease.promoted = true;
        lease.due = due;
        lease.timed = Timed::Promoted;
        self.leases.push_back(Through::Timer, &mut self.promoted, ix);
        self.leases.push_back(Through::Adapter, &mut self.adapters[adapter].copies, ix);
        self.ask_next(ix);
        Ok(())
    }
}
