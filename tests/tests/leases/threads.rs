//! Real threads: some send and receive, a GATE answers from threads of its own, and meanwhile the adapter pauses and
//! sleeps, and the program is killed and started again. Each frame is accounted for.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use nblease_abi::{
    configure::{Configure, POLICY_PASS, POLICY_PROMOTE},
    stats::{AdapterStats, ReaderStats},
};
use nblease_lab::{
    clock::Mode,
    io::{Handle, Process},
    ndis::{Adapter, PowerPath},
    nt,
};
use nblease_tests::{
    DEVICE, Program, READ, Rig, configure_input,
    gates::{RESOURCES, SENT, drop_it, pass, questions, receives, sends, udp},
    live::wait_until,
};
use zerocopy::IntoBytes as _;

const THREADS: u16 = 2;
const LISTS: u32 = 1000;
const PER_LIST: u32 = 4;

/// How a program judges.
#[derive(Clone, Copy)]
struct Manner {
    config: Configure,
    /// Of so many frames one is dropped; 0 for none.
    drops_of: u64,
    /// Now and then it thinks for so long.
    thinks: Duration,
}

/// A program whose threads answer until it dies.
struct Judge {
    process: Process,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Judge {
    fn start(manner: Manner, adapter: &Adapter, dropped: &Arc<AtomicU64>) -> Self {
        let process = Process::new("gate.exe", true);
        let handle = process.open(DEVICE).expect("the device opens");
        let input = configure_input(&manner.config, &[adapter.luid]);
        let configured = handle.ioctl(nblease_abi::ioctl::IOCTL_CONFIGURE, &input, 32).wait();
        assert_eq!(configured.status, 0, "CONFIGURE");
        let threads = (0..2).map(|_| {
            let (handle, dropped) = (handle.clone(), dropped.clone());
            thread::spawn(move || judge(manner, &handle, &dropped))
        });
        Self { process, threads: threads.collect() }
    }

    fn kill(self) {
        self.process.kill();
        for thread in self.threads {
            thread.join().expect("no panic");
        }
    }
}

fn judge(manner: Manner, handle: &Handle, dropped: &AtomicU64) {
    for round in 0_u32.. {
        let read = handle.read(READ).wait();
        if read.status != 0 {
            return;
        }
        if round % 64 == 63 {
            thread::sleep(manner.thinks);
        }
        let asked = questions(&read.data[..read.information]);
        let drops = |ticket: u64| manner.drops_of != 0 && ticket.is_multiple_of(manner.drops_of);
        let entries: Vec<_> =
            asked.iter().map(|q| if drops(q.ticket) { drop_it(q.ticket) } else { pass(q.ticket) }).collect();
        if entries.is_empty() {
            continue;
        }
        let head = nblease_abi::verdict::Verdicts::new(entries.len() as u32, 0);
        let input = [head.as_bytes(), entries.as_bytes()].concat();
        let room = nblease_abi::verdict::VerdictsReply::output_len(entries.len());
        let told = handle.ioctl(nblease_abi::ioctl::IOCTL_VERDICT, &input, room).wait();
        if told.status != 0 {
            return;
        }
        let (_, statuses) =
            nblease_abi::verdict::VerdictsReply::parse(&told.data[..told.information]).expect("well-formed");
        let accepted =
            entries.iter().zip(statuses).filter(|(entry, status)| drops(entry.ticket) && status.is_success());
        dropped.fetch_add(accepted.count() as u64, Ordering::Relaxed);
    }
}

/// Lists of two flows in both directions, some lent for the call.
fn traffic(adapter: &Arc<Adapter>, thread: u16) {
    for list in 0..LISTS {
        let frames: Vec<_> = (0..PER_LIST)
            .map(|at| udp((thread, 50 + (at % 2) as u16), &(list * PER_LIST + at).to_be_bytes()))
            .collect();
        adapter.send(&sends(&frames), 0);
        adapter.receive(&receives(&frames), if list % 16 == 0 { RESOURCES } else { 0 });
        if list % 8 == 0 {
            thread::sleep(Duration::from_micros(500));
        }
    }
}

/// What all readers and the adapter counted, and the verdicts that dropped.
struct Counted {
    /// Frames that were sent and did not come out, and received ones.
    lost: [u64; 2],
    /// Sends that did not succeed, by whomever they were completed.
    failed: u64,
    dropped: u64,
    reader: ReaderStats,
    adapter: AdapterStats,
}

/// Traffic under a GATE of this manner, while `meanwhile` is done again and again.
fn run(seed: u64, manner: Manner, meanwhile: impl Fn(u32, &Arc<Adapter>) + Sync) -> Counted {
    let rig = Rig::load_in(Mode::Real, seed);
    assert_eq!(nt::driver::start(rig.driver), 0);
    let adapter = rig.adapter("Ethernet");
    let dropped = Arc::new(AtomicU64::new(0));
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let senders: Vec<_> = (0..THREADS)
            .map(|thread| {
                let adapter = &adapter;
                scope.spawn(move || traffic(adapter, thread))
            })
            .collect();
        scope.spawn(|| {
            for round in 0.. {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                meanwhile(round, &adapter);
                thread::sleep(Duration::from_millis(5));
            }
        });
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let judge = Judge::start(manner, &adapter, &dropped);
                thread::sleep(Duration::from_millis(60));
                judge.kill();
            }
        });
        for sender in senders {
            sender.join().expect("no panic");
        }
        over.store(true, Ordering::Relaxed);
    });
    wait_until("all home", || adapter.outstanding() == (0, 0));
    let observer = Program::open();
    wait_until("no copy", || observer.leases().leases == 0);
    assert_eq!((observer.leases().originals, observer.leases().promoted_bytes, observer.readers()), (0, 0, 0));
    let (reader, adapters) = observer.stats();
    let counts = adapter.counts();
    assert_eq!((counts.lost_wrong_type, counts.lost_bad_checksum, counts.corrupt), (0, 0, 0));
    assert!(counts.sent > 1000 && counts.indicated > 1000, "{counts:?}");
    assert!(reader.frames_passed > 1000, "{reader:?}");
    let lost = [counts.sent - counts.reached_miniport, counts.indicated - counts.reached_protocol];
    let completions = adapter.completions();
    let failed = completions.iter().filter(|(status, _)| **status != SENT).map(|(_, count)| *count).sum();
    drop(observer);
    adapter.unplug();
    rig.finish();
    Counted { lost, failed, dropped: dropped.load(Ordering::Relaxed), reader, adapter: adapters[0] }
}

