//! Deadlines: a wheel of 1,024 ticks of a millisecond, more than any budget. Putting in, taking out
//! and finding the next take a few steps, however many leases there are.

use super::list::{Leases, List, Through};
use super::slots::{LeaseIx, Slots, SpokeIx};

/// 100-ns units of a tick.
pub const TICK: u64 = 10_000;

const SPOKES: u64 = 1024;
const WORDS: usize = SPOKES as usize / 64;

#[derive(Debug)]
pub(super) struct Wheel {
    spokes: Slots<SpokeIx, List>,
    /// Which spokes have a lease.
    occupied: [u64; WORDS],
    /// All ticks before it have been dealt with.
    hand: u64,
    count: u32,
}

fn spoke(tick: u64) -> SpokeIx {
    SpokeIx((tick % SPOKES) as u16)
}

impl Wheel {
    pub fn try_new() -> Option<Self> {
        let spokes = Slots::try_new(SPOKES as usize, || List::EMPTY)?;
        Some(Self { spokes, occupied: [0; WORDS], hand: 0, count: 0 })
    }

    fn mark(&mut self, spoke: SpokeIx) {
        let bit = 1 << (spoke.0 % 64);
        if let Some(word) = self.occupied.get_mut(usize::from(spoke.0 / 64)) {
            if self.spokes[spoke].is_empty() {
                *word &= !bit;
            } else {
                *word |= bit;
            }
        }
    }

    /// Puts in a lease that is due at most 1,000 ticks after `now`, its own `due` says when.
    pub fn insert<P>(&mut self, leases: &mut Leases<P>, ix: LeaseIx, now: u64) {
        // The hand keeps up with time, short of what is due and not taken out yet.
        let next = if self.count == 0 { None } else { self.next_occupied(self.hand) };
        self.hand = self.hand.max(next.map_or(now, |tick| tick.min(now)));
        let due = leases[ix].due.max(self.hand);
        leases[ix].due = due;
        let spoke = spoke(due);
        leases.push_back(Through::Timer, &mut self.spokes[spoke], ix);
        self.mark(spoke);
        self.count += 1;
    }

    pub fn remove<P>(&mut self, leases: &mut Leases<P>, ix: LeaseIx) {
        let spoke = spoke(leases[ix].due);
        leases.remove(Through::Timer, &mut self.spokes[spoke], ix);
        self.mark(spoke);
        self.count = self.count.saturating_sub(1);
    }

    /// The first tick from `from` on, within one turn, whose spoke has a lease.
    fn next_occupied(&self, from: u64) -> Option<u64> {
        let first = spoke(from).0;
        (0..=WORDS).find_map(|turn| {
            let at = usize::from(first / 64) + turn;
            let mut word = *self.occupied.get(at % WORDS)?;
            if turn == 0 {
                word &= !0 << (first % 64);
            } else if turn == WORDS {
                word &= !(!0 << (first % 64));
            }
            let ticks = (at * 64) as u64 + u64::from(word.trailing_zeros()) - u64::from(first);
            (word != 0).then_some(from + ticks)
        })
    }

    /// Takes out a lease that is due at tick `now` or before, the earliest first; of those of a
    /// tick the one that was put in first.
    pub fn pop_due<P>(&mut self, leases: &mut Leases<P>, now: u64) -> Option<LeaseIx> {
        let mut from = self.hand;
        while self.count != 0 && from <= now {
            leases.step();
            let Some(tick) = self.next_occupied(from).filter(|&tick| tick <= now) else {
                break;
            };
            let ix = self.spokes[spoke(tick)].head;
            if leases[ix].due <= now {
                self.hand = tick;
                self.remove(leases, ix);
                return Some(ix);
            }
            // A lease of the next turn, which only is there because this call comes late.
            if tick + 1 >= self.hand + SPOKES {
                break;
            }
            from = tick + 1;
        }
        self.hand = self.hand.max(now);
        None
    }

    /// The tick at which the next lease is due.
    pub fn next_due<P>(&self, leases: &Leases<P>) -> Option<u64> {
        let mut from = self.hand;
        let mut earliest = None;
        while let Some(tick) = self.next_occupied(from).filter(|&tick| tick < self.hand + SPOKES) {
            let at = leases[self.spokes[spoke(tick)].head].due;
            earliest = Some(earliest.map_or(at, |e: u64| e.min(at)));
            if at == tick {
                break;
            }
            from = tick + 1;
        }
        earliest
    }
}
