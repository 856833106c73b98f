//! What is promised to the network, with somebody around the table who is never late: no original
//! is held longer than the budgets of its readers, a flow's originals go on in their order, and
//! every packet ends once, whatever the readers do.

mod lease_rig;

use std::collections::{BTreeMap, BinaryHeap};

use lease_rig::*;
use nblease_engine::lease::*;
use proptest::prelude::*;

/// How a reader behaves.
#[derive(Clone, Debug)]
struct Program {
    setup: ReaderSetup,
    /// Milliseconds from a frame to its verdict; suspended for all of the time if `None`.
    answers_after: Option<u64>,
    drops_every: u32,
}

fn program() -> impl Strategy<Value = Program> {
    let policy = prop::sample::select(vec![Policy::Pass, Policy::Drop, Policy::Promote, Policy::Spill]);
    let answers_after = prop_oneof![
        3 => (0..20_u64).prop_map(Some),
        2 => (0..400_u64).prop_map(Some),
        1 => (0..20_000_u64).prop_map(Some),
        1 => Just(None),
    ];
    (0..3_u32, policy, 1..=300_u32, answers_after, 2..9_u32).prop_map(
        |(priority, policy, budget_ms, answers_after, drops_every)| Program {
            setup: ReaderSetup { promoted_bytes: 1000, ..gate(priority, policy, budget_ms) },
            answers_after,
            drops_every,
        },
    )
}

/// 100-ns units to the next frame, its flow, and which readers want it and its second frame.
fn arrivals() -> impl Strategy<Value = Vec<(u64, u64, u8, Option<u8>)>> {
    let gap = prop_oneof![0..MS, 0..40 * MS, 0..400 * MS];
    prop::collection::vec((gap, 0..4_u64, any::<u8>(), prop::option::weighted(0.3, any::<u8>())), 1..150)
}

struct World {
    rig: Rig,
    programs: Vec<(ReaderId, Program)>,
    /// Verdicts to come: the earliest first.
    answers: BinaryHeap<std::cmp::Reverse<(u64, usize, Ticket)>>,
    done: Vec<Done>,
}

impl World {
    /// Does all there is to do now.
    fn settle(&mut self) {
        loop {
            let before = self.done.len();
            let mut delivered = false;
            while self.rig.table.expire(self.rig.now, 64) {}
            self.rig.copy();
            self.done.extend(self.rig.out());
            for (index, (reader, program)) in self.programs.iter().enumerate() {
                let Some(delay) = program.answers_after else {
                    continue;
                };
                self.rig.table.reader_reads(*reader);
                for ticket in self.rig.deliver(*reader) {
                    delivered = true;
                    if program.setup.policy != Policy::Spill {
                        self.answers.push(std::cmp::Reverse((self.rig.now + delay * MS, index, ticket)));
                    }
                }
            }
            if self.done.len() == before && !delivered {
                return;
            }
        }
    }

    /// Time goes on to `until`, with a stop at all that is due.
    fn run(&mut self, until: u64) {
        loop {
            self.settle();
            let answer = self.answers.peek().map(|next| next.0.0);
            let deadline = self.rig.table.next_deadline();
            match [answer, deadline].into_iter().flatten().min() {
                Some(next) if next <= until => self.rig.now = self.rig.now.max(next),
                _ => break,
            }
            while let Some(std::cmp::Reverse((at, index, ticket))) = self.answers.peek().copied() {
                if at > self.rig.now {
                    break;
                }
                self.answers.pop();
                let (reader, program) = &self.programs[index];
                let drops = (ticket.0 as u32).is_multiple_of(program.drops_every);
                let verdict = if drops { Verdict::Drop } else { Verdict::Pass };
                let (reader, verdict) = (*reader, verdict);
                let answered = self.rig.answer(reader, ticket, verdict);
                assert!(matches!(answered, Ok(()) | Err(Refusal::Late)), "{answered:?}");
            }
        }
        self.rig.now = until;
    }
}

proptest! {
    #[test]
    fn holds_orders_and_ends(
        programs in prop::collection::vec(program(), 1..4),
        arrivals in arrivals(),
        caps in (1..40_u32, 1..40_u32),
    ) {
        let [received, sent] = [caps.0, caps.1].map(|leases| Cap { leases, bytes: u64::MAX });
        let setup = TableSetup { leases: 400, frames: 800, promoted_bytes: 2000, ..LARGE };
        let mut rig = Rig::new(setup, AdapterCaps { received, sent });
        let programs: Vec<_> = programs
            .into_iter()
            .map(|program| (rig.table.add_reader(program.setup).unwrap(), program))
            .collect();
        for (reader, _) in &programs {
            rig.table.reader_reads(*reader);
        }
        let budgets: u64 = programs.iter().map(|(_, program)| u64::from(program.setup.budget_ms)).sum();
        let mut world = World { rig, programs, answers: BinaryHeap::new(), done: Vec::new() };
        let mut flows = BTreeMap::new();
        for (packet, (gap, flow, first, second)) in (1..).zip(&arrivals) {
            world.run(world.rig.now + gap);
            let wants = |mask: u8| {
                let wanted = world.programs.iter().enumerate().filter(|(index, _)| mask & 1 << index != 0);
                let readers: Vec<_> = wanted.map(|(_, (reader, _))| *reader).collect();
                frame(&readers)
            };
            let frames: Vec<_> = [Some(*first), *second].into_iter().flatten().map(wants).collect();
            flows.insert(packet, *flow);
            world.rig.insert(packet, *flow, &frames);
        }
        world.run(world.rig.now + 60_000 * MS);
        prop_assert!(world.rig.table.is_empty());

        let mut ends = BTreeMap::<Packet, u32>::new();
        let mut last = BTreeMap::<u64, Packet>::new();
        for done in &world.done {
            let (Done::Forward(packet) | Done::Partly(packet, _) | Done::Drop(packet)) = done else {
                panic!("{done:?}");
            };
            *ends.entry(*packet).or_default() += 1;
            if *packet < COPY && !matches!(done, Done::Drop(_)) {
                let before = last.insert(flows[packet], *packet);
                prop_assert!(before < Some(*packet), "{packet} after {before:?}");
            }
        }
        for packet in flows.keys() {
            prop_assert_eq!(ends.get(packet), Some(&1), "{}", packet);
            prop_assert!(ends.get(&(packet + COPY)).is_none_or(|&ends| ends == 1));
        }
        let held = world.rig.table.tally().held.iter().map(|(_, held)| *held).max();
        prop_assert!(held.is_none_or(|held| held <= budgets * MS), "{:?} of {}", held, budgets * MS);
        prop_assert_eq!(world.rig.counted(Event::OrderLost), 0);
    }
}
