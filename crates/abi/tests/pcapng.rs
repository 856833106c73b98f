//! What is written is what is read, and what is damaged is refused without a panic.

use nblease_abi::pcapng::{
    BLOCK_FILLER, BLOCK_SECTION, BLOCK_STATISTICS, BlockErrorKind, Blocks, EPB_HEADER_LEN, EPB_MAX_TRAILER, EpbFlags,
    EpbPlan, IDB_MAX_LEN, IdbPlan, IsbPlan, SHB_MAX_LEN, ShbPlan, epb_max_len, filler_header, filler_trailer, option,
};
use proptest::prelude::*;

fn epb(plan: &EpbPlan, frame: &[u8]) -> Vec<u8> {
    let mut out = plan.header().to_vec();
    out.extend_from_slice(frame);
    let mut trailer = [0xEE; EPB_MAX_TRAILER];
    let len = plan.trailer(&mut trailer);
    out.extend_from_slice(&trailer[..len]);
    out
}

prop_compose! {
    fn plans()(
        frame in prop::collection::vec(any::<u8>(), 0..200),
        (interface, timestamp_ns, more) in any::<(u32, u64, u32)>(),
        flags in any::<u32>(),
        dropcount in prop_oneof![Just(0), any::<u64>()],
        packet_id in any::<Option<u64>>(),
        queue in any::<Option<u32>>(),
    ) -> (EpbPlan, Vec<u8>) {
        let captured_len = frame.len() as u32;
        let plan = EpbPlan {
            interface,
            timestamp_ns,
            captured_len,
            original_len: captured_len.saturating_add(more),
            flags: EpbFlags::from_bits_retain(flags),
            dropcount,
            packet_id,
            queue,
        };
        (plan, frame)
    }
}

proptest! {
    #[test]
    fn a_packet_is_read_as_it_was_planned((plan, frame) in plans()) {
        let bytes = epb(&plan, &frame);
        prop_assert_eq!(bytes.len(), plan.total_len());
        prop_assert_eq!(bytes.len(), EPB_HEADER_LEN + frame.len() + plan.trailer_len());
        prop_assert!(bytes.len() <= epb_max_len(plan.captured_len) as usize);
        let block = Blocks::new(&bytes).next().unwrap().unwrap();
        prop_assert_eq!(block.bytes, &bytes[..]);
        let packet = block.packet().unwrap().unwrap();
        prop_assert_eq!(packet.data, &frame[..]);
        let read = EpbPlan {
            interface: packet.interface,
            timestamp_ns: packet.timestamp_ns,
            captured_len: packet.data.len() as u32,
            original_len: packet.original_len,
            flags: packet.flags,
            dropcount: packet.dropcount,
            packet_id: packet.packet_id,
            queue: packet.queue,
        };
        prop_assert_eq!(read, plan);
    }

    #[test]
    fn an_interface_is_read_as_it_was_planned(
        name in prop::collection::vec(any::<u16>(), 0..150),
        description in "\\PC{0,140}",
        mac in any::<[u8; 6]>(),
        with_mac in any::<bool>(),
        snaplen in any::<u32>(),
        speed in prop_oneof![Just(0), Just(u64::MAX), any::<u64>()],
    ) {
        let description: Vec<u16> = description.encode_utf16().collect();
        let plan = IdbPlan {
            snaplen,
            name: &name,
            description: &description,
            mac: if with_mac { &mac } else { &[] },
            speed,
        };
        let mut out = [0xEE; IDB_MAX_LEN];
        let len = plan.write(&mut out).unwrap();
        prop_assert_eq!(len, plan.total_len());
        prop_assert_eq!(plan.write(&mut out[..len - 1]), None);
        let block = Blocks::new(&out[..len]).next().unwrap().unwrap();
        prop_assert_eq!(block.bytes.len(), len);
        let read = block.interface().unwrap().unwrap();
        prop_assert!(read.is_ethernet());
        prop_assert_eq!(read.snaplen, snaplen);
        prop_assert_eq!(read.tsresol, 9);
        prop_assert_eq!(read.mac, with_mac.then_some(mac));
        prop_assert_eq!(read.speed, Some(speed).filter(|s| ![0, u64::MAX].contains(s)));
        let text = |units: &[u16], max: usize| {
            Some(String::from_utf16_lossy(&units[..units.len().min(max)])).filter(|t| !t.is_empty())
        };
        prop_assert_eq!(read.name.map(str::to_owned), text(&name, 64));
        prop_assert_eq!(read.description.map(str::to_owned), text(&description, 128));
    }

    /// Any bytes at all, and any single change of good ones: an answer, and never more blocks than
    /// bytes allow.
    #[test]
    fn damage_is_never_a_panic(
        (plan, frame) in plans(),
        noise in prop::collection::vec(any::<u8>(), 0..300),
        at in any::<prop::sample::Index>(),
        value in any::<u8>(),
    ) {
        let mut bytes = epb(&plan, &frame);
        let at = at.index(bytes.len());
        bytes[at] = value;
        for bytes in [&bytes, &noise] {
            let mut walked = 0;
            for block in Blocks::new(bytes) {
                let Ok(block) = block else { break };
                walked += block.bytes.len();
                let _ = block.packet();
                let _ = block.interface();
                prop_assert!(block.options(20).count() <= block.body.len());
            }
            prop_assert!(walked <= bytes.len());
        }
    }

    #[test]
    fn a_run_cut_anywhere_ends_with_one_error((plan, frame) in plans(), at in any::<prop::sample::Index>()) {
        let one = epb(&plan, &frame);
        let run = [&one[..], &one[..]].concat();
        let cut = at.index(run.len());
        let blocks: Vec<_> = Blocks::new(&run[..cut]).collect();
        let whole = blocks.iter().filter(|block| block.is_ok()).count();
        prop_assert_eq!(whole, cut / one.len());
        prop_assert_eq!(blocks.len() - whole, usize::from(cut % one.len() != 0));
        if let Some(Err(error)) = blocks.last() {
            prop_assert_eq!(error.kind, BlockErrorKind::Truncated);
            prop_assert_eq!(error.offset, whole * one.len());
        }
    }
}

