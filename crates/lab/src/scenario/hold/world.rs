//! The adapter with traffic: frames go in at both ends, and the ends write into the book. What happens to it: cancels,
//! pauses, sleep, unplugging, calls that fail.

use std::sync::{Arc, Mutex, MutexGuard};

use anyhow::{Result, ensure};
use nblease_ndis::sys::{
    NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET, NDIS_NBL_FLAGS_RECV_READ_ONLY, NDIS_NBL_FLAGS_SEND_READ_ONLY,
    NDIS_RECEIVE_FLAGS_RESOURCES, NetBufferListCancelId,
};
use rand::{Rng as _, rngs::SmallRng};

use super::{
    book::Book,
    frames::{Way, dress, payload},
    plan::Events,
};
use crate::{
    faults::{FaultKind, Plan},
    kernel::kernel,
    lab::Lab,
    ndis::{Adapter, AdapterConfig, PowerPath, RecvNbl, SendNbl},
    sync::lock,
};

/// CancelIds are used again after so many.
const CANCEL_IDS: usize = 200;

/// An adapter, its traffic, and the book.
pub struct World<'lab> {
    lab: &'lab Lab,
    /// The adapter.
    pub adapter: Arc<Adapter>,
    book: Arc<Mutex<Book>>,
    /// What is random, by the run's seed.
    pub rng: SmallRng,
    last_cancel_id: usize,
    faulty: bool,
    /// Calls have failed in this act.
    pub was_faulty: bool,
}

impl<'lab> World<'lab> {
    /// An adapter in the lab.
    pub fn new(lab: &'lab Lab, rng: SmallRng) -> Self {
        let book = Arc::new(Mutex::new(Book::new()));
        let adapter = plug(lab, &book, None);
        Self { lab, adapter, book, rng, last_cancel_id: 0, faulty: false, was_faulty: false }
    }

