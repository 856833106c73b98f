//! The lower end of a stack: a miniport that takes sends and completes them in time, and indicates what it receives.
//!
//! After "Miniport Driver Send and Receive Operations", "Indicating Received Ethernet Frames", "Pausing an Adapter".

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use nblease_ndis::sys::{
    NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL, NDIS_RECEIVE_FLAGS_RESOURCES, NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL,
    NDIS_SEND_FLAGS_DISPATCH_LEVEL, NDIS_STATUS, NDIS_STATUS_LOW_POWER_STATE, NDIS_STATUS_MEDIA_DISCONNECTED,
    NDIS_STATUS_NOT_SUPPORTED, NDIS_STATUS_PAUSED, NDIS_STATUS_SEND_ABORTED, NDIS_STATUS_SUCCESS,
    TcpLargeSendNetBufferListInfo,
};
use rand::{Rng as _, seq::SliceRandom as _};

use super::{
    LAB,
    adapter::{Adapter, FrameCounts, HomeSink, Sink},
    build::{self, Dressing},
    delivery,
    frame::{Arrived, Frame, RecvNbl, ether_type},
    handed::payload_of,
    headers::flow,
    ledger::Ledger,
    loopback,
    offload::{self, Offloads},
    packet::{Maker, Packet},
    protocol::{batches, said_dispatch, split},
    raised, receive, send,
    witness::Way,
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

/// What a miniport does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Activity {
    Paused,
    Running,
    LowPower,
}

struct State {
    activity: Activity,
    connected: bool,
    offloads: Offloads,
    pace: MiniportPace,
    sink: Option<Sink>,
    home_sink: Option<HomeSink>,
    answer: Option<OidAnswer>,
    /// Sends that are not completed yet.
    held: Vec<Arc<Packet>>,
    flush_queued: bool,
    /// Receives that are not returned yet.
    outstanding: BTreeMap<u64, Arc<Packet>>,
    sent_frames: u64,
    indicated_frames: u64,
    /// Frames that asked for what the card does not have.
    lost_offload: u64,
}

impl State {
    /// Why sends are completed as they come, and nothing is received.
    fn refusal(&self) -> Option<NDIS_STATUS> {
        match self.activity {
            Activity::LowPower => Some(NDIS_STATUS_LOW_POWER_STATE),
            Activity::Paused => Some(NDIS_STATUS_PAUSED),
            Activity::Running => (!self.connected).then_some(NDIS_STATUS_MEDIA_DISCONNECTED),
        }
    }
}

impl Miniport {
    pub(super) fn new(offloads: Offloads) -> Self {
        let ndis = &kernel().ndis;
        let state = State {
            activity: Activity::Paused,
            connected: true,
            offloads,
            pace: MiniportPace::default(),
            sink: None,
            home_sink: None,
            answer: None,
            held: Vec::new(),
            flush_queued: false,
            outstanding: BTreeMap::new(),
            sent_frames: 0,
            indicated_frames: 0,
            lost_offload: 0,
        };
        Self { handle: ndis.new_handle(), pool: ndis.new_handle(), state: Mutex::new(state) }
    }

    pub(super) fn offloads(&self) -> Offloads {
        lock(&self.state).offloads
    }

    pub(super) fn set_offloads(&self, offloads: Offloads) {
        lock(&self.state).offloads = offloads;
    }

