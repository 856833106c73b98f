//! Each call that may fail fails once while frames wait, pass, are parted, replaced, copied and given back: nothing is lost
//! but what is counted, and nothing is left.

use nblease_abi::{
    NtStatus,
    configure::{Configure, POLICY_PASS, POLICY_PROMOTE},
    ioctl::{IOCTL_CONFIGURE, IOCTL_STATS, IOCTL_VERDICT},
    stats::{AdapterStats, ReaderStats, StatsHeader},
    verdict::{VERDICT_REPLACE, VerdictEntry, Verdicts, VerdictsReply},
};
use nblease_lab::{
    faults::{FaultKind, Plan},
    io::Process,
    ndis::{
        Adapter, AdapterConfig, PowerPath,
        frame::{Frame, Layout, Piece, RecvNbl, SendNbl},
    },
    nt,
};
use nblease_tests::{
    DEVICE, Program, READ, Rig, configure_input,
    gates::{MS, Out, Question, RESOURCES, drop_it, flow, originals, pass, questions, sends, udp},
};
use zerocopy::IntoBytes as _;

/// A frame in MDLs that have no system address yet.
fn unmapped(bytes: &[u8]) -> Frame {
    let pieces = [20, bytes.len() - 20].map(|bytes| Piece { bytes: bytes as u32, mapped: false });
    Frame::new(bytes.to_vec()).cut(Layout { data_offset: 0, pieces: pieces.to_vec() })
}

fn send(frames: &[Vec<u8>]) -> SendNbl {
    SendNbl::new(frames.iter().map(|bytes| unmapped(bytes)))
}

fn receive(bytes: &[u8]) -> RecvNbl {
    RecvNbl::new(unmapped(bytes))
}

/// A program that goes on whatever fails.
struct Judge {
    process: Process,
    handle: Option<nblease_lab::io::Handle>,
}

impl Judge {
    fn open(config: &Configure, adapter: &Adapter) -> Self {
        let process = Process::new("gate.exe", true);
        let handle = process.open(DEVICE).ok();
        let judge = Self { process, handle };
        if let Some(handle) = &judge.handle {
            let input = configure_input(config, &[adapter.luid]);
            let _ = handle.ioctl(IOCTL_CONFIGURE, &input, 32).wait();
            let _ = handle.read(READ).wait_timeout(MS);
        }
        judge
    }

    fn ask(&self) -> Vec<Question> {
        let Some(handle) = &self.handle else { return vec![] };
        let read = handle.read(READ);
        let Some(done) = read.wait_timeout(MS) else { return vec![] };
        if done.status == 0 { questions(&done.data[..done.information]) } else { vec![] }
    }

    /// Tells verdicts; those that hold.
    fn tell(&self, entries: &[VerdictEntry], frames: &[u8]) -> Vec<NtStatus> {
        let head = Verdicts::new(entries.len() as u32, frames.len() as u32);
        let input = [head.as_bytes(), entries.as_bytes(), frames].concat();
        let output = VerdictsReply::output_len(entries.len());
        let Some(handle) = self.handle.as_ref().filter(|_| !entries.is_empty()) else { return vec![] };
        let completion = handle.ioctl(IOCTL_VERDICT, &input, output).wait();
        if completion.status == 0 {
            VerdictsReply::parse(&completion.data[..completion.information]).expect("well-formed").1.collect()
        } else {
            vec![]
        }
    }
}

/// What a life came to.
#[derive(Debug)]
struct Came {
    sent: u64,
    received: u64,
    down: u64,
    up: u64,
    /// What STATS says, where it does.
    told: Option<(ReaderStats, AdapterStats)>,
    accepted_drops: u64,
    /// Frames that were given back undecided.
    drained: u64,
}

/// STATS of all readers, and of the adapter.
fn told() -> Option<(ReaderStats, AdapterStats)> {
    let process = Process::new("stats.exe", true);
    let completion = process.open(DEVICE).ok()?.ioctl(IOCTL_STATS, &[], 64 << 10).wait();
    let mut stats = StatsHeader::parse(&completion.data[..completion.information]).ok()?;
    Some((stats.reader, stats.adapters.next()?))
}

