//! When frames may be held: between restart and pause, and while the adapter is at full power. At the end of either all
//! that is held goes back at once.
//!
//! Calling contexts: restart, pause, detach and power events at PASSIVE_LEVEL, one at a time for a module, without a lock
//! of ours on entry. A power event never waits; pause and detach wait for what copiers and other drivers have.
//!
//! | event | admission | originals | promoted copies |
//! |---|---|---|---|
//! | FilterPause | closed, sends are refused | given back: sends with PAUSED | stay, go on after restart |
//! | SetPower other than D0 | closed, frames pass unheld | given back: sends with LOW_POWER_STATE | stay, go on after D0 |
//! | SetPower D0 | open, if the module runs | | what was decided goes on |
//! | FilterRestart | open from the first send on, or a millisecond later; policy decides about receives until then | | the same |
//! | FilterDetach | | none is left | freed |
//!
//! While admission is closed, rules hold and TAPs see what passes. What comes behind others of its flow that another
//! processor is handing over is given back: it may not overtake them, and they cannot be waited for.

use nblease_engine::lease::{Cause, Scope};
use nblease_ndis::{
    filter::{CancelId, NetPnpEvent},
    sys::NdisDeviceStateD0,
};

use crate::{entry::driver, filter::Module};

impl Module {
    /// The module runs from here on.
    pub fn admit(&self) {
        self.running.open();
        self.adapter.set_running(true);
        // A stack that was paused for its sleep is awake when it restarts.
        self.adapter.set_awake(true);
        if let Some(driver) = driver() {
            driver.leases.open_soon(&self.adapter);
        }
    }

    /// The module does not run any more: when this returns, nothing is held, and none of our packets is with other
    /// drivers.
    pub fn drain(&self) {
        self.adapter.set_running(false);
        if let Some(driver) = driver() {
            driver.leases.close(&self.adapter, Cause::Paused, Scope::Originals);
            driver.leases.wait(&self.adapter);
        }
        self.running.close();
    }

    /// The adapter goes to sleep, or wakes up.
    pub fn power_event(&self, event: NetPnpEvent) {
        let (Some(driver), NetPnpEvent::SetPower(state)) = (driver(), event) else { return };
        let awake = state == NdisDeviceStateD0;
        self.adapter.set_awake(awake);
        if !awake {
            driver.leases.close(&self.adapter, Cause::LowPower, Scope::Originals);
        } else if self.adapter.admits_leases() {
            driver.leases.open(&self.adapter);
        }
    }

    /// The sends with this id are cancelled.
    pub fn cancel_sends(&self, id: CancelId) {
        if let Some(driver) = driver() {
            driver.leases.cancel(&self.adapter, id.number());
        }
    }
}
