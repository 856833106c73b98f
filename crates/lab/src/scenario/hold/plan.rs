//! What a run is made of: acts, each with readers of some temper and things that happen to the adapter meanwhile.

use nblease_abi::{
    configure::{Configure, Directions, POLICY_DROP, POLICY_PASS, POLICY_PROMOTE},
    rules::{MATCH_PROTOCOL, MATCH_SOURCE_PORTS, MATCH_VLAN, RULE_DROP, RULE_PASS, RuleRecord},
};

use super::frames::{Flow, Kind, Way, source_port};

/// What becomes of frames that a GATE does not decide about in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// They pass.
    Pass,
    /// They are dropped.
    Drop,
    /// They are copied, and the copies wait.
    Promote,
}

/// How a program takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It watches, with patience.
    Tap,
    /// It judges.
    Gate(Policy),
}

/// How a program behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Temper {
    /// It reads and answers at once.
    Quick,
    /// It answers near its deadline, before or after; a TAP reads so seldom.
    Slow,
    /// Now and then it does nothing for some budgets, or reads and answers nothing.
    Suspended,
    /// It is killed with questions open; later there is another one.
    Killed,
    /// The same, but its handle goes on in another process.
    Inherited,
}

/// A reader of an act.
#[derive(Clone, Debug)]
pub struct Plan {
    /// TAP or GATE.
    pub role: Role,
    /// How it behaves.
    pub temper: Temper,
    /// Its budget.
    pub budget_ms: u32,
    /// Which directions it wants.
    pub directions: Directions,
    /// Among GATEs, the lower first.
    pub priority: u32,
    /// What is decided without it.
    pub rules: Vec<RuleRecord>,
}

/// What happens to the adapter, the driver and sends meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is independent of the others")]
pub struct Events {
    /// Sends are cancelled.
    pub cancels: bool,
    /// The stack pauses and restarts, or goes to sleep and wakes.
    pub stops: bool,
    /// The adapter is unplugged and plugged in again.
    pub unplugs: bool,
    /// For some time calls of the driver's fail that may.
    pub faults: bool,
}

impl Events {
    /// Nothing but traffic.
    pub const NONE: Self = Self { cancels: false, stops: false, unplugs: false, faults: false };

    /// Whether there is any.
    pub fn any(self) -> bool {
        self != Self::NONE
    }
}

/// Some traffic with some readers.
#[derive(Clone, Debug)]
pub struct Act {
    /// The readers.
    pub readers: Vec<Plan>,
    /// What happens meanwhile.
    pub events: Events,
    /// Most time between two lists of frames, in microseconds.
    pub beat_us: u64,
}

impl Plan {
    fn new(role: Role, temper: Temper, budget_ms: u32) -> Self {
        Self { role, temper, budget_ms, directions: Directions::all(), priority: 0, rules: vec![] }
    }

    fn with_rules(self) -> Self {
        Self { rules: rules(), ..self }
    }

    /// Its CONFIGURE, of one adapter.
    pub fn configure(&self) -> Configure {
        let base = match self.role {
            Role::Tap => Configure { budget_ms: self.budget_ms, ..Configure::tap(1) },
            Role::Gate(policy) => {
                let policy = match policy {
                    Policy::Pass => POLICY_PASS,
                    Policy::Drop => POLICY_DROP,
                    Policy::Promote => POLICY_PROMOTE,
                };
                Configure { priority: self.priority, ..Configure::gate(1, policy, self.budget_ms) }
            }
        };
        Configure { directions: self.directions.bits(), snaplen: 16 << 10, ..base }
    }

    /// The policy, of a GATE.
    pub fn policy(&self) -> Option<Policy> {
        match self.role {
            Role::Tap => None,
            Role::Gate(policy) => Some(policy),
        }
    }

    /// Whether it wants frames that go this way.
    pub fn wants(&self, way: Way) -> bool {
        self.directions.contains(if way == Way::Down { Directions::OUT } else { Directions::IN })
    }

    /// What its rules say of a flow's frames: the verdict of the first that matches.
    pub fn rule(&self, flow: &Flow) -> Option<u8> {
        self.rules.iter().find(|rule| matches(rule, flow)).map(|rule| rule.verdict)
    }
}

/// Rules of all kinds: some frames pass, some are dropped, about most the reader is asked.
fn rules() -> Vec<RuleRecord> {
    let tcp =
        RuleRecord { family: 4, matches: MATCH_PROTOCOL, protocol: 6, directions: 2, ..RuleRecord::all(RULE_PASS) };
    let tagged = RuleRecord { matches: MATCH_VLAN, vlan: 7_u16.to_le_bytes(), ..RuleRecord::all(RULE_DROP) };
    let range = [2_u16, 4].map(|offset| (0x1000 + offset).to_le_bytes());
    let ports =
        RuleRecord { family: 6, matches: MATCH_SOURCE_PORTS, source_ports: range, ..RuleRecord::all(RULE_DROP) };
    vec![tcp, tagged, ports]
}

