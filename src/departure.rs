//! Packets on their way out: gathered while a lock may be held, and handed over in as few calls as their order allows,
//! when none is.
//!
//! Calling contexts: gathering up to DISPATCH_LEVEL; nothing is called then, and nothing allocated: packets are chained
//! through their own links. [`Departure::depart`] up to DISPATCH_LEVEL, with no lock held: NDIS may call the module back
//! from within. A departure owns what it gathered until then.

use nblease_engine::lease::{Cause, Ending, FrameSet};
use nblease_ndis::{
    Status,
    batch::{RecvBatch, SendBatch},
    held::Level,
    pool::NblPool,
};

use crate::packet::Packet;

/// Packets of one module that leave together.
#[derive(Default)]
pub struct Departure {
    /// Go down.
    down: SendBatch,
    /// Go up.
    up: RecvBatch,
    /// Sends that end here, by how.
    ended: [SendBatch; ENDS.len()],
    /// Receives that end here.
    returned: RecvBatch,
}

/// How sends end here.
const ENDS: [Status; 4] = [Status::SUCCESS, Status::SEND_ABORTED, Status::PAUSED, Status::LOW_POWER];

/// With which of [`ENDS`].
const fn end_of(cause: Option<Cause>) -> usize {
    match cause {
        None => 0,
        Some(Cause::SendCancelled) => 1,
        Some(Cause::Paused | Cause::Gone) => 2,
        Some(Cause::LowPower) => 3,
    }
}

impl Departure {
    /// Nobody leaves yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The packet goes on, after those that do already.
    pub fn forward(&mut self, packet: Packet) {
        // All packets of a departure are of one module, so that no batch refuses one. What is dropped is given back.
        let refused = match packet {
            Packet::Send(held) => self.down.push(held).err().map(Packet::Send),
            Packet::Receive(held) => self.up.push(held).err().map(Packet::Receive),
            Packet::OwnSend(own) => self.down.push(own).err().map(Packet::OwnSend),
            Packet::OwnReceive(own) => self.up.push(own).err().map(Packet::OwnReceive),
        };
        drop(refused);
    }

    /// The packet ends here: a verdict, a rule or a policy has dropped it, or all of it is replaced; or with a cause where
    /// nobody has decided. A packet of our own is freed.
    pub fn finish(&mut self, packet: Packet, cause: Option<Cause>) {
        let Some(ended) = self.ended.get_mut(end_of(cause)) else { return };
        let refused = match packet {
            Packet::Send(held) => ended.push(held).err().map(Packet::Send),
            Packet::Receive(held) => self.returned.push(held).err().map(Packet::Receive),
            Packet::OwnSend(own) => ended.push(own).err().map(Packet::OwnSend),
            Packet::OwnReceive(own) => self.returned.push(own).err().map(Packet::OwnReceive),
        };
        drop(refused);
    }

    /// These frames of the packet go on, and the others end here. No lock held.
    ///
    /// A send of another's goes on in an NBL of our own over its memory. Where there is none for that, all of it ends
    /// here and the answer is false.
    #[must_use]
    pub fn forward_frames(&mut self, packet: Packet, frames: FrameSet, pool: &NblPool) -> bool {
        match packet {
            Packet::Send(held) => match held.shadow(pool, |at| frames.contains(at)) {
                Ok(shadow) => {
                    drop(self.down.push(shadow));
                    true
                }
                Err((held, _)) => {
                    self.finish(Packet::Send(held), None);
                    false
                }
            },
            Packet::OwnSend(mut own) => {
                own.retain(|at| frames.contains(at));
                self.forward(Packet::OwnSend(own));
                true
            }
            // A receive has one frame.
            receive => {
                self.finish(receive, None);
                false
            }
        }
    }

    /// Does what an [`Ending`] says. No lock held. False as for [`Self::forward_frames`].
    #[must_use]
    pub fn end(&mut self, packet: Packet, ending: Ending, pool: &NblPool) -> bool {
        match ending {
            Ending::Forward => self.forward(packet),
            Ending::Partly(frames) => return self.forward_frames(packet, frames, pool),
            Ending::Drop => self.finish(packet, None),
            Ending::Detached(cause) => self.finish(packet, Some(cause)),
        }
        true
    }

    /// Puts those of `other` that go on after these, and those that end with those that do.
    pub fn append(&mut self, other: Self) {
        let Self { down, up, ended, returned } = other;
        drop(self.down.append(down));
        drop(self.up.append(up));
        for (mine, theirs) in self.ended.iter_mut().zip(ended) {
            drop(mine.append(theirs));
        }
        drop(self.returned.append(returned));
    }

    /// Hands them over. `level` is that of the caller, as far as it is known.
    pub fn depart(self, level: Level) {
        self.down.forward(level);
        self.up.forward(level);
        for (batch, status) in self.ended.into_iter().zip(ENDS) {
            batch.finish(status, level);
        }
        self.returned.finish(level);
    }
}
