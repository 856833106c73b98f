//! Each rule has a filter in C that breaks it: the lab names that rule and no other, and says nothing of the twin that
//! does the same work rightly, though it has evaluated the rule. `cargo xtask rules` puts them on trial.

use std::process::Command;

use nblease_tests::program;

#[test]
fn each_rule_has_a_breaker_that_is_caught_and_a_twin_that_is_sound() {
    let output = Command::new(program("xtask")).arg("rules").output().expect("xtask runs");
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{said}{complained}", output.status);
    assert_eq!(said.lines().last(), Some("rules: ok rules=49 breakers=49 twins=49"));
}
