//! In which order locks are taken: two locks taken in both orders deadlock sooner or later (V39).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use crate::{judge::rule, kernel::kernel, sync::lock};

/// For each lock, those that were taken while it was held.
#[derive(Default)]
pub struct LockOrder {
    after: Mutex<BTreeMap<usize, BTreeSet<usize>>>,
}

impl LockOrder {
    /// A thread that holds `held` took `id`.
    pub fn taken(&self, id: usize, kind: &'static str, held: &[usize]) {
        if held.is_empty() {
            return;
        }
        let against = {
            let mut after = lock(&self.after);
            let against = held.iter().copied().find(|earlier| *earlier != id && leads_to(&after, id, *earlier));
            if against.is_none() {
                for earlier in held {
                    after.entry(*earlier).or_default().insert(id);
                }
            }
            against
        };
        kernel().judge.check(rule::V39, against.is_none(), || {
            let earlier = against.unwrap_or_default();
            format!("{kind} {id:#x} taken with lock {earlier:#x} held; the order was the opposite before")
        });
    }

    /// The memory `start..end` is free: locks in it are no more.
    pub fn forget(&self, start: usize, end: usize) {
        let mut after = lock(&self.after);
        if after.is_empty() {
            return;
        }
        let gone = |id: &usize| (start..end).contains(id);
        after.retain(|id, _| !gone(id));
        for later in after.values_mut() {
            later.retain(|id| !gone(id));
        }
    }
}

/// Whether `to` was taken, directly or through others, with `from` held.
fn leads_to(after: &BTreeMap<usize, BTreeSet<usize>>, from: usize, to: usize) -> bool {
    let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(id) = open.pop() {
        if id == to {
            return true;
        }
        if seen.insert(id) {
            open.extend(after.get(&id).into_iter().flatten());
        }
    }
    false
}
