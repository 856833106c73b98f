//! The data path: frames on their way down (send) and up (receive), and back again when others are done with them.
//!
//! Calling contexts: up to DISPATCH_LEVEL, on several processors at once, without a lock of ours. A chain is the
//! module's from entry until it leaves by `forward` or `finish`, in the same function that it came to; nothing is held
//! here. Readers look at the frames before the chain leaves; while they do, their list is locked to read, and nothing
//! is allocated. Reads that they filled are completed after that lock is gone.
//!
//! | who | owns the NBLs |
//! |---|---|
//! | the protocol above, or the card below | before the callback |
//! | this module | from the callback's entry until `forward` or `finish` |
//! | whoever comes next | from then on: they are not looked at any more |

use nblease_abi::stats::{AdapterStats, ReaderStats};
use nblease_engine::reader::{Direction, ReaderConfig};
use nblease_ndis::{
    Status,
    chain::{Received, SendChain},
    packet::NblRef,
};
use nblease_wdf::{read::Completions, time};

use crate::{
    adapter::{Adapter, Tap},
    filter::Module,
    reader::Batch,
};

impl Module {
    /// Frames from above. A module that does not run finishes them; one that runs shows them to its readers and
    /// passes them down.
    pub fn send_down(&self, chain: SendChain) {
        let Some(_admitted) = self.running.enter() else {
            let refused = u64::from(chain.count());
            self.adapter.count(&AdapterStats { send_nbls_refused_paused: refused, ..AdapterStats::default() });
            return chain.finish(Status::PAUSED);
        };
        if self.adapter.is_watched() {
            show(&self.adapter, Direction::Out, || chain.nbls());
        }
        chain.forward();
    }

    /// Frames from below. They go up whether the module runs or not; one that runs shows them to its readers first.
    /// What is lent for the call only (RESOURCES) is back when the call that passes it up returns.
    pub fn receive_up(&self, received: Received<'_>) {
        match self.running.enter() {
            Some(_admitted) if self.adapter.is_watched() => {
                show(&self.adapter, Direction::In, || received.nbls());
                if let Received::Lent(chain) = &received {
                    let lent = u64::from(chain.count());
                    self.adapter.count(&AdapterStats { receive_nbls_resources: lent, ..AdapterStats::default() });
                }
                received.forward();
            }
            Some(_admitted) => received.forward(),
            None => {
                let passed = received.nbls().count() as u64;
                self.adapter.count(&AdapterStats { receive_nbls_unexamined: passed, ..AdapterStats::default() });
                received.forward();
            }
        }
    }
}

/// Shows the frames of a chain to the adapter's readers: each one's copy is made from the original, where it lies.
fn show<'a, I: Iterator<Item = NblRef<'a>>>(adapter: &Adapter, direction: Direction, nbls: impl Fn() -> I) {
    let (now, _) = time::performance_counter();
    let batch = Batch { direction, counter: now };
    let mut done = Completions::new();
    let counted = adapter.with_taps(|taps| {
        for tap in taps {
            tap.show(batch, nbls(), &mut done);
        }
        count(taps, direction, nbls())
    });
    adapter.count(&counted);
    done.complete();
}

impl Tap {
    /// Delivers the frames that the reader wants, and ends the batch for it.
    fn show<'a>(&self, batch: Batch, nbls: impl Iterator<Item = NblRef<'a>>, done: &mut Completions) {
        let mut counted = ReaderStats::default();
        for nbl in nbls.filter(|nbl| self.reader.config().wants(batch.direction, looped_back(batch.direction, *nbl))) {
            for frame in nbl.frames() {
                self.reader.deliver(nbl, frame, batch, self.interface, &mut counted, done);
            }
        }
        self.reader.count(&counted);
        self.reader.end_batch(done);
    }
}

/// Whether a receive is the copy that NDIS made of a send.
fn looped_back(direction: Direction, nbl: NblRef<'_>) -> bool {
    direction == Direction::In && nbl.is_loopback()
}

/// What the adapter counts of a chain.
fn count<'a>(taps: &[Tap], direction: Direction, nbls: impl Iterator<Item = NblRef<'a>>) -> AdapterStats {
    let mut counted = AdapterStats::default();
    for nbl in nbls {
        let frames = nbl.frames().count() as u64;
        let looped_back = looped_back(direction, nbl);
        let wanted = taps.iter().any(|tap| tap.reader.config().wants(direction, looped_back));
        let skips = |config: &ReaderConfig| config.wants(direction, false) && !config.wants(direction, true);
        let skipped = looped_back && taps.iter().any(|tap| skips(tap.reader.config()));
        match direction {
            Direction::Out => {
                counted.send_nbls += 1;
                counted.send_frames += frames;
            }
            Direction::In => {
                counted.receive_nbls += 1;
                counted.receive_frames += frames;
            }
        }
        counted.frames_wanted += if wanted { frames } else { 0 };
        counted.frames_loopback_skipped += if skipped { frames } else { 0 };
    }
    counted
}
