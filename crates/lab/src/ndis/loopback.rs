//! Loopback: NDIS copies sends and indicates the copies as receives, from below the lowest filter.
//!
//! After "Looping Back NDIS Packets", NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK. What NDIS looped back does not go to the sink
//! of the protocol's frames, which has no use for what it sent itself, but is kept apart. A filter shows it to nobody
//! who did not ask for it (V49).

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
};

use nblease_ndis::sys::{NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET, NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK};
use rand::Rng as _;

use super::{
    LAB,
    adapter::Adapter,
    frame::{Arrived, Frame, Oob, RecvNbl},
    packet::Packet,
};
use crate::{judge::rule, kernel::kernel, sync::lock};

/// Which sends NDIS loops back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Loopback {
    /// None: the flag of a send has no effect.
    #[default]
    Off,
    /// Those whose sender asks for it by NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK and that the adapter would receive: to its
    /// own address, to a group, to all.
    Asked,
    /// All: another binding of the adapter is promiscuous, or wants all that is sent locally.
    AllLocal,
}

/// What was looped back on an adapter.
#[derive(Default)]
pub(super) struct Looped {
    /// Those that came to the top of the stack.
    at_top: Vec<Arrived>,
    count: u64,
    /// Frames as on the wire: how often each was (looped back, received).
    frames: HashMap<Vec<u8>, (u64, u64)>,
}

impl Adapter {
    /// Frames that NDIS looped back so far.
    pub fn looped_back(&self) -> u64 {
        lock(&self.looped).count
    }

    /// Looped-back frames that came to the top of the stack since this was asked last.
    pub fn take_looped_back(&self) -> Vec<Arrived> {
        std::mem::take(&mut lock(&self.looped).at_top)
    }

    /// Judges frames, as on the wire, that a reader was shown as received (V49): where nobody asked for loopback, none
    /// is shown more often than it was received from the wire.
    pub fn judge_shown<'a>(&self, received: impl IntoIterator<Item = &'a [u8]>) {
        let mut shown: HashMap<&[u8], u64> = HashMap::new();
        for frame in received {
            *shown.entry(frame).or_default() += 1;
        }
        if kernel().ndis.loopback_asked_for.load(Ordering::SeqCst) {
            return;
        }
        let looped = lock(&self.looped);
        let judged: Vec<_> = looped
            .frames
            .iter()
            .filter(|(_, (looped, _))| *looped > 0)
            .map(|(frame, (_, real))| (frame.len(), *real, shown.get(frame.as_slice()).copied().unwrap_or_default()))
            .collect();
        drop(looped);
        for (bytes, real, shown) in judged {
            kernel().judge.check(rule::V49, shown <= real, || {
                format!(
                    "a frame of {bytes} bytes that was received {real} times and looped back was shown {shown} times"
                )
            });
        }
    }

    pub(super) fn note_looped_at_top(&self, frames: Vec<Arrived>) {
        lock(&self.looped).at_top.extend(frames);
    }

    /// A frame was received from the wire.
    pub(super) fn note_received(&self, wire: impl FnOnce() -> Vec<u8>) {
        if self.config.loopback != Loopback::Off {
            lock(&self.looped).frames.entry(wire()).or_default().1 += 1;
        }
    }

    fn note_looped(&self, wire: Vec<u8>) {
        let mut looped = lock(&self.looped);
        looped.count += 1;
        looped.frames.entry(wire).or_default().0 += 1;
    }
}

/// Whether an NBL is marked as looped back.
pub fn is_loopback(packet: &Packet) -> bool {
    packet.nbl.nbl_flags() & NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET != 0
}

/// NDIS looks at sends that reach the miniport: what is to be looped back is indicated now or soon, by the seed.
pub(super) fn look(adapter: &Arc<Adapter>, frames: &[Arrived], flags: u32) {
    let copies: Vec<RecvNbl> = match adapter.config.loopback {
        Loopback::Off => return,
        Loopback::Asked if flags & NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK == 0 => return,
        Loopback::Asked => frames.iter().filter(|frame| accepts(adapter, &frame.bytes)).map(copy_of).collect(),
        // "There is more than one binding, or a filter module registered a receive handler": there are two bindings.
        Loopback::AllLocal => frames.iter().map(copy_of).collect(),
    };
    if copies.is_empty() {
        return;
    }
    for frame in &copies {
        adapter.note_looped(wire(frame));
    }
    if kernel().rng().random_bool(0.5) {
        adapter.miniport.loop_back(adapter, &copies);
    } else {
        let adapter = adapter.clone();
        kernel().sched.queue_dpc(LAB, Box::new(move || adapter.miniport.loop_back(&adapter, &copies)));
    }
}

/// Whether the packet filter of the adapter (directed, multicast, broadcast) lets a frame in.
fn accepts(adapter: &Adapter, frame: &[u8]) -> bool {
    let group = frame.first().is_some_and(|byte| byte & 1 != 0);
    group || frame.get(..6) == Some(&adapter.config.mac[..])
}

fn copy_of(sent: &Arrived) -> RecvNbl {
    let mut oob = Oob::default();
    if let Some(tci) = sent.oob.vlan() {
        oob.set_vlan(tci);
    }
    RecvNbl { frame: Frame::new(sent.bytes.clone()), oob, nbl_flags: NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET }
}

/// A receive as on the wire.
pub(super) fn wire(receive: &RecvNbl) -> Vec<u8> {
    let mut bytes = receive.frame.bytes.clone();
    if let Some(tci) = receive.oob.vlan() {
        super::frame::put_vlan(&mut bytes, tci);
    }
    bytes
}
