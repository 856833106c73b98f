//! Verdicts collected for VERDICT requests, as few as the ABI's limits allow.

use nblease_abi::verdict::{
    MAX_VERDICT_BYTES, MAX_VERDICTS, VERDICT_DROP, VERDICT_PASS, VERDICT_REPLACE, Verdict, VerdictEntry,
    Verdicts as Head,
};
use zerocopy::IntoBytes;

use crate::Error;

/// Verdicts by ticket, in the order in which they were added. [`Device::verdict`](crate::Device::verdict) sends them.
#[derive(Clone, Debug, Default)]
pub struct Verdicts {
    requests: Vec<Request>,
}

/// What goes into one request.
#[derive(Clone, Debug, Default)]
struct Request {
    entries: Vec<VerdictEntry>,
    /// The replacements, one behind the other.
    bytes: Vec<u8>,
}

impl Request {
    /// Whether a verdict with a replacement of so many bytes still goes into it.
    fn has_room(&self, bytes: usize) -> bool {
        let (count, bytes) = (self.entries.len() + 1, self.bytes.len().saturating_add(bytes));
        count <= MAX_VERDICTS as usize
            && bytes <= MAX_VERDICT_BYTES as usize
            && Head::input_len(count, bytes) <= MAX_VERDICT_BYTES as usize
    }

    fn input(&self) -> Vec<u8> {
        let head = Head::new(self.entries.len() as u32, self.bytes.len() as u32);
        [head.as_bytes(), self.entries.as_bytes(), &self.bytes].concat()
    }
}

impl Verdicts {
    /// None yet.
    pub const fn new() -> Self {
        Self { requests: Vec::new() }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.requests.iter().map(|request| request.entries.len()).sum()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// Adds what is said about a ticket; the bytes of a replacement are copied.
    ///
    /// # Errors
    /// [`Error::ReplacementTooLong`], where no request could carry it: nothing is added then.
    pub fn push(&mut self, ticket: u64, verdict: &Verdict<'_>) -> Result<(), Error> {
        let frame = match verdict {
            Verdict::Replace { frame, .. } => *frame,
            Verdict::Pass | Verdict::Drop => &[],
        };
        if !Request::default().has_room(frame.len()) {
            return Err(Error::ReplacementTooLong { size: frame.len() });
        }
        let mut request = self.requests.pop_if(|last| last.has_room(frame.len())).unwrap_or_default();
        let Request { entries, bytes } = &mut request;
        entries.push(match *verdict {
            Verdict::Pass => VerdictEntry::plain(ticket, VERDICT_PASS),
            Verdict::Drop => VerdictEntry::plain(ticket, VERDICT_DROP),
            Verdict::Replace { frame, offload, segment } => VerdictEntry {
                offload: offload.bits(),
                segment,
                offset: bytes.len() as u32,
                length: frame.len() as u32,
                ..VerdictEntry::plain(ticket, VERDICT_REPLACE)
            },
        });
        bytes.extend_from_slice(frame);
        self.requests.push(request);
        Ok(())
    }

    /// The inputs of the requests, with the number of verdicts in each.
    pub(crate) fn inputs(&self) -> impl Iterator<Item = (usize, Vec<u8>)> + '_ {
        self.requests.iter().map(|request| (request.entries.len(), request.input()))
    }
}

#[cfg(test)]
mod tests {
    use nblease_abi::verdict::OffloadFlags;

    use super::*;

    const fn replace(frame: &[u8]) -> Verdict<'_> {
        Verdict::Replace { frame, offload: OffloadFlags::IP_CHECKSUM, segment: 7 }
    }

    /// What the driver would read out of each request.
    fn parsed(verdicts: &Verdicts) -> Vec<Vec<(u64, usize)>> {
        let size = |verdict: Verdict<'_>| match verdict {
            Verdict::Replace { frame, .. } => frame.len(),
            Verdict::Pass | Verdict::Drop => 0,
        };
        let lists = verdicts.inputs().map(|(count, input)| {
            let list: Vec<_> = Head::parse(&input).unwrap().iter().map(|(ticket, v)| (ticket, size(v))).collect();
            assert_eq!(list.len(), count);
            list
        });
        lists.collect()
    }

    #[test]
    fn one_request_carries_what_it_may() {
        let mut verdicts = Verdicts::new();
        assert!(verdicts.is_empty() && parsed(&verdicts).is_empty());
        for ticket in 0..u64::from(MAX_VERDICTS) {
            verdicts.push(ticket, &Verdict::Pass).unwrap();
        }
        assert_eq!(parsed(&verdicts).len(), 1);
        verdicts.push(u64::MAX, &Verdict::Drop).unwrap();
        let requests = parsed(&verdicts);
        assert_eq!(requests.iter().map(Vec::len).collect::<Vec<_>>(), [MAX_VERDICTS as usize, 1]);
        assert_eq!(requests[1], [(u64::MAX, 0)]);
        assert_eq!(verdicts.len(), MAX_VERDICTS as usize + 1);
    }

    #[test]
    fn requests_end_before_their_bytes_are_too_many() {
        let longest = MAX_VERDICT_BYTES as usize - Head::input_len(1, 0);
        let frame = vec![9; longest + 1];
        let mut verdicts = Verdicts::new();
        let error = verdicts.push(1, &replace(&frame)).unwrap_err();
        assert_eq!(error.to_string(), format!("a replacement of {} bytes is too long for a VERDICT", longest + 1));
        assert!(verdicts.is_empty());
        verdicts.push(1, &replace(&frame[1..])).unwrap();
        verdicts.push(2, &Verdict::Pass).unwrap();
        verdicts.push(3, &replace(&frame[..longest / 2])).unwrap();
        verdicts.push(4, &replace(&frame[..longest / 2])).unwrap();
        let half = longest / 2;
        assert_eq!(parsed(&verdicts), [vec![(1, longest)], vec![(2, 0), (3, half)], vec![(4, half)]]);
    }

    #[test]
    fn replacements_keep_their_bytes_and_wishes() {
        let mut verdicts = Verdicts::new();
        verdicts.push(1, &replace(b"abc")).unwrap();
        verdicts.push(2, &replace(b"")).unwrap();
        verdicts.push(3, &replace(b"de")).unwrap();
        let (_, input) = verdicts.inputs().next().unwrap();
        let list: Vec<_> = Head::parse(&input).unwrap().iter().collect();
        assert_eq!(list, [(1, replace(b"abc")), (2, replace(b"")), (3, replace(b"de"))]);
    }
}
