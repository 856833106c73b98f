//! Filters as the field writes them: the lab that hosts any filter names the rule that a broken one breaks and no other, and
//! says nothing of a sound one. `cargo xtask field` puts them on trial.

use std::process::Command;

use nblease_tests::program;

#[test]
fn filters_of_the_field_are_judged_rightly() {
    let output = Command::new(program("xtask")).arg("field").output().expect("xtask runs");
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{said}{complained}", output.status);
    assert_eq!(said.lines().last(), Some("field: ok sound=22 broken=302"));
}
