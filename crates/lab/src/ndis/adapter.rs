//! An adapter: a miniport, the filter modules above it, a protocol on top, and what scenarios do with it.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use nblease_ndis::sys::NDIS_STATUS;

use super::{
    asked::{self, Asking, OidKind, OidReply},
    control,
    frame::{Arrived, RecvNbl, SendNbl},
    kept_oid::{self, Kept},
    ledger::Tally,
    loopback::{Loopback, Looped},
    miniport::{Miniport, MiniportPace, OidAnswer},
    module::{Module, ModuleState},
    offload::Offloads,
    pnp,
    power::Power,
    protocol::{Protocol, ProtocolPace},
    send,
    status::{self, Indicating},
    witness::Watched,
};
use crate::{kernel::kernel, sync::lock};

/// Where the frames go that reach an end of the stack.
pub type Sink = Arc<dyn Fn(Vec<Arrived>) + Send + Sync>;

/// Who is told of NBLs that came back to the end of the stack that made them: the frames, and a send's status.
pub type HomeSink = Arc<dyn Fn(Vec<Arrived>, NDIS_STATUS) + Send + Sync>;

/// What an adapter is like.
#[derive(Clone, Debug)]
pub struct AdapterConfig {
    /// Interface name; also part of the instance name.
    pub name: String,
    /// MAC address.
    pub mac: [u8; 6],
    /// Bytes of payload in a frame; frames may still be larger (offloads).
    pub mtu: u32,
    /// Bits per second, both ways.
    pub link_speed: u64,
    /// `NDIS_MEDIUM`: 0 is Ethernet (802.3).
    pub medium: i32,
    /// Whether FilterRestart gets restart attributes; none: by the seed.
    pub restart_attributes: Option<bool>,
    /// NetLuid of the miniport, as of an adapter that comes back; none: a new one.
    pub luid: Option<u64>,
    /// What a send may ask the card for, at first.
    pub offloads: Offloads,
    /// Which sends NDIS loops back.
    pub loopback: Loopback,
}

impl Default for AdapterConfig {
    fn default() -> Self {
        Self {
            name: "Ethernet".to_owned(),
            mac: [0x02, 0x15, 0x5d, 0, 0, 1],
            mtu: 1500,
            link_speed: 1_000_000_000,
            medium: 0,
            restart_attributes: None,
            luid: None,
            offloads: Offloads::ALL,
            loopback: Loopback::Off,
        }
    }
}

/// How often what came by: frames at the ends of a stack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameCounts {
    /// Frames that the protocol sent.
    pub sent: u64,
    /// Frames that reached the miniport.
    pub reached_miniport: u64,
    /// Frames that the miniport indicated.
    pub indicated: u64,
    /// Frames that reached the protocol.
    pub reached_protocol: u64,
    /// Received frames that no protocol got, since their NetBufferListFrameType is another's.
    pub lost_wrong_type: u64,
    /// Received frames of filters' own that were lost by a wrong checksum.
    pub lost_bad_checksum: u64,
    /// Received frames of filters' own that were lost since their headers are not in the first MDL.
    pub lost_split_headers: u64,
    /// Received frames of filters' own with a wrong checksum that the protocol got, since the OOB says that it is right.
    pub corrupt: u64,
    /// Frames of sends that asked for an offload that the card does not have.
    pub lost_offload: u64,
}

/// What reached an end of a stack besides packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A status and its buffer reached the protocol.
    Status(NDIS_STATUS, Vec<u8>),
    /// A network event (`NET_PNP_EVENT_CODE`) reached the protocol.
    NetPnP(i32),
    /// A device event (`NDIS_DEVICE_PNP_EVENT`) reached the miniport.
    DevicePnP(i32),
}

/// A control operation on an adapter's stack: they come one after the other.
pub(super) type Task = Box<dyn FnOnce(&Arc<Adapter>) + Send>;

/// Which control operations are under way or wait.
#[derive(Default)]
pub(super) struct Control {
    pub busy: bool,
    pub tasks: VecDeque<Task>,
}

/// An adapter and its stack.
pub struct Adapter {
    /// What it is like.
    pub config: AdapterConfig,
    /// Interface index of the miniport.
    pub if_index: u32,
    /// NetLuid of the miniport.
    pub luid: u64,
    pub(super) protocol: Protocol,
    pub(super) miniport: Miniport,
    /// Filter modules, the lowest first.
    stack: RwLock<Vec<Arc<Module>>>,
    events: Mutex<Vec<Event>>,
    pub(super) control: Mutex<Control>,
    /// The stack is to run (it may be paused for a while all the same).
    pub(super) wanted: AtomicBool,
    pub(super) plugged: AtomicBool,
    /// Sends come to filters that are Pausing or Restarting, too.
    pub(super) strays: AtomicBool,
    pub(super) stray_receives: AtomicBool,
    pub(super) power: Power,
    pub(super) looped: Mutex<Looped>,
    pub(super) watched: Watched,
    pub(super) asking: Asking,
    /// The statuses that its miniport indicates.
    pub(super) indicating: Indicating,
    pub(super) kept: Kept,
}

