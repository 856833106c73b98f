//! A packet that the module owns: another's that it holds, or one of its own.
//!
//! Calling contexts: up to DISPATCH_LEVEL. Whoever has it owns it alone, and it leaves by a [`Departure`].
//!
//! [`Departure`]: crate::departure::Departure

use nblease_ndis::{
    held::{HeldRecv, HeldSend},
    own::{OwnError, OwnRecv, OwnSend},
    packet::NblRef,
    pool::NblPool,
    replace::Likeness,
};

/// See the module.
pub enum Packet {
    /// A send of another's.
    Send(HeldSend),
    /// A receive of another's.
    Receive(HeldRecv),
    /// A send of our own.
    OwnSend(OwnSend),
    /// A receive of our own.
    OwnReceive(OwnRecv),
}

impl Packet {
    /// The NBL.
    pub fn nbl(&self) -> NblRef<'_> {
        match self {
            Self::Send(held) => held.nbl(),
            Self::Receive(held) => held.nbl(),
            Self::OwnSend(own) => own.nbl(),
            Self::OwnReceive(own) => own.nbl(),
        }
    }

    /// What goes in this packet's place takes over.
    pub fn likeness(&self) -> Likeness {
        match self {
            Self::Send(held) => held.likeness(),
            Self::Receive(held) => held.likeness(),
            Self::OwnSend(own) => own.likeness(),
            Self::OwnReceive(own) => own.likeness(),
        }
    }

    /// Whether a packet of our own can go in its place.
    pub fn is_replaceable(&self) -> bool {
        match self {
            Self::Send(held) => held.is_replaceable(),
            Self::Receive(held) => held.is_replaceable(),
            Self::OwnSend(own) => own.is_replaceable(),
            Self::OwnReceive(own) => own.is_replaceable(),
        }
    }

    /// Makes this a packet that goes in another's place.
    pub fn in_place_of(self, original: &Likeness) -> Self {
        match self {
            Self::OwnSend(own) => Self::OwnSend(own.in_place_of(original)),
            Self::OwnReceive(own) => Self::OwnReceive(own.in_place_of(original)),
            held => held,
        }
    }

    /// Deep-copies a packet of another's. No lock held.
    ///
    /// # Errors
    /// Why not; the packet is as it was. One of our own is not copied.
    pub fn promote(&self, pool: &NblPool) -> Result<Self, OwnError> {
        match self {
            Self::Send(held) => held.promote(pool).map(Self::OwnSend),
            Self::Receive(held) => held.promote(pool).map(Self::OwnReceive),
            Self::OwnSend(_) | Self::OwnReceive(_) => Err(OwnError::Length),
        }
    }
}
