//! The lower end of a stack: a miniport that takes sends and completes them in time, and indicates what it receives.
//!
//! After "Miniport Driver Send and Receive Operations", "Indicating Received Ethernet Frames", "Pausing an Adapter".

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use nblease_ndis::sys::{
    NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL, NDIS_RECEIVE_FLAGS_RESOURCES, NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL,
    NDIS_SEND_FLAGS_DISPATCH_LEVEL, NDIS_STATUS, NDIS_STATUS_PAUSED, NDIS_STATUS_SEND_ABORTED, NDIS_STATUS_SUCCESS,
    TcpLargeSendNetBufferListInfo,
};
use rand::{Rng as _, seq::SliceRandom as _};

use super::{
    LAB,
    adapter::{Adapter, Sink},
    build::{self, Dressing},
    frame::{RecvNbl, ether_type, flow},
    ledger::Ledger,
    packet::{Maker, Packet},
    protocol::{arrived, batches, said_dispatch, split},
    raised, receive, send,
};
use crate::{
    judge::rule,
    kernel::kernel,
    sync::lock,
    thread::{DISPATCH_LEVEL, PASSIVE_LEVEL},
};

/// When the miniport completes sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MiniportPace {
    /// Before it returns from the send.
    AtOnce,
    /// From a DPC, regrouped, in any order.
    Later,
    /// Some of a list at once, the others later, as the seed says.
    #[default]
    Mixed,
    /// Never by itself: until [`super::Adapter::complete_sends`], a cancellation, or a pause.
    Manual,
}

/// The answer of a miniport to an OID request: a status and the data of a query.
pub type OidAnswer = Arc<dyn Fn(u32, &[u8]) -> Option<(NDIS_STATUS, Vec<u8>)> + Send + Sync>;

/// The lower end of a stack.
pub struct Miniport {
    handle: usize,
    pool: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: bool,
    pace: MiniportPace,
    sink: Option<Sink>,
    answer: Option<OidAnswer>,
    /// Sends that are not completed yet.
    held: Vec<Arc<Packet>>,
    flush_queued: bool,
    /// Receives that are not returned yet.
    outstanding: BTreeMap<u64, Arc<Packet>>,
    sent_frames: u64,
    indicated_frames: u64,
}

impl Miniport {
    pub(super) fn new() -> Self {
        let ndis = &kernel().ndis;
        Self { handle: ndis.new_handle(), pool: ndis.new_handle(), state: Mutex::default() }
    }

    pub(super) fn handle(&self) -> usize {
        self.handle
    }

    pub(super) fn set_pace(&self, pace: MiniportPace) {
        lock(&self.state).pace = pace;
    }

    pub(super) fn set_sink(&self, sink: Sink) {
        lock(&self.state).sink = Some(sink);
    }

    pub(super) fn set_answer(&self, answer: OidAnswer) {
        lock(&self.state).answer = Some(answer);
    }

    pub(super) fn answer(&self) -> Option<OidAnswer> {
        lock(&self.state).answer.clone()
    }

    /// Frames: (that were sent through it, that it indicated).
    pub(super) fn counts(&self) -> (u64, u64) {
        let state = lock(&self.state);
        (state.sent_frames, state.indicated_frames)
    }

    pub(super) fn is_running(&self) -> bool {
        lock(&self.state).running
    }

    pub(super) fn outstanding(&self) -> usize {
        lock(&self.state).outstanding.len()
    }

    pub(super) fn start(&self) {
        lock(&self.state).running = true;
    }

    /// No receives from now on; completes the sends that it holds.
    pub(super) fn stop(&self, adapter: &Arc<Adapter>) {
        lock(&self.state).running = false;
        self.flush(adapter);
    }

    /// What was indicated and is not returned: for the report of a pause that waits too long.
    pub(super) fn waiting_for(&self) -> Vec<String> {
        let outstanding: Vec<_> = lock(&self.state).outstanding.values().cloned().collect();
        Ledger::describe(outstanding)
    }

    /// Sends came down.
    pub(super) fn sent(&self, adapter: &Arc<Adapter>, packets: &[Arc<Packet>], port: u32, flags: u32) {
        let (running, pace, sink) = {
            let state = lock(&self.state);
            (state.running, state.pace, state.sink.clone())
        };
        let said = flags & NDIS_SEND_FLAGS_DISPATCH_LEVEL != 0;
        let complete = if said { NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL } else { 0 };
        if !running {
            finish(adapter, packets, NDIS_STATUS_PAUSED, complete);
            return;
        }
        let frames: Vec<_> = packets.iter().flat_map(|packet| arrived(packet, port)).collect();
        lock(&self.state).sent_frames += frames.len() as u64;
        if let Some(sink) = sink {
            sink(frames);
        }
        let (now, later) = split(
            packets,
            match pace {
                MiniportPace::AtOnce => 1.0,
                MiniportPace::Later | MiniportPace::Manual => 0.0,
                MiniportPace::Mixed => 0.5,
            },
        );
        self.hold(adapter, later, pace);
        finish(adapter, &now, NDIS_STATUS_SUCCESS, complete);
    }

