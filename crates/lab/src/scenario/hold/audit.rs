//! The audit of an act: each frame that went in has exactly one end, each end has a reason, and the driver's counters
//! say the same.

use nblease_abi::{
    NtStatus,
    rules::{RULE_DROP, RULE_PASS},
};
use nblease_ndis::sys::{NDIS_STATUS_SEND_ABORTED, NDIS_STATUS_SUCCESS};

use super::{
    actor::Actor,
    book::{Book, Entry, How, Nbl, Said},
    plan::{Act, Policy, Role, Temper},
    sums::Sums,
};

/// Most frames of an NBL.
const MOST_FRAMES: u64 = 6;

/// How the frames of an act ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// In their own packets, or in one that describes them.
    pub passed: u64,
    /// As copies.
    pub copied: u64,
    /// Replaced.
    pub replaced: u64,
    /// Dropped by a verdict.
    pub by_verdict: u64,
    /// Dropped by a rule.
    pub by_rule: u64,
    /// Dropped by a policy.
    pub by_policy: u64,
    /// Their send was cancelled.
    pub by_cancel: u64,
    /// Their adapter stopped or went.
    pub by_stop: u64,
    /// Calls failed that their way needs.
    pub by_fault: u64,
    /// None of these.
    pub lost: u64,
}

/// How one frame ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Passed,
    Copied,
    Replaced,
    Verdict,
    Rule,
    Policy,
    Cancel,
    Stop,
    Fault,
    Lost,
    /// It came out and should not have.
    Wrong(&'static str),
}

impl Ends {
    fn count(&mut self, end: End) {
        let place = match end {
            End::Passed => &mut self.passed,
            End::Copied => &mut self.copied,
            End::Replaced => &mut self.replaced,
            End::Verdict => &mut self.by_verdict,
            End::Rule => &mut self.by_rule,
            End::Policy => &mut self.by_policy,
            End::Cancel => &mut self.by_cancel,
            End::Stop => &mut self.by_stop,
            End::Fault => &mut self.by_fault,
            End::Lost => &mut self.lost,
            End::Wrong(_) => return,
        };
        *place += 1;
    }
}

/// Judges the frames of an act's NBLs, from `since` on.
pub fn frames(act: &Act, book: &mut Book, since: usize) -> Ends {
    let mut ends = Ends::default();
    let from = book.nbls.get(since).map_or(book.frames.len(), |nbl| nbl.frames.start);
    for number in from..book.frames.len() {
        let Some((entry, nbl)) = book.frames.get(number).zip(book.nbl_of(number)) else { continue };
        let end = end(act, book, entry, nbl);
        ends.count(end);
        match end {
            End::Lost => book.complain(|book| format!("lost: {}", book.describe(number))),
            End::Wrong(why) => book.complain(|book| format!("{}: {why}", book.describe(number))),
            _ => {}
        }
    }
    for at in since..book.nbls.len() {
        let Some(nbl) = book.nbls.get(at) else { continue };
        let first = nbl.frames.start;
        if nbl.home.is_none() {
            book.complain(|book| format!("its packet never came home: {}", book.describe(first)));
        }
    }
    ends
}

fn end(act: &Act, book: &Book, entry: &Entry, nbl: &Nbl) -> End {
    let Some(flow) = book.flows.get(nbl.flow) else { return End::Lost };
    let asked = |number: &u8| {
        let plan = act.readers.get(usize::from(*number).checked_sub(1)?)?;
        (!nbl.looped && plan.wants(flow.way)).then_some((*number, plan))
    };
    let gates: Vec<_> = nbl.readers.iter().filter_map(asked).filter(|(_, plan)| plan.policy().is_some()).collect();
    let said = |wanted: fn(Said) -> bool| entry.said.iter().any(|(_, said)| wanted(*said));
    let dropped = said(|said| said == Said::Drop);
    let replaced = said(|said| matches!(said, Said::Replace(_)));
    let by_rule = gates.iter().any(|(_, plan)| plan.rule(flow) == Some(RULE_DROP));
    // Too late for a reader whose policy is to drop.
    let late = gates
        .iter()
        .any(|(number, plan)| plan.policy() == Some(Policy::Drop) && entry.said.contains(&(*number, Said::Late)));
    let policy = |policy: Policy| gates.iter().any(|(_, plan)| plan.policy() == Some(policy));
    match entry.out {
        Some((How::Replaced(mark), _)) => {
            let by_it = |(number, said): &(u8, Said)| *number == mark && matches!(said, Said::Replace(_));
            if entry.said.iter().any(by_it) {
                End::Replaced
            } else {
                End::Wrong("replaced by a verdict that does not hold")
            }
        }
        Some(_) if by_rule => End::Wrong("came out though a rule drops it"),
        Some(_) if dropped || replaced => End::Wrong("came out though it was dropped or replaced"),
        Some(_) if late => End::Wrong("came out though the policy had dropped it"),
        Some((How::Copy, _)) if !policy(Policy::Promote) => End::Wrong("came out as a copy, and nobody promotes"),
        Some((How::Copy, _)) => End::Copied,
        Some(_) => End::Passed,
        None if by_rule => End::Rule,
        None if dropped => End::Verdict,
        None if nbl.home == Some(NDIS_STATUS_SEND_ABORTED) => End::Cancel,
        None if nbl.gone || nbl.stopped && nbl.home != Some(NDIS_STATUS_SUCCESS) => End::Stop,
        // A receive has no status: it went home when its adapter stopped.
        None if nbl.stopped && nbl.cancel_id == 0 && flow.way == super::frames::Way::Up => End::Stop,
        None if !replaced && undecided(entry, &gates) => End::Policy,
        None if act.events.faults => End::Fault,
        None => End::Lost,
    }
}