impl Adapter {
    /// Plugs an adapter in: every registered filter attaches, and the stack starts.
    pub fn plug(config: AdapterConfig) -> Arc<Self> {
        let ndis = &kernel().ndis;
        let number = ndis.last_adapter.fetch_add(1, Ordering::SeqCst) + 1;
        let luid = config.luid.unwrap_or(6 << 48 | u64::from(0x100 + number) << 24);
        let miniport = Miniport::new(config.offloads);
        let adapter = Arc::new(Self {
            config,
            if_index: number,
            luid,
            protocol: Protocol::new(),
            miniport,
            stack: RwLock::default(),
            events: Mutex::default(),
            control: Mutex::default(),
            wanted: AtomicBool::new(true),
            plugged: AtomicBool::new(true),
            strays: AtomicBool::new(false),
            stray_receives: AtomicBool::new(false),
            power: Power::default(),
            looped: Mutex::default(),
            watched: Watched::default(),
            asking: Asking::default(),
            indicating: Indicating::default(),
            kept: Kept::default(),
        });
        lock(&ndis.adapters).push(adapter.clone());
        control::start(&adapter);
        adapter
    }

    /// Unplugs it: the stack pauses, every filter detaches.
    pub fn unplug(self: &Arc<Self>) {
        self.plugged.store(false, Ordering::SeqCst);
        control::stop(self);
        lock(&kernel().ndis.adapters).retain(|other| !Arc::ptr_eq(other, self));
    }

    /// Pauses the whole stack and leaves it so.
    pub fn pause(self: &Arc<Self>) {
        self.wanted.store(false, Ordering::SeqCst);
        control::exclusively(self, control::pause_stack);
    }

    /// The same, with the protocol's sends on their way still.
    pub fn pause_at_once(self: &Arc<Self>) {
        self.wanted.store(false, Ordering::SeqCst);
        control::exclusively(self, control::pause_stack_at_once);
    }

    /// Restarts the whole stack.
    pub fn restart(self: &Arc<Self>) {
        self.wanted.store(true, Ordering::SeqCst);
        control::exclusively(self, control::restart_stack);
    }

    /// Sends NBLs down in one list: false where the stack does not run. Flags are `NDIS_SEND_FLAGS_...`.
    pub fn send(self: &Arc<Self>, sends: &[SendNbl], flags: u32) -> bool {
        self.send_from(sends, 0, flags)
    }

    /// As [`Self::send`], from a port of the miniport's.
    pub fn send_from(self: &Arc<Self>, sends: &[SendNbl], port: u32, flags: u32) -> bool {
        self.protocol.send(self, sends, port, flags, false)
    }

    /// As [`Self::send`], whether the stack runs or not: what a filter that is not Running has to complete with
    /// NDIS_STATUS_PAUSED.
    pub fn send_anyway(self: &Arc<Self>, sends: &[SendNbl], port: u32, flags: u32) {
        self.protocol.send(self, sends, port, flags, true);
    }

    /// From now on a send comes to each filter whose pause or restart is pending: it has to complete it with
    /// NDIS_STATUS_PAUSED.
    pub fn send_strays(&self) {
        self.strays.store(true, Ordering::SeqCst);
    }

    /// From now on a receive comes to each filter that is Pausing, Paused or Restarting: who is below runs still, or already.
    pub fn receive_strays(&self) {
        self.stray_receives.store(true, Ordering::SeqCst);
    }

    /// Cancels the sends of this CancelId (NdisCancelSendNetBufferLists).
    pub fn cancel_sends(self: &Arc<Self>, id: usize) {
        send::cancel(self, None, std::ptr::without_provenance_mut(id));
    }

    /// Indicates NBLs up in one list: false where the miniport does not run. Flags are `NDIS_RECEIVE_FLAGS_...`.
    pub fn receive(self: &Arc<Self>, receives: &[RecvNbl], flags: u32) -> bool {
        self.miniport.receive(self, receives, 0, flags)
    }

    /// Completes the sends that the miniport holds.
    pub fn complete_sends(self: &Arc<Self>) {
        self.miniport.flush(self);
    }

    /// Where frames go that reach the miniport.
    pub fn on_sent(&self, sink: Sink) {
        self.miniport.set_sink(sink);
    }

    /// Where frames go that reach the protocol.
    pub fn on_received(&self, sink: Sink) {
        self.protocol.set_sink(sink);
    }

    /// Who is told of sends that are completed.
    pub fn on_completed(&self, sink: HomeSink) {
        self.protocol.set_home_sink(sink);
    }

    /// Who is told of receives that are returned; their status says nothing.
    pub fn on_returned(&self, sink: HomeSink) {
        self.miniport.set_home_sink(sink);
    }

    /// How the ends of the stack give packets back.
    pub fn set_pace(&self, protocol: ProtocolPace, miniport: MiniportPace) {
        self.protocol.set_pace(protocol);
        self.miniport.set_pace(miniport);
    }

