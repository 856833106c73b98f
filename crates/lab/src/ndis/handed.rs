//! One hand-off of an NBL by a filter, judged: V14, V17, V18, V19, V21, V22, V23, V25, V26, V31.
//!
//! After `NdisFSendNetBufferLists`, `NdisFSendNetBufferListsComplete`, `NdisFIndicateReceiveNetBufferLists`,
//! `NdisFReturnNetBufferLists`, "Pausing a Filter Module".

use nblease_ndis::sys::{
    NDIS_STATUS_LOW_POWER_STATE, NDIS_STATUS_PAUSED, NDIS_STATUS_SEND_ABORTED, NDIS_STATUS_SUCCESS,
    TcpLargeSendNetBufferListInfo,
};

use super::{
    build::STATUS_POISON,
    loopback::is_loopback,
    module::{Module, ModuleState},
    offload::tcp_payload,
    packet::{Order, Packet, Phase},
    raw::{self, Endless},
};
use crate::{judge::rule, kernel::kernel, sync::lock};

/// What a filter does with NBLs that it hands off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hand {
    /// NdisFSendNetBufferLists.
    Send,
    /// NdisFSendNetBufferListsComplete.
    Complete,
    /// NdisFIndicateReceiveNetBufferLists, with or without RESOURCES.
    Indicate { resources: bool },
    /// NdisFReturnNetBufferLists.
    Return,
}

impl Hand {
    /// What it is to the NBL: who has it from then on.
    pub(super) fn verb(self) -> &'static str {
        match self {
            Self::Send => "handed down to NDIS by",
            Self::Complete => "completed to NDIS by",
            Self::Indicate { .. } => "indicated up to NDIS by",
            Self::Return => "returned to NDIS by",
        }
    }

    /// Why the driver may not touch the NBL from then on.
    pub(super) fn closes(self) -> &'static str {
        match self {
            Self::Send => "it was handed down by NdisFSendNetBufferLists",
            Self::Complete => "it was completed by NdisFSendNetBufferListsComplete",
            Self::Indicate { .. } => "it was handed up by NdisFIndicateReceiveNetBufferLists",
            Self::Return => "it was returned by NdisFReturnNetBufferLists",
        }
    }
}

/// One hand-off, to be judged.
pub struct Handed<'a> {
    /// By whom.
    pub module: &'a Module,
    /// By which function.
    pub function: &'static str,
    /// What for.
    pub hand: Hand,
    /// Which NBL.
    pub packet: &'a Packet,
    /// How the module got it.
    pub phase: Phase,
    /// The module was Running when it got it.
    pub running: bool,
    /// The callback that brought it has not returned yet.
    pub in_call: bool,
    /// What `SourceHandle` has to be.
    pub source: usize,
}

