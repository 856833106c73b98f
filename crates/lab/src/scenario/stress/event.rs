//! What can happen, and how often.

use rand::{Rng as _, rngs::SmallRng};

/// An event. What it is in detail follows from the seed too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// A list of sends.
    Send,
    /// A list of receives.
    Receive,
    /// A list of receives that are lent for the call (RESOURCES).
    ReceiveLent,
    /// Many short lists of receives that are lent.
    ReceiveManyLent,
    /// Receives that NDIS looped back.
    ReceiveLooped,
    /// Sends that come whether the stack runs or not.
    SendAnyway,
    /// Sends are cancelled by their CancelId.
    Cancel,
    /// How the ends of a stack give packets back changes.
    Pace,
    /// The miniport completes the sends that it has.
    Complete,
    /// An OID request.
    Oid,
    /// The miniport indicates a status.
    Status,
    /// The link goes down, or comes up again.
    Link,
    /// What the card offers changes.
    Offloads,
    /// A network event that asks for nothing.
    NetPnp,
    /// A device event.
    DevicePnp,
    /// The stack pauses, or restarts.
    PauseOrRestart,
    /// The stack goes to low power, or comes back.
    SleepOrWake,
    /// An adapter comes or goes.
    PlugOrUnplug,
    /// A program opens the device and configures it, or not.
    Open,
    /// A program reads.
    Read,
    /// A program takes what it has read.
    Take,
    /// A GATE answers what it was asked.
    Answer,
    /// A GATE answers what it should not.
    AnswerBadly,
    /// A program asks for statistics, versions, adapters.
    Ask,
    /// A program configures its handle again, or wrongly.
    Configure,
    /// A request that is not well-formed.
    Malformed,
    /// A program cancels its calls.
    CancelCalls,
    /// A program does nothing for some time, or goes on.
    SuspendOrResume,
    /// A handle is duplicated into another process.
    Duplicate,
    /// A program closes a handle.
    Close,
    /// A program dies.
    Kill,
    /// A little time passes.
    Moment,
    /// As much time passes as a reader has.
    While,
    /// Some seconds pass.
    Long,
    /// All that is due comes to its end.
    Settle,
    /// A call of the driver's will fail, in rounds in which calls do.
    Fault,
}

/// How often each happens, in relation.
const WEIGHTS: &[(Event, u32)] = &[
    (Event::Send, 180),
    (Event::Receive, 140),
    (Event::ReceiveLent, 60),
    (Event::ReceiveManyLent, 10),
    (Event::ReceiveLooped, 20),
    (Event::SendAnyway, 8),
    (Event::Cancel, 40),
    (Event::Pace, 5),
    (Event::Complete, 20),
    (Event::Oid, 20),
    (Event::Status, 15),
    (Event::Link, 5),
    (Event::Offloads, 5),
    (Event::NetPnp, 5),
    (Event::DevicePnp, 5),
    (Event::PauseOrRestart, 16),
    (Event::SleepOrWake, 16),
    (Event::PlugOrUnplug, 4),
    (Event::Open, 14),
    (Event::Read, 80),
    (Event::Take, 60),
    (Event::Answer, 90),
    (Event::AnswerBadly, 15),
    (Event::Ask, 20),
    (Event::Configure, 6),
    (Event::Malformed, 15),
    (Event::CancelCalls, 8),
    (Event::SuspendOrResume, 8),
    (Event::Duplicate, 3),
    (Event::Close, 6),
    (Event::Kill, 3),
    (Event::Moment, 60),
    (Event::While, 15),
    (Event::Long, 2),
    (Event::Settle, 20),
    (Event::Fault, 6),
];

impl Event {
    /// One of them.
    pub fn draw(rng: &mut SmallRng) -> Self {
        let all: u32 = WEIGHTS.iter().map(|(_, weight)| weight).sum();
        let mut at = rng.random_range(0..all);
        for (event, weight) in WEIGHTS {
            match at.checked_sub(*weight) {
                Some(left) => at = left,
                None => return *event,
            }
        }
        Self::Settle
    }
}
