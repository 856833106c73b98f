//! The upper end of a stack: a protocol that sends frames down, takes those that come up, and returns them in time.
//!
//! After "Protocol Driver Send and Receive Operations", "Pausing a Binding": while paused it sends nothing and returns
//! receives at once.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use nblease_ndis::sys::{
    NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL, NDIS_RECEIVE_FLAGS_RESOURCES, NDIS_RETURN_FLAGS_DISPATCH_LEVEL,
    NDIS_SEND_FLAGS_DISPATCH_LEVEL, NDIS_STATUS,
};
use rand::{Rng as _, seq::SliceRandom as _};

use super::{
    LAB,
    adapter::{Adapter, FrameCounts, HomeSink, Sink},
    build::{self, Dressing, STATUS_POISON},
    delivery::{self, Fate},
    frame::{Arrived, Frame, SendNbl},
    headers::flow,
    ledger::{Ledger, Tally},
    module::Module,
    packet::{Maker, Packet},
    raised, receive, send,
    witness::Way,
};
use crate::{
    judge::rule,
    kernel::kernel,
    sync::lock,
    thread::{self, DISPATCH_LEVEL, PASSIVE_LEVEL},
};

/// When the protocol returns the receives that it was given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProtocolPace {
    /// Before it returns from the indication.
    AtOnce,
    /// From a DPC or a work item, in batches that mix indications, in any order.
    Later,
    /// Some of a list at once, the others later, as the seed says.
    #[default]
    Mixed,
}

/// The upper end of a stack.
pub struct Protocol {
    handle: usize,
    pool: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: bool,
    pace: ProtocolPace,
    sink: Option<Sink>,
    home_sink: Option<HomeSink>,
    /// Sends that are not completed yet.
    outstanding: BTreeMap<u64, Arc<Packet>>,
    /// Receives that are not returned yet.
    held: Vec<Arc<Packet>>,
    flush_queued: bool,
    sent_frames: u64,
    received_frames: u64,
    /// Frames that were not simply delivered: all that were lost, corrupt ones of filters' own.
    fates: Tally<Fate>,
    completions: Tally<NDIS_STATUS>,
}

impl State {
    /// Counts received frames; leaves those that are delivered.
    fn sort_out(&mut self, mut arrived: Vec<Arrived>) -> Vec<Arrived> {
        arrived.retain(|frame| {
            let delivered = frame.fate.is_delivered(frame.filters_own);
            if !delivered || frame.filters_own && frame.fate != Fate::Delivered {
                *self.fates.entry(frame.fate).or_default() += 1;
            }
            delivered
        });
        self.received_frames += arrived.len() as u64;
        arrived
    }
}

impl Protocol {
    pub(super) fn new() -> Self {
        let ndis = &kernel().ndis;
        Self { handle: ndis.new_handle(), pool: ndis.new_handle(), state: Mutex::default() }
    }

    pub(super) fn set_pace(&self, pace: ProtocolPace) {
        lock(&self.state).pace = pace;
    }

    pub(super) fn set_sink(&self, sink: Sink) {
        lock(&self.state).sink = Some(sink);
    }

    pub(super) fn set_home_sink(&self, sink: HomeSink) {
        lock(&self.state).home_sink = Some(sink);
    }

    /// Completions so far, by status.
    pub(super) fn completions(&self) -> Tally<NDIS_STATUS> {
        lock(&self.state).completions.clone()
    }

    /// Adds its frames.
    pub(super) fn count(&self, counts: &mut FrameCounts) {
        let state = lock(&self.state);
        let of = |fate| state.fates.get(&fate).copied().unwrap_or_default();
        counts.sent = state.sent_frames;
        counts.reached_protocol = state.received_frames;
        counts.lost_wrong_type = of(Fate::WrongType);
        counts.lost_bad_checksum = of(Fate::BadChecksum);
        counts.lost_split_headers = of(Fate::SplitHeaders);
        counts.corrupt = of(Fate::Corrupt);
    }

    pub(super) fn outstanding(&self) -> usize {
        lock(&self.state).outstanding.len()
    }

    pub(super) fn start(&self) {
        lock(&self.state).running = true;
    }

    /// No sends from now on; returns what it holds.
    pub(super) fn stop(&self, adapter: &Arc<Adapter>) {
        lock(&self.state).running = false;
        self.flush(adapter);
    }

    /// What was sent and is not completed: for the report of a pause that waits too long.
    pub(super) fn waiting_for(&self) -> Vec<String> {
        let outstanding: Vec<_> = lock(&self.state).outstanding.values().cloned().collect();
        Ledger::describe(outstanding)
    }

    /// Sends NBLs in one list: false where the binding is not running and `anyway` does not say to send all the same.
    ///
    /// NDIS_SEND_FLAGS_DISPATCH_LEVEL in `flags` makes the call at that IRQL; without it the seed chooses the IRQL.
    pub(super) fn send(&self, adapter: &Arc<Adapter>, sends: &[SendNbl], port: u32, flags: u32, anyway: bool) -> bool {
        let packets: Vec<_> = sends.iter().filter_map(|send| self.make(send)).collect();
        {
            let mut state = lock(&self.state);
            if !state.running && !anyway {
                drop(state);
                for packet in &packets {
                    kernel().ndis.ledger.forget(packet);
                }
                return false;
            }
            state.sent_frames += sends.iter().map(|send| send.frames.len() as u64).sum::<u64>();
            let out = packets.iter().map(|packet| (packet.id, packet.clone()));
            state.outstanding.extend(out);
        }
        let high = flags & NDIS_SEND_FLAGS_DISPATCH_LEVEL != 0 || kernel().rng().random_bool(0.3);
        let irql = if high { DISPATCH_LEVEL } else { PASSIVE_LEVEL };
        raised(irql, || {
            send::down(adapter, None, &packets, port, flags);
        });
        true
    }

