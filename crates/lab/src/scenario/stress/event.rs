//! What can happen, and how often.

use rand::{Rng as _, rngs::SmallRng};

use super::Cast;

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
    /// An OID request, which is cancelled soon.
    CancelOid,
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
    /// The stack pauses and restarts, as where a filter in it asks for that (NdisFRestartFilter).
    Restart,
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
    /// A program asks for statistics, versions, adapters; a stranger for anything (DeviceIoControl).
    Ask,
    /// A program writes.
    Write,
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

/// How often each happens, in relation: with readers, with strangers.
const WEIGHTS: &[(Event, u32, u32)] = &[
    (Event::Send, 180, 180),
    (Event::Receive, 140, 140),
    (Event::ReceiveLent, 60, 60),
    (Event::ReceiveManyLent, 10, 10),
    (Event::ReceiveLooped, 20, 20),
    (Event::SendAnyway, 8, 8),
    (Event::Cancel, 40, 40),
    (Event::Pace, 5, 8),
    (Event::Complete, 20, 20),
    (Event::Oid, 20, 50),
    (Event::CancelOid, 0, 15),
    (Event::Status, 15, 20),
    (Event::Link, 5, 5),
    (Event::Offloads, 5, 5),
    (Event::NetPnp, 5, 8),
    (Event::DevicePnp, 5, 8),
    (Event::PauseOrRestart, 16, 16),
    (Event::Restart, 0, 8),
    (Event::SleepOrWake, 16, 16),
    (Event::PlugOrUnplug, 4, 8),
    (Event::Open, 14, 16),
    (Event::Read, 80, 30),
    (Event::Take, 60, 20),
    (Event::Answer, 90, 0),
    (Event::AnswerBadly, 15, 0),
    (Event::Ask, 20, 70),
    (Event::Write, 0, 20),
    (Event::Configure, 6, 0),
    (Event::Malformed, 15, 0),
    (Event::CancelCalls, 8, 20),
    (Event::SuspendOrResume, 8, 0),
    (Event::Duplicate, 3, 5),
    (Event::Close, 6, 8),
    (Event::Kill, 3, 6),
    (Event::Moment, 60, 60),
    (Event::While, 15, 15),
    (Event::Long, 2, 2),
    (Event::Settle, 20, 20),
    (Event::Fault, 6, 6),
];

impl Event {
    /// One of them.
    pub fn draw(cast: Cast, rng: &mut SmallRng) -> Self {
        let weight = |readers: u32, strangers: u32| if cast == Cast::Readers { readers } else { strangers };
        let all: u32 = WEIGHTS.iter().map(|(_, readers, strangers)| weight(*readers, *strangers)).sum();
        let mut at = rng.random_range(0..all);
        for (event, readers, strangers) in WEIGHTS {
            match at.checked_sub(weight(*readers, *strangers)) {
                Some(left) => at = left,
                None => return *event,
            }
        }
        Self::Settle
    }
}
