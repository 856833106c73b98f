//! The life of a lease, one rule at a time.

mod lease_rig;

use lease_rig::*;
use nblease_engine::lease::*;
use nblease_engine::reader::Direction;

#[test]
fn what_nobody_wants_is_not_leased() {
    let mut rig = Rig::large();
    assert!(!rig.insert(1, 7, &[frame(&[]), frame(&[])]));
    let dropped = Wanted { dropped: true, ..frame(&[]) };
    assert!(!rig.insert(2, 7, &[frame(&[]), dropped]));
    assert!(!rig.insert(3, 7, &[dropped]));
    assert_eq!(rig.out(), [Done::Forward(1), Done::Partly(2, vec![0]), Done::Drop(3)]);
    assert!(rig.table.is_empty());
}

#[test]
fn a_verdict_ends_a_lease() {
    let mut rig = Rig::large();
    let a = rig.reader(gate(0, Policy::Drop, 100));
    for packet in 1..=3 {
        assert!(rig.insert(packet, packet.into(), &[frame(&[a])]));
    }
    assert_eq!(rig.table.take_kicked(), [a].into_iter().collect());
    assert_eq!(rig.out(), []);
    let tickets = rig.deliver(a);
    assert_eq!(rig.answer(a, tickets[0], Verdict::Pass), Ok(()));
    assert_eq!(rig.answer(a, tickets[1], Verdict::Drop), Ok(()));
    assert_eq!(rig.answer(a, tickets[2], Verdict::Replace(REPLACEMENT)), Ok(()));
    let replaced = [Done::Drop(2), Done::Forward(1), Done::Drop(3), Done::Replacement(REPLACEMENT, 0)];
    assert_eq!(rig.out(), replaced);
    assert!(rig.table.is_empty());
    assert_eq!(rig.table.load(), Load::default());
}

#[test]
fn frames_of_one_nbl_have_verdicts_of_their_own() {
    let mut rig = Rig::large();
    let a = rig.reader(gate(0, Policy::Drop, 100));
    let frames = [frame(&[a]), frame(&[]), frame(&[a]), frame(&[a])];
    assert!(rig.insert(1, 7, &frames));
    let tickets = rig.deliver(a);
    assert_eq!(tickets.len(), 3);
    rig.answer(a, tickets[2], Verdict::Pass).unwrap();
    rig.answer(a, tickets[0], Verdict::Replace(REPLACEMENT)).unwrap();
    assert_eq!(rig.out(), []);
    rig.answer(a, tickets[1], Verdict::Drop).unwrap();
    assert_eq!(rig.out(), [Done::Partly(1, vec![1, 3]), Done::Replacement(REPLACEMENT, 0)]);
}

#[test]
fn gates_are_asked_in_order_of_priority() {
    let mut rig = Rig::large();
    let late = rig.reader(gate(9, Policy::Pass, 100));
    let early = rig.reader(gate(1, Policy::Pass, 100));
    let tap = rig.reader(gate(50, Policy::Spill, 100));
    let both = frame(&[late, early]);
    assert!(rig.insert(1, 7, &[frame(&[late, early, tap]), both, frame(&[early])]));
    assert_eq!(rig.deliver(late), []);
    assert_eq!(rig.deliver(early), []);
    assert_eq!(rig.deliver(tap).len(), 1);
    let tickets = rig.deliver(early);
    assert_eq!(rig.deliver(late), []);
    rig.answer(early, tickets[0], Verdict::Pass).unwrap();
    rig.answer(early, tickets[1], Verdict::Drop).unwrap();
    rig.answer(early, tickets[2], Verdict::Pass).unwrap();
    // Only what passes so far, and is wanted.
    let [ticket] = rig.deliver(late)[..] else { panic!() };
    assert!(!tickets.contains(&ticket));
    rig.answer(late, ticket, Verdict::Drop).unwrap();
    assert_eq!(rig.out(), [Done::Partly(1, vec![2])]);
}

