//! What the commands share that put many filters through the lab: all processors at work, and the lab's exit status.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Error, Result};

/// The lab's exit status where a rule was broken.
pub const EXIT_VIOLATION: i32 = 70;

/// Runs each trial, as many at a time as there are processors: those that failed, in the order in which they did.
pub fn run_all<T: Sync>(trials: &[T], run: impl Fn(&T) -> Result<()> + Sync) -> Vec<(&T, Error)> {
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(trial) = trials.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(error) = run(trial) {
                        failed.lock().expect("no thread panics").push((trial, error));
                    }
                }
            });
        }
    });
    failed.into_inner().expect("no thread panics")
}
