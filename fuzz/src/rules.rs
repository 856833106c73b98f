//! The program's rule files: any text is refused or read, and what is read the driver takes.

use nblease_engine::rules::{RuleRecord, RuleTable};

use crate::program::rule_file;

/// Reads the bytes as a file of rules.
pub fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    match rule_file::parse(text) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(rules) => {
            let records: Vec<RuleRecord> = rules.iter().flat_map(|rule| [rule.record(), rule.own_record()]).collect();
            for record in &records {
                assert!(RuleTable::new([*record]).is_ok(), "the driver refuses {record:?}");
            }
            for rule in rules {
                let again = rule_file::parse(&rule.to_string());
                assert_eq!(again.as_deref(), Ok(&[rule][..]), "as it is shown it is another rule");
            }
        }
    }
}
