//! In which order locks are taken: two locks taken in both orders deadlock sooner or later (V39).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use crate::{history::Event, judge::rule, kernel::kernel, sync::lock};

/// For each lock, those that were taken while it was held, and when first.
#[derive(Default)]
pub struct LockOrder {
    after: Mutex<BTreeMap<usize, BTreeMap<usize, Event>>>,
}

impl LockOrder {
    /// A thread that holds `held` took `id`.
    pub fn taken(&self, id: usize, kind: &'static str, held: &[usize]) {
        if held.is_empty() {
            return;
        }
        let against = {
            let mut after = lock(&self.after);
            let against = held.iter().copied().find(|earlier| leads_to(&after, id, *earlier));
            if against.is_none() {
                for earlier in held {
                    after.entry(*earlier).or_default().entry(id).or_insert_with(|| Event::here("taken"));
                }
            }
            against.map(|earlier| (earlier, after.get(&id).and_then(|later| later.get(&earlier)).cloned()))
        };
        kernel().judge.check(rule::V39, against.is_none(), || {
            let (earlier, opposite) = against.unwrap_or_default();
            let opposite = opposite.map(|event| format!(" ({earlier:#x} {event})")).unwrap_or_default();
            format!("{kind} {id:#x} taken with lock {earlier:#x} held; the order was the opposite before{opposite}")
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
            later.retain(|id, _| !gone(id));
        }
    }
}

/// Whether `to` was taken, directly or through others, with `from` held.
fn leads_to(after: &BTreeMap<usize, BTreeMap<usize, Event>>, from: usize, to: usize) -> bool {
    let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(id) = open.pop() {
        if id == to {
            return true;
        }
        if seen.insert(id) {
            open.extend(after.get(&id).into_iter().flat_map(BTreeMap::keys));
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use crate::{
        clock::Mode,
        kernel::{Kernel, one_at_a_time},
        thread::{lock_released, lock_taken, lock_taken_by},
    };

    /// The violations after taking and releasing locks in these orders, by one thread.
    fn violations(orders: &[&[usize]]) -> usize {
        let _serial = one_at_a_time();
        let kernel = Kernel::install(Mode::Virtual, 1);
        kernel.judge.stop_at_first(false);
        for order in orders {
            for id in *order {
                lock_taken(*id, "lock");
            }
            for id in order.iter().rev() {
                lock_released(*id, "lock");
            }
        }
        kernel.judge.verdict().violations.len()
    }

    #[test]
    fn a_circle_of_orders_is_found_and_a_ladder_is_not() {
        assert_eq!(violations(&[&[1, 2, 3], &[1, 3], &[2, 3], &[1, 2]]), 0);
        assert_eq!(violations(&[&[1, 2], &[2, 1]]), 1);
        assert_eq!(violations(&[&[1, 2], &[2, 3], &[3, 1]]), 1);
        assert_eq!(violations(&[&[1, 1]]), 1, "twice");
    }

    #[test]
    fn freed_locks_are_forgotten() {
        let _serial = one_at_a_time();
        let kernel = Kernel::install(Mode::Virtual, 1);
        kernel.lock_order.taken(0x20, "lock", &[0x10]);
        kernel.lock_order.forget(0x18, 0x28);
        kernel.judge.stop_at_first(false);
        kernel.lock_order.taken(0x10, "lock", &[0x20]);
        assert_eq!(kernel.judge.verdict().violations.len(), 0);
    }

    #[test]
    fn a_lock_read_twice_is_one_lock() {
        let _serial = one_at_a_time();
        let kernel = Kernel::install(Mode::Virtual, 1);
        kernel.judge.stop_at_first(false);
        for (id, lock) in [(100, 1), (101, 1), (102, 2)] {
            lock_taken_by(id, lock, "RW lock");
        }
        for id in [102, 101, 100] {
            lock_released(id, "RW lock");
        }
        // The states' addresses are used again, for the locks in the same order.
        for (id, lock) in [(102, 1), (100, 2)] {
            lock_taken_by(id, lock, "RW lock");
        }
        for id in [100, 102] {
            lock_released(id, "RW lock");
        }
        assert_eq!(kernel.judge.verdict().violations.len(), 0);
    }
}
