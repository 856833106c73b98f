//! Whether a filter works again when calls fail no more: what passed before passes again.

use std::sync::Arc;

use super::settle;
use crate::{
    judge::rule,
    kernel::kernel,
    ndis::{Adapter, Frame, RecvNbl, SendNbl},
};

/// Frames each way.
const FRAMES: usize = 8;
/// How long a filter may keep them.
const PATIENCE_NS: u64 = 3_000_000_000;

/// How many frames came through an adapter's stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passed {
    down: u64,
    up: u64,
}

/// Sends and receives a few plain frames, one at a time.
pub fn passed(adapter: &Arc<Adapter>) -> Passed {
    let before = adapter.counts();
    for number in 0..FRAMES {
        let mut bytes = vec![2; 60];
        // IPv4, as is most of what filters look at.
        bytes.splice(12..15, [8, 0, 0x45]);
        bytes.splice(59..60, [number as u8]);
        adapter.send(&[SendNbl::new([Frame::new(bytes.clone())])], 0);
        adapter.receive(&[RecvNbl::new(Frame::new(bytes))], 0);
        settle();
    }
    kernel().sched.advance(PATIENCE_NS);
    settle();
    let after = adapter.counts();
    Passed {
        down: after.reached_miniport - before.reached_miniport,
        up: after.reached_protocol - before.reached_protocol,
    }
}

/// Evaluates V29 after calls failed and fail no more: where every frame passed before, not one passing is a filter that
/// did not recover. One that drops some may have its reasons.
pub fn judge(adapter: &Arc<Adapter>, before: Passed) {
    let after = passed(adapter);
    let all = FRAMES as u64;
    for (way, before, after) in [("sent", before.down, after.down), ("received", before.up, after.up)] {
        kernel().judge.check(rule::V29, before < all || after > 0, || {
            format!(
                "of {all} frames {way} on {} all came through before calls failed, and none does now that they succeed",
                adapter.config.name
            )
        });
    }
}
