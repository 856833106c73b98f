//! Who watches a stack from outside: what comes to its ends, whatever they make of it, and when it is interrupted.

use std::sync::{Arc, Mutex};

use super::{adapter::Adapter, delivery, frame::Arrived, packet::Packet};
use crate::sync::lock;

/// Which way frames go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Sends, to the miniport.
    Down,
    /// Receives, to the protocol; those that NDIS looped back are not among them.
    Up,
}

/// A witness. Called at up to DISPATCH_LEVEL.
pub trait Witness: Send + Sync {
    /// Frames came to an end of the stack, which may refuse them.
    fn came(&self, way: Way, frames: &[Arrived]);
    /// The stack is about to be paused or to go to low power, so that filters drop what comes; or it runs again.
    fn interrupted(&self, begins: bool);
}

/// The witness of a stack, if there is one.
#[derive(Default)]
pub(super) struct Watched(Mutex<Option<Arc<dyn Witness>>>);

impl Adapter {
    /// From now on this witness watches.
    pub fn watch(&self, witness: Arc<dyn Witness>) {
        *lock(&self.watched.0) = Some(witness);
    }

    pub(super) fn witness(&self, tell: impl FnOnce(&dyn Witness)) {
        let witness = lock(&self.watched.0).clone();
        if let Some(witness) = witness {
            tell(&*witness);
        }
    }

    pub(super) fn witness_frames<'a>(&self, way: Way, port: u32, packets: impl Iterator<Item = &'a Arc<Packet>>) {
        self.witness(|witness| {
            let frames: Vec<_> = packets.flat_map(|packet| delivery::sent(packet, port)).collect();
            witness.came(way, &frames);
        });
    }
}
