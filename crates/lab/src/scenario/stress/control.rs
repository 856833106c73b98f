//! What happens to an adapter besides packets: pauses, sleep, requests, indications. One control operation at a time is
//! under way on each; everything else goes on meanwhile.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use nblease_ndis::sys::{
    NDIS_STATUS, NDIS_STATUS_NETWORK_CHANGE, NdisDevicePnPEventPowerProfileChanged, NetEventQueryPower,
    NetEventReconfigure, OID_802_3_CURRENT_ADDRESS, OID_GEN_CURRENT_PACKET_FILTER, OID_GEN_STATISTICS,
};
use rand::{Rng as _, SeedableRng as _, rngs::SmallRng};

use super::{
    Cast,
    books::Books,
    traffic::{self, Feed, Frames, Kind},
};
use crate::{
    kernel::kernel,
    ndis::{Adapter, MiniportPace, Offloads, OidKind, PowerPath, PowerStage, ProtocolPace},
};

/// A status of which only the card's own programs know what it means.
const NDIS_STATUS_MEDIA_SPECIFIC_INDICATION: NDIS_STATUS = 0x4001_0012;

/// What a stack is brought to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It runs.
    Running,
    /// It is paused.
    Paused,
    /// It is at low power.
    Asleep,
}

/// An adapter and what it was brought to.
pub struct Plugged {
    /// The adapter.
    pub adapter: Arc<Adapter>,
    /// Puts frames into its stack.
    pub feed: Feed,
    /// What is on its way, where that is looked at.
    pub books: Option<Arc<Books>>,
    /// What the last control operation brings it to.
    pub stage: Stage,
    /// Whether the link is up.
    pub connected: bool,
    /// A control operation is under way.
    pub busy: Arc<AtomicBool>,
}

/// Something that a processor does.
pub type Job = Box<dyn FnOnce() + Send>;

impl Plugged {
    /// An adapter that runs; frames come at the stages of its sleep.
    pub fn new(adapter: Arc<Adapter>, frames: &Frames, cast: Cast) -> Self {
        let books = cast.is_transparent().then(|| Books::of(&adapter));
        let feed = Feed::new(adapter.clone(), frames, books.clone());
        let (weak, frames, entered) = (Arc::downgrade(&adapter), frames.clone(), books.clone());
        adapter.on_power(Arc::new(move |stage| {
            let Some(adapter) = weak.upgrade() else { return };
            let mut rng = SmallRng::seed_from_u64(kernel().rng().random());
            if stage != PowerStage::Low || rng.random_bool(0.3) {
                let feed = Feed::new(adapter, &frames, entered.clone());
                let sends = traffic::sends(&mut rng);
                if cast.is_strict() {
                    feed.send(&sends, 0);
                }
                feed.receive(&traffic::receives(&mut rng, Kind::Owned));
            }
        }));
        Self { adapter, feed, books, stage: Stage::Running, connected: true, busy: Arc::default() }
    }

    /// Whether a control operation is under way.
    pub fn is_busy(&self) -> bool {
        self.busy.load(Ordering::SeqCst)
    }

    /// The job of a control operation.
    fn operation(&self, operation: impl FnOnce(&Arc<Adapter>) + Send + 'static) -> Job {
        let (adapter, busy) = (self.adapter.clone(), self.busy.clone());
        busy.store(true, Ordering::SeqCst);
        Box::new(move || {
            // A stack that stops waits until the card has completed its sends.
            adapter.set_pace(ProtocolPace::default(), MiniportPace::default());
            adapter.complete_sends();
            operation(&adapter);
            busy.store(false, Ordering::SeqCst);
            kernel().sched.changed();
        })
    }

    /// Whether it was not stopped.
    pub fn runs(&self) -> bool {
        self.stage == Stage::Running
    }

    /// Whether a card may keep sends now.
    pub fn may_keep(&self) -> bool {
        self.runs() && !self.is_busy()
    }

    /// The stack pauses where it runs, and restarts where it is paused.
    pub fn pause_or_restart(&mut self) -> Option<Job> {
        match self.stage {
            _ if self.is_busy() => None,
            Stage::Running => {
                self.stage = Stage::Paused;
                Some(self.operation(Adapter::pause))
            }
            Stage::Paused => {
                self.stage = Stage::Running;
                Some(self.operation(Adapter::restart))
            }
            Stage::Asleep => None,
        }
    }

    /// The stack pauses and restarts at once, where it runs.
    pub fn restart(&self) -> Option<Job> {
        (self.runs() && !self.is_busy()).then(|| {
            self.operation(|adapter| {
                adapter.pause();
                adapter.restart();
            })
        })
    }

    /// The stack goes to low power on one of the paths where it runs, and comes back where it is there.
    pub fn sleep_or_wake(&mut self, rng: &mut SmallRng) -> Option<Job> {
        let path =
            *[PowerPath::A, PowerPath::B, PowerPath::C].get(rng.random_range(0..3_usize)).unwrap_or(&PowerPath::A);
        match self.stage {
            _ if self.is_busy() => None,
            Stage::Running => {
                self.stage = Stage::Asleep;
                Some(self.operation(move |adapter| adapter.suspend(path)))
            }
            Stage::Asleep => {
                self.stage = Stage::Running;
                Some(self.operation(Adapter::resume))
            }
            Stage::Paused => None,
        }
    }

