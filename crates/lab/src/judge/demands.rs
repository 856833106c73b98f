//! What each rule demands, in the words of `docs/contract.md` (a test compares them).

use super::RULES;

/// By number, from V01 on.
pub const DEMANDS: [&str; RULES] = [
    "FilterPause is done within 10 s",
    "FilterPause never fails",
    "a pause completes once: by SUCCESS or by NdisFPauseComplete",
    "no callback hangs",
    "nothing is held when a pause completes",
    "nothing is held or left when the driver deregisters",
    "no function of NDIS is called in a state of the module that does not allow it",
    "NdisFDeregisterFilterDriver on unload and on a failed entry",
    "each NT and NDIS function at its IRQL, callbacks return at theirs; nothing pageable is touched at DISPATCH_LEVEL",
    "structures begin with a header of the right type, revision and size; derived NBLs are freed by the counterpart of what made them, with the same argument",
    "the registered names are the INF's",
    "a foreign send is held no longer than 1 s",
    "a foreign receive is held no longer than 1 s",
    "a list with RESOURCES is not relinked, kept or returned by call",
    "each NBL is completed or returned once",
    "nothing is touched after it was handed on",
    "own NBLs are never completed up, foreign ones never freed",
    "SourceHandle: own for own NBLs, untouched in others; that of a status is a filter's or the adapter's",
    "Status, and the completion fields of a large send, are written on completion",
    "a cancel completes the matching sends and is passed on",
    "NB chain, offsets, lengths, payload and the originator's reserved words are as they were",
    "an Ethernet receive has one NB",
    "the number of NBLs is right, lists end",
    "DISPATCH_LEVEL flags are true",
    "nothing is originated by a module that does not run; sends that come are completed with PAUSED",
    "frames above the MTU are handled",
    "a pool is freed after its NBLs",
    "a callback at DISPATCH_LEVEL takes less than 25 ms of processor time",
    "every allocation and mapping may fail: alone, with others, and all of them for a while",
    "what is read-only is never written",
    "originals keep their order within direction and flow",
    "BytesWritten lies within the buffer; it is said on success, and BytesNeeded where the buffer is too short",
    "no OID request is kept over 1 s, nor after its cancellation",
    "an OID request is completed once",
    "nothing of the driver's is left at unload: pool by tag, devices, work under way",
    "no overrun, use after free, double free, fault",
    "no section both writable and executable, no executable pool, no unknown import",
    "no wait at DISPATCH_LEVEL",
    "spin locks: taken once, released by their holder, in one order, not held over a call that hands packets on or completes",
    "MDLs are mapped only when locked, and unmapped before they are freed; no program dies with locked pages",
    "user addresses are touched only in their program's context, probed, inside `__try`",
    "a callback uses less than 10 KiB of stack (12 KiB less a margin)",
    "a request is completed once and not touched after",
    "a cancelable request is unmarked before it is completed or forwarded",
    "each function of KMDF is called at an IRQL that it allows",
    "output memory of the right kind, no more bytes than there are, none uninitialized",
    "a closed handle's requests end",
    "unload only with no handle open",
    "looped-back receives are neither kept nor shown unless asked for",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// (rule, what has to hold) of the tables' rows.
    fn documented() -> Vec<(String, String)> {
        let text = include_str!("../../../../docs/contract.md");
        let rows = text.lines().filter(|line| line.starts_with("| V"));
        let cells = rows.map(|row| row.split('|').map(str::trim).collect::<Vec<_>>());
        cells.filter_map(|cells| Some(((*cells.get(1)?).to_owned(), (*cells.get(2)?).to_owned()))).collect()
    }

    #[test]
    fn the_documents_say_the_same() {
        let mut documented = documented();
        documented.sort();
        let here = DEMANDS.iter().zip(1..).map(|(demand, number)| (format!("V{number:02}"), (*demand).to_owned()));
        assert_eq!(documented, here.collect::<Vec<_>>());
    }
}