#[test]
fn policy_decides_at_the_deadline() {
    for (policy, expected) in [(Policy::Pass, Done::Forward(1)), (Policy::Drop, Done::Drop(1))] {
        let mut rig = Rig::large();
        let a = rig.reader(gate(0, policy, 100));
        rig.now = MS / 2;
        rig.insert(1, 7, &[frame(&[a])]);
        assert_eq!(rig.table.next_deadline(), Some(100 * MS));
        rig.now = 0;
        rig.pass_ms(99);
        assert_eq!(rig.out(), []);
        rig.pass_ms(1);
        assert_eq!(rig.out(), [expected]);
        assert_eq!(rig.table.next_deadline(), None);
    }
}

#[test]
fn the_deadlines_of_all_are_known_at_insertion() {
    let mut rig = Rig::large();
    let a = rig.reader(gate(0, Policy::Pass, 100));
    let b = rig.reader(gate(1, Policy::Drop, 300));
    assert_eq!(rig.table.add_reader(gate(2, Policy::Drop, 501)), Err(ReaderRefused::Budget));
    rig.insert(1, 7, &[frame(&[a, b])]);
    rig.insert(2, 8, &[frame(&[a, b])]);
    let tickets = rig.deliver(a);
    rig.answer(a, tickets[0], Verdict::Pass).unwrap();
    rig.pass_ms(100);
    assert_eq!(rig.deliver(b).len(), 2);
    rig.pass_ms(299);
    assert_eq!(rig.out(), []);
    rig.pass_ms(1);
    assert_eq!(rig.out(), [Done::Drop(1), Done::Drop(2)]);
}

#[test]
fn one_missed_deadline_trips_a_reader() {
    let mut rig = Rig::large();
    let a = rig.reader(gate(0, Policy::Pass, 100));
    rig.insert(1, 1, &[frame(&[a])]);
    rig.pass_ms(50);
    rig.insert(2, 2, &[frame(&[a])]);
    let tickets = rig.deliver(a);
    rig.pass_ms(50);
    // The second has time left, and is not waited for any more.
    assert_eq!(rig.out(), [Done::Forward(1), Done::Forward(2)]);
    assert!(!rig.insert(3, 3, &[frame(&[a])]));
    assert_eq!(rig.out(), [Done::Forward(3)]);
    rig.table.reader_reads(a);
    assert!(!rig.insert(4, 3, &[frame(&[a])]), "reading is no answer");
    assert_eq!(rig.answer(a, tickets[0], Verdict::Drop), Err(Refusal::Late));
    assert!(rig.insert(5, 3, &[frame(&[a])]));
    assert_eq!((rig.counted(Event::Tripped), rig.counted(Event::Recovered)), (1, 1));
}

#[test]
fn a_reader_that_got_nothing_is_tripped_until_it_reads() {
    for policy in [Policy::Pass, Policy::Spill] {
        let mut rig = Rig::large();
        let a = rig.reader(gate(0, policy, 100));
        assert!(rig.insert(1, 1, &[frame(&[a])]));
        rig.pass_ms(100);
        rig.copy();
        assert_eq!(rig.out(), [Done::Forward(1)]);
        rig.insert(2, 1, &[frame(&[a])]);
        rig.copy();
        assert_eq!(rig.out(), [Done::Forward(2)], "at once");
        rig.table.reader_reads(a);
        rig.insert(3, 1, &[frame(&[a])]);
        rig.copy();
        assert_eq!(rig.out(), []);
    }
}

#[test]
fn a_reader_that_never_read_is_not_waited_for() {
    let mut rig = Rig::large();
    let a = rig.table.add_reader(gate(0, Policy::Drop, 100)).unwrap();
    assert!(!rig.insert(1, 1, &[frame(&[a])]));
    assert_eq!(rig.out(), [Done::Drop(1)]);
}

