//! Being told to end: Ctrl-C and what else stands for it.

use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the program was told to end since; told twice, it ends at once.
pub fn noticed() -> Result<impl Fn() -> bool, ctrlc::Error> {
    let flag = Arc::new(AtomicBool::new(false));
    let set = flag.clone();
    ctrlc::set_handler(move || {
        if set.swap(true, Ordering::Relaxed) {
            process::exit(130);
        }
    })?;
    Ok(move || flag.load(Ordering::Relaxed))
}
