//! Reads rules: one on a line, its parts in this order, all but the first as wanted; `#` starts a comment.
//!
//! ```text
//! pass|drop|ask [in|out] [ip4|ip6] [PROTOCOL] [from ADDRESS [port PORTS]] [to ADDRESS [port PORTS]] [vlan N]
//!               [then pass|drop]
//! ```
//!
//! ADDRESS is an address, a network (10.0.0.0/8) or `any`; PORTS one port or a range (80-90); PROTOCOL a name or
//! `protocol N`; `then` goes with `ask` only.

use std::fmt;
use std::iter::Peekable;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::vec;

use nblease_client::abi::configure::Directions;
use nblease_client::abi::rules::MAX_RULES;

use crate::answer::Answer;
use crate::rule::{End, Family, Network, PROTOCOLS, Rule, RuleVerdict};

/// What is wrong with a file of rules, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleError {
    /// From 1.
    line: usize,
    fault: Fault,
}

/// What is wrong with a line, and at which of its characters, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Fault {
    column: usize,
    what: String,
}

/// As compilers write it, so that editors find the place: behind the file's name comes this.
impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.fault.column, self.fault.what)
    }
}

/// The rules of a file.
///
/// # Errors
/// The first thing that is wrong.
pub fn parse(text: &str) -> Result<Vec<Rule>, RuleError> {
    // Editors on Windows may put a mark before the first line.
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let mut rules = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let mut words = Words::of(text);
        let Some(first) = words.next() else {
            continue;
        };
        let rule = if rules.len() < MAX_RULES {
            rule(&first, &mut words)
        } else {
            Err(first.fault(format!("there may be {MAX_RULES} rules at most")))
        };
        rules.push(rule.map_err(|fault| RuleError { line, fault })?);
    }
    Ok(rules)
}

/// A word and where it starts.
#[derive(Clone, Copy, Debug)]
struct Word<'a> {
    column: usize,
    text: &'a str,
}

impl Word<'_> {
    const fn fault(&self, what: String) -> Fault {
        Fault { column: self.column, what }
    }

    fn expected(&self, what: &str) -> Fault {
        self.fault(format!("expected {what}, found \"{}\"", self.text))
    }

    /// A number in decimal digits within `range`.
    fn number(&self, range: RangeInclusive<u16>, what: &str) -> Result<u16, Fault> {
        let number = if self.text.starts_with('+') { None } else { self.text.parse().ok() };
        number.filter(|number| range.contains(number)).ok_or_else(|| self.expected(what))
    }
}

/// The words of a line that are still to come.
struct Words<'a> {
    rest: Peekable<vec::IntoIter<Word<'a>>>,
    /// The column behind the last.
    end: usize,
    /// What might have come in the place of the next word.
    possible: Vec<&'static str>,
}

impl<'a> Words<'a> {
    fn of(line: &'a str) -> Self {
        let text = line.split('#').next().unwrap_or_default();
        let mut words = Vec::new();
        let (mut end, mut rest) = (1, text);
        while let Some(start) = rest.find(|c: char| !c.is_whitespace()) {
            let (space, from) = rest.split_at(start);
            let (word, behind) = from.split_at(from.find(char::is_whitespace).unwrap_or(from.len()));
            let column = end + space.chars().count();
            words.push(Word { column, text: word });
            end = column + word.chars().count();
            rest = behind;
        }
        Self { rest: words.into_iter().peekable(), end, possible: Vec::new() }
    }

    fn next(&mut self) -> Option<Word<'a>> {
        self.possible.clear();
        self.rest.next()
    }

    /// The next word, if it is this one.
    fn take(&mut self, keyword: &'static str) -> Option<Word<'a>> {
        self.take_as(keyword, keyword)
    }

    /// The same where what might come has another name.
    fn take_as(&mut self, keyword: &str, name: &'static str) -> Option<Word<'a>> {
        if self.rest.peek().is_some_and(|word| word.text == keyword) {
            return self.next();
        }
        if !self.possible.contains(&name) {
            self.possible.push(name);
        }
        None
    }

    /// The next word, of which there has to be one.
    fn value(&mut self, what: &str) -> Result<Word<'a>, Fault> {
        let column = self.end;
        self.next().ok_or_else(|| Fault { column, what: format!("expected {what}, found the end of the line") })
    }

    /// Whether there is nothing left.
    fn end(&mut self) -> Result<(), Fault> {
        match self.rest.next() {
            None => Ok(()),
            Some(word) if self.possible.is_empty() => Err(word.expected("the end of the line")),
            Some(word) => Err(word.expected(&format!("{} or the end of the line", self.possible.join(", ")))),
        }
    }
}

