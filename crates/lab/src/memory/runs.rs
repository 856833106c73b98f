//! Which pages of a region are in use: runs of pages, given out low to high and reused only after a while, so that a
//! late touch of a freed run meets a closed page.

use std::collections::{BTreeMap, VecDeque};

/// Gives out runs of pages by number.
#[derive(Debug)]
pub struct Runs {
    total: usize,
    /// Pages from here on were never given out.
    fresh: usize,
    /// Free runs by length: first pages.
    free: BTreeMap<usize, VecDeque<usize>>,
    /// Freed runs that rest: (first page, pages), oldest first.
    resting: VecDeque<(usize, usize)>,
    resting_pages: usize,
    max_resting: usize,
}

impl Runs {
    /// A region of `total` pages; freed runs rest until more than `max_resting` pages do.
    pub fn new(total: usize, max_resting: usize) -> Self {
        Self { total, fresh: 0, free: BTreeMap::new(), resting: VecDeque::new(), resting_pages: 0, max_resting }
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

    /// The smallest free run that is long enough; what is left of it stays free.
    fn take_free(&mut self, pages: usize) -> Option<usize> {
        let length = *self.free.range(pages..).next()?.0;
        let starts = self.free.get_mut(&length)?;
        let first = starts.pop_front()?;
        if starts.is_empty() {
            self.free.remove(&length);
        }
        if length > pages {
            self.free.entry(length - pages).or_default().push_back(first + pages);
        }
        Some(first)
    }

    fn wake_oldest(&mut self) -> Option<()> {
        let (first, pages) = self.resting.pop_front()?;
        self.resting_pages -= pages;
        self.free.entry(pages).or_default().push_back(first);
        Some(())
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
