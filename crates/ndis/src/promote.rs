//! Deep copies: the frames of a packet, and what may be known of it, in memory of the module's own. Nothing of the
//! copy points to anything of the original, which may leave at once.
//!
//! Contexts: up to DISPATCH_LEVEL; the original stays with whoever has it, and is only read. Not to be called for one
//! packet on two threads at a time: MDLs are mapped.

use crate::assemble::assemble;
use crate::held::{HeldRecv, HeldSend};
use crate::oob::{self, Direction};
use crate::own::{OwnError, OwnRecv, OwnSend};
use crate::packet::NblRef;
use crate::pool::NblPool;
use crate::sys::NDIS_PORT_NUMBER;

impl HeldSend {
    /// Copies the packet with all of its frames.
    ///
    /// # Errors
    /// [`OwnError`]; the packet is as it was.
    pub fn promote(&self, pool: &NblPool) -> Result<OwnSend, OwnError> {
        oob::check(Direction::Send, self.nbl())?;
        let mut copy = assemble(pool, self.port(), self.flags(), self.nbl().frames())?;
        oob::copy(Direction::Send, self.nbl(), copy.fields());
        Ok(OwnSend::new(copy))
    }
}

impl HeldRecv {
    /// Copies the packet: all of its bytes in one MDL.
    ///
    /// # Errors
    /// [`OwnError`]; the packet is as it was.
    pub fn promote(&self, pool: &NblPool) -> Result<OwnRecv, OwnError> {
        promote_receive(pool, self.nbl(), self.port())
    }
}

impl NblRef<'_> {
    /// Copies a receive, which is the only way to keep one that is lent. `port` is that of its call.
    ///
    /// # Errors
    /// [`OwnError`]; the packet is as it was.
    pub fn promote_receive(&self, pool: &NblPool, port: NDIS_PORT_NUMBER) -> Result<OwnRecv, OwnError> {
        promote_receive(pool, *self, port)
    }

    /// Whether a receive can be copied: it carries nothing out of band that a copy cannot.
    #[must_use]
    pub fn is_replaceable_receive(&self) -> bool {
        oob::check(Direction::Receive, *self).is_ok()
    }
}

fn promote_receive(pool: &NblPool, original: NblRef<'_>, port: NDIS_PORT_NUMBER) -> Result<OwnRecv, OwnError> {
    oob::check(Direction::Receive, original)?;
    // A copy has no shared memory information, and nothing else of the call stays with it.
    let mut copy = assemble(pool, port, 0, original.frames())?;
    oob::copy(Direction::Receive, original, copy.fields());
    Ok(OwnRecv::new(copy))
}
