//! Leases: originals that the filter owns for now, by reference, each with a deadline.
//!
//! # The life of a lease
//! An NBL comes to [`LeaseTable::insert`] with what each reader wants of its frames. Where nobody
//! has to be waited for it is the caller's again at once. Else it is leased: its readers are asked
//! one after the other, patient TAPs before GATEs and then by priority, each about those frames
//! that it wants and that still pass. A question is a *claim* of one reader about one frame, and
//! has a [`Ticket`] that no other claim of the table ever has.
//!
//! | phase | what it waits for | who may end it |
//! |---|---|---|
//! | asking | the reader's verdicts ([`answer`](LeaseTable::answer)), or for a TAP its READ ([`delivered`](LeaseTable::delivered)) | them, the deadline, a drain, a cancel, the reader's close |
//! | ready | its turn: earlier leases of its flow that are undecided | a drain, a cancel |
//! | out, finishing | somebody to take it ([`next_batch`](LeaseTable::next_batch)) | a drain or a cancel while it is out |
//! | leaving | the thread that took it ([`sent`](LeaseTable::sent)) | that thread |
//!
//! - **The deadline** of each reader asked is known at insertion: the time of insertion and the
//!   budgets of those asked so far, [`MAX_BUDGET_MS`] at most for all. It is rounded down to a tick
//!   of a millisecond. At it the reader's [`Policy`] decides ([`expire`](LeaseTable::expire)).
//! - **A reader that misses one trips**: policy decides at once about all that it was asked, and
//!   about what comes, until it answers again; one that had got nothing to answer, until it reads.
//!   One that has never read is not waited for either, nor is anybody beyond a cap.
//! - **Order.** A flow's frames go on in the order in which they came. What is decided waits for
//!   what is not, and what comes to a flow that waits is leased for that alone. Beyond a cap the
//!   flow is hurried: policy decides about all that is before. What is dropped waits for nobody; a
//!   promoted copy has no place. A replacement has its frame's.
//! - **Promotion.** The NBL is copied by whoever takes the job ([`next_job`](LeaseTable::next_job)).
//!   The copy takes the original's place in the table, its tickets stay good, and the original goes
//!   back. The copies' bytes are bounded, and their time is.
//! - **Copiers.** Whoever copies from a lease has its packet meanwhile ([`Pin`]), so nobody else can
//!   end it. What happens to it then is marked, and done when the packet is brought back.
//! - **Ends.** A packet leaves the table once, by move: at its last claim or its earliest deadline,
//!   or detached by a drain ([`close_adapter`](LeaseTable::close_adapter), then
//!   [`drain`](LeaseTable::drain)) or a [`cancel`](LeaseTable::cancel).
//!
//! # The lock
//! Every method of [`LeaseTable`] is called with its one lock held, a spin lock at DISPATCH level.
//! None of them allocates, waits, or calls out, except to the [`Tally`], which adds, and to
//! `next_batch`'s sink, which keeps. What is to be done is handed out as values and done after the
//! lock is dropped: packets in [`Item`]s, copies as [`Delivery`] and [`CopyJob`]. So whoever has
//! changed the table ends with this, until there is nothing more:
//!
//! 1. [`next_job`](LeaseTable::next_job): copy, and bring the packet back;
//! 2. [`next_batch`](LeaseTable::next_batch): hand over, and for what goes on then
//!    [`sent`](LeaseTable::sent);
//! 3. [`take_kicked`](LeaseTable::take_kicked): for each reader that has a READ,
//!    [`next_delivery`](LeaseTable::next_delivery), copy, and bring the packet back.
//!
//! It may leave any of it to a DPC, but not undone. [`insert`](LeaseTable::insert),
//! [`answer`](LeaseTable::answer) and the end of one lease take a few steps for each of the NBL's
//! frames, however many leases there are; what one of them sets free is paid for by those that it
//! frees. [`expire`](LeaseTable::expire), [`drain`](LeaseTable::drain),
//! [`cancel`](LeaseTable::cancel) and [`next_batch`](LeaseTable::next_batch) do as much at a time
//! as they are told.
#![allow(clippy::needless_pass_by_value, reason = "pins and rights are used up by the call that takes them")]

mod adapters;
mod answer;
mod ask;
mod cap;
mod copier;
mod drain;
mod flows;
mod hold_time;
mod ids;
mod lent;
mod list;
mod out;
mod readers;
mod slots;
mod state;
mod table;
mod tally;
mod wheel;
#[cfg(test)]
mod work;

pub use adapters::AdapterCaps;
pub use answer::{Located, Refusal, Refused, Verdict};
pub use cap::{Cap, Load};
pub use copier::{CopyJob, Delivery, Pin, Promotion, Question, Spilling};
pub use drain::{Scope, Search};
pub use hold_time::{HoldTimes, hold_bucket};
pub use ids::{AdapterId, AdapterSet, MAX_ADAPTERS, MAX_READERS, MAX_TABLE_FRAMES, ReaderId, ReaderSet, Ticket};
pub use nblease_abi::configure::MAX_BUDGET_MS;
pub use out::{Batch, Cause, Ending, FrameSet, Item, MAX_FRAMES, Sending};
pub use readers::{Policy, ReaderRefused, ReaderSetup};
pub use table::{Admission, Arrival, LeaseTable, TableSetup, Wanted};
pub use tally::{Event, LeaseCounters, Tally};
pub use wheel::TICK;
