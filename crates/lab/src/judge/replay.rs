//! The command that runs again what a report is about.

/// Options that a replay leaves out or sets anew; each has a value.
const NOT_KEPT: [&str; 6] = ["--seed", "--runs", "--part", "--of", "--report", "--failing"];

/// The command of the program's arguments (its own name not among them) without a seed.
pub fn command(args: impl IntoIterator<Item = String>) -> String {
    let mut words = vec!["nblease-lab".to_owned()];
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        let (name, has_value) = arg.split_once('=').map_or((arg.as_str(), false), |(name, _)| (name, true));
        if NOT_KEPT.contains(&name) {
            if !has_value {
                args.next();
            }
            continue;
        }
        words.push(quoted(arg));
    }
    words.join(" ")
}

/// As a shell takes it for one word.
fn quoted(word: String) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::command;

    #[test]
    fn seeds_and_reports_are_left_out_and_words_are_quoted() {
        let args = ["lifecycle", "--sys", "a b.sys", "--seed", "7", "--report=x.json", "--runs", "3", "--faults"];
        assert_eq!(command(args.map(str::to_owned)), "nblease-lab lifecycle --sys 'a b.sys' --faults");
    }
}