    /// Keeps sends and sees to it that they are completed.
    fn hold(&self, adapter: &Arc<Adapter>, packets: Vec<Arc<Packet>>, pace: MiniportPace) {
        if packets.is_empty() {
            return;
        }
        let queue = {
            let mut state = lock(&self.state);
            state.held.extend(packets);
            let wanted = pace != MiniportPace::Manual || !state.running;
            wanted && !std::mem::replace(&mut state.flush_queued, true)
        };
        if queue {
            let adapter = adapter.clone();
            let flush = move || adapter.miniport.flush(&adapter);
            kernel().sched.queue_dpc(LAB, Box::new(flush));
        }
    }

    /// Completes all sends that are held, in any order and in lists of any length.
    pub(super) fn flush(&self, adapter: &Arc<Adapter>) {
        let mut held = {
            let mut state = lock(&self.state);
            state.flush_queued = false;
            std::mem::take(&mut state.held)
        };
        held.shuffle(&mut *kernel().rng());
        let flags = said_dispatch(NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL);
        for batch in batches(held) {
            finish(adapter, &batch, NDIS_STATUS_SUCCESS, flags);
        }
    }

    /// Completes the held sends of a CancelId as aborted.
    pub(super) fn cancel(&self, adapter: &Arc<Adapter>, id: usize) {
        let matching = {
            let mut state = lock(&self.state);
            let of_id = |packet: &Arc<Packet>| packet.oob().cancel_id() == id;
            let (matching, others) = std::mem::take(&mut state.held).into_iter().partition(of_id);
            state.held = others;
            matching
        };
        finish(adapter, &matching, NDIS_STATUS_SEND_ABORTED, 0);
    }

    /// Indicates NBLs in one list: false where the miniport is not running.
    ///
    /// NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL in `flags` makes the call at that IRQL; without it the seed chooses the IRQL.
    pub(super) fn receive(&self, adapter: &Arc<Adapter>, receives: &[RecvNbl], port: u32, flags: u32) -> bool {
        let packets: Vec<_> = receives.iter().filter_map(|receive| self.make(receive)).collect();
        {
            let mut state = lock(&self.state);
            if !state.running {
                drop(state);
                for packet in &packets {
                    kernel().ndis.ledger.forget(packet);
                }
                return false;
            }
            state.indicated_frames += packets.len() as u64;
            let out = packets.iter().map(|packet| (packet.id, packet.clone()));
            state.outstanding.extend(out);
        }
        let high = flags & NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL != 0 || kernel().rng().random_bool(0.5);
        let irql = if high { DISPATCH_LEVEL } else { PASSIVE_LEVEL };
        raised(irql, || {
            receive::up(adapter, None, &packets, port, flags);
        });
        if flags & NDIS_RECEIVE_FLAGS_RESOURCES != 0 {
            self.returned(&packets);
        }
        true
    }

    fn make(&self, receive: &RecvNbl) -> Option<Arc<Packet>> {
        let mut oob = receive.oob;
        if oob.frame_type() == 0 {
            oob.set_frame_type(ether_type(&receive.frame.bytes));
        }
        let dressing = Dressing {
            oob: &oob,
            nbl_flags: receive.nbl_flags,
            source: std::ptr::without_provenance_mut(self.handle),
            pool: std::ptr::without_provenance_mut(self.pool),
        };
        let flow = flow(&receive.frame.bytes);
        let built = build::nbl(std::slice::from_ref(&receive.frame), &dressing);
        kernel().ndis.ledger.enter_built(built, Maker::Miniport, self.handle, flow)
    }

    /// Receives came back.
    pub(super) fn returned(&self, packets: &[Arc<Packet>]) {
        for packet in packets {
            let known = lock(&self.state).outstanding.remove(&packet.id).is_some();
            kernel().judge.check(rule::V15, known, || {
                format!("{} was returned to a miniport that did not indicate it", packet.name())
            });
            Ledger::came_home(packet);
            kernel().ndis.ledger.forget(packet);
        }
        kernel().sched.changed();
    }
}

/// Completes sends up the stack.
fn finish(adapter: &Arc<Adapter>, packets: &[Arc<Packet>], status: NDIS_STATUS, flags: u32) {
    for packet in packets {
        packet.nbl.set_status(status);
        let mut oob = packet.oob();
        let lso = oob.get(TcpLargeSendNetBufferListInfo);
        if lso != 0 {
            // Of a completed large send only the type is left: LSOv2 Reserved is 0, LSOv1 TcpPayload is not kept here.
            oob.set(TcpLargeSendNetBufferListInfo, lso & 1 << 30);
            packet.nbl.set_info(oob.0.map(std::ptr::without_provenance_mut::<_>));
        }
    }
    send::completed(adapter, None, packets, flags);
}