    pub(super) fn connect(&self, connected: bool) {
        lock(&self.state).connected = connected;
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

    pub(super) fn set_home_sink(&self, sink: HomeSink) {
        lock(&self.state).home_sink = Some(sink);
    }

    pub(super) fn set_answer(&self, answer: OidAnswer) {
        lock(&self.state).answer = Some(answer);
    }

    pub(super) fn answer(&self) -> Option<OidAnswer> {
        lock(&self.state).answer.clone()
    }

    /// Adds its frames.
    pub(super) fn count(&self, counts: &mut FrameCounts) {
        let state = lock(&self.state);
        counts.reached_miniport = state.sent_frames;
        counts.indicated = state.indicated_frames;
        counts.lost_offload = state.lost_offload;
    }

    pub(super) fn is_running(&self) -> bool {
        lock(&self.state).activity == Activity::Running
    }

    pub(super) fn outstanding(&self) -> usize {
        lock(&self.state).outstanding.len()
    }

    pub(super) fn start(&self) {
        lock(&self.state).activity = Activity::Running;
    }

    /// To low power (OID_PNP_SET_POWER): completes the sends that it holds, refuses others, does not wait for receives.
    pub(super) fn sleep(&self, adapter: &Arc<Adapter>) {
        lock(&self.state).activity = Activity::LowPower;
        self.flush(adapter);
    }

    /// No receives from now on; completes the sends that it holds.
    pub(super) fn stop(&self, adapter: &Arc<Adapter>) {
        lock(&self.state).activity = Activity::Paused;
        self.flush(adapter);
    }

    /// What was indicated and is not returned: for the report of a pause that waits too long.
    pub(super) fn waiting_for(&self) -> Vec<String> {
        let outstanding: Vec<_> = lock(&self.state).outstanding.values().cloned().collect();
        Ledger::describe(outstanding)
    }

    /// Sends came down.
    pub(super) fn sent(&self, adapter: &Arc<Adapter>, packets: &[Arc<Packet>], port: u32, flags: u32) {
        adapter.witness_frames(Way::Down, port, packets.iter());
        let (refusal, pace, sink, offloads) = {
            let state = lock(&self.state);
            (state.refusal(), state.pace, state.sink.clone(), state.offloads)
        };
        let said = flags & NDIS_SEND_FLAGS_DISPATCH_LEVEL != 0;
        let complete = if said { NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL } else { 0 };
        if let Some(status) = refusal {
            finish(adapter, packets, status, complete);
            return;
        }
        let able = |packet: &Arc<Packet>| offloads.lacking(&packet.oob()).is_none();
        let (taken, lost): (Vec<_>, Vec<_>) = packets.iter().cloned().partition(able);
        let frames: Vec<_> = taken.iter().flat_map(|packet| delivery::sent(packet, port)).collect();
        {
            let mut state = lock(&self.state);
            state.sent_frames += frames.len() as u64;
            state.lost_offload += lost.iter().map(|packet| delivery::sent(packet, port).len() as u64).sum::<u64>();
        }
        loopback::look(adapter, &frames, flags);
        if let Some(sink) = sink {
            sink(frames.into_iter().flat_map(on_the_wire).collect());
        }
        let (now, later) = split(
            &taken,
            match pace {
                MiniportPace::AtOnce => 1.0,
                MiniportPace::Later | MiniportPace::Manual => 0.0,
                MiniportPace::Mixed => 0.5,
            },
        );
        self.hold(adapter, later, pace);
        finish(adapter, &lost, NDIS_STATUS_NOT_SUPPORTED, complete);
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
            let wanted = pace != MiniportPace::Manual || state.activity != Activity::Running;
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
        let packets: Vec<_> = receives.iter().filter_map(|receive| self.make(receive, Maker::Miniport)).collect();
        if !self.put_out(&packets, true) {
            return false;
        }
        for receive in receives {
            adapter.note_received(|| loopback::wire(receive));
        }
        self.indicate(adapter, &packets, port, flags);
        true
    }

    /// NDIS indicates copies of sends, where the adapter runs.
    pub(super) fn loop_back(&self, adapter: &Arc<Adapter>, copies: &[RecvNbl]) {
        let packets: Vec<_> = copies.iter().filter_map(|copy| self.make(copy, Maker::Loopback)).collect();
        if self.put_out(&packets, false) {
            let flags = if kernel().rng().random_bool(0.5) { NDIS_RECEIVE_FLAGS_RESOURCES } else { 0 };
            self.indicate(adapter, &packets, 0, flags);
        }
    }

    /// Indicates a frame that no wire brought, while filters above are not Running.
    pub(super) fn stray(&self, adapter: &Arc<Adapter>) {
        let packets: Vec<_> = self.make(&RecvNbl::new(Frame::stray()), Maker::Miniport).into_iter().collect();
        if self.put_out(&packets, false) {
            self.indicate(adapter, &packets, 0, 0);
        }
    }

    /// Enters receives as indicated, `from_wire` or not; forgets them where the adapter receives nothing.
    fn put_out(&self, packets: &[Arc<Packet>], from_wire: bool) -> bool {
        let mut state = lock(&self.state);
        if state.refusal().is_some() {
            drop(state);
            for packet in packets {
                kernel().ndis.ledger.forget(packet);
            }
            return false;
        }
        if from_wire {
            state.indicated_frames += packets.len() as u64;
        }
        let out = packets.iter().map(|packet| (packet.id, packet.clone()));
        state.outstanding.extend(out);
        true
    }

    fn indicate(&self, adapter: &Arc<Adapter>, packets: &[Arc<Packet>], port: u32, flags: u32) {
        let high = flags & NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL != 0 || kernel().rng().random_bool(0.5);
        let irql = if high { DISPATCH_LEVEL } else { PASSIVE_LEVEL };
        raised(irql, || {
            receive::up(adapter, None, packets, port, flags);
        });
        if flags & NDIS_RECEIVE_FLAGS_RESOURCES != 0 {
            self.returned(packets);
        }
    }

    fn make(&self, receive: &RecvNbl, maker: Maker) -> Option<Arc<Packet>> {
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
        let flow = flow(&receive.frame.bytes, &oob);
        let built = build::nbl(std::slice::from_ref(&receive.frame), &dressing);
        kernel().ndis.ledger.enter_built(built, maker, self.handle, flow)
    }

    /// Receives came back.
    pub(super) fn returned(&self, packets: &[Arc<Packet>]) {
        let sink = lock(&self.state).home_sink.clone();
        for packet in packets {
            let known = lock(&self.state).outstanding.remove(&packet.id).is_some();
            kernel().judge.check(rule::V15, known, || {
                format!("{} was returned to a miniport that did not indicate it", packet.name())
            });
            Ledger::came_home(packet);
            if let Some(sink) = &sink {
                sink(delivery::sent(packet, 0), packet.nbl.status());
            }
            kernel().ndis.ledger.forget(packet);
        }
        kernel().sched.changed();
    }
}

/// The frames that a sent one goes out as: what its NBL asks for is done.
fn on_the_wire(frame: Arrived) -> Vec<Arrived> {
    let Arrived { bytes, oob, nbl_flags, filters_own, port, fate } = frame;
    let out = offload::perform(&oob, bytes).into_iter();
    out.map(|bytes| Arrived { bytes, oob, nbl_flags, filters_own, port, fate }).collect()
}

/// Completes sends up the stack.
fn finish(adapter: &Arc<Adapter>, packets: &[Arc<Packet>], status: NDIS_STATUS, flags: u32) {
    for packet in packets {
        packet.nbl.set_status(status);
        let mut oob = packet.oob();
        let lso = oob.get(TcpLargeSendNetBufferListInfo);
        if lso != 0 {
            // Of LSOv2 only the type is left (Reserved is 0), LSOv1 has TcpPayload.
            let (kind, sent) = (lso & 1 << 30, status == NDIS_STATUS_SUCCESS);
            let payload = if kind == 0 && sent { payload_of(packet).unwrap_or_default() } else { 0 };
            oob.set(TcpLargeSendNetBufferListInfo, kind | payload);
            packet.nbl.set_info(oob.0.map(std::ptr::without_provenance_mut::<_>));
        }
    }
    send::completed(adapter, None, packets, flags);
}