    /// Sends a frame from below a module (none: from the protocol itself), whether anything runs or not.
    pub(super) fn stray(&self, adapter: &Arc<Adapter>, from: Option<&Module>) {
        let Some(packet) = self.make(&SendNbl::new([Frame::stray()])) else { return };
        lock(&self.state).outstanding.insert(packet.id, packet.clone());
        send::down(adapter, from, &[packet], 0, 0);
    }

    fn make(&self, send: &SendNbl) -> Option<Arc<Packet>> {
        let dressing = Dressing {
            oob: &send.oob,
            nbl_flags: send.nbl_flags,
            source: std::ptr::without_provenance_mut(self.handle),
            pool: std::ptr::without_provenance_mut(self.pool),
        };
        // All frames of an NBL are of one flow.
        let flow = send.frames.first().map_or(0, |frame| flow(&frame.bytes, &send.oob));
        let built = build::nbl(&send.frames, &dressing);
        kernel().ndis.ledger.enter_built(built, Maker::Protocol, self.handle, flow)
    }

    /// Sends came back completed.
    pub(super) fn completed(&self, packets: &[Arc<Packet>]) {
        let sink = lock(&self.state).home_sink.clone();
        for packet in packets {
            let known = lock(&self.state).outstanding.remove(&packet.id).is_some();
            let judge = &kernel().judge;
            judge.check(rule::V15, known, || {
                format!("{} was completed to a protocol that did not send it", packet.name())
            });
            let status = packet.nbl.status();
            judge.check(rule::V19, status != STATUS_POISON, || {
                format!("{} was completed without a Status", packet.name())
            });
            *lock(&self.state).completions.entry(status).or_default() += 1;
            Ledger::came_home(packet);
            if let Some(sink) = &sink {
                sink(delivery::sent(packet, 0), packet.nbl.status());
            }
            kernel().ndis.ledger.forget(packet);
        }
        kernel().sched.changed();
    }

    /// Receives came up. With RESOURCES they stay the caller's.
    pub(super) fn received(&self, adapter: &Arc<Adapter>, packets: &[Arc<Packet>], port: u32, flags: u32) {
        let (looped, others): (Vec<_>, Vec<_>) = packets.iter().partition(|packet| packet.maker == Maker::Loopback);
        adapter.note_looped_at_top(looped.into_iter().flat_map(|packet| delivery::received(packet, port)).collect());
        adapter.witness_frames(Way::Up, port, others.iter().copied());
        let arrived: Vec<_> = others.into_iter().flat_map(|packet| delivery::received(packet, port)).collect();
        let (sink, pace, arrived) = {
            let mut state = lock(&self.state);
            let arrived = state.sort_out(arrived);
            let pace = if state.running { state.pace } else { ProtocolPace::AtOnce };
            (state.sink.clone(), pace, arrived)
        };
        if let Some(sink) = sink {
            sink(arrived);
        }
        if flags & NDIS_RECEIVE_FLAGS_RESOURCES != 0 {
            return;
        }
        let (now, later) = split(
            packets,
            match pace {
                ProtocolPace::AtOnce => 1.0,
                ProtocolPace::Later => 0.0,
                ProtocolPace::Mixed => 0.5,
            },
        );
        self.hold(adapter, later);
        let said = flags & NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL != 0;
        receive::returned(adapter, None, &now, if said { NDIS_RETURN_FLAGS_DISPATCH_LEVEL } else { 0 });
    }

    /// Keeps receives and sees to it that they are returned soon.
    fn hold(&self, adapter: &Arc<Adapter>, packets: Vec<Arc<Packet>>) {
        if packets.is_empty() {
            return;
        }
        let queue = {
            let mut state = lock(&self.state);
            state.held.extend(packets);
            // A pause may have come in between: it has flushed already, so that nobody else would.
            !std::mem::replace(&mut state.flush_queued, true)
        };
        if queue {
            let adapter = adapter.clone();
            let flush = move || adapter.protocol.flush(&adapter);
            if kernel().rng().random_bool(0.5) {
                kernel().sched.queue_dpc(LAB, Box::new(flush));
            } else {
                kernel().sched.queue_work(Box::new(flush));
            }
        }
    }

    /// Returns all that is held, in any order and in lists of any length.
    fn flush(&self, adapter: &Arc<Adapter>) {
        let mut held = {
            let mut state = lock(&self.state);
            state.flush_queued = false;
            std::mem::take(&mut state.held)
        };
        held.shuffle(&mut *kernel().rng());
        let flags = said_dispatch(NDIS_RETURN_FLAGS_DISPATCH_LEVEL);
        for batch in batches(held) {
            receive::returned(adapter, None, &batch, flags);
        }
    }
}

/// The flag, sometimes, where it is true: a caller need not say so.
pub(super) fn said_dispatch(flag: u32) -> u32 {
    if thread::irql() == DISPATCH_LEVEL && kernel().rng().random_bool(0.5) { flag } else { 0 }
}

/// Two lists in the same order: each NBL is in the first with this probability.
pub(super) fn split(packets: &[Arc<Packet>], first: f64) -> (Vec<Arc<Packet>>, Vec<Arc<Packet>>) {
    packets.iter().cloned().partition(|_| kernel().rng().random_bool(first))
}

/// Cuts a list into some of any length.
pub(super) fn batches(mut packets: Vec<Arc<Packet>>) -> Vec<Vec<Arc<Packet>>> {
    let mut batches = Vec::new();
    while !packets.is_empty() {
        let length = kernel().rng().random_range(1..=packets.len());
        let rest = packets.split_off(length);
        batches.push(std::mem::replace(&mut packets, rest));
    }
    batches
}