#[test]
fn a_patient_tap_gets_the_original_with_one_copy() {
    let mut rig = Rig::large();
    let tap = rig.reader(gate(0, Policy::Spill, 100));
    rig.insert(1, 1, &[frame(&[tap]), frame(&[tap]), frame(&[])]);
    let (delivery, packet) = rig.table.next_delivery(tap).unwrap();
    let tickets = questions(&rig.table, &delivery.0);
    assert_eq!(tickets.len(), 2);
    // The READ had room for one.
    rig.table.delivered(delivery, packet, Some(tickets[0]), rig.now);
    assert_eq!(rig.out(), []);
    assert_eq!(rig.deliver(tap), tickets[1..]);
    assert_eq!(rig.out(), [Done::Forward(1)]);
    assert_eq!(rig.answer(tap, tickets[0], Verdict::Drop), Err(Refusal::Unknown));
}

#[test]
fn a_flow_keeps_its_order_and_only_a_flow_does() {
    let mut rig = Rig::large();
    let a = rig.reader(gate(0, Policy::Pass, 100));
    rig.insert(1, 7, &[frame(&[a])]);
    rig.insert(2, 7, &[frame(&[a])]);
    assert!(rig.insert(3, 7, &[frame(&[])]), "it waits for its turn");
    rig.insert(4, 8, &[frame(&[a])]);
    assert!(!rig.insert(5, 9, &[frame(&[])]));
    let tickets = rig.deliver(a);
    rig.answer(a, tickets[1], Verdict::Pass).unwrap();
    rig.answer(a, tickets[2], Verdict::Pass).unwrap();
    assert_eq!(rig.out(), [Done::Forward(5), Done::Forward(4)]);
    rig.answer(a, tickets[0], Verdict::Drop).unwrap();
    assert_eq!(rig.out(), [Done::Drop(1), Done::Forward(2), Done::Forward(3)]);
    assert!(rig.table.is_empty());
}

#[test]
fn what_is_being_handed_over_is_not_overtaken() {
    let mut rig = Rig::large();
    let a = rig.reader(gate(0, Policy::Pass, 100));
    rig.insert(1, 7, &[frame(&[a])]);
    let tickets = rig.deliver(a);
    rig.answer(a, tickets[0], Verdict::Pass).unwrap();
    let mut taken = Vec::new();
    let Some(Batch::Forward(sending)) = rig.table.next_batch(0, 9, |item| taken.push(done(item))) else { panic!() };
    assert_eq!((sending.adapter(), sending.direction()), (rig.adapter, Direction::Out));
    // Not sent yet: another of the flow waits, and no other thread gets it.
    assert!(rig.insert(2, 7, &[frame(&[])]));
    assert_eq!(rig.out(), []);
    rig.table.sent(sending);
    assert_eq!(rig.out(), [Done::Forward(2)]);
    assert!(!rig.insert(3, 7, &[frame(&[])]));
    assert_eq!(taken, [Done::Forward(1)]);
}

#[test]
fn a_promoted_copy_is_answered_later_and_has_no_place() {
    let mut rig = Rig::large();
    let a = rig.reader(gate(0, Policy::Promote, 100));
    rig.insert(1, 7, &[frame(&[a]), frame(&[a])]);
    let tickets = rig.deliver(a);
    rig.pass_ms(1);
    rig.insert(2, 7, &[frame(&[])]);
    rig.pass_ms(99);
    assert_eq!(rig.out(), []);
    rig.copy();
    assert_eq!(rig.out(), [Done::Drop(1), Done::Forward(2)]);
    assert_eq!((rig.table.load().leases, rig.table.promoted_bytes()), (0, 100));
    rig.pass_ms(5000);
    rig.answer(a, tickets[0], Verdict::Drop).unwrap();
    rig.answer(a, tickets[1], Verdict::Pass).unwrap();
    assert_eq!(rig.out(), [Done::Partly(1 + COPY, vec![1])]);
    assert_eq!(rig.table.promoted_bytes(), 0);
    assert_eq!(rig.counted(Event::Recovered), 1);
}