impl Handed<'_> {
    /// An NBL that the filter's driver made.
    pub fn judge_own(&self) {
        let Self { module, function, hand, packet, .. } = self;
        let back = matches!(hand, Hand::Complete | Hand::Return);
        packet.check(rule::V17, !back, || format!("{function} by {}, which made it itself", module.name()));
        if back {
            return;
        }
        let source = packet.nbl.source();
        packet.check(rule::V18, source.addr() == module.handle, || {
            format!("{function}: SourceHandle is {source:p}, not the filter handle {:#x}", module.handle)
        });
        packet.check(rule::V25, self.may_originate(), || {
            format!("{function}: originated by {} while {:?}", module.name(), module.state())
        });
        self.judge_frames();
    }

    /// "Pausing a Filter Module": no new sends, no new indications. Between the start of the pause and the filter's
    /// knowing of it other processors may still originate.
    fn may_originate(&self) -> bool {
        self.module.may_run() || self.module.state() == ModuleState::Pausing && kernel().has_processors()
    }

    /// An NBL of somebody else; `lent` says that the module has it for a callback alone.
    pub fn judge_foreign(&self, lent: bool, order: Order) {
        let Self { module, function, hand, packet, phase, .. } = self;
        let way = match hand {
            Hand::Send => matches!(phase, Phase::Sent),
            Hand::Complete => matches!(phase, Phase::Sent | Phase::Completed),
            Hand::Indicate { .. } => matches!(phase, Phase::Indicated),
            Hand::Return => matches!(phase, Phase::Indicated | Phase::Returned),
        };
        packet.check(rule::V17, way, || format!("{function} by {}, which has it {phase:?}", module.name()));
        if matches!(hand, Hand::Indicate { .. } | Hand::Return) {
            let allowed = !lent || matches!(hand, Hand::Indicate { resources: true });
            packet.check(rule::V14, allowed, || {
                format!("{function} by {}, which it was only lent to (RESOURCES)", module.name())
            });
        }
        let source = packet.nbl.source();
        packet.check(rule::V18, source.addr() == self.source, || {
            format!("{function}: SourceHandle was {:#x} and is {source:p}", self.source)
        });
        if matches!(hand, Hand::Complete | Hand::Return) {
            packet.compare(false);
        } else {
            packet.passed_on_by(module.handle);
        }
        if *hand == Hand::Complete {
            self.judge_completion();
        } else if *hand == Hand::Send {
            let may = self.running && (module.state() != ModuleState::Paused || self.in_call);
            packet
                .check(rule::V25, may, || format!("{function}: {} passed a send on while not Running", module.name()));
        }
        if matches!(hand, Hand::Send | Hand::Indicate { .. }) {
            self.judge_frames();
            // What is lent cannot be held back: it overtakes what is held.
            if !lent {
                self.judge_order(order);
            }
            lock(&module.refusals).passed_on(self.is_send(), packet);
        } else if *hand == Hand::Return && *phase == Phase::Indicated && self.running {
            self.note_refusal("returned");
        }
    }

    fn is_send(&self) -> bool {
        matches!(self.phase, Phase::Sent | Phase::Completed)
    }

    /// The module ends it: perhaps for its length (V26). Where something over its data was handed on instead, it does not.
    fn note_refusal(&self, how: &str) {
        let state = self.packet.locked();
        let refused = !state.lending.was_lent && self.module.state() == ModuleState::Running;
        drop(state);
        if refused {
            let what = format!("{} {how} it", self.module.name());
            lock(&self.module.refusals).refused(self.is_send(), self.packet, &what);
        }
    }

    fn judge_completion(&self) {
        let Self { module, function, packet, .. } = self;
        let status = packet.nbl.status();
        packet
            .check(rule::V19, status != STATUS_POISON, || format!("{function} by {} without a Status", module.name()));
        if self.phase != Phase::Sent {
            return;
        }
        // The filter itself completes it.
        if !self.running {
            packet.check(rule::V25, status == NDIS_STATUS_PAUSED, || {
                format!(
                    "{function}: {} was not Running, so Status has to be NDIS_STATUS_PAUSED, not {status:#x}",
                    module.name()
                )
            });
        }
        // What was refused was not cut into segments: there is nothing to say of it.
        if packet.large_send != 0 && status == NDIS_STATUS_SUCCESS {
            let word = packet.oob().get(TcpLargeSendNetBufferListInfo);
            packet.check(rule::V19, large_send_is_completed(packet.large_send, word, payload_of(packet)), || {
                format!(
                    "{function} by {} of a large send whose TcpLargeSendNetBufferListInfo was {:#x} and is {word:#x}: \
                     it has to say what was done (LSOv2: Reserved 0; LSOv1: TcpPayload)",
                    module.name(),
                    packet.large_send
                )
            });
        }
        if status == NDIS_STATUS_SEND_ABORTED
            && let Some(id) = module.being_cancelled()
        {
            let own = packet.oob().cancel_id();
            // One processor may complete what another cancels.
            let others = kernel().has_processors() && lock(&module.cancels).contains_key(&own);
            packet.check(rule::V20, own == id || others, || {
                format!("{function} by {} as aborted, though another CancelId is cancelled", module.name())
            });
        }
        let usual = [NDIS_STATUS_SUCCESS, NDIS_STATUS_PAUSED, NDIS_STATUS_SEND_ABORTED, NDIS_STATUS_LOW_POWER_STATE];
        // For want of memory any frame may be refused.
        if self.running && kernel().faults.failures() == 0 && !usual.contains(&status) {
            self.note_refusal(&format!("ended (Status {status:#x})"));
        }
    }

    /// A receive has exactly one NB (V22); every NB holds what it says (V21).
    fn judge_frames(&self) {
        let nbs = raw::nbs(self.packet.nbl);
        self.packet.check(rule::V23, nbs.is_ok(), || "its NBs form a ring".to_owned());
        let nbs = nbs.unwrap_or_else(|Endless| Vec::new());
        if matches!(self.hand, Hand::Indicate { .. }) {
            self.packet.check(rule::V22, nbs.len() == 1, || format!("{} NBs in an Ethernet receive", nbs.len()));
        }
        if self.packet.is_drivers() {
            for nb in nbs.into_iter().filter_map(raw::Nb::at) {
                let frame = raw::frame(nb);
                self.packet.check(rule::V21, frame.is_ok(), || frame.err().unwrap_or_default());
            }
        }
    }

    /// Originals that are passed on keep their order within a flow (V31). What NDIS looped back is none: it is a copy of
    /// what was sent, which nobody may hold who was not asked to (V49), so that it overtakes what is held.
    fn judge_order(&self, order: Order) {
        if is_loopback(self.packet) {
            return;
        }
        let key = (matches!(self.hand, Hand::Send), self.packet.flow);
        let mut passed_on = lock(&self.module.order);
        let last = passed_on.entry(key).or_default();
        let (before, later) = *last;
        *last = (*last).max((order.delivery, self.packet.id));
        drop(passed_on);
        self.packet.check(rule::V31, !order.is_before(before), || {
            let later = kernel().ndis.ledger.name_of_number(later);
            format!("{} passed it on after a later one of its flow, {later}", self.module.name())
        });
    }
}

/// Whether the OOB of a large send is that of its completion: LSOv2 has `Reserved` 0, LSOv1 says how many bytes of TCP
/// payload were sent (`payload`, where it is known and was sent at all); the type stays.
fn large_send_is_completed(before: usize, after: usize, payload: Option<usize>) -> bool {
    const REST: usize = 0x3fff_ffff;
    let (lso_v2, rest) = (before >> 30 & 1, after & REST);
    let filled = match (lso_v2, payload) {
        (1, _) => rest == 0,
        (_, Some(payload)) => rest == payload,
        // MSS and the header's offset are no number of bytes.
        (_, None) => rest != before & REST,
    };
    after >> 30 & 1 == lso_v2 && filled
}

/// Bytes of TCP payload in a send, where all its frames are of TCP.
pub(super) fn payload_of(packet: &Packet) -> Option<usize> {
    let nbs = raw::nbs(packet.nbl).ok()?;
    nbs.into_iter().filter_map(raw::Nb::at).map(|nb| tcp_payload(&raw::frame(nb).ok()?)).sum()
}
