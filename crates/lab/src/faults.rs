//! Fault injection: which of the driver's allocations, mappings and requests fail (rule V29).
//!
//! Every model asks [`Faults::should_fail`] before it does something that may fail on a real machine. A first run
//! without a plan counts the calls; then one run for each call lets that one fail, others let several fail.

mod plan;

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::Mutex,
};

use crate::{judge::rule, kernel::kernel, sync::lock, thread};
pub use plan::Plan;

/// Failures kept for a report.
const KEPT: usize = 8;

/// What may fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultKind {
    /// Pool allocation.
    Pool,
    /// Mapping of an MDL into system space.
    Map,
    /// Allocation of an MDL.
    Mdl,
    /// Allocation of a timer object.
    Timer,
    /// Allocation of a work item.
    WorkItem,
    /// Allocation of an NBL or NB, or of an NBL pool.
    NetBuffer,
    /// A request's buffer or retrieval.
    Request,
    /// Creation of a framework object.
    Object,
    /// Registration with NDIS, setting of attributes, opening of the configuration.
    Ndis,
}

/// A place in a driver from which a call is made that may fail: the function, and by which calls the driver came there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Site {
    /// The function that may fail.
    pub function: &'static str,
    /// The driver's callback that was under way.
    pub callback: &'static str,
    /// Return addresses as offsets in the image, innermost first.
    pub path: Vec<usize>,
}

/// A call that failed by plan.
#[derive(Clone, Debug)]
struct Failure {
    kind: FaultKind,
    number: u64,
    function: &'static str,
    callback: &'static str,
    /// Return addresses, innermost first.
    path: Vec<usize>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, number, function, callback, path } = self;
        let path: Vec<_> = path.iter().map(|at| kernel().describe_address(*at)).collect();
        write!(f, "{kind:?} number {number} ({function} from {} in {callback})", path.join(" from "))
    }
}

impl Site {
    /// Of the call under way on this thread.
    fn here() -> Self {
        let path = thread::call_path();
        let base = path.first().and_then(|at| kernel().driver_at(*at)).and_then(|id| kernel().driver(id));
        let base = base.map_or(0, |info| info.base);
        let path = path.into_iter().map(|at| at.wrapping_sub(base)).collect();
        let callback = thread::current_callback().unwrap_or_default();
        Self { function: thread::called_function(), callback, path }
    }
}

/// Counts the calls that may fail and lets the planned ones fail.
#[derive(Default)]
pub struct Faults {
    state: Mutex<State>,
    /// The first call that failed from a fresh place: its number, and that place.
    fresh: Mutex<Option<(u64, Site)>>,
    preemption: Mutex<Option<(u64, Preemption)>>,
}

/// What another thread does.
type Preemption = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct State {
    plan: Plan,
    total: u64,
    by_kind: BTreeMap<FaultKind, u64>,
    by_site: BTreeMap<(FaultKind, usize), u64>,
    /// No call fails any more, whatever the plan.
    over: bool,
    /// How many failed, and the last ones.
    failures: u64,
    failed: VecDeque<Failure>,
}

impl Faults {
    /// From now on the planned calls fail; the counts start anew.
    pub fn plan(&self, plan: Plan) {
        *lock(&self.state) = State { plan, ..State::default() };
    }

    /// No more calls fail. What did is not forgotten: what breaks from now on was not survived.
    pub fn end(&self) {
        lock(&self.state).over = true;
    }

    /// When the nth call that may fail is made (counted since [`plan`](Self::plan)), `action` runs first: what another
    /// thread does that gets the processor there. It must be a call that the driver makes at PASSIVE_LEVEL without a lock.
    pub fn preempt(&self, nth: u64, action: impl FnOnce() + Send + 'static) {
        *lock(&self.preemption) = Some((nth, Box::new(action)));
    }

    /// Runs what is to run at call number `total`.
    fn preempted(&self, total: u64) {
        let due = lock(&self.preemption).take_if(|(nth, _)| *nth == total);
        if let Some((_, action)) = due {
            action();
        }
    }

    /// One call of a kind is made: whether it is to fail.
    pub fn should_fail(&self, kind: FaultKind) -> bool {
        let site = thread::call_site();
        let total = {
            let mut state = lock(&self.state);
            state.total += 1;
            state.total
        };
        self.preempted(total);
        let fresh = self.looks_for_fresh().then(Site::here);
        let mut state = lock(&self.state);
        let of_kind = state.by_kind.entry(kind).or_default();
        *of_kind += 1;
        let of_kind = *of_kind;
        let fail = !state.over && state.plan.fails(kind, total, of_kind, fresh.as_ref());
        *state.by_site.entry((kind, site)).or_default() += 1;
        if fail {
            // The rule is evaluated here: what follows has to survive.
            kernel().judge.evaluated(rule::V29);
            if let Some(site) = fresh.filter(|site| state.plan.known().is_some_and(|known| !known.contains(site))) {
                *lock(&self.fresh) = Some((total, site));
            }
            state.failures += 1;
            if state.failed.len() == KEPT {
                state.failed.pop_front();
            }
            let (function, callback) = (thread::called_function(), thread::current_callback().unwrap_or_default());
            let path = thread::call_path();
            state.failed.push_back(Failure { kind, number: total, function, callback, path });
        }
        fail
    }

    /// Whether a call from a fresh place is to fail, and none has.
    fn looks_for_fresh(&self) -> bool {
        lock(&self.state).plan.known().is_some() && lock(&self.fresh).is_none()
    }

    /// The fresh place of which a call failed, if any has.
    pub fn fresh(&self) -> Option<Site> {
        lock(&self.fresh).as_ref().map(|(_, site)| site.clone())
    }

    /// How many calls that may fail were made.
    pub fn total(&self) -> u64 {
        lock(&self.state).total
    }

    /// How many of each kind were made.
    pub fn counts(&self) -> BTreeMap<FaultKind, u64> {
        lock(&self.state).by_kind.clone()
    }

    /// Where in the driver such calls were made, and how often.
    pub fn sites(&self) -> Vec<(FaultKind, String, u64)> {
        let state = lock(&self.state);
        let sites = state.by_site.iter();
        sites.map(|((kind, site), count)| (*kind, kernel().describe_address(*site), *count)).collect()
    }

    /// The last calls that failed by plan, in words.
    pub fn failed(&self) -> Vec<String> {
        lock(&self.state).failed.iter().map(Failure::to_string).collect()
    }

    /// How many calls failed by plan.
    pub fn failures(&self) -> u64 {
        lock(&self.state).failures
    }

    /// The plan in a form that lets the same calls fail again, where any has.
    pub fn replay(&self) -> Option<Plan> {
        let fresh = lock(&self.fresh).as_ref().map(|(number, _)| *number);
        let state = lock(&self.state);
        (state.failures > 0).then(|| state.plan.again(fresh))
    }
}