#[test]
fn a_promoted_copy_is_dropped_when_its_time_is_up() {
    let mut rig = Rig::large();
    let a = rig.reader(gate(0, Policy::Promote, 100));
    rig.insert(1, 7, &[frame(&[a])]);
    rig.pass_ms(100);
    rig.copy();
    rig.out();
    // The reader reads only now, and gets what was promoted.
    let tickets = rig.deliver(a);
    assert_eq!(tickets.len(), 1);
    rig.pass_ms(9_999);
    assert_eq!(rig.out(), []);
    rig.pass_ms(1);
    assert_eq!(rig.out(), [Done::Drop(1 + COPY)]);
    assert_eq!(rig.answer(a, tickets[0], Verdict::Pass), Err(Refusal::Late));
    assert_eq!(rig.table.promoted_bytes(), 0);
}

#[test]
fn a_copys_time_is_up_while_it_is_delivered() {
    let mut rig = Rig::large();
    let a = rig.reader(gate(0, Policy::Promote, 100));
    let b = rig.reader(gate(1, Policy::Pass, 100));
    rig.insert(1, 7, &[frame(&[a]), frame(&[a, b]), frame(&[])]);
    rig.pass_ms(100);
    rig.copy();
    let (delivery, copy) = rig.table.next_delivery(a).unwrap();
    let tickets = questions(&rig.table, &delivery.0);
    for ticket in &tickets {
        rig.answer(a, *ticket, Verdict::Pass).unwrap();
    }
    rig.pass_ms(10_000);
    rig.table.delivered(delivery, copy, tickets.last().copied(), rig.now);
    // The second is not decided, and nobody is asked any more.
    assert_eq!(rig.deliver(b), []);
    assert_eq!(rig.out(), [Done::Drop(1), Done::Partly(1 + COPY, vec![0, 2])]);
    assert!(rig.table.is_empty());
}

#[test]
fn promotion_is_bounded_and_not_for_all() {
    let mut rig =
        Rig::new(TableSetup { promoted_bytes: 250, ..LARGE }, AdapterCaps { received: Cap::NONE, sent: Cap::NONE });
    let a = rig.reader(gate(0, Policy::Promote, 100));
    for packet in 1..=3 {
        rig.insert(packet, packet.into(), &[frame(&[a])]);
    }
    let frames = [frame(&[a])];
    let arrival = Arrival { promotable: false, ..rig.arrival(4, &frames) };
    rig.insert_as(4, &arrival);
    rig.pass_ms(100);
    rig.copy();
    assert_eq!(rig.out(), [Done::Drop(1), Done::Drop(2), Done::Drop(3), Done::Forward(4)]);
    assert_eq!(rig.table.len(), 2);
    let counted = [Event::Promoted, Event::PromotionRefused, Event::NotPromotable].map(|event| rig.counted(event));
    assert_eq!(counted, [2, 1, 1]);
}

#[test]
fn a_copy_that_could_not_be_made_is_a_drop() {
    let mut rig = Rig::large();
    let a = rig.reader(gate(0, Policy::Promote, 100));
    rig.insert(1, 7, &[frame(&[a]), frame(&[])]);
    rig.pass_ms(100);
    let Some(CopyJob::Promote(promotion, packet)) = rig.table.next_job() else { panic!() };
    rig.table.promotion_failed(promotion, packet, rig.now);
    assert_eq!(rig.out(), [Done::Partly(1, vec![1])]);
    assert_eq!(rig.table.promoted_bytes(), 0);
}

