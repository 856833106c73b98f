//! NBLs of a filter's own whose NBs describe the data of others' NBLs: the filter holds the others, the *lenders*,
//! until its own, the *borrower*, is back.
//!
//! While a borrower is on its way the lenders' time belongs to the layers that have it (V12, V13 do not count it), and
//! their data is closed to the filter as any packet is that was handed off (V16); a lender itself may not leave before
//! its borrowers are back. After "Cloned NET_BUFFER_LIST Structures", "Fragmented NET_BUFFER_LIST Structures".

use std::sync::Arc;

use super::{
    ledger::Ledger,
    module::Module,
    packet::{Owner, Packet},
    raw::{self, Nb},
};
use crate::{history::Event, judge::rule, kernel::kernel, sync::lock};

/// What a lender knows of its borrowers.
#[derive(Clone, Copy, Default)]
pub(super) struct Lending {
    /// Borrowers that are on their way.
    pub out: usize,
    /// Of these, those that a driver may look at now.
    pub viewers: usize,
    /// How long the lender was held before the present time: since it came, or since its borrowers are back.
    pub held_before_ns: u64,
    /// It was lent: how it ends is how its borrowers ended.
    pub was_lent: bool,
}

const WHY: &str = "a packet that describes its data is on its way";

impl Ledger {
    /// The packets of the lab's own whose data an NBL describes.
    fn lenders(&self, packet: &Packet) -> Vec<Arc<Packet>> {
        let mut lenders: Vec<Arc<Packet>> = Vec::new();
        for nb in raw::nbs(packet.nbl).unwrap_or_default().into_iter().filter_map(Nb::at) {
            for (at, _) in raw::parts(nb.mdl_chain(), nb.data_offset() as usize, nb.data_length() as usize) {
                if let Some(lender) = self.packet_with_data(at.addr())
                    && !lenders.iter().any(|other| other.id == lender.id)
                {
                    lenders.push(lender);
                }
            }
        }
        lenders
    }

    /// A module hands off an NBL of its own: what it describes of others is lent from here on.
    pub(super) fn borrow_for(&self, module: &Module, function: &'static str, packet: &Packet) {
        let lenders = self.lenders(packet);
        if lenders.is_empty() {
            return;
        }
        let now = kernel().clock.unbiased_ns();
        for lender in &lenders {
            let mut state = lender.locked();
            // Lent already: it may be the data of a borrower from above that the module holds.
            let may = state.owner == Owner::Module(module.handle) || state.lending.out > 0;
            if state.lending.out == 0 {
                state.lending.held_before_ns += now.saturating_sub(state.since_ns);
            }
            state.lending.out += 1;
            state.lending.was_lent = true;
            let viewed = state.lending.viewers > 0;
            lender.note(
                Event::here("lends its data to a packet handed off by").who(module.shared_name()).through(function),
            );
            drop(state);
            lender.check(rule::V16, may, || {
                format!("{function} by {} of a packet that describes its data, which is not {0}'s", module.name())
            });
            if let Some(payload) = lender.payload.as_ref().filter(|_| !viewed) {
                payload.close(WHY);
            }
        }
        *lock(&packet.lenders) = lenders;
    }
}

impl Packet {
    /// A borrower is back with the module that handed it off: its lenders' data is the filter's again.
    pub(super) fn give_back(&self) {
        let lenders = std::mem::take(&mut *lock(&self.lenders));
        let now = kernel().clock.unbiased_ns();
        for lender in lenders {
            let mut state = lender.locked();
            state.lending.out = state.lending.out.saturating_sub(1);
            let reopen = state.lending.out == 0 && matches!(state.owner, Owner::Module(_));
            if state.lending.out == 0 {
                state.since_ns = now;
            }
            lender.note(Event::of_lab("has its data back"));
            drop(state);
            if reopen {
                lender.open();
            }
        }
    }

    /// A driver may look at this borrower, and so at its lenders' data.
    pub(super) fn show_lenders(&self) {
        for lender in lock(&self.lenders).iter() {
            lender.locked().lending.viewers += 1;
            lender.open_payload();
        }
    }

    /// No driver may look at this borrower any more.
    pub(super) fn hide_lenders(&self, why: &'static str) {
        for lender in lock(&self.lenders).iter() {
            let mut state = lender.locked();
            let shown = state.lending.viewers > 0;
            state.lending.viewers = state.lending.viewers.saturating_sub(1);
            let hide = shown && state.lending.viewers == 0;
            drop(state);
            if let Some(payload) = lender.payload.as_ref().filter(|_| hide) {
                payload.close(why);
            }
        }
    }
}
