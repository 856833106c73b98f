//! The data path: frames on their way down (send) and up (receive), and back again when others are done with them.
//!
//! Calling contexts: up to DISPATCH_LEVEL, on several processors at once, without a lock of ours. A chain is the
//! module's from entry until it leaves by `forward` or `finish`, or its packets are leased, in the same function that it
//! came to. Readers that only watch look at the frames first; while they do, their list is locked to read, and nothing
//! is allocated. Reads that they filled are completed after that lock is gone.
//!
//! | who | owns the NBLs |
//! |---|---|
//! | the protocol above, or the card below | before the callback |
//! | this module | from the callback's entry until `forward` or `finish`, or until a lease has them |
//! | the leases | from `insert` until they come out again, in a step of `leases` |
//! | whoever comes next | from then on: they are not looked at any more |

use nblease_abi::stats::{AdapterStats, ReaderStats};
use nblease_engine::{
    flow::FlowKey,
    lease::{AdapterId, Admission, Arrival, Cause, Ending, ReaderSet},
    reader::{Direction, ReaderConfig},
};
use nblease_ndis::{
    Status,
    chain::{LentChain, Received, ReturnedChain, SendChain, SentChain},
    held::Level,
    packet::NblRef,
};
use nblease_wdf::{read::Completions, time};

use crate::{
    adapter::{Adapter, Tap},
    departure::Departure,
    entry::{Driver, driver},
    filter::Module,
    judging::{Count, Flows, Judging, ROOM, Room},
    packet::Packet,
    reader::Batch,
};

impl Module {
    /// Frames from above. A module that does not run finishes them; one that runs shows them to its readers and
    /// passes them down, or leases them where a reader may hold them.
    pub fn send_down(&self, chain: SendChain) {
        // A pause refuses sends from its first moment, while it still waits for what is held.
        let Some(_admitted) = self.running.enter().filter(|_| self.adapter.is_running()) else {
            let refused = u64::from(chain.count());
            self.adapter.count(&AdapterStats { send_nbls_refused_paused: refused, ..AdapterStats::default() });
            return chain.finish(Status::PAUSED);
        };
        if self.adapter.is_watched() {
            show(&self.adapter, Direction::Out, || chain.nbls());
        }
        match self.gate(Direction::Out) {
            Some(gate) => gate.send(chain),
            None => chain.forward(),
        }
    }

    /// Frames from below. They go up whether the module runs or not; one that runs shows them to its readers first, and
    /// leases them where a reader may hold them. What is lent for the call only (RESOURCES) is never leased, and is back
    /// when the call that passes it up returns.
    pub fn receive_up(&self, received: Received<'_>) {
        let Some(_admitted) = self.running.enter() else {
            let passed = received.nbls().count() as u64;
            self.adapter.count(&AdapterStats { receive_nbls_unexamined: passed, ..AdapterStats::default() });
            return received.forward();
        };
        if self.adapter.is_watched() {
            show(&self.adapter, Direction::In, || received.nbls());
            if let Received::Lent(chain) = &received {
                let lent = u64::from(chain.count());
                self.adapter.count(&AdapterStats { receive_nbls_resources: lent, ..AdapterStats::default() });
            }
        }
        match self.gate(Direction::In) {
            Some(gate) => gate.receive(received),
            None => received.forward(),
        }
    }

    /// Sends that others are done with: theirs go up, ours end.
    pub fn sent_up(&self, chain: SentChain) {
        let mut ours = false;
        chain.settle(|_| ours = true);
        self.landed(ours);
    }

    /// Receives that others are done with: theirs go down, ours end.
    pub fn returned_down(&self, chain: ReturnedChain) {
        let mut ours = false;
        chain.settle(|_| ours = true);
        self.landed(ours);
    }

    fn landed(&self, ours: bool) {
        if let (true, Some(driver)) = (ours, driver()) {
            driver.leases.landed(&self.adapter);
        }
    }

    /// Where frames may have to wait, who takes them.
    fn gate(&self, direction: Direction) -> Option<Gate<'_>> {
        if !self.adapter.may_hold() {
            return None;
        }
        Some(Gate { adapter: &self.adapter, driver: driver()?, id: self.adapter.lease_id()?, direction })
    }
}

/// Before the readers of an adapter that may hold frames.
///
/// What is found out about a packet takes up much of the stack, so it is found out in functions that are not inlined and
/// hand packets over only where a flow's order needs it: NDIS may call the module back from within.
#[derive(Clone, Copy)]
struct Gate<'a> {
    adapter: &'a Adapter,
    driver: &'static Driver,
    id: AdapterId,
    direction: Direction,
}

