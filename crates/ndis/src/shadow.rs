//! Shadows: what passes of a send of which not all frames may. NBs are never unlinked from another's NBL; an NBL of the
//! module's own describes the bytes of those frames where they lie, and the original is completed when it is.
//!
//! Contexts: up to DISPATCH_LEVEL, with no lock held where a shadow leaves. The shadow owns the original. Together they
//! come back through FilterSendNetBufferListsComplete, where the original takes the shadow's place
//! ([`settle`](crate::settle)) with its status; frames that did not pass count as sent.

use crate::handle::FilterHandle;
use crate::held::{HeldSend, Level};
use crate::oob;
use crate::own::{OwnError, OwnNbl};
use crate::packet::{FrameRef, NblRef};
use crate::pool::NblPool;
use crate::status::Status;
use crate::sys::{MDL, NDIS_PORT_NUMBER, ULONG};

/// Some frames of a send that is held. Dropping it gives the send back.
#[must_use = "a shadow has to leave"]
pub struct Shadow(OwnNbl);

impl HeldSend {
    /// Makes a shadow of those frames of the packet that `keep` says, by their index in it.
    ///
    /// # Errors
    /// The packet as it was, and why.
    pub fn shadow(self, pool: &NblPool, keep: impl Fn(usize) -> bool) -> Result<Shadow, (Self, OwnError)> {
        match shadow_of(&self, pool, keep) {
            Ok(mut own) => {
                own.set_original(self);
                Ok(Shadow(own))
            }
            Err(error) => Err((self, error)),
        }
    }
}

fn shadow_of(held: &HeldSend, pool: &NblPool, keep: impl Fn(usize) -> bool) -> Result<OwnNbl, OwnError> {
    let original = held.nbl();
    let mut kept =
        original.frames().enumerate().filter(|&(at, _)| keep(at)).map(|(_, frame)| describe(frame)).peekable();
    kept.peek().ok_or(OwnError::Length)?;
    let mut own = OwnNbl::new(pool, held.port(), held.flags(), None)?;
    oob::shadow(original, own.fields())?;
    // SAFETY: the MDLs of the original's frames, as its NBs describe them; the shadow is to own the original.
    unsafe { own.link(kept) }?;
    Ok(own)
}

/// The frame as its NB describes it: (MDL chain, offset, length).
fn describe(frame: FrameRef<'_>) -> (*mut MDL, u32, usize) {
    let nb = frame.get();
    (nb.MdlChain, nb.DataOffset, frame.len())
}

impl Shadow {
    /// The frames that pass.
    #[must_use]
    pub fn nbl(&self) -> NblRef<'_> {
        self.0.nbl()
    }

    /// The module that it leaves from.
    #[must_use]
    pub fn filter(&self) -> FilterHandle {
        self.0.filter()
    }

    /// The port that it leaves with: the original's.
    #[must_use]
    pub fn port(&self) -> NDIS_PORT_NUMBER {
        self.0.port()
    }

    /// The flags that it leaves with, but for the level's: the original's.
    #[must_use]
    pub fn flags(&self) -> ULONG {
        self.0.flags()
    }

    /// Writes on it whose it is, in the driver's terms.
    pub fn set_cookie(&mut self, cookie: u64) {
        self.0.set_cookie(cookie);
    }

    /// Passes the frames down (`NdisFSendNetBufferLists`). Only while the module is Running.
    pub fn forward(self, level: Level) {
        self.into_own().send(level);
    }

    /// Completes the original up with nothing of it sent (`NdisFSendNetBufferListsComplete`).
    pub fn finish(self, status: Status, level: Level) {
        if let Some(original) = self.into_own().take_original() {
            original.finish(status, level);
        }
    }

    pub(crate) fn into_own(self) -> OwnNbl {
        self.0
    }
}