/// By hand after the format's description, so that the writer and the reader cannot agree on the
/// same mistake.
#[test]
fn a_packet_block_by_hand() {
    let plan = EpbPlan {
        interface: 1,
        timestamp_ns: 0x0102_0304_0506_0708,
        captured_len: 5,
        original_len: 60,
        flags: EpbFlags::INBOUND | EpbFlags::BROADCAST,
        dropcount: 3,
        packet_id: None,
        queue: Some(2),
    };
    let expected: &[&[u8]] = &[
        &[6, 0, 0, 0],
        &[72, 0, 0, 0],
        &[1, 0, 0, 0],
        &[4, 3, 2, 1],
        &[8, 7, 6, 5],
        &[5, 0, 0, 0],
        &[60, 0, 0, 0],
        &[0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0, 0, 0],
        &[2, 0, 4, 0, 0b1101, 0, 0, 0],
        &[4, 0, 8, 0, 3, 0, 0, 0, 0, 0, 0, 0],
        &[6, 0, 4, 0, 2, 0, 0, 0],
        &[0, 0, 0, 0],
        &[72, 0, 0, 0],
    ];
    assert_eq!(epb(&plan, &[0xAA, 0xBB, 0xCC, 0xDD, 0xEE]), expected.concat());
}

#[test]
fn a_section_head_by_hand() {
    let mut out = [0; SHB_MAX_LEN];
    let len = ShbPlan { os: "", userappl: "nblease" }.write(&mut out);
    let expected: &[&[u8]] = &[
        &[0x0A, 0x0D, 0x0D, 0x0A],
        &[44, 0, 0, 0],
        &[0x4D, 0x3C, 0x2B, 0x1A],
        &[1, 0, 0, 0],
        &[0xFF; 8],
        &[4, 0, 7, 0],
        b"nblease\0",
        &[0, 0, 0, 0],
        &[44, 0, 0, 0],
    ];
    assert_eq!(&out[..len], expected.concat());
    // Texts that are too long are cut at a character.
    let long = "ü".repeat(300);
    let odd = format!("x{long}");
    let len = ShbPlan { os: &long, userappl: &odd }.write(&mut out);
    let block = Blocks::new(&out[..len]).next().unwrap().unwrap();
    assert_eq!(block.kind, BLOCK_SECTION);
    let texts: Vec<_> = block.options(16).map(|field| field.unwrap().value.len()).collect();
    assert_eq!(texts, [256, 255]);
}