#[test]
fn each_wrong_verdict_has_its_own_status_and_no_effect() {
    let mut rig = Rig::large();
    let a = rig.reader(gate(0, Policy::Drop, 100));
    let b = rig.reader(gate(1, Policy::Drop, 100));
    rig.insert(1, 1, &[frame(&[a, b])]);
    rig.insert(2, 2, &[frame(&[a])]);
    let tickets = rig.deliver(a);
    assert_eq!(rig.answer(b, tickets[0], Verdict::Pass), Err(Refusal::NotYours));
    assert_eq!(rig.answer(a, tickets[0], Verdict::Pass), Ok(()));
    assert_eq!(rig.answer(a, tickets[0], Verdict::Drop), Err(Refusal::Twice));
    let refused = rig.table.answer(a, tickets[0], Verdict::Replace(REPLACEMENT), 0).unwrap_err();
    assert_eq!(refused, Refused { why: Refusal::Twice, replacement: Some(REPLACEMENT) });
    let theirs = rig.deliver(b);
    assert_eq!(rig.answer(a, theirs[0], Verdict::Drop), Err(Refusal::NotYours));
    assert_eq!(rig.answer(b, theirs[0], Verdict::Pass), Ok(()));
    assert_eq!(rig.out(), [Done::Forward(1)]);
    assert_eq!(rig.answer(b, theirs[0], Verdict::Drop), Err(Refusal::Twice), "its lease is gone");
    assert_eq!(rig.answer(a, tickets[0], Verdict::Drop), Err(Refusal::Twice), "so is this one's");
    rig.pass_ms(100);
    assert_eq!(rig.answer(a, tickets[1], Verdict::Pass), Err(Refusal::Late));
    assert_eq!(rig.out(), [Done::Drop(2)]);
    for nonsense in [0, u64::MAX, 1 << 40, tickets[0].0 + (1 << 29), tickets[0].0 | 127] {
        assert_eq!(rig.answer(a, Ticket(nonsense), Verdict::Pass), Err(Refusal::Unknown), "{nonsense:#x}");
    }
    rig.insert(3, 3, &[frame(&[b])]);
    let cancelled = rig.deliver(b);
    rig.table.close_adapter(rig.adapter, Cause::Paused);
    assert_eq!(rig.answer(b, cancelled[0], Verdict::Pass), Err(Refusal::Cancelled));
    assert!(!rig.table.drain(rig.adapter, Scope::Originals, 9));
    assert_eq!(rig.out(), [Done::Detached(3, Cause::Paused)]);
    assert_eq!(rig.answer(b, cancelled[0], Verdict::Pass), Err(Refusal::Cancelled));
}

#[test]
fn caps_let_policy_decide_at_once_and_keep_the_order() {
    let caps = AdapterCaps { received: Cap { leases: 2, bytes: u64::MAX }, sent: Cap { leases: 99, bytes: 350 } };
    let mut rig = Rig::new(LARGE, caps);
    let a = rig.reader(gate(0, Policy::Pass, 100));
    let frames = [frame(&[a])];
    for packet in 1..=4 {
        let leased = rig.insert(packet, packet.into(), &frames);
        assert_eq!(leased, packet <= 3);
    }
    assert_eq!(rig.out(), [Done::Forward(4)]);
    let received = |rig: &Rig, flow| Arrival { direction: Direction::In, ..rig.arrival(flow, &frames) };
    for packet in 11..=13 {
        let arrival = received(&rig, 20);
        rig.insert_as(packet, &arrival);
    }
    // The third hurries the two before it.
    assert_eq!(rig.out(), [11, 12, 13].map(Done::Forward));
    assert_eq!((rig.counted(Event::AdapterFull), rig.counted(Event::Hurried)), (2, 2));
    assert_eq!(rig.counted(Event::OrderLost), 0);
}