    /// What the miniport answers to OIDs that the lab does not know by itself.
    pub fn answer_oids(&self, answer: OidAnswer) {
        self.miniport.set_answer(answer);
    }

    /// An OID request of the protocol, to its end.
    pub fn oid(self: &Arc<Self>, kind: OidKind, oid: u32, data: &[u8]) -> OidReply {
        asked::ask(self, kind, oid, data)
    }

    /// An OID request that the card keeps and the protocol cancels: its status. Virtual or real time passes.
    pub fn cancelled_oid(self: &Arc<Self>, kind: OidKind) -> NDIS_STATUS {
        kept_oid::ask_and_cancel(self, kind)
    }

    /// The protocol cancels its OID requests that are under way (NdisCancelOidRequest, NdisCancelDirectOidRequest).
    pub fn cancel_oids(self: &Arc<Self>) {
        asked::cancel_all(self);
    }

    /// The miniport indicates a status with this buffer.
    pub fn indicate_status(self: &Arc<Self>, code: NDIS_STATUS, buffer: &[u8]) {
        status::indicate(self, code, buffer);
    }

    /// The miniport indicates that the link went up or down.
    pub fn indicate_link(self: &Arc<Self>, connected: bool) {
        status::indicate_link(self, connected);
    }

    /// The link goes up or down: the miniport says so; while it is down it receives nothing, and completes sends with
    /// NDIS_STATUS_MEDIA_DISCONNECTED.
    pub fn set_link(self: &Arc<Self>, connected: bool) {
        self.miniport.connect(connected);
        status::indicate_link(self, connected);
    }

    /// What a send may ask the card for changes: the miniport says so (NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG).
    pub fn set_offloads(self: &Arc<Self>, offloads: Offloads) {
        self.miniport.set_offloads(offloads);
        status::indicate_offloads(self, offloads);
    }

    /// A plug and play or power event goes up the stack: what the protocol answered.
    pub fn net_pnp_event(self: &Arc<Self>, event: i32, buffer: &[u8]) -> NDIS_STATUS {
        pnp::net_event(self, event, buffer)
    }

    /// A device event goes down the stack.
    pub fn device_pnp_event(self: &Arc<Self>, event: i32) {
        pnp::device_event(self, event);
    }

    /// What reached the ends besides packets, since this was asked last.
    pub fn take_events(&self) -> Vec<Event> {
        std::mem::take(&mut lock(&self.events))
    }

    pub(super) fn note(&self, event: Event) {
        lock(&self.events).push(event);
    }

    /// Frames that came by at the ends.
    pub fn counts(&self) -> FrameCounts {
        let mut counts = FrameCounts::default();
        self.protocol.count(&mut counts);
        self.miniport.count(&mut counts);
        counts
    }

    /// Completed sends, by status.
    pub fn completions(&self) -> Tally<NDIS_STATUS> {
        self.protocol.completions()
    }

    /// NBLs on their way: (sends, receives).
    pub fn outstanding(&self) -> (usize, usize) {
        (self.protocol.outstanding(), self.miniport.outstanding())
    }

    /// Whether the stack runs.
    pub fn is_running(&self) -> bool {
        self.miniport.is_running()
    }

    /// States of the filter modules, the lowest first.
    pub fn module_states(&self) -> Vec<ModuleState> {
        self.modules().iter().map(|module| module.state()).collect()
    }

    /// The filter modules, the lowest first.
    pub(super) fn modules(&self) -> Vec<Arc<Module>> {
        self.stack.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn push_module(&self, module: Arc<Module>) {
        self.stack.write().unwrap_or_else(PoisonError::into_inner).push(module);
    }

    pub(super) fn remove_module(&self, module: &Module) {
        let mut stack = self.stack.write().unwrap_or_else(PoisonError::into_inner);
        stack.retain(|other| other.handle != module.handle);
    }

    /// The next module below `from` (none: below the protocol) that `takes`.
    pub(super) fn next_below(&self, from: Option<&Module>, takes: impl Fn(&Module) -> bool) -> Option<Arc<Module>> {
        let stack = self.stack.read().unwrap_or_else(PoisonError::into_inner);
        let end = from.map_or(stack.len(), |from| {
            stack.iter().position(|module| module.handle == from.handle).unwrap_or_default()
        });
        stack.get(..end)?.iter().rev().find(|module| takes(module)).cloned()
    }

    /// The next module above `from` (none: above the miniport) that `takes`.
    pub(super) fn next_above(&self, from: Option<&Module>, takes: impl Fn(&Module) -> bool) -> Option<Arc<Module>> {
        let stack = self.stack.read().unwrap_or_else(PoisonError::into_inner);
        let start = from.map_or(0, |from| {
            let at = stack.iter().position(|module| module.handle == from.handle);
            at.map_or(stack.len(), |at| at + 1)
        });
        stack.get(start..)?.iter().find(|module| takes(module)).cloned()
    }
}