impl Gate<'_> {
    /// Frames from above: those that just go on do so first.
    fn send(self, chain: SendChain) {
        let level = chain.level();
        let (passing, concerned) = self.sort_out(|concerns| chain.partition(concerns));
        if let Some(passing) = passing {
            passing.forward();
        }
        if let Some(concerned) = concerned {
            self.lease_or_pass(concerned.split().map(Packet::Send), level);
        }
    }

    /// Frames from below.
    fn receive(self, received: Received<'_>) {
        let chain = match received {
            Received::Owned(chain) => chain,
            Received::Lent(chain) => return self.judge_lent(chain),
        };
        let level = chain.level();
        let (passing, concerned) = self.sort_out(|concerns| chain.partition(concerns));
        if let Some(passing) = passing {
            passing.forward();
        }
        if let Some(concerned) = concerned {
            self.lease_or_pass(concerned.split().map(Packet::Receive), level);
        }
    }

    /// Takes a chain apart by whether packets just go on, or not: a reader is to be asked, a rule drops it, or it comes
    /// behind one that waits.
    #[inline(never)]
    fn sort_out<R>(self, sort: impl FnOnce(&mut dyn FnMut(NblRef<'_>) -> bool) -> R) -> R {
        let mut room = ROOM;
        let mut judging = self.judging(&mut room);
        // Flows of the call that do not just go on.
        let mut concerned = Flows::default();
        sort(&mut |nbl| {
            let found = self.adapter.with_taps(|taps| judging.look(nbl, taps, Count::Yes));
            let waits = !found.is_unasked && (!self.adapter.is_quiet() || concerned.may_contain(found.flow));
            let concerns = found.concerns || waits;
            if concerns {
                concerned.insert(found.flow);
            }
            concerns
        })
    }

    fn judging(self, room: &mut Room) -> Judging<'_> {
        Judging::new(self.id, self.direction, self.driver.flow_secret, room)
    }

    /// Leases packets; those that nobody has to be waited for go on, or end, at once.
    fn lease_or_pass(self, packets: impl Iterator<Item = Packet>, level: Level) {
        let (departure, done) = self.lease(packets, level);
        departure.depart(level);
        done.complete();
        self.driver.leases.settle(level);
    }

    /// Leases packets; those that are not are what leaves.
    #[inline(never)]
    fn lease(self, packets: impl Iterator<Item = Packet>, level: Level) -> (Departure, Completions) {
        let adapter = self.adapter;
        let mut room = ROOM;
        let mut judging = self.judging(&mut room);
        let mut departure = Departure::new();
        let mut leaving = Flows::default();
        let mut done = Completions::new();
        for packet in packets {
            let make_way = |flow| {
                // What is leased may be handed over by another processor before this call's own go on.
                if leaving.may_contain(flow) {
                    core::mem::take(&mut departure).depart(level);
                    leaving = Flows::default();
                }
            };
            let (admission, flow) = self.admit(&mut judging, packet, make_way, &mut done);
            let Admission::AtOnce { packet, ending, spill } = admission else { continue };
            spill_at_once(adapter, judging.direction(), packet.nbl(), spill, &mut done);
            let in_part = matches!(ending, Ending::Partly(_));
            let went_on = departure.end(packet, ending, adapter.pool());
            if in_part {
                adapter.count_shadow(went_on);
            }
            leaving.insert(flow);
        }
        (departure, done)
    }

    /// Offers a packet to the leases: what becomes of it, and its flow. `make_way` is called before with the flow.
    fn admit(
        self,
        judging: &mut Judging<'_>,
        mut packet: Packet,
        mut make_way: impl FnMut(FlowKey),
        done: &mut Completions,
    ) -> (Admission<Packet>, FlowKey) {
        let Self { adapter, driver, .. } = self;
        let mut shown = false;
        loop {
            let nbl = packet.nbl();
            let (found, changes) = adapter.with_taps(|taps| (judging.look(nbl, taps, Count::No), adapter.changes()));
            make_way(found.flow);
            let cancel_id = if matches!(packet, Packet::Send(_)) { nbl.cancel_id().number() } else { 0 };
            let arrival = judging.arrival(nbl, &found, packet.is_replaceable(), cancel_id);
            if found.drops && !core::mem::replace(&mut shown, true) {
                spill_dropped(adapter, judging, nbl, done);
            }
            // Where readers have come or gone, who wants it is found out anew.
            packet = match driver.leases.insert(adapter, changes, &arrival, packet) {
                Ok(Admission::Closed { packet, behind }) => match unheld(adapter, driver, changes, &arrival, behind) {
                    Some((ending, spill)) => return (Admission::AtOnce { packet, ending, spill }, found.flow),
                    None => packet,
                },
                Ok(admission) => return (admission, found.flow),
                Err(back) => back,
            };
        }
    }

    /// Decides within the call about packets that are lent for it: what policy would have copied is, and the others go
    /// up, or no further.
    fn judge_lent(self, chain: LentChain<'_>) {
        let (level, port) = (chain.level(), chain.port());
        let mut done = Completions::new();
        chain.forward_those(|nbl| {
            let (goes_on, flow) = self.judge_one(nbl, port, &mut done);
            if goes_on && !self.adapter.is_quiet() {
                self.driver.leases.make_way(flow, level);
            }
            goes_on
        });
        done.complete();
        self.driver.leases.settle(level);
    }

    /// Whether a packet that is lent goes up, and its flow.
    #[inline(never)]
    fn judge_one(self, nbl: NblRef<'_>, port: u32, done: &mut Completions) -> (bool, FlowKey) {
        let Self { adapter, driver, .. } = self;
        let mut room = ROOM;
        let mut judging = self.judging(&mut room);
        let (mut count, mut shown) = (Count::Yes, false);
        loop {
            let (found, changes) = adapter.with_taps(|taps| (judging.look(nbl, taps, count), adapter.changes()));
            if !found.concerns {
                return (true, found.flow);
            }
            if found.drops && !core::mem::replace(&mut shown, true) {
                spill_dropped(adapter, &judging, nbl, done);
            }
            // Where readers have come or gone, who wants it is found out anew.
            count = Count::No;
            let arrival = judging.arrival(nbl, &found, nbl.is_replaceable_receive(), 0);
            if driver.leases.wants_copy(adapter, changes, &arrival)
                && let Ok(copy) = nbl.promote_receive(adapter.pool(), port)
                && driver.leases.insert_copy(adapter, changes, &arrival, Packet::OwnReceive(copy)).is_ok()
            {
                // The copy is for GATEs; TAPs get the original.
                let passed = |frame| !judging.is_dropped(frame);
                deliver(adapter, Direction::In, nbl, |tap| !tap.reader.config().is_gate(), passed, done);
                return (false, found.flow);
            }
            if let Some((ending, spill)) = driver.leases.judge(adapter, changes, &arrival) {
                spill_at_once(adapter, Direction::In, nbl, spill, done);
                return (ending == Ending::Forward, found.flow);
            }
        }
    }
}