    /// It goes.
    pub fn unplug(&self) -> Job {
        self.operation(Adapter::unplug)
    }

    /// It runs again, whatever it was.
    pub fn run_again(&mut self, rng: &mut SmallRng) -> Option<Job> {
        match self.stage {
            Stage::Running => None,
            Stage::Paused => self.pause_or_restart(),
            Stage::Asleep => self.sleep_or_wake(rng),
        }
    }

    /// The link goes down or comes up.
    pub fn change_link(&mut self) -> Job {
        self.connected = !self.connected;
        let (adapter, connected) = (self.adapter.clone(), self.connected);
        Box::new(move || adapter.set_link(connected))
    }
}

/// Requests that a driver of this project's kind gets.
const SOME: [OidKind; 4] = [OidKind::Query, OidKind::Set, OidKind::DirectQuery, OidKind::SynchronousQuery];
/// All kinds, the more frequent ones twice.
const ALL: [OidKind; 9] = [
    OidKind::Query,
    OidKind::Query,
    OidKind::Set,
    OidKind::Set,
    OidKind::Method,
    OidKind::DirectQuery,
    OidKind::DirectSet,
    OidKind::DirectMethod,
    OidKind::SynchronousQuery,
];

/// An OID request on any path, some with a buffer that is too short.
pub fn oid(adapter: &Arc<Adapter>, cast: Cast, rng: &mut SmallRng) -> Job {
    let kinds = if cast == Cast::Readers { SOME.as_slice() } else { &ALL };
    let kind = kinds.get(rng.random_range(0..kinds.len())).copied().unwrap_or(OidKind::Query);
    let (oid, length) = match rng.random_range(0..4) {
        _ if matches!(kind, OidKind::Set | OidKind::DirectSet) => (OID_GEN_CURRENT_PACKET_FILTER, 4),
        // One of the card's own.
        _ if matches!(kind, OidKind::Method | OidKind::DirectMethod) => {
            (rng.random_range(0xff00_0000..=u32::MAX), rng.random_range(0..64))
        }
        0 => (OID_GEN_STATISTICS, 8),
        1 => (rng.random(), rng.random_range(0..64)),
        _ => (OID_802_3_CURRENT_ADDRESS, 6),
    };
    let adapter = adapter.clone();
    Box::new(move || {
        adapter.oid(kind, oid, &vec![0x0b; length]);
    })
}

/// An OID request that is cancelled soon, with all others that are under way then.
pub fn cancelled_oid(adapter: &Arc<Adapter>, cast: Cast, rng: &mut SmallRng) -> Job {
    let (ask, adapter) = (oid(adapter, cast, rng), adapter.clone());
    Box::new(move || {
        kernel().sched.queue_work(Box::new(move || adapter.cancel_oids()));
        ask();
    })
}

/// A status that filters know, or not.
pub fn status(adapter: &Arc<Adapter>, connected: bool, rng: &mut SmallRng) -> Job {
    let adapter = adapter.clone();
    let bytes: Vec<u8> = (0..rng.random_range(0..40)).map(|_| rng.random()).collect();
    match rng.random_range(0..3) {
        0 => Box::new(move || adapter.indicate_link(connected)),
        1 => Box::new(move || adapter.indicate_status(NDIS_STATUS_MEDIA_SPECIFIC_INDICATION, &bytes)),
        _ => Box::new(move || adapter.indicate_status(NDIS_STATUS_NETWORK_CHANGE, &[1, 0, 0, 0])),
    }
}

/// The card offers all, nothing, or something.
pub fn offloads(adapter: &Arc<Adapter>, rng: &mut SmallRng) -> Job {
    let mut offloads = Offloads::ALL;
    if rng.random_bool(0.5) {
        offloads.lso_v1 = false;
        offloads.lso_v4 = rng.random();
        offloads.tcp_v4 = rng.random();
        offloads.ip = rng.random();
    }
    let adapter = adapter.clone();
    Box::new(move || adapter.set_offloads(offloads))
}

/// A network event after which nothing is different.
pub fn net_pnp(adapter: &Arc<Adapter>, rng: &mut SmallRng) -> Job {
    let event = if rng.random() { NetEventQueryPower } else { NetEventReconfigure };
    let adapter = adapter.clone();
    Box::new(move || {
        adapter.net_pnp_event(event, &[2, 0, 0, 0]);
    })
}

/// A device event.
pub fn device_pnp(adapter: &Arc<Adapter>) -> Job {
    let adapter = adapter.clone();
    Box::new(move || adapter.device_pnp_event(NdisDevicePnPEventPowerProfileChanged))
}

/// How the ends give packets back. The card keeps sends only where it `may_keep` them.
pub fn pace(adapter: &Adapter, may_keep: bool, rng: &mut SmallRng) {
    let protocols = [ProtocolPace::AtOnce, ProtocolPace::Later, ProtocolPace::Mixed];
    let miniports = [MiniportPace::AtOnce, MiniportPace::Later, MiniportPace::Mixed, MiniportPace::Manual];
    adapter.set_pace(
        protocols.get(rng.random_range(0..3_usize)).copied().unwrap_or_default(),
        miniports.get(rng.random_range(0..if may_keep { 4 } else { 3_usize })).copied().unwrap_or_default(),
    );
}
