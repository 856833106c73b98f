//! Answers are taken apart only in the form that this version gives them.

use nblease_abi::ioctl::{AdapterEntry, AdapterList, MalformedReply};
use nblease_abi::stats::{AdapterStats, LeaseStats, ReaderStats, STATS_OF_THIS_READER, StatsHeader};
use zerocopy::{FromZeros, IntoBytes};

#[test]
fn a_list_has_as_many_entries_as_it_says() {
    let mut entry = AdapterEntry::new_zeroed();
    let name: Vec<u16> = "Ethernet 2".encode_utf16().collect();
    entry.set_name(&name);
    entry.set_base_miniport(&[u16::from(b'x'); 100]);
    entry.set_mac(&[2, 0, 0, 0, 0, 1]);
    let bytes = [AdapterList::new(2, 3).as_bytes(), entry.as_bytes(), entry.as_bytes()].concat();

    let (head, entries) = AdapterList::parse(&bytes).unwrap();
    assert_eq!((head.count, head.total), (2, 3));
    let entries: Vec<_> = entries.collect();
    assert_eq!(entries, [entry, entry]);
    assert_eq!(entries[0].name_utf16(), name);
    assert_eq!(entries[0].base_miniport_utf16().len(), 64);
    assert_eq!(entries[0].mac_address(), [2, 0, 0, 0, 0, 1]);

    assert_eq!(AdapterList::room(bytes.len()), Some(2));
    assert_eq!(AdapterList::room(bytes.len() - 1), Some(1));
    assert_eq!(AdapterList::room(31), None);
    for len in 0..bytes.len() {
        assert_eq!(AdapterList::parse(&bytes[..len]).err(), Some(MalformedReply), "{len} bytes");
    }
    for at in (0..12).step_by(4).chain([20, 24, 28]) {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        assert_eq!(AdapterList::parse(&bytes).err(), Some(MalformedReply), "byte {at}");
    }
    let more_than_all = AdapterList::new(1, 0);
    let bytes = [more_than_all.as_bytes(), entry.as_bytes()].concat();
    assert_eq!(AdapterList::parse(&bytes).err(), Some(MalformedReply));
}

/// A name that says it is longer than its room is cut, not read past.
#[test]
fn an_entry_with_wrong_lengths_stays_within_itself() {
    let mut entry = AdapterEntry::new_zeroed();
    (entry.mac_len, entry.name_len, entry.base_miniport_len) = (u16::MAX, u16::MAX, u16::MAX);
    assert_eq!(entry.mac_address().len(), 32);
    assert_eq!(entry.name_utf16().len(), 128);
    assert_eq!(entry.base_miniport_utf16().len(), 64);
}

#[test]
fn statistics_have_as_many_adapters_as_they_say() {
    let header = StatsHeader::new(1, 1, 2, STATS_OF_THIS_READER);
    let reader = ReaderStats { frames_seen: 5, ..Default::default() };
    let adapter = AdapterStats { net_luid: 9, restarts: 7, ..Default::default() };
    let leases = LeaseStats { originals: 3, ..Default::default() };
    let bytes = [header.as_bytes(), reader.as_bytes(), leases.as_bytes(), adapter.as_bytes()].concat();
    let stats = StatsHeader::parse(&bytes).unwrap();
    assert_eq!((stats.header, stats.reader, stats.leases), (header, reader, leases));
    assert_eq!(stats.adapters.collect::<Vec<_>>(), [adapter]);
    assert_eq!(reader.counters().find(|&(_, count)| count != 0), Some(("frames_seen", 5)));
    assert_eq!(adapter.counters().map(|(name, _)| name).collect::<Vec<_>>(), AdapterStats::NAMES);

    assert_eq!(StatsHeader::room(bytes.len()), Some(1));
    assert_eq!(StatsHeader::room(bytes.len() - 1), Some(0));
    let fixed = bytes.len() - size_of::<AdapterStats>();
    assert_eq!((StatsHeader::room(fixed), StatsHeader::room(fixed - 1)), (Some(0), None));
    for len in 0..bytes.len() {
        assert_eq!(StatsHeader::parse(&bytes[..len]).err(), Some(MalformedReply), "{len} bytes");
    }
    let wrong_scope = StatsHeader { scope: 2, ..header };
    let bytes = [wrong_scope.as_bytes(), reader.as_bytes(), leases.as_bytes(), adapter.as_bytes()].concat();
    assert_eq!(StatsHeader::parse(&bytes).err(), Some(MalformedReply));
}
