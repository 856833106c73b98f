//! Shapes, times, configuration and counters against what they are defined to be.

use nblease_abi::configure::{Configure, ConfigureFlags, Directions};
use nblease_abi::stats::{AdapterStats, ReaderStats};
use nblease_engine::clock::Clock;
use nblease_engine::counters::{AdapterCounters, ReaderCounters, add_reader};
use nblease_engine::drop_count::DropCount;
use nblease_engine::reader::{Direction, ReaderConfig};
use nblease_engine::spill::SpillLevel;
use nblease_engine::vlan::{FrameShape, Segment, VlanTag};
use proptest::collection::vec;
use proptest::prelude::*;
use zerocopy::{FromBytes, IntoBytes};

/// The copy that the segments describe.
fn assembled(frame: &[u8], shape: FrameShape) -> Vec<u8> {
    let mut copy = Vec::new();
    for segment in shape.segments() {
        match segment {
            Segment::Original { offset, len } => {
                assert_ne!(len, 0);
                copy.extend_from_slice(&frame[offset as usize..][..len as usize]);
            }
            Segment::Tag { bytes, len } => {
                assert_ne!(len, 0);
                copy.extend_from_slice(&bytes[..len as usize]);
            }
        }
    }
    copy
}

proptest! {
    #[test]
    fn a_copy_is_the_tagged_frame_cut_at_the_snaplen(
        frame in prop::collection::vec(any::<u8>(), 0..80),
        tci in any::<u16>(),
        snaplen in 1..100_u32,
    ) {
        let mut tagged = frame.clone();
        if tci != 0 && frame.len() >= 12 {
            tagged.splice(12..12, [0x81, 0x00, (tci >> 8) as u8, tci as u8]);
        }
        let shape = FrameShape::new(frame.len() as u32, VlanTag::from_tci(tci), snaplen);
        prop_assert_eq!(shape.original_len as usize, tagged.len());
        tagged.truncate(snaplen as usize);
        prop_assert_eq!(shape.captured_len as usize, tagged.len());
        prop_assert_eq!(assembled(&frame, shape), tagged);
    }

    #[test]
    fn times_are_exact_and_monotone(
        frequency in prop_oneof![Just(10_000_000), 1..18_000_000_000_u64],
        base in any::<u32>(),
        ticks in 0..1_u64 << 52,
        more in 0..1_u64 << 20,
    ) {
        // 2020-01-01 in 100-ns units since 1601.
        let clock = Clock::tie(frequency, base.into(), 132_223_104_000_000_000, base.into()).unwrap();
        let then = clock.unix_ns(u64::from(base) + ticks);
        let elapsed = u128::from(ticks) * 1_000_000_000 / u128::from(frequency);
        let expected = 1_577_836_800_000_000_000 + elapsed;
        prop_assert_eq!(u128::from(then), expected.min(u64::MAX.into()));
        prop_assert!(clock.unix_ns(u64::from(base) + ticks + more) >= then);
    }

    #[test]
    fn sums_add_all_but_the_peak(
        a in vec(any::<u32>(), ReaderStats::NAMES.len()),
        b in vec(any::<u32>(), ReaderStats::NAMES.len()),
    ) {
        let stats = |counts: &[u32]| {
            let counts: Vec<u64> = counts.iter().copied().map(u64::from).collect();
            ReaderStats::read_from_bytes(counts.as_bytes()).unwrap()
        };
        let mut sum = stats(&a);
        add_reader(&mut sum, &stats(&b));
        for (((name, sum), a), b) in sum.counters().zip(a).zip(b) {
            let (a, b) = (u64::from(a), u64::from(b));
            let expected = if name == "spill_bytes_peak" { a.max(b) } else { a + b };
            prop_assert_eq!(sum, expected, "{}", name);
        }
    }
}

#[test]
fn a_counter_before_its_tie_is_earlier() {
    let clock = Clock::tie(1000, 90, 116_444_736_010_000_000, 110).unwrap();
    assert_eq!(clock.unix_ns(100), 1_000_000_000);
    assert_eq!(clock.unix_ns(99), 999_000_000);
    assert_eq!(Clock::tie(0, 0, 0, 0), None);
    assert_eq!(Clock::tie(u64::MAX, 0, 0, 0), None);
}

fn reader(change: impl FnOnce(&mut Configure), luids: &[u64]) -> ReaderConfig {
    let mut config = Configure::tap(luids.len() as u32);
    change(&mut config);
    let mut input = config.as_bytes().to_vec();
    input.extend(luids.iter().flat_map(|luid| luid.to_le_bytes()));
    let (config, luids, _) = Configure::parse(&input).unwrap();
    ReaderConfig::new(&config, luids)
}

#[test]
fn a_reader_wants_what_it_asked_for() {
    let both = reader(|_| (), &[70, 7, 0]);
    assert_eq!([70, 7, 0, 1].map(|luid| both.interface(luid)), [Some(0), Some(1), Some(2), None]);
    assert_eq!(both.adapters(), [70, 7, 0]);
    assert!(both.is_immediate());
    let wanted = |reader: &ReaderConfig| {
        [(Direction::In, false), (Direction::Out, false), (Direction::In, true)]
            .map(|(direction, looped_back)| reader.wants(direction, looped_back))
    };
    assert_eq!(wanted(&both), [true, true, false]);
    let only_in = reader(|c| c.directions = Directions::IN.bits(), &[1]);
    assert_eq!(wanted(&only_in), [true, false, false]);
    let only_out = reader(
        |c| {
            c.directions = Directions::OUT.bits();
            c.flags = ConfigureFlags::LOOPBACK.bits();
            c.timeout_ms = 20;
        },
        &[1],
    );
    assert_eq!(wanted(&only_out), [false, true, false]);
    assert!(!only_out.is_immediate());
    let loopback = reader(|c| c.flags = ConfigureFlags::LOOPBACK.bits(), &[1]);
    assert_eq!(wanted(&loopback), [true, true, true]);
}

#[test]
fn each_counter_is_added_to_and_no_other() {
    let all: Vec<u64> = (0..ReaderStats::NAMES.len() as u64).collect();
    let all = ReaderStats::read_from_bytes(all.as_bytes()).unwrap();
    let counters = ReaderCounters::new();
    counters.add(&all);
    counters.add(&all);
    let level = SpillLevel { frames: 100, bytes: 200, peak: 300 };
    let read: Vec<u64> = counters.snapshot(level).counters().map(|(_, count)| count).collect();
    let spill = |name| match name {
        "spill_frames" => Some(level.frames),
        "spill_bytes_used" => Some(level.bytes),
        "spill_bytes_peak" => Some(level.peak),
        _ => None,
    };
    let expected: Vec<u64> = all.counters().map(|(name, count)| spill(name).unwrap_or(2 * count)).collect();
    assert_eq!(read, expected);

    let all: Vec<u64> = (0..size_of::<AdapterStats>() as u64 / 8).collect();
    let all = AdapterStats::read_from_bytes(all.as_bytes()).unwrap();
    let counters = AdapterCounters::new();
    counters.add(&all);
    let read = counters.snapshot(all.net_luid, all.if_index, all.state);
    assert_eq!(read, all);
}

#[test]
fn a_loss_is_told_once() {
    let drops = DropCount::new();
    assert_eq!(drops.take(), 0);
    drops.add(2);
    drops.add(1);
    assert_eq!(drops.take(), 3);
    assert_eq!(drops.take(), 0);
}
