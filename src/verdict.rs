//! VERDICT: a GATE's answers. What goes in a frame's place is made before its verdict is told, from the request's bytes.
//!
//! Calling contexts: PASSIVE_LEVEL, without a lock of ours. A replacement is ours until the leases take it with its
//! verdict; where they refuse it, it is freed here.

use alloc::vec::Vec;
use core::num::NonZeroU32;

use nblease_abi::{
    NtStatus,
    verdict::{OffloadFlags, Verdict, VerdictList},
};
use nblease_engine::{
    lease::{self, Located, ReaderId, Refusal, Refused, Ticket},
    reader::Direction,
};
use nblease_ndis::{
    held::Level,
    own::OwnError,
    replace::{Frame, Offload},
};

use crate::{adapter::Adapter, entry::Driver, packet::Packet, reader::Reader};

/// Verdicts that are told while the leases are locked.
const AT_A_TIME: usize = 64;

/// Tells a reader's verdicts; what became of each is put into `statuses`, and how many hold is the answer.
pub fn answer(driver: &Driver, reader: &Reader, id: ReaderId, list: VerdictList<'_>, statuses: &mut Vec<u32>) -> u32 {
    let mut accepted = 0;
    let mut verdicts = list.iter().peekable();
    while verdicts.peek().is_some() {
        // Those in a row that need nothing made.
        let plain = core::iter::from_fn(|| {
            let (ticket, verdict) = verdicts.next_if(|(_, verdict)| !matches!(verdict, Verdict::Replace { .. }))?;
            let verdict = if verdict == Verdict::Drop { lease::Verdict::Drop } else { lease::Verdict::Pass };
            Some((Ticket(ticket), verdict))
        });
        let mut tell = |result: Result<(), NtStatus>| {
            accepted += u32::from(result.is_ok());
            push(statuses, result.err().unwrap_or(NtStatus::SUCCESS));
        };
        driver.leases.answer(id, plain.take(AT_A_TIME), |result| tell(result.map_err(|refused| status(refused.why))));
        if let Some((ticket, Verdict::Replace { frame, offload, segment })) =
            verdicts.next_if(|(_, verdict)| matches!(verdict, Verdict::Replace { .. }))
        {
            let offload = self::offload(offload, segment);
            tell(replace(driver, reader, id, Ticket(ticket), frame, offload));
        }
        driver.leases.settle(Level::Passive);
    }
    accepted
}

/// Makes what goes in a frame's place, and tells the verdict.
fn replace(
    driver: &Driver,
    reader: &Reader,
    id: ReaderId,
    ticket: Ticket,
    frame: &[u8],
    offload: Offload,
) -> Result<(), NtStatus> {
    let made = driver.leases.locate(id, ticket, |located, adapter| make(located, adapter, frame, offload));
    let verdict = match made {
        Some(Ok(packet)) => lease::Verdict::Replace(packet),
        Some(Err(status)) => {
            reader.count_unfit();
            return Err(status);
        }
        // The ticket is not open: a verdict on it is refused, whatever it is, and says why.
        None => lease::Verdict::Drop,
    };
    let mut answered = Ok(());
    let mut refused = None;
    driver.leases.answer(id, core::iter::once((ticket, verdict)), |result| {
        answered = result.map_err(|Refused { why, replacement }| {
            refused = replacement;
            status(why)
        });
    });
    // Freed without the lock.
    drop(refused);
    answered
}

fn make(located: Located, adapter: &Adapter, bytes: &[u8], offload: Offload) -> Result<Packet, NtStatus> {
    let asks = offload != Offload::default();
    if !located.promotable || asks && (located.direction == Direction::In || !adapter.offloads().do_for(offload, bytes))
    {
        return Err(NtStatus::NOT_SUPPORTED);
    }
    let frame = Frame { bytes, mtu: adapter.mtu() };
    let made = match located.direction {
        Direction::Out => adapter.pool().replacing_send(frame, offload, located.tagged).map(Packet::OwnSend),
        Direction::In => adapter.pool().replacing_receive(frame, located.tagged).map(Packet::OwnReceive),
    };
    made.map_err(|error| match error {
        OwnError::NoMemory => NtStatus::INSUFFICIENT_RESOURCES,
        OwnError::NotPromotable(_) | OwnError::Offload => NtStatus::NOT_SUPPORTED,
        OwnError::Data(_) | OwnError::Length | OwnError::TooLong => NtStatus::INVALID_PARAMETER,
    })
}

fn offload(flags: OffloadFlags, segment: u32) -> Offload {
    Offload {
        ip_checksum: flags.contains(OffloadFlags::IP_CHECKSUM),
        transport_checksum: flags.contains(OffloadFlags::TRANSPORT_CHECKSUM),
        segment: NonZeroU32::new(segment),
    }
}

/// Stores a status; there is room for one of each verdict.
fn push(statuses: &mut Vec<u32>, status: NtStatus) {
    if statuses.len() < statuses.capacity() {
        statuses.push(status.0);
    }
}

const fn status(why: Refusal) -> NtStatus {
    match why {
        Refusal::Twice => NtStatus::REQUEST_NOT_ACCEPTED,
        Refusal::Late => NtStatus::IO_TIMEOUT,
        Refusal::Cancelled => NtStatus::CANCELLED,
        Refusal::NotYours => NtStatus::ACCESS_DENIED,
        Refusal::Unknown => NtStatus::NOT_FOUND,
    }
}
