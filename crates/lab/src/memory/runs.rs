//! Which pages of a region are in use: runs of pages, given out low to high and reused only after a while, so that a
//! late touch of a freed run meets a closed page.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Gives out runs of pages by number.
#[derive(Debug)]
pub struct Runs {
    total: usize,
    /// Pages from here on were never given out.
    fresh: usize,
    /// Free runs, no two of which touch: pages by first page.
    free: BTreeMap<usize, usize>,
    /// The same as (pages, first page).
    free_by_length: BTreeSet<(usize, usize)>,
    /// Freed runs that rest: (first page, pages), oldest first.
    resting: VecDeque<(usize, usize)>,
    resting_pages: usize,
    max_resting: usize,
}

impl Runs {
    /// A region of `total` pages; freed runs rest until more than `max_resting` pages do.
    pub fn new(total: usize, max_resting: usize) -> Self {
        Self {
            total,
            fresh: 0,
            free: BTreeMap::new(),
            free_by_length: BTreeSet::new(),
            resting: VecDeque::new(),
            resting_pages: 0,
            max_resting,
        }
    }

    /// A run of `pages` pages: its first page; none when the region is full.
    pub fn take(&mut self, pages: usize) -> Option<usize> {
        while self.resting_pages > self.max_resting {
            self.wake_oldest()?;
        }
        self.take_free(pages).or_else(|| self.take_fresh(pages)).or_else(|| {
            while self.wake_oldest().is_some() {}
            self.take_free(pages)
        })
    }

    /// Gives a run back; it rests first.
    pub fn give_back(&mut self, first: usize, pages: usize) {
        self.resting.push_back((first, pages));
        self.resting_pages += pages;
    }

    fn take_fresh(&mut self, pages: usize) -> Option<usize> {
        let end = self.fresh.checked_add(pages).filter(|end| *end <= self.total)?;
        Some(std::mem::replace(&mut self.fresh, end))
    }

    /// From the smallest free run that is long enough; what is left of it stays free.
    fn take_free(&mut self, pages: usize) -> Option<usize> {
        let (length, first) = *self.free_by_length.range((pages, 0)..).next()?;
        self.remove_free(first, length);
        if length > pages {
            self.insert_free(first + pages, length - pages);
        }
        Some(first)
    }

    /// The run that rests longest becomes free, one with the free ones beside it: else long runs would be cut to pieces
    /// for ever, and fresh pages taken instead.
    fn wake_oldest(&mut self) -> Option<()> {
        let (mut first, mut pages) = self.resting.pop_front()?;
        self.resting_pages -= pages;
        let before = self.free.range(..first).next_back().map(|(at, length)| (*at, *length));
        if let Some((at, length)) = before.filter(|(at, length)| at + length == first) {
            self.remove_free(at, length);
            (first, pages) = (at, length + pages);
        }
        if let Some(length) = self.free.get(&(first + pages)).copied() {
            self.remove_free(first + pages, length);
            pages += length;
        }
        self.insert_free(first, pages);
        Some(())
    }

    fn insert_free(&mut self, first: usize, pages: usize) {
        self.free.insert(first, pages);
        self.free_by_length.insert((pages, first));
    }

    fn remove_free(&mut self, first: usize, pages: usize) {
        self.free.remove(&first);
        self.free_by_length.remove(&(pages, first));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_do_not_overlap_and_rest_before_reuse() {
        let mut runs = Runs::new(16, 4);
        let a = runs.take(2).unwrap();
        let b = runs.take(3).unwrap();
        assert_eq!((a, b), (0, 2));
        runs.give_back(a, 2);
        assert_eq!(runs.take(2), Some(5), "a rests");
        runs.give_back(b, 3);
        assert_eq!(runs.take(1), Some(0), "five pages rest, so the oldest run woke; it is split");
        assert_eq!(runs.take(1), Some(1));
    }

    #[test]
    fn neighbours_that_are_free_become_one_run() {
        for order in [[0, 1, 2], [2, 1, 0], [0, 2, 1], [1, 0, 2]] {
            let mut runs = Runs::new(100, 0);
            let all = [2, 3, 4].map(|pages| (runs.take(pages).unwrap(), pages));
            runs.take(1);
            for at in order {
                runs.give_back(all[at].0, all[at].1);
            }
            assert_eq!(runs.take(9), Some(0), "freed in the order {order:?}");
            assert_eq!(runs.take(1), Some(10), "nothing is free any more");
        }
    }

    #[test]
    fn runs_of_mixed_lengths_come_to_be_used_again() {
        let mut runs = Runs::new(10_000, 100);
        for round in 0..200 {
            let taken: Vec<_> = (0..40).map(|at| 1 + (at * 7 + round * 3) % 20).map(|n| (runs.take(n), n)).collect();
            for (first, pages) in taken {
                runs.give_back(first.unwrap(), pages);
            }
        }
        assert!(runs.fresh < 1000, "{} pages for 420 in use and 100 that rest", runs.fresh);
    }

    #[test]
    fn a_full_region_wakes_what_rests_and_then_says_none() {
        let mut runs = Runs::new(4, 100);
        let a = runs.take(4).unwrap();
        assert_eq!(runs.take(1), None);
        runs.give_back(a, 4);
        assert_eq!(runs.take(3), Some(0));
        assert_eq!(runs.take(2), None);
        assert_eq!(runs.take(1), Some(3));
    }
}
