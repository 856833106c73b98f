//! A filter module: one instance of a filter driver in the stack of one adapter, its state and its callbacks.
//!
//! States after "Filter Module States and Operations"; what may be called when after "Attaching", "Starting",
//! "Pausing" and "Detaching a Filter Module".

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread::ThreadId,
};

use nblease_ndis::sys::{
    FILTER_CANCEL_SEND_HANDLER, FILTER_RECEIVE_NET_BUFFER_LISTS_HANDLER, FILTER_RETURN_NET_BUFFER_LISTS_HANDLER,
    FILTER_SEND_NET_BUFFER_LISTS_COMPLETE_HANDLER, FILTER_SEND_NET_BUFFER_LISTS_HANDLER,
    NDIS_FILTER_DRIVER_CHARACTERISTICS, NDIS_HANDLE, NDIS_STATUS,
};

use super::{adapter::Adapter, attach, driver::FilterDriver, oid::Waiting, refusals::Refusals};
use crate::{history::Event, judge::rule, kernel::kernel, sync::lock, thread};

/// The modules' kind in the book of histories.
const MODULE: &str = "filter module";

/// Callbacks that are called so often that the module's history leaves them out.
const MANY: [&str; 7] = [
    "FilterSendNetBufferLists",
    "FilterSendNetBufferListsComplete",
    "FilterReceiveNetBufferLists",
    "FilterReturnNetBufferLists",
    "FilterOidRequest",
    "FilterOidRequestComplete",
    "FilterStatus",
];

/// State of a filter module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModuleState {
    /// In FilterAttach.
    Attaching,
    /// Between pause (or attach) and restart.
    Paused,
    /// From FilterRestart to its completion.
    Restarting,
    /// Normal.
    Running,
    /// From FilterPause to its completion.
    Pausing,
    /// FilterDetach was called, or attach failed.
    Detached,
}

/// The five data handlers, which a module may change when it restarts.
#[derive(Clone, Copy, Default)]
pub struct DataHandlers {
    pub send: FILTER_SEND_NET_BUFFER_LISTS_HANDLER,
    pub send_complete: FILTER_SEND_NET_BUFFER_LISTS_COMPLETE_HANDLER,
    pub cancel_send: FILTER_CANCEL_SEND_HANDLER,
    pub receive: FILTER_RECEIVE_NET_BUFFER_LISTS_HANDLER,
    pub return_: FILTER_RETURN_NET_BUFFER_LISTS_HANDLER,
}

impl DataHandlers {
    /// The handlers that a driver registered with.
    pub fn of(characteristics: &NDIS_FILTER_DRIVER_CHARACTERISTICS) -> Self {
        Self {
            send: characteristics.SendNetBufferListsHandler,
            send_complete: characteristics.SendNetBufferListsCompleteHandler,
            cancel_send: characteristics.CancelSendNetBufferListsHandler,
            receive: characteristics.ReceiveNetBufferListsHandler,
            return_: characteristics.ReturnNetBufferListsHandler,
        }
    }
}

/// An operation (pause, restart) that a callback starts and a call may complete.
#[derive(Default)]
pub struct Pending {
    state: Mutex<PendingState>,
}

#[derive(Clone, Copy, Default)]
struct PendingState {
    open: bool,
    completions: u32,
    status: NDIS_STATUS,
}

impl Pending {
    /// The callback is about to be called.
    pub fn begin(&self) {
        *lock(&self.state) = PendingState { open: true, ..PendingState::default() };
    }

    /// A completion: how many there are now; none where nothing is open.
    pub fn complete(&self, status: NDIS_STATUS) -> Option<u32> {
        let mut state = lock(&self.state);
        if !state.open {
            return None;
        }
        state.completions += 1;
        state.status = status;
        Some(state.completions)
    }

    /// The status of the completion, if it came.
    pub fn completed(&self) -> Option<NDIS_STATUS> {
        let state = lock(&self.state);
        (state.completions > 0).then_some(state.status)
    }