/// Whether there is a reader whose policy may have dropped the frame: it has not let it pass, and does not let pass what
/// it does not decide about.
fn undecided(entry: &Entry, gates: &[(u8, &super::plan::Plan)]) -> bool {
    gates.iter().any(|(number, plan)| {
        let passed = entry.said.contains(&(*number, Said::Pass));
        plan.policy() != Some(Policy::Pass) && !passed
    })
}

/// What of an act's frames and verdicts disagrees with the driver's counters.
pub fn counters(
    act: &Act,
    actors: &[Actor],
    book: &Book,
    since: usize,
    ends: &Ends,
    sums: (&Sums, &Sums),
) -> Vec<String> {
    let (before, after) = sums;
    let mut wrong = Vec::new();
    let mut same = |name: &str, seen: u64| {
        let counted = after.since(before, name);
        if counted != seen {
            wrong.push(format!("STATS say {name} {counted}, the lab saw {seen}"));
        }
    };
    let held = |kind: usize| actors.iter().filter_map(|actor| actor.held.get(kind)).sum::<u64>();
    same("frames_passed", held(0));
    same("frames_dropped", held(1));
    same("frames_replaced", held(2));
    let status = |status: NtStatus| actors.iter().filter_map(|actor| actor.statuses.get(&status.0)).sum::<u64>();
    same("verdicts_twice", status(NtStatus::REQUEST_NOT_ACCEPTED));
    same("verdicts_late", status(NtStatus::IO_TIMEOUT));
    same("verdicts_cancelled", status(NtStatus::CANCELLED));
    same("verdicts_foreign", status(NtStatus::ACCESS_DENIED));
    same("verdicts_unknown", status(NtStatus::NOT_FOUND));
    let unfit = [NtStatus::INVALID_PARAMETER, NtStatus::NOT_SUPPORTED, NtStatus::INSUFFICIENT_RESOURCES];
    same("verdicts_unfit", unfit.into_iter().map(status).sum());
    if let [plan] = act.readers.as_slice() {
        let frames = Frames { act, book, since };
        if !act.events.any() {
            alone(plan, &frames, actors, ends, &mut same);
        }
        // Of a quick reader nothing is late, but for what had to make way for a receive that could not wait.
        let hurried = after.adapters_since(before, "nbls_hurried");
        if plan.temper == Temper::Quick && !act.events.any() && hurried == 0 {
            same("verdicts_late", 0);
        }
        if plan.policy() == Some(Policy::Promote) {
            let refused = after.since(before, "nbls_promotion_refused") + after.since(before, "nbls_promotion_failed");
            let promoted = after.since(before, "nbls_promoted");
            let seen = frames.handed_back_undecided();
            if !act.events.any() && promoted + refused != seen {
                wrong.push(format!("STATS say nbls_promoted {promoted} and {refused} not, the lab saw {seen}"));
            }
        }
    }
    // Of an NBL of which there is no shadow, all frames are dropped.
    let unshadowed = after.adapters_since(before, "nbls_shadow_failed");
    if ends.by_fault > MOST_FRAMES * unshadowed {
        wrong.push(format!("STATS say nbls_shadow_failed {unshadowed}, the lab saw {} frames lost", ends.by_fault));
    }
    let cancelled = frames_of(book, since).filter(|nbl| nbl.home == Some(NDIS_STATUS_SEND_ABORTED)).count() as u64;
    let counted = after.adapters_since(before, "leases_cancelled");
    if counted != cancelled && !act.events.unplugs {
        wrong.push(format!("STATS say leases_cancelled {counted}, the lab saw {cancelled}"));
    }
    wrong
}