/// Frames through a GATE that does all that it can: none of them may be lost but by a verdict, or counted.
fn life(rig: &Rig) -> Option<Came> {
    if nt::driver::start(rig.driver) < 0 {
        return None;
    }
    let adapter = Adapter::plug(AdapterConfig { luid: Some(0x0600_0100_0000_0000), ..AdapterConfig::default() });
    rig.kernel.sched.pump();
    let out = Out::watch(&adapter);
    let judge = Judge::open(&Configure::gate(1, POLICY_PROMOTE, 50), &adapter);
    let mut accepted_drops = 0;
    // Verdicts of every kind on one send, and on receives.
    adapter.send(&[send(&flow(1, 5))], 0);
    adapter.receive(&[receive(&flow(2, 1)[0]), receive(&flow(3, 1)[0])], 0);
    rig.kernel.sched.pump();
    let asked = judge.ask();
    let other = udp((1, 53), &[77; 30]);
    for (at, question) in asked.iter().enumerate() {
        let ticket = question.ticket;
        if at % 3 == 1 {
            let entry = VerdictEntry { length: other.len() as u32, ..VerdictEntry::plain(ticket, VERDICT_REPLACE) };
            judge.tell(&[entry], &other);
        } else {
            let drops = at % 3 == 2;
            let told = judge.tell(&[if drops { drop_it(ticket) } else { pass(ticket) }], &[]);
            accepted_drops += u64::from(drops && told.iter().all(|status| status.is_success()) && !told.is_empty());
        }
    }
    // Copies, some of what is lent.
    adapter.send(&[send(&flow(4, 2)), send(&flow(5, 1))], 0);
    adapter.receive(&[receive(&flow(6, 1)[0])], 0);
    adapter.receive(&[receive(&flow(7, 1)[0])], RESOURCES);
    let asked = judge.ask();
    rig.kernel.sched.advance(60 * MS);
    let entries: Vec<_> = asked.iter().map(|question| pass(question.ticket)).collect();
    judge.tell(&entries, &[]);
    rig.kernel.sched.advance(11_000 * MS);
    // Sleep and pause with some out.
    let more = judge.ask();
    judge.tell(&more.iter().map(|question| pass(question.ticket)).collect::<Vec<_>>(), &[]);
    rig.kernel.sched.pump();
    adapter.send(&sends(&flow(8, 2)), 0);
    let before = adapter.counts().reached_miniport;
    rig.kernel.sched.pump();
    adapter.suspend(PowerPath::B);
    let drained = 2 - (adapter.counts().reached_miniport - before).min(2);
    adapter.resume();
    rig.kernel.sched.pump();
    let told = told();
    judge.process.kill();
    rig.kernel.sched.advance(50 * MS);
    adapter.unplug();
    rig.kernel.sched.pump();
    let down = out.take_down().len() as u64;
    let up = out.take_up().len() as u64;
    let counts = adapter.counts();
    assert_eq!((counts.corrupt, counts.lost_wrong_type, counts.lost_split_headers), (0, 0, 0));
    assert_eq!((counts.lost_bad_checksum, adapter.outstanding()), (0, (0, 0)));
    Some(Came { sent: counts.sent, received: counts.indicated, down, up, told, accepted_drops, drained })
}

fn settled(failed: &[String], came: &Came) {
    let Came { sent, received, down, up, told, accepted_drops, drained } = came;
    let Some((reader, adapter)) = told else { return };
    let lost = sent + received - down - up;
    // A copy has its NBL's frames, two at most here.
    let by_copies = 2 * (reader.nbls_promotion_failed + reader.nbls_promotion_refused + reader.nbls_promoted_expired);
    let unparted = 5 * adapter.nbls_shadow_failed;
    let explained = accepted_drops + drained + by_copies + unparted + reader.frames_policy_dropped;
    assert!(lost <= explained, "{failed:?}: {lost} frames lost, {explained} of them counted: {came:?}");
}

#[test]
fn every_call_that_may_fail_is_failed_once() {
    let total = {
        let rig = Rig::load(111);
        rig.kernel.faults.plan(Plan::None);
        let came = life(&rig).expect("it starts");
        assert_eq!((came.sent, came.received), (10, 4));
        assert_eq!((came.accepted_drops, came.drained), (2, 2));
        assert_eq!((came.down, came.up), (10 - 3, 4 - 1), "but for drops and the drained");
        settled(&[], &came);
        assert_eq!(came.told.expect("told").0.nbls_promoted, 4);
        let total = rig.kernel.faults.total();
        rig.finish();
        total
    };
    assert!(total > 60, "only {total} calls that may fail");
    for nth in 1..=total {
        let rig = Rig::load(111);
        rig.kernel.faults.plan(Plan::Nth(nth));
        let came = life(&rig);
        let failed = rig.kernel.faults.failed();
        assert!(!failed.is_empty(), "call {nth} was not made");
        if let Some(came) = came {
            settled(&failed, &came);
        }
        rig.finish();
    }
}

/// Where nothing can be had for long: the network goes on, by policy.
#[test]
fn without_memory_or_mappings_policy_decides() {
    for kind in [FaultKind::Pool, FaultKind::Map, FaultKind::Ndis] {
        let rig = Rig::start(112);
        let adapter = rig.adapter("Ethernet");
        let out = Out::watch(&adapter);
        let program = Program::gate(POLICY_PASS, 50, &[&adapter]);
        rig.kernel.faults.plan(Plan::All(kind));
        let frames = flow(1, 4);
        let list: Vec<_> = frames.iter().map(|bytes| send(std::slice::from_ref(bytes))).collect();
        adapter.send(&list, 0);
        rig.kernel.sched.advance(50 * MS);
        assert_eq!(out.take_down(), originals(&frames), "{kind:?}");
        rig.kernel.faults.plan(Plan::None);
        drop(program);
        rig.finish();
    }
}
