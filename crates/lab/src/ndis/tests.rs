//! The model of NDIS under good filters: what comes out at the ends, in which states, and that nothing is broken.

use std::sync::{Arc, Mutex};

use nblease_ndis::sys::*;

use super::{testing::*, *};
use crate::{kernel::one_at_a_time, sync::lock};

/// Collects what reaches an end of the stack.
fn collect() -> (Arc<Mutex<Vec<Arrived>>>, adapter::Sink) {
    let all: Arc<Mutex<Vec<Arrived>>> = Arc::default();
    let into = all.clone();
    (all, Arc::new(move |mut frames| lock(&into).append(&mut frames)))
}

fn frame(number: u8, length: usize) -> Frame {
    let mut bytes = vec![number; length];
    bytes[12..14].copy_from_slice(&[0x08, 0x00]);
    Frame::new(bytes)
}

fn wire(all: &Mutex<Vec<Arrived>>) -> Vec<Vec<u8>> {
    lock(all).iter().map(Arrived::on_the_wire).collect()
}

fn no_violations() {
    let verdict = kernel().judge.verdict();
    assert!(verdict.violations.is_empty(), "{:?}", verdict.violations);
}

#[test]
fn frames_pass_a_stack_of_filters_both_ways() {
    let _one = one_at_a_time();
    for seed in 0..40 {
        virtual_kernel(seed);
        let filters = [filter(Script::default()), filter(Script::default())];
        let adapter = adapter();
        let ((down, to_miniport), (up, to_protocol)) = (collect(), collect());
        adapter.on_sent(to_miniport);
        adapter.on_received(to_protocol);
        let (mut sent, mut received) = (Vec::new(), Vec::new());
        for n in 0..20 {
            let frames = [frame(n, 60), frame(n, 1514), frame(n, 14)];
            sent.extend(frames.iter().map(|frame| frame.bytes.clone()));
            assert!(adapter.send(&[SendNbl::new(frames)], 0));
            let frame = frame(n, 60 + usize::from(n));
            received.push(frame.bytes.clone());
            let flags = if n % 3 == 0 { NDIS_RECEIVE_FLAGS_RESOURCES } else { 0 };
            assert!(adapter.receive(&[RecvNbl::new(frame)], flags));
            kernel().sched.pump();
        }
        assert_eq!(wire(&down), sent, "seed {seed}");
        assert_eq!(wire(&up), received, "seed {seed}");
        adapter.pause();
        assert_eq!(adapter.outstanding(), (0, 0));
        assert_eq!(adapter.module_states(), [ModuleState::Paused; 2]);
        assert_eq!(adapter.completions(), [(NDIS_STATUS_SUCCESS, 20)].into());
        adapter.restart();
        assert_eq!(adapter.module_states(), [ModuleState::Running; 2]);
        filters.iter().for_each(TestFilter::unload);
        assert_eq!(adapter.module_states(), []);
        adapter.unplug();
        no_violations();
    }
}
