//! What the driver parses itself: the headers of frames, and the inputs of CONFIGURE and VERDICT.

use nblease_abi::{
    configure::{Configure, MAX_ADAPTERS},
    verdict::{MAX_VERDICTS, Verdict, Verdicts},
};
use nblease_engine::{
    flow::{FlowIdentity, FlowSecret, HEADER_PREFIX, Headers},
    reader::Direction,
    rules::{RuleRecord, RuleTable, RuleVerdict},
};
use zerocopy::FromBytes;

use crate::cursor::Cursor;

/// The first byte says which parser gets the rest.
pub fn run(input: &[u8]) {
    let mut cursor = Cursor(input);
    match cursor.u8() % 3 {
        0 => frame(cursor),
        1 => configure(cursor.0),
        _ => verdicts(cursor.0),
    }
}

/// Rules and a frame that they are asked about.
fn frame(mut cursor: Cursor<'_>) {
    let (tag, count) = (cursor.u16(), cursor.below(4));
    let rules = cursor.bytes(count * size_of::<RuleRecord>());
    let rules: Vec<_> = rules.chunks(size_of::<RuleRecord>()).flat_map(RuleRecord::read_from_bytes).collect();
    let bytes = cursor.0;
    let headers = Headers::parse(bytes);
    // What the first bytes tell does not change with those behind them.
    let first = Headers::parse(bytes.get(..HEADER_PREFIX).unwrap_or(bytes));
    if let (Some(a), Some(b)) = (first.tuple, headers.tuple) {
        assert_eq!((a.source, a.destination), (b.source, b.destination));
        assert!(a.protocol.is_none() || a.protocol == b.protocol, "{a:?} {b:?}");
        assert!(a.ports.is_none() || a.ports == b.ports, "{a:?} {b:?}");
    }
    assert!(first.ethertype.is_none() || first.ethertype == headers.ethertype);
    let identity = FlowIdentity::of(None, &headers);
    let key = |direction| FlowSecret::new(1, 2).key(0, direction, identity);
    assert_ne!(key(Direction::In), key(Direction::Out));
    if let Ok(table) = RuleTable::new(rules) {
        let verdict = table.judge(Direction::In, (tag != 0).then_some(tag), &headers);
        assert!(matches!(verdict, RuleVerdict::Pass | RuleVerdict::Drop | RuleVerdict::Ask));
    }
}

fn configure(input: &[u8]) {
    match Configure::parse(input) {
        Err(error) => assert!(!error.status().is_success()),
        Ok((config, luids, rules)) => {
            assert_eq!(input.len(), Configure::input_len(luids.len(), rules.len()));
            assert!((1..=MAX_ADAPTERS as usize).contains(&luids.len()));
            assert_eq!(luids.iter().count(), luids.len());
            assert!(RuleTable::new(rules).is_ok());
            assert!(config.spill_floor() >= config.largest_record());
            assert!(config.reply().needed_read_bytes <= config.reply().spill_bytes);
        }
    }
}

fn verdicts(input: &[u8]) {
    match Verdicts::parse(input) {
        Err(error) => assert!(!error.status().is_success()),
        Ok(list) => {
            assert!((1..=MAX_VERDICTS as usize).contains(&list.iter().count()));
            for (_, verdict) in list.iter() {
                if let Verdict::Replace { frame, .. } = verdict {
                    assert!(input.as_ptr_range().contains(&frame.as_ptr()) || frame.is_empty());
                }
            }
        }
    }
}