#[test]
fn statistics_leave_out_what_is_not_known() {
    let plan = IsbPlan {
        interface: 7,
        timestamp_ns: 30,
        start_ns: 10,
        end_ns: (1 << 32) + 20,
        received: Some(100),
        os_dropped: None,
        delivered: Some(99),
    };
    let mut out = [0; IsbPlan::MAX_LEN];
    let len = plan.write(&mut out);
    let block = Blocks::new(&out[..len]).next().unwrap().unwrap();
    assert_eq!((block.kind, block.bytes.len()), (BLOCK_STATISTICS, len));
    assert_eq!(block.body[..12], [7, 0, 0, 0, 0, 0, 0, 0, 30, 0, 0, 0]);
    let fields: Vec<_> =
        block.options(12).map(|field| field.map(|field| (field.code, field.value.to_vec())).unwrap()).collect();
    let expected = [
        (option::ISB_STARTTIME, vec![0, 0, 0, 0, 10, 0, 0, 0]),
        (option::ISB_ENDTIME, vec![1, 0, 0, 0, 20, 0, 0, 0]),
        (option::ISB_IFRECV, vec![100, 0, 0, 0, 0, 0, 0, 0]),
        (option::ISB_USRDELIV, vec![99, 0, 0, 0, 0, 0, 0, 0]),
    ];
    assert_eq!(fields, expected);
}

#[test]
fn a_filler_is_a_block_that_readers_skip() {
    let mut bytes = filler_header(40).to_vec();
    bytes.resize(36, 0);
    bytes.extend_from_slice(&filler_trailer(40));
    let block = Blocks::new(&bytes).next().unwrap().unwrap();
    assert_eq!((block.kind, block.bytes.len()), (BLOCK_FILLER, 40));
    assert!(block.packet().is_none() && block.interface().is_none());
}

#[test]
fn each_kind_of_damage_is_told_apart() {
    let plan = EpbPlan {
        interface: 0,
        timestamp_ns: 0,
        captured_len: 1,
        original_len: 1,
        flags: EpbFlags::OUTBOUND,
        dropcount: 0,
        packet_id: None,
        queue: None,
    };
    let good = epb(&plan, &[1]);
    let kind_of = |at: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[at] = value;
        match Blocks::new(&bytes).next().unwrap() {
            Ok(block) => block.packet().unwrap().err().map(|error| error.kind),
            Err(error) => Some(error.kind),
        }
    };
    assert_eq!(kind_of(4, 8), Some(BlockErrorKind::Length));
    assert_eq!(kind_of(4, 50), Some(BlockErrorKind::Length));
    assert_eq!(kind_of(4, 200), Some(BlockErrorKind::Truncated));
    assert_eq!(kind_of(good.len() - 4, 0), Some(BlockErrorKind::Lengths));
    assert_eq!(kind_of(20, 200), Some(BlockErrorKind::Body));
    assert_eq!(kind_of(34, 8), Some(BlockErrorKind::Option)); // the flags' length
    assert_eq!(kind_of(34, 3), Some(BlockErrorKind::Option)); // 3 bytes, and one of padding that is zero
    assert_eq!(kind_of(32, 0), Some(BlockErrorKind::Option)); // an end of options that is not the end
    assert_eq!(kind_of(0, 6), None);
}

#[test]
fn the_cast_is_read_off_the_destination() {
    assert_eq!(EpbFlags::cast_of(&[0xFF; 14]), EpbFlags::BROADCAST);
    assert_eq!(EpbFlags::cast_of(&[1, 0, 0x5E, 0, 0, 1]), EpbFlags::MULTICAST);
    assert_eq!(EpbFlags::cast_of(&[2, 0, 0, 0, 0, 1]), EpbFlags::UNICAST);
    assert_eq!(EpbFlags::cast_of(&[0xFF; 5]), EpbFlags::empty());
}