#[test]
fn a_readers_cap_is_its_own() {
    let mut rig = Rig::large();
    let a = rig.reader(ReaderSetup { cap: Cap { leases: 1, bytes: 100 }, ..gate(0, Policy::Pass, 100) });
    let b = rig.reader(gate(1, Policy::Drop, 100));
    rig.insert(1, 1, &[frame(&[a])]);
    rig.insert(2, 2, &[frame(&[a, b])]);
    assert!(!rig.insert(3, 3, &[frame(&[a])]));
    assert_eq!(rig.out(), [Done::Forward(3)]);
    let tickets = rig.deliver(b);
    rig.answer(b, tickets[0], Verdict::Pass).unwrap();
    assert_eq!(rig.out(), [Done::Forward(2)]);
}

#[test]
fn a_full_table_leases_nothing() {
    let setup = TableSetup { leases: 2, frames: 3, ..LARGE };
    let mut rig = Rig::new(setup, AdapterCaps { received: Cap::NONE, sent: Cap::NONE });
    let a = rig.reader(gate(0, Policy::Drop, 100));
    assert!(rig.insert(1, 1, &[frame(&[a]), frame(&[a])]));
    assert!(!rig.insert(2, 2, &[frame(&[a]), frame(&[a])]), "no place for the frames");
    assert!(rig.insert(3, 3, &[frame(&[a])]));
    assert!(!rig.insert(4, 4, &[frame(&[a])]));
    assert_eq!(rig.out(), [Done::Drop(2), Done::Drop(4)]);
    assert!(!rig.insert(5, 3, &[frame(&[])]));
    assert_eq!((rig.counted(Event::NoPlace), rig.counted(Event::OrderLost)), (3, 1));
}

#[test]
fn a_drain_detaches_all_originals_and_leaves_copies() {
    let mut rig = Rig::large();
    let a = rig.reader(gate(0, Policy::Promote, 100));
    rig.insert(1, 1, &[frame(&[a])]);
    let tickets = rig.deliver(a);
    rig.pass_ms(100);
    rig.copy();
    assert_eq!(rig.out(), [Done::Drop(1)]);
    rig.answer(a, Ticket(0), Verdict::Pass).unwrap_err();
    rig.table.reader_reads(a);
    let b = rig.reader(gate(1, Policy::Pass, 100));
    for packet in 2..=5 {
        assert!(rig.insert(packet, 9, &[frame(&[b])]));
    }
    let (delivery, held) = rig.table.next_delivery(b).unwrap();
    rig.table.close_adapter(rig.adapter, Cause::LowPower);
    assert!(rig.table.drain(rig.adapter, Scope::Originals, 2));
    assert!(!rig.table.drain(rig.adapter, Scope::Originals, 9));
    let detached = [3, 4, 5].map(|packet| Done::Detached(packet, Cause::LowPower));
    assert_eq!(rig.out(), detached);
    // Open again before the copier is back: what it has is still detached.
    rig.table.open_adapter(rig.adapter);
    rig.table.delivered(delivery, held, None, rig.now);
    assert_eq!(rig.out(), [Done::Detached(2, Cause::LowPower)]);
    rig.table.close_adapter(rig.adapter, Cause::LowPower);
    rig.answer(a, tickets[0], Verdict::Pass).unwrap();
    assert_eq!(rig.out(), [], "it goes on when the adapter is open");
    assert!(!rig.table.remove_adapter(rig.adapter));
    rig.table.open_adapter(rig.adapter);
    assert_eq!(rig.out(), [Done::Forward(1 + COPY)]);
    rig.table.close_adapter(rig.adapter, Cause::Gone);
    assert!(rig.table.remove_adapter(rig.adapter));
}