    /// The operation is over: later completions are too many.
    pub fn end(&self) {
        lock(&self.state).open = false;
    }
}

/// A filter module.
pub struct Module {
    /// `NdisFilterHandle`.
    pub handle: usize,
    /// Whose.
    pub driver: Arc<FilterDriver>,
    name: Arc<str>,
    /// In which stack.
    pub adapter: Arc<Adapter>,
    /// Interface index and NetLuid of the module itself.
    pub if_index: u32,
    /// See `if_index`.
    pub luid: u64,
    state: Mutex<ModuleState>,
    context: AtomicUsize,
    attributes_set: AtomicBool,
    handlers: Mutex<DataHandlers>,
    /// FilterSetModuleOptions is under way.
    pub(super) setting_options: AtomicBool,
    pub(super) pause: Pending,
    pub(super) restart: Pending,
    /// Calls into the driver for this module that are under way.
    calls: AtomicUsize,
    /// OID requests: the one that the filter has, and those that wait for it.
    pub(super) oid: Mutex<OidSlot>,
    /// CancelIds that it got, and how often it passed each on (V20).
    pub(super) cancels: Mutex<HashMap<usize, u64>>,
    /// The thread that has FilterCancelSendNetBufferLists called, and for which CancelId (V20).
    pub(super) cancelling: Mutex<Option<(ThreadId, usize)>>,
    /// What it ended and what it passed on (V26).
    pub(super) refusals: Mutex<Refusals>,
    /// It had the event of low power, and may hold nothing (V12, V13).
    pub(super) low_power: AtomicBool,
    /// FilterPause or FilterRestart is being called.
    pub(super) in_change: AtomicBool,
    /// How long the network event that it has was with those above.
    pub(super) event_passed_ns: AtomicU64,
    /// Last place in the order of delivery that was passed on, and which NBL's it was, by direction and flow (V31).
    pub(super) order: Mutex<HashMap<(bool, u64), (u64, u64)>>,
}

/// What NDIS serializes for a module: one OID request at a time.
#[derive(Default)]
pub struct OidSlot {
    /// The request that the filter has.
    pub busy: Option<usize>,
    /// Since when.
    pub since_ns: u64,
    /// Those that wait for it.
    pub waiting: VecDeque<Waiting>,
}

impl Module {
    /// A module that is about to be attached.
    pub fn new(driver: Arc<FilterDriver>, adapter: Arc<Adapter>) -> Arc<Self> {
        let handle = kernel().ndis.new_handle();
        let number = (handle >> 4) as u32 & 0xffff;
        let handlers = DataHandlers::of(&driver.characteristics);
        let name = format!("{} on {}", kernel().driver_name(driver.id), adapter.config.name);
        let module = Arc::new(Self {
            handle,
            name: name.into(),
            if_index: 100 + number,
            // IfType 6 (Ethernet) in the top 16 bits, NetLuidIndex in the next 24.
            luid: 6 << 48 | u64::from(0x8000 + number) << 24,
            driver,
            adapter,
            state: Mutex::new(ModuleState::Attaching),
            context: AtomicUsize::new(0),
            attributes_set: AtomicBool::new(false),
            handlers: Mutex::new(handlers),
            setting_options: AtomicBool::new(false),
            pause: Pending::default(),
            restart: Pending::default(),
            calls: AtomicUsize::new(0),
            oid: Mutex::default(),
            cancels: Mutex::default(),
            cancelling: Mutex::default(),
            refusals: Mutex::default(),
            low_power: AtomicBool::new(false),
            in_change: AtomicBool::new(false),
            event_passed_ns: AtomicU64::new(0),
            order: Mutex::default(),
        });
        module.note(Event::of_lab("Attaching"));
        module
    }

    /// `NdisFilterHandle`, as drivers see it.
    pub fn ndis_handle(&self) -> NDIS_HANDLE {
        std::ptr::without_provenance_mut(self.handle)
    }

    /// Its state now.
    pub fn state(&self) -> ModuleState {
        *lock(&self.state)
    }