/// What a reader counts that has the adapter to itself, with nothing but traffic.
fn alone(
    plan: &super::plan::Plan,
    frames: &Frames<'_>,
    actors: &[Actor],
    ends: &Ends,
    same: &mut impl FnMut(&str, u64),
) {
    same("frames_rule_dropped", ends.by_rule);
    same("frames_rule_passed", frames.count(|frames, _, nbl| frames.rule(nbl) == Some(RULE_PASS)));
    let asked = |frames: &Frames<'_>, nbl: &Nbl| {
        let rule = frames.rule(nbl);
        frames.wanted(nbl) && rule != Some(RULE_PASS) && rule != Some(RULE_DROP)
    };
    match plan.role {
        Role::Tap => {
            if matches!(plan.temper, Temper::Quick | Temper::Slow | Temper::Suspended) {
                same("frames_seen", frames.count(|frames, _, nbl| frames.wanted(nbl)));
                same("frames_delivered", actors.iter().map(|actor| actor.records).sum());
            }
        }
        Role::Gate(Policy::Pass) => {
            let undecided =
                |entry: &Entry| entry.said.iter().all(|(_, said)| *said == Said::Late) && entry.out.is_some();
            same("frames_policy_passed", frames.count(|frames, entry, nbl| asked(frames, nbl) && undecided(entry)));
            same("frames_policy_dropped", 0);
        }
        Role::Gate(Policy::Drop) => {
            same("frames_policy_dropped", ends.by_policy);
            same("frames_policy_passed", 0);
        }
        Role::Gate(Policy::Promote) => {
            same("frames_policy_dropped", 0);
            same("frames_policy_passed", 0);
        }
    }
    if plan.temper == Temper::Quick {
        same("trips", 0);
    }
}

/// The frames of an act with one reader.
struct Frames<'a> {
    act: &'a Act,
    book: &'a Book,
    since: usize,
}

fn frames_of(book: &Book, since: usize) -> impl Iterator<Item = &Nbl> {
    book.nbls.iter().skip(since)
}

impl Frames<'_> {
    fn wanted(&self, nbl: &Nbl) -> bool {
        let flow = self.book.flows.get(nbl.flow);
        let way = flow.is_some_and(|flow| self.act.readers.first().is_some_and(|plan| plan.wants(flow.way)));
        way && !nbl.looped && !nbl.readers.is_empty()
    }

    /// What the reader's rules say of an NBL's frames.
    fn rule(&self, nbl: &Nbl) -> Option<u8> {
        let plan = self.act.readers.first().filter(|_| self.wanted(nbl))?;
        plan.rule(self.book.flows.get(nbl.flow)?)
    }

    fn count(&self, which: impl Fn(&Self, &Entry, &Nbl) -> bool) -> u64 {
        let of_nbl = |nbl: &Nbl| {
            let entries = self.book.frames.get(nbl.frames.clone()).unwrap_or_default();
            entries.iter().filter(|entry| which(self, entry, nbl)).count() as u64
        };
        frames_of(self.book, self.since).map(of_nbl).sum()
    }

    /// NBLs that went home when a reader that wants them had not decided.
    fn handed_back_undecided(&self) -> u64 {
        let promoted = |nbl: &&Nbl| {
            let rule = self.rule(nbl);
            nbl.undecided_at_home && self.wanted(nbl) && rule != Some(RULE_PASS) && rule != Some(RULE_DROP)
        };
        frames_of(self.book, self.since).filter(promoted).count() as u64
    }
}

/// Frames that were held though the reader had been asleep for longer than a budget: for acts with one reader and
/// nothing but traffic.
pub fn held_for_nobody(act: &Act, actors: &[Actor], book: &mut Book, since: usize) {
    let ([_], false) = (act.readers.as_slice(), act.events.any()) else { return };
    let ignored: Vec<_> = actors.iter().flat_map(|actor| actor.ignored.clone()).collect();
    for at in since..book.nbls.len() {
        let Some(nbl) = book.nbls.get(at) else { continue };
        let in_ns = nbl.in_ns;
        if !ignored.iter().any(|(from, to)| (*from..*to).contains(&in_ns)) {
            continue;
        }
        for number in nbl.frames.clone() {
            let out = book.frames.get(number).and_then(|entry| entry.out);
            if let Some((How::Original | How::Shadow, out_ns)) = out
                && out_ns != in_ns
            {
                book.complain(|book| {
                    format!("held for a reader that has been asleep for long: {}", book.describe(number))
                });
            }
        }
    }
}