#[test]
fn a_cancelled_send_is_found_wherever_it_is() {
    let mut rig = Rig::large();
    let a = rig.reader(gate(0, Policy::Pass, 100));
    let frames = [frame(&[a])];
    for packet in 1..=6 {
        let cancel_id = u64::from(packet % 2);
        let arrival = Arrival { cancel_id, ..rig.arrival(packet.into(), &frames) };
        rig.insert_as(packet, &arrival);
    }
    let tickets = rig.deliver(a);
    rig.answer(a, tickets[2], Verdict::Pass).unwrap();
    let mut search = Search::default();
    while rig.table.cancel(rig.adapter, 1, &mut search, 10) {}
    assert_eq!(rig.out(), [1, 3, 5].map(|packet| Done::Detached(packet, Cause::SendCancelled)));
    let mut search = Search::default();
    while rig.table.cancel(rig.adapter, 0, &mut search, 10) {}
    assert_eq!(rig.out(), [], "0 is no id");
    assert_eq!(rig.answer(a, tickets[0], Verdict::Pass), Err(Refusal::Cancelled));
    assert_eq!(rig.answer(a, tickets[1], Verdict::Pass), Ok(()));
}

#[test]
fn a_reader_is_told_when_what_was_in_its_way_is_gone() {
    let mut rig = Rig::large();
    let a = rig.reader(gate(0, Policy::Promote, 100));
    let frames = [frame(&[a])];
    let first = Arrival { cancel_id: 5, ..rig.arrival(1, &frames) };
    rig.insert_as(1, &first);
    rig.pass_ms(100);
    rig.table.reader_reads(a);
    rig.insert(2, 2, &frames);
    rig.table.take_kicked();
    assert_eq!(rig.table.next_delivery(a), None, "the copy comes first, and is not made yet");
    assert!(rig.table.take_kicked().is_empty());
    rig.table.cancel(rig.adapter, 5, &mut Search::default(), 99);
    assert_eq!(rig.table.take_kicked(), [a].into_iter().collect());
    assert_eq!(rig.deliver(a).len(), 1);
}

#[test]
fn closing_a_reader_leaves_it_to_policy() {
    for (policy, expected) in
        [(Policy::Pass, Done::Forward(1)), (Policy::Drop, Done::Drop(1)), (Policy::Promote, Done::Drop(1))]
    {
        let mut rig = Rig::large();
        let a = rig.reader(gate(0, policy, 100));
        let b = rig.reader(gate(1, Policy::Drop, 100));
        rig.insert(1, 1, &[frame(&[a])]);
        rig.insert(2, 2, &[frame(&[b, a])]);
        let tickets = rig.deliver(a);
        rig.answer(a, tickets[1], Verdict::Pass).unwrap();
        rig.table.close_reader(a);
        assert_eq!(rig.table.next_delivery(a), None);
        assert!(rig.table.next_deadline().is_some());
        rig.pass_ms(0);
        rig.copy();
        assert_eq!(rig.out(), [expected]);
        assert!(!rig.insert(3, 3, &[frame(&[a])]), "it is asked nothing more");
        assert_eq!(rig.out(), [Done::Forward(3)]);
        // Its place is kept as long as a lease of its own is there.
        let c = rig.reader(gate(0, Policy::Pass, 100));
        assert!(c != a && c != b);
        rig.table.close_reader(c);
        let tickets = rig.deliver(b);
        rig.answer(b, tickets[0], Verdict::Drop).unwrap();
        rig.out();
        // It is given again, after all others.
        let given: Vec<_> = (0..MAX_READERS - 1)
            .map(|_| {
                let id = rig.reader(gate(0, Policy::Pass, 100));
                rig.table.close_reader(id);
                id
            })
            .collect();
        assert_eq!((given.last(), given.iter().filter(|&&id| id == a).count()), (Some(&c), 1));
    }
}