    pub(super) fn set_state(&self, state: ModuleState) {
        *lock(&self.state) = state;
        self.note(Event::of_lab(format!("{state:?}")));
    }

    /// Its data handlers now.
    pub fn handlers(&self) -> DataHandlers {
        *lock(&self.handlers)
    }

    pub(super) fn set_handlers(&self, handlers: DataHandlers) {
        *lock(&self.handlers) = handlers;
    }

    /// NdisFSetAttributes: the context for its callbacks. False where it was set already.
    pub(super) fn set_context(&self, context: NDIS_HANDLE) -> bool {
        self.context.store(context.expose_provenance(), Ordering::SeqCst);
        !self.attributes_set.swap(true, Ordering::SeqCst)
    }

    /// Whether NdisFSetAttributes was called.
    pub(super) fn has_context(&self) -> bool {
        self.attributes_set.load(Ordering::SeqCst)
    }

    /// `FriendlyName` of the driver.
    pub fn friendly_name(&self) -> &str {
        &self.driver.friendly_name
    }

    /// How NDIS names the instance: the adapter's GUID, the filter's, and a number.
    pub fn instance_name(&self) -> String {
        format!("{}-{}-0000", attach::guid(self.adapter.luid), self.driver.unique_name)
    }

    /// How reports name it: `nblease.sys on Ethernet`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same, to be kept.
    pub(super) fn shared_name(&self) -> Arc<str> {
        self.name.clone()
    }

    /// Adds an event to its history, which a report that names it shows.
    pub(super) fn note(&self, event: Event) {
        kernel().book.note(MODULE, self.handle, event);
    }

    /// Checks that `function` is called in a state that allows it (V07).
    pub fn require(&self, function: &'static str, allowed: &[ModuleState]) -> bool {
        let state = self.state();
        let good = allowed.contains(&state);
        kernel()
            .judge
            .check(rule::V07, good, || format!("{function} while {state:?} ({}); allowed in {allowed:?}", self.name()));
        good
    }

    /// As [`Self::require`] for what needs an attached module: every state but Attaching. Of FilterDetach one page says that
    /// the module is Detached from its start on, another that it is Paused until it returns; after that its handle is gone.
    pub fn require_attached(&self, function: &'static str) -> bool {
        use ModuleState::{Detached, Paused, Pausing, Restarting, Running};
        self.require(function, &[Paused, Restarting, Running, Pausing, Detached])
    }

    /// Calls into the driver with the module's context, at `irql` or the thread's own where that is higher.
    pub fn call<R>(&self, what: &'static str, irql: u8, f: impl FnOnce(NDIS_HANDLE) -> R) -> R {
        let context = std::ptr::with_exposed_provenance_mut(self.context.load(Ordering::SeqCst));
        self.calls.fetch_add(1, Ordering::SeqCst);
        let told = !MANY.contains(&what);
        if told {
            self.note(Event::of_lab("called").through(what));
        }
        let result = thread::call_driver(self.driver.id, what, irql.max(thread::irql()), || f(context));
        self.calls.fetch_sub(1, Ordering::SeqCst);
        if told {
            self.note(Event::of_lab("returned from").through(what));
        }
        if self.state() != ModuleState::Running {
            // Somebody may wait for the last call to end.
            kernel().sched.changed();
        }
        result
    }

    /// Whether it runs; also where it does or not only the driver knows: while FilterPause or FilterRestart is being called,
    /// what another processor brings meanwhile may come before or after.
    pub fn may_run(&self) -> bool {
        let in_change = kernel().has_processors() && self.in_change.load(Ordering::SeqCst);
        in_change || self.state() == ModuleState::Running
    }

    /// The CancelId that its FilterCancelSendNetBufferLists is called with on this thread.
    pub(super) fn being_cancelled(&self) -> Option<usize> {
        let (thread, id) = (*lock(&self.cancelling))?;
        (thread == std::thread::current().id()).then_some(id)
    }

    /// Whether no call into the driver is under way for it.
    pub fn is_idle(&self) -> bool {
        self.calls.load(Ordering::SeqCst) == 0
    }
}