    /// The book; not to be held over a call into the stack.
    pub fn book(&self) -> MutexGuard<'_, Book> {
        lock(&self.book)
    }

    /// Whether calls of the driver's fail now.
    pub fn is_faulty(&self) -> bool {
        self.faulty
    }

    /// Lists of both ways, some of them long. `readers` are those that are there.
    pub fn traffic(&mut self, readers: &[u8]) -> Result<()> {
        for _ in 0..self.rng.random_range(1..3) {
            self.send(readers)?;
        }
        for _ in 0..self.rng.random_range(1..3) {
            self.receive(readers)?;
        }
        Ok(())
    }

    fn flow_of(&mut self, way: Way) -> usize {
        let book = lock(&self.book);
        let of_way: Vec<_> =
            book.flows.iter().enumerate().filter(|(_, flow)| flow.way == way).map(|(at, _)| at).collect();
        of_way.get(self.rng.random_range(0..of_way.len())).copied().unwrap_or_default()
    }

    /// Up to 4 NBLs of up to 6 NBs, most with a CancelId.
    fn send(&mut self, readers: &[u8]) -> Result<()> {
        let first = self.book().nbls.len();
        let mut sends = Vec::new();
        for _ in 0..self.rng.random_range(1..=4) {
            let flow = self.flow_of(Way::Down);
            let payloads: Vec<_> = (0..self.rng.random_range(1..=6)).map(|_| payload(&mut self.rng)).collect();
            let mut book = lock(&self.book);
            let wire = book.enter(flow, &payloads, readers.to_vec());
            let Some(flow) = book.flows.get(flow) else { continue };
            let (frames, mut oob) = dress(&mut self.rng, flow, wire);
            if self.rng.random_bool(0.7) {
                self.last_cancel_id = (self.last_cancel_id + usize::from(self.rng.random_bool(0.5))) % CANCEL_IDS;
                oob.set(NetBufferListCancelId, 1 + self.last_cancel_id);
            }
            if let Some(nbl) = book.nbls.last_mut() {
                nbl.cancel_id = oob.cancel_id();
            }
            let nbl_flags = if self.rng.random_bool(0.1) { NDIS_NBL_FLAGS_SEND_READ_ONLY } else { 0 };
            sends.push(SendNbl { frames, oob, nbl_flags });
        }
        let taken = self.adapter.send(&sends, 0);
        if !taken {
            self.book().forget_from(first);
        }
        ensure!(taken, "the stack does not take sends");
        Ok(())
    }

    /// Up to 8 NBLs, some lists lent for the call, some NBLs looped back by NDIS.
    fn receive(&mut self, readers: &[u8]) -> Result<()> {
        let first = self.book().nbls.len();
        let mut receives = Vec::new();
        let lent = self.rng.random_bool(0.15);
        for _ in 0..self.rng.random_range(1..=8) {
            let flow = self.flow_of(Way::Up);
            let payload = payload(&mut self.rng);
            let mut book = lock(&self.book);
            let wire = book.enter(flow, &[payload], readers.to_vec());
            let Some(flow) = book.flows.get(flow).copied() else { continue };
            let nbl_flags = if flow.looped {
                NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET
            } else if self.rng.random_bool(0.05) {
                NDIS_NBL_FLAGS_RECV_READ_ONLY
            } else {
                0
            };
            if let Some(nbl) = book.nbls.last_mut() {
                nbl.lent = lent;
                nbl.looped = flow.looped;
            }
            let (frames, oob) = dress(&mut self.rng, &flow, wire);
            receives.extend(frames.into_iter().map(|frame| RecvNbl { frame, oob, nbl_flags }));
        }
        let taken = self.adapter.receive(&receives, if lent { NDIS_RECEIVE_FLAGS_RESOURCES } else { 0 });
        if !taken {
            self.book().forget_from(first);
        }
        ensure!(taken, "the stack does not take receives");
        Ok(())
    }

    /// Something that an act's events allow happens, now and then. `since` is the act's first NBL.
    pub fn event(&mut self, events: Events, since: usize) -> Result<()> {
        if events.cancels && self.rng.random_bool(0.2) {
            self.cancel(since);
        }
        if events.stops && !self.faulty && self.rng.random_bool(0.03) {
            self.stop_and_go(since)?;
        }
        if events.unplugs && !self.faulty && self.rng.random_bool(0.01) {
            self.unplug_and_plug(since);
        }
        if events.faults && self.rng.random_bool(0.1) {
            self.fail_calls(!self.faulty);
        }
        Ok(())
    }

    /// Cancels the sends of a CancelId of late.
    fn cancel(&mut self, since: usize) {
        kernel().sched.pump();
        let back = self.rng.random_range(0..10);
        let id = 1 + (self.last_cancel_id + CANCEL_IDS - back) % CANCEL_IDS;
        for nbl in self.book().nbls.iter_mut().skip(since).filter(|nbl| nbl.cancel_id == id) {
            nbl.cancelled |= nbl.home.is_none();
        }
        self.adapter.cancel_sends(id);
    }

    /// The stack pauses, or goes to low power on one of the paths, and comes back.
    fn stop_and_go(&mut self, since: usize) -> Result<()> {
        kernel().sched.pump();
        self.book().stop(since, false);
        let path = match self.rng.random_range(0..5) {
            0 => Some(PowerPath::A),
            1 => Some(PowerPath::B),
            2 => Some(PowerPath::C),
            _ => None,
        };
        match path {
            Some(path) => self.adapter.suspend(path),
            None => self.adapter.pause(),
        }
        kernel().sched.pump();
        ensure!(self.adapter.outstanding() == (0, 0), "packets are out when the stack has stopped");
        if path.is_some() {
            kernel().clock.sleep(self.rng.random_range(0..3_600_000_000_000));
        }
        let pause = self.rng.random_range(0..20_000_000);
        kernel().sched.advance(pause);
        match path {
            Some(_) => self.adapter.resume(),
            None => self.adapter.restart(),
        }
        kernel().sched.pump();
        Ok(())
    }

    /// The adapter goes and comes back, as the same one to programs.
    fn unplug_and_plug(&mut self, since: usize) {
        kernel().sched.pump();
        self.book().stop(since, true);
        self.adapter.unplug();
        kernel().sched.pump();
        self.adapter = plug(self.lab, &self.book, Some(self.adapter.luid));
    }

    /// From now on all calls of a kind fail, or none.
    pub fn fail_calls(&mut self, fail: bool) {
        // Not of mappings: without its headers a frame is of no flow, and its order is lost.
        let kinds = [FaultKind::Pool, FaultKind::NetBuffer, FaultKind::Mdl, FaultKind::Request];
        let kind = kinds.get(self.rng.random_range(0..kinds.len())).copied().unwrap_or(FaultKind::Pool);
        kernel().faults.plan(if fail { Plan::All(kind) } else { Plan::None });
        self.faulty = fail;
        self.was_faulty |= fail;
    }
}

fn plug(lab: &Lab, book: &Arc<Mutex<Book>>, luid: Option<u64>) -> Arc<Adapter> {
    let adapter = lab.adapter(AdapterConfig { luid, ..AdapterConfig::default() });
    let [down, up, completed, returned] = [(); 4].map(|()| book.clone());
    adapter.on_sent(Arc::new(move |frames| lock(&down).came_out(Way::Down, &frames)));
    adapter.on_received(Arc::new(move |frames| lock(&up).came_out(Way::Up, &frames)));
    adapter.on_completed(Arc::new(move |frames, status| lock(&completed).came_home(Way::Down, &frames, status)));
    adapter.on_returned(Arc::new(move |frames, status| lock(&returned).came_home(Way::Up, &frames, status)));
    kernel().sched.pump();
    adapter
}