#[test]
fn a_closed_readers_copies_are_dropped() {
    let mut rig = Rig::large();
    let a = rig.reader(gate(0, Policy::Promote, 100));
    for packet in 1..=3 {
        rig.insert(packet, packet.into(), &[frame(&[a])]);
    }
    rig.pass_ms(100);
    let Some(CopyJob::Promote(promotion, packet)) = rig.table.next_job() else { panic!() };
    let Some(CopyJob::Promote(second, other)) = rig.table.next_job() else { panic!() };
    assert_eq!(rig.table.promoted(second, other, other + COPY, rig.now), Ok(2));
    rig.table.close_reader(a);
    rig.pass_ms(0);
    // The third was not being copied yet, so it is not copied any more.
    assert_eq!(rig.table.next_job(), None);
    assert_eq!(rig.out(), [Done::Drop(2 + COPY), Done::Drop(3)]);
    assert_eq!(rig.table.promoted(promotion, packet, packet + COPY, rig.now), Ok(1));
    assert_eq!(rig.out(), [Done::Drop(1 + COPY)]);
    assert_eq!((rig.table.promoted_bytes(), rig.table.is_empty()), (0, true));
}

#[test]
fn a_lent_receive_is_decided_at_once_or_copied() {
    let mut rig = Rig::large();
    let a = rig.reader(gate(0, Policy::Promote, 100));
    let b = rig.reader(gate(1, Policy::Drop, 100));
    let tap = rig.reader(gate(0, Policy::Spill, 100));
    let frames = [frame(&[a]), frame(&[tap]), frame(&[b])];
    let lent = Arrival { direction: Direction::In, ..rig.arrival(1, &frames) };
    assert_eq!(rig.table.promoter(&lent), Some(a));
    rig.table.insert_copy(&lent, COPY, 0).unwrap();
    assert_eq!(rig.deliver(tap), []);
    let tickets = rig.deliver(a);
    rig.answer(a, tickets[0], Verdict::Pass).unwrap();
    let tickets = rig.deliver(b);
    rig.answer(b, tickets[0], Verdict::Drop).unwrap();
    assert_eq!(rig.out(), [Done::Partly(COPY, vec![0, 1])]);
    assert_eq!(rig.table.promoter(&Arrival { promotable: false, ..lent }), None);
    let without = [frames[1], frames[2]];
    let lent = Arrival { frames: &without, ..lent };
    assert_eq!(rig.table.promoter(&lent), None);
    let (ending, spill) = rig.table.judge(&lent, true);
    assert_eq!(ended(1, ending), Done::Partly(1, vec![0]));
    assert_eq!(spill, [tap].into_iter().collect());
}

#[test]
fn a_lent_receive_that_goes_up_does_not_overtake() {
    let mut rig = Rig::large();
    let a = rig.reader(gate(0, Policy::Pass, 100));
    let b = rig.reader(gate(1, Policy::Drop, 100));
    for (packet, flow, reader) in [(1, 1, a), (2, 1, b), (3, 2, a), (4, 1, a)] {
        rig.insert(packet, flow, &[frame(&[reader])]);
    }
    assert_eq!(rig.out(), []);
    let now = rig.now;
    let lent = rig.arrival(1, &[]).flow;
    assert!(rig.table.make_way(lent, now));
    // The other flow waits on.
    assert_eq!(rig.out(), [Done::Drop(2), Done::Forward(1), Done::Forward(4)]);
    assert!(!rig.table.make_way(lent, now));
    assert_eq!(rig.table.len(), 1);
}

#[test]
fn hold_times_are_those_of_originals() {
    let mut rig = Rig::large();
    let a = rig.reader(gate(0, Policy::Promote, 100));
    let tickets: Vec<_> = (1..=2)
        .flat_map(|packet| {
            rig.insert(packet, packet.into(), &[frame(&[a])]);
            rig.deliver(a)
        })
        .collect();
    rig.pass_ms(7);
    rig.answer(a, tickets[0], Verdict::Pass).unwrap();
    rig.out();
    rig.pass_ms(93);
    rig.copy();
    rig.pass_ms(1);
    rig.answer(a, tickets[1], Verdict::Pass).unwrap();
    rig.out();
    assert_eq!(rig.table.tally().held, [(Direction::Out, 7 * MS), (Direction::Out, 100 * MS)]);
}