/// Whether a rule of the kinds above matches a flow's frames.
fn matches(rule: &RuleRecord, flow: &Flow) -> bool {
    let (family, protocol) = match flow.kind {
        Kind::Udp4 => (4, 17),
        Kind::Tcp4 => (4, 6),
        Kind::Udp6 => (6, 17),
        Kind::Other => (0, 0),
    };
    let [first, last] = rule.source_ports.map(u16::from_le_bytes);
    let way = if flow.way == Way::Down { 2 } else { 1 };
    rule.directions & way != 0
        && (rule.family == 0 || rule.family == family)
        && (!rule.has(MATCH_PROTOCOL) || rule.protocol == protocol)
        && (!rule.has(MATCH_VLAN) || flow.vlan.map(|tci| tci & 0xfff) == Some(u16::from_le_bytes(rule.vlan)))
        && (!rule.has(MATCH_SOURCE_PORTS) || (family != 0 && (first..=last).contains(&source_port(flow))))
}

impl Act {
    /// The largest time that a frame may be held: the sum of the budgets.
    pub fn budget_ms(&self) -> u32 {
        self.readers.iter().map(|plan| plan.budget_ms).sum()
    }

    fn of(readers: Vec<Plan>) -> Self {
        let longest = readers.iter().map(|plan| plan.budget_ms).max().unwrap_or_default();
        Self { readers, events: Events::NONE, beat_us: u64::from(longest) * 1000 / 12 }
    }

    fn with(self, events: Events) -> Self {
        Self { events, ..self }
    }

    /// The act in words.
    pub fn name(&self) -> String {
        let readers: Vec<_> = self
            .readers
            .iter()
            .map(|plan| {
                let rules = if plan.rules.is_empty() { "" } else { ", rules" };
                format!("{:?} {:?} {} ms{rules}", plan.role, plan.temper, plan.budget_ms)
            })
            .collect();
        let Events { cancels, stops, unplugs, faults } = self.events;
        let events = [(cancels, "cancels"), (stops, "stops"), (unplugs, "unplugs"), (faults, "faults")];
        let events = events.iter().filter(|(on, _)| *on).map(|(_, name)| (*name).to_owned());
        readers.into_iter().chain(events).collect::<Vec<_>>().join("; ")
    }
}

/// All acts of a run.
pub fn acts() -> Vec<Act> {
    use Policy::{Drop, Pass, Promote};
    use Temper::{Inherited, Killed, Quick, Slow, Suspended};

    let mut acts = Vec::new();
    for temper in [Quick, Slow, Suspended, Killed, Inherited] {
        acts.push(Act::of(vec![Plan::new(Role::Tap, temper, 40)]));
        for (policy, budget_ms) in [(Pass, 60), (Drop, 90), (Promote, 50)] {
            acts.push(Act::of(vec![Plan::new(Role::Gate(policy), temper, budget_ms)]));
        }
    }
    for policy in [Pass, Drop, Promote] {
        let rules = Plan::new(Role::Gate(policy), Slow, 70).with_rules();
        acts.push(Act::of(vec![rules]));
        let events = Events { cancels: true, stops: true, ..Events::NONE };
        acts.push(Act::of(vec![Plan::new(Role::Gate(policy), Slow, 100)]).with(events));
        let faults = Events { faults: true, ..Events::NONE };
        acts.push(Act::of(vec![Plan::new(Role::Gate(policy), Quick, 30)]).with(faults));
    }
    acts.extend(crowds());
    let unplugs = Events { unplugs: true, cancels: true, ..Events::NONE };
    for policy in [Pass, Promote] {
        acts.push(Act::of(vec![Plan::new(Role::Gate(policy), Slow, 200)]).with(unplugs));
    }
    // More receives than a card has buffers for.
    let mut flood = Act::of(vec![Plan::new(Role::Gate(Pass), Slow, 600)]);
    flood.beat_us /= 40;
    acts.push(flood);
    acts
}

/// Several readers at a time, their budgets together up to the most that there may be.
fn crowds() -> Vec<Act> {
    use Policy::{Drop, Pass, Promote};
    use Temper::{Inherited, Killed, Quick, Slow, Suspended};

    let gate =
        |policy, temper, budget_ms, priority| Plan { priority, ..Plan::new(Role::Gate(policy), temper, budget_ms) };
    let one_way = |plan, directions| Plan { directions, ..plan };
    let all = Events { cancels: true, stops: true, faults: true, unplugs: false };
    vec![
        Act::of(vec![
            Plan::new(Role::Tap, Slow, 100),
            gate(Promote, Slow, 300, 2),
            gate(Pass, Slow, 250, 1).with_rules(),
            gate(Drop, Quick, 250, 0),
        ]),
        Act::of(vec![
            gate(Pass, Suspended, 120, 5),
            one_way(gate(Promote, Slow, 80, 5), Directions::OUT),
            one_way(gate(Drop, Killed, 60, 1), Directions::IN),
            Plan::new(Role::Tap, Suspended, 30),
        ]),
        Act::of(vec![
            gate(Promote, Suspended, 100, 0),
            gate(Promote, Inherited, 150, 1),
            gate(Drop, Slow, 50, 9),
            Plan::new(Role::Tap, Quick, 50),
        ])
        .with(all),
    ]
}