#[test]
fn a_gate_that_passes_loses_nothing_but_what_pauses_give_back() {
    let manner =
        Manner { config: Configure::gate(1, POLICY_PASS, 100), drops_of: 0, thinks: Duration::from_millis(30) };
    let counted = run(121, manner, |round, adapter| match round % 8 {
        3 => {
            adapter.pause();
            adapter.restart();
        }
        5 => {
            adapter.suspend(PowerPath::A);
            adapter.resume();
        }
        7 => {
            adapter.suspend(PowerPath::C);
            adapter.resume();
        }
        _ => {}
    });
    let Counted { lost: [sent, received], failed, adapter, .. } = counted;
    assert_eq!(sent, failed, "each sender is told");
    // A card that sleeps refuses what the filter passed on.
    let given_back = adapter.leases_drained + adapter.send_nbls_refused_paused;
    assert!(received <= adapter.leases_drained && sent + received >= given_back, "{sent} {received} {adapter:?}");
    assert!(sent + received - given_back < 1000, "{sent} {received} {adapter:?}");
    assert!(adapter.pauses > 2 && adapter.leases_drained > 0, "{adapter:?}");
}

#[test]
fn a_gate_that_drops_and_promotes_counts_what_it_loses() {
    let manner =
        Manner { config: Configure::gate(1, POLICY_PROMOTE, 5), drops_of: 7, thinks: Duration::from_millis(20) };
    let counted = run(122, manner, |round, adapter| {
        if round % 5 == 4 {
            adapter.pause();
            adapter.restart();
        }
    });
    let Counted { lost, dropped, reader, adapter, .. } = counted;
    let copies = reader.nbls_promoted_expired + reader.nbls_promotion_refused + reader.nbls_promotion_failed;
    let drained = adapter.leases_drained + adapter.send_nbls_refused_paused;
    assert_eq!(reader.frames_dropped, dropped);
    let (lost, counted) = (lost.iter().sum::<u64>(), dropped + drained + copies);
    // What was dropped by a verdict may be given back by a pause before it has left.
    assert!(lost <= counted && counted - lost <= dropped / 10, "{lost} {counted} {reader:?} {adapter:?}");
    assert!(dropped > 100 && reader.nbls_promoted > 0, "{reader:?}");
}