fn rule(first: &Word<'_>, words: &mut Words<'_>) -> Result<Rule, Fault> {
    let verdict = match first.text {
        "pass" => RuleVerdict::At(Answer::Pass),
        "drop" => RuleVerdict::At(Answer::Drop),
        "ask" => RuleVerdict::Ask(None),
        _ => return Err(first.expected("pass, drop or ask")),
    };
    let any = End::default();
    let mut rule = Rule {
        verdict,
        directions: Directions::all(),
        family: None,
        protocol: None,
        source: any,
        destination: any,
        vlan: None,
    };
    for (name, direction) in [("in", Directions::IN), ("out", Directions::OUT)] {
        if rule.directions == Directions::all() && words.take(name).is_some() {
            rule.directions = direction;
        }
    }
    for (name, family) in [("ip4", Family::Ip4), ("ip6", Family::Ip6)] {
        if rule.family.is_none() && words.take(name).is_some() {
            rule.family = Some(family);
        }
    }
    rule.protocol = protocol(words)?;
    let mut family = rule.family;
    if words.take("from").is_some() {
        rule.source = end(words, &mut family, &rule)?;
    }
    if words.take("to").is_some() {
        rule.destination = end(words, &mut family, &rule)?;
    }
    if words.take("vlan").is_some() {
        let what = "the number of a VLAN, 0 to 4095";
        rule.vlan = Some(words.value(what)?.number(0..=4095, what)?);
    }
    if rule.verdict == RuleVerdict::Ask(None) && words.take("then").is_some() {
        let what = "pass or drop";
        let word = words.value(what)?;
        rule.verdict = RuleVerdict::Ask(Some(match word.text {
            "pass" => Answer::Pass,
            "drop" => Answer::Drop,
            _ => return Err(word.expected(what)),
        }));
    }
    words.end().map(|()| rule)
}

fn protocol(words: &mut Words<'_>) -> Result<Option<u8>, Fault> {
    for &(name, number) in PROTOCOLS {
        if words.take_as(name, "a protocol").is_some() {
            return Ok(Some(number));
        }
    }
    if words.take_as("protocol", "a protocol").is_none() {
        return Ok(None);
    }
    let what = "the number of a protocol, 0 to 255";
    Ok(Some(words.value(what)?.number(0..=255, what)? as u8))
}

/// What stands behind `from` or `to`; `family` is what the rule is about so far.
fn end(words: &mut Words<'_>, family: &mut Option<Family>, rule: &Rule) -> Result<End, Fault> {
    let word = words.value(ADDRESS)?;
    let network = if word.text == "any" { None } else { Some(network(&word)?) };
    if let Some(network) = network {
        let (before, own) = (*family, Family::of(network.address));
        if let Some(before) = before.filter(|&before| before != own) {
            return Err(word.fault(format!("\"{}\" is {own}, and the rule is about {before}", word.text)));
        }
        *family = Some(own);
    }
    let Some(port) = words.take("port") else {
        return Ok(End { network, ports: None });
    };
    if !rule.may_have_ports() {
        return Err(port.fault("only tcp and udp have ports".to_owned()));
    }
    Ok(End { network, ports: Some(ports(&words.value(PORTS)?)?) })
}

const ADDRESS: &str = "an address, a network or any";
const PORTS: &str = "a port or a range of ports, as 80 or 80-90";

fn network(word: &Word<'_>) -> Result<Network, Fault> {
    let (address, prefix) = match word.text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (word.text, None),
    };
    let parsed: IpAddr = address.parse().map_err(|_| word.expected(ADDRESS))?;
    let bits = Family::of(parsed).bits();
    let Some(prefix) = prefix else {
        return Ok(Network { address: parsed, prefix: bits });
    };
    let prefix = Word { column: word.column + address.chars().count() + 1, text: prefix };
    let prefix = prefix.number(0..=bits.into(), &format!("a prefix of 0 to {bits} bits"))? as u8;
    let network = Network::around(parsed, prefix);
    if network.address != parsed {
        let what = format!("\"{}\" has bits behind its prefix; the network is {network}", word.text);
        return Err(word.fault(what));
    }
    Ok(network)
}

fn ports(word: &Word<'_>) -> Result<(u16, u16), Fault> {
    let (first, last) = word.text.split_once('-').unwrap_or((word.text, word.text));
    let port = |text| Word { column: word.column, text }.number(0..=u16::MAX, PORTS).map_err(|_| word.expected(PORTS));
    let (first, last) = (port(first)?, port(last)?);
    if first > last {
        return Err(word.fault(format!("the range \"{}\" ends before it starts", word.text)));
    }
    Ok((first, last))
}

#[cfg(test)]
mod tests;
