//! The filter's logic without a Windows type: what a reader wants, where a frame's record goes,
//! what it looks like, and what is counted.
//!
//! Nothing here allocates, blocks, panics on a data path or calls an operating system, so the
//! tests run anywhere. The driver supplies memory, locks, buffers and time.
//!
//! # Where a record goes
//! A reader has one [`ReadSlot`](read_slot::ReadSlot), which says whether a pended read is open to
//! writers, and one [`SpillRing`](spill::SpillRing) behind a lock. They keep the frames' order by
//! one rule: **while the slot is open the spill is empty.**
//!
//! - A writer tries to reserve in the slot, without a lock. Where it cannot, it takes the spill's
//!   lock and tries once more: only if that fails too does the record go into the spill.
//! - Whoever owns the slot opens it with the lock held, after it has moved the spill's records
//!   into the read and found that none is left. A read that the spill fills is completed without
//!   ever being open.
//! - Whoever gets [`Finished`](read_slot::Finished) owns the slot: it takes the request out,
//!   opens the slot with the next pended read or releases it, and completes the request with no
//!   lock held. A writer that gets it under the spill's lock spills its record first and drops the
//!   lock. After a release it looks for a pended read once more, because one that came before the
//!   release found the slot owned.
//! - A read that comes is queued as pended first; then its thread tries to
//!   [acquire](read_slot::ReadSlot::acquire) the slot, and goes on as owner if it can.
//!
//! `tests/read_slot.rs` runs this protocol through every interleaving.
//!
//! # What is held
//! Originals that wait for a reader are in the [lease table](lease), which says how they live and
//! end; [flow] says which of them keep their order, and [rules] decide about frames without a reader.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod clock;
pub mod counters;
pub mod drop_count;
pub mod flow;
pub mod lease;
pub mod read_slot;
pub mod reader;
pub mod rules;
pub mod spill;
pub mod vlan;
