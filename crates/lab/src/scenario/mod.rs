//! What a lab is put through: each scenario drives adapters, and the rules judge.

pub mod any;
pub mod call_sites;
pub mod capture;
pub mod faults;
pub mod hold;
pub mod lifecycle;
pub mod live;
pub mod lwf_logo;
pub mod reader;
pub mod recovery;
pub mod replay;
mod stranger;
pub mod stress;
pub mod survival;
pub mod traffic;

use crate::{clock::Mode, kernel::kernel};

/// Lets run what is queued, to its end.
pub fn settle() {
    let sched = &kernel().sched;
    sched.pump();
    if kernel().clock.mode() == Mode::Real {
        sched.wait_until("queued work", None, &mut || sched.work_pending() == 0);
        sched.flush_dpcs();
    }
}