/// What becomes of a packet of an adapter that admits no lease, and for whom it is spilled; `None` where the adapter's
/// readers are not those any more that it was found out about.
fn unheld(
    adapter: &Adapter,
    driver: &Driver,
    changes: u32,
    arrival: &Arrival<'_>,
    behind: bool,
) -> Option<(Ending, ReaderSet)> {
    let (runs, is_send) = (adapter.is_running(), arrival.direction == Direction::Out);
    let decided = if is_send && !runs {
        adapter.count(&AdapterStats { send_nbls_refused_paused: 1, ..AdapterStats::default() });
        (Ending::Detached(Cause::Paused), ReaderSet::EMPTY)
    } else if behind {
        // What is before it in its flow cannot be waited for.
        adapter.count(&AdapterStats { leases_drained: 1, ..AdapterStats::default() });
        (Ending::Detached(if runs { Cause::LowPower } else { Cause::Paused }), ReaderSet::EMPTY)
    } else if runs {
        // Asleep: nobody is asked, and what no rule drops passes. Restarting: policy decides.
        return driver.leases.judge(adapter, changes, arrival);
    } else {
        (Ending::Forward, ReaderSet::EMPTY)
    };
    Some(decided)
}

/// Gives patient TAPs what a rule of a GATE has dropped: nobody is asked about it.
fn spill_dropped(adapter: &Adapter, judging: &Judging<'_>, nbl: NblRef<'_>, done: &mut Completions) {
    let dropped = |frame| judging.is_dropped(frame);
    deliver(adapter, judging.direction(), nbl, |tap| !tap.reader.config().is_gate(), dropped, done);
}

/// Gives patient TAPs a packet that does not wait for them.
fn spill_at_once(adapter: &Adapter, direction: Direction, nbl: NblRef<'_>, to: ReaderSet, done: &mut Completions) {
    if !to.is_empty() {
        deliver(adapter, direction, nbl, |tap| tap.holder.is_some_and(|id| to.contains(id)), |_| true, done);
    }
}

/// Delivers some of a packet's frames to some of the readers that may hold frames: into a read, or the spill.
fn deliver(
    adapter: &Adapter,
    direction: Direction,
    nbl: NblRef<'_>,
    to: impl Fn(&Tap) -> bool,
    frames: impl Fn(usize) -> bool,
    done: &mut Completions,
) {
    let (now, _) = time::performance_counter();
    let batch = Batch { direction, counter: now };
    let looped_back = looped_back(direction, nbl);
    adapter.with_taps(|taps| {
        for tap in taps.iter().filter(|tap| tap.holder.is_some() && to(tap)) {
            if tap.reader.config().wants(direction, looped_back) {
                let mut counted = ReaderStats::default();
                for (_, frame) in nbl.frames().enumerate().filter(|&(number, _)| frames(number)) {
                    tap.reader.deliver(nbl, frame, batch, tap.interface, &mut counted, done);
                }
                tap.reader.count(&counted);
                tap.reader.end_batch(done);
            }
        }
    });
}

/// Shows the frames of a chain to the readers that only watch: each one's copy is made from the original, where it lies.
fn show<'a, I: Iterator<Item = NblRef<'a>>>(adapter: &Adapter, direction: Direction, nbls: impl Fn() -> I) {
    let (now, _) = time::performance_counter();
    let batch = Batch { direction, counter: now };
    let mut done = Completions::new();
    let counted = adapter.with_taps(|taps| {
        for tap in taps.iter().filter(|tap| tap.holder.is_none()) {
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
