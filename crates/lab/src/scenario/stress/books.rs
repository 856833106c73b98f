//! The frames of an adapter on their way, kept where the filters pass everything on: each that goes in comes out, once and
//! as it was.
//!
//! A frame is owed until it comes to the other end. It is excused, so that it may come or not, where the stack is paused or
//! at low power at any time from when it went in, or where sends were cancelled meanwhile: filters drop what they have then.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use anyhow::{Result, bail};

use crate::{
    ndis::{Adapter, Arrived, Way, Witness},
    sync::lock,
};

/// The books of an adapter.
#[derive(Default)]
pub struct Books {
    down: Mutex<Account>,
    up: Mutex<Account>,
    wrong: Mutex<Option<String>>,
}

/// One way's frames, as on the wire.
#[derive(Default)]
struct Account {
    frames: BTreeMap<Vec<u8>, Due>,
    interrupted: bool,
}

/// How often a frame is to come, and how often it may besides.
#[derive(Clone, Copy, Default)]
struct Due {
    owed: u32,
    excused: u32,
}

impl Account {
    fn enter(&mut self, frame: Vec<u8>, excused: bool) {
        let due = self.frames.entry(frame).or_default();
        if excused || self.interrupted {
            due.excused += 1;
        } else {
            due.owed += 1;
        }
    }

    /// One that was entered has come, or did not go in: whether there was one.
    fn strike(&mut self, frame: &[u8]) -> bool {
        let Some(due) = self.frames.get_mut(frame) else { return false };
        let from = if due.owed > 0 { &mut due.owed } else { &mut due.excused };
        *from -= 1;
        if due.owed + due.excused == 0 {
            self.frames.remove(frame);
        }
        true
    }

    fn excuse(&mut self) {
        for due in self.frames.values_mut() {
            due.excused += std::mem::take(&mut due.owed);
        }
    }
}

impl Books {
    /// The books of an adapter whose stack runs.
    pub fn of(adapter: &Adapter) -> Arc<Self> {
        let books = Arc::new(Self::default());
        adapter.watch(books.clone());
        books
    }

    fn account(&self, way: Way) -> &Mutex<Account> {
        if way == Way::Down { &self.down } else { &self.up }
    }

    /// A frame is about to go in; `excused` where it is no wonder if it is refused.
    pub fn enter(&self, way: Way, frame: Vec<u8>, excused: bool) {
        lock(self.account(way)).enter(frame, excused);
    }

    /// A frame that was entered did not go in.
    pub fn take_back(&self, way: Way, frame: &[u8]) {
        lock(self.account(way)).strike(frame);
    }

    /// Sends are cancelled: those on their way need not come.
    pub fn cancelled(&self) {
        lock(&self.down).excuse();
    }

    /// What is wrong so far.
    ///
    /// # Errors
    /// The first frame that came out and did not go in so.
    pub fn look(&self) -> Result<()> {
        match &*lock(&self.wrong) {
            Some(wrong) => bail!("{wrong}"),
            None => Ok(()),
        }
    }

    /// As [`Self::look`], where nothing is on its way any more.
    ///
    /// # Errors
    /// As there, and frames that are owed.
    pub fn close(&self) -> Result<()> {
        self.look()?;
        for (way, what) in [(Way::Down, "sent"), (Way::Up, "received")] {
            let account = lock(self.account(way));
            let owed: u32 = account.frames.values().map(|due| due.owed).sum();
            if let Some((frame, _)) = account.frames.iter().find(|(_, due)| due.owed > 0) {
                bail!("{owed} frames that were {what} did not come through, the first of {}", describe(frame));
            }
        }
        Ok(())
    }
}

impl Witness for Books {
    fn came(&self, way: Way, frames: &[Arrived]) {
        for frame in frames {
            let bytes = frame.on_the_wire();
            if !lock(self.account(way)).strike(&bytes) {
                let end = if way == Way::Down { "miniport" } else { "protocol" };
                let what =
                    format!("a frame came to the {end} changed or twice, or nobody sent it: {}", describe(&bytes));
                lock(&self.wrong).get_or_insert(what);
            }
        }
    }

    fn interrupted(&self, begins: bool) {
        for account in [&self.down, &self.up] {
            let mut account = lock(account);
            account.interrupted = begins;
            account.excuse();
        }
    }
}

fn describe(frame: &[u8]) -> String {
    let head: Vec<String> = frame.iter().take(20).map(|byte| format!("{byte:02x}")).collect();
    format!("{} bytes, {}", frame.len(), head.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrived(bytes: &[u8]) -> Arrived {
        let (oob, fate) = (crate::ndis::Oob::default(), crate::ndis::Fate::Delivered);
        Arrived { bytes: bytes.to_vec(), oob, nbl_flags: 0, filters_own: false, port: 0, fate }
    }

    #[test]
    fn what_is_lost_doubled_or_changed_is_seen() {
        let books = Books::default();
        for _ in 0..2 {
            books.enter(Way::Up, vec![1; 60], false);
        }
        books.came(Way::Up, &[arrived(&[1; 60]), arrived(&[1; 60])]);
        assert!(books.close().is_ok());
        books.enter(Way::Down, vec![2; 60], false);
        assert!(books.close().unwrap_err().to_string().starts_with("1 frames that were sent did not come"));
        books.came(Way::Up, &[arrived(&[2; 60])]);
        assert!(books.look().is_err(), "it came to the other end");
        let books = Books::default();
        books.enter(Way::Down, vec![2; 60], false);
        books.came(Way::Down, &[arrived(&[2; 60]), arrived(&[2; 60])]);
        assert!(books.look().is_err(), "it came twice");
    }

    #[test]
    fn what_is_on_its_way_when_the_stack_pauses_may_come_or_not() {
        let books = Books::default();
        books.enter(Way::Down, vec![1; 60], false);
        books.enter(Way::Down, vec![2; 60], false);
        books.interrupted(true);
        books.enter(Way::Down, vec![3; 60], false);
        books.came(Way::Down, &[arrived(&[1; 60])]);
        books.interrupted(false);
        assert!(books.close().is_ok());
        books.enter(Way::Down, vec![4; 60], false);
        assert!(books.close().is_err());
        books.take_back(Way::Down, &[4; 60]);
        assert!(books.close().is_ok());
    }
}
