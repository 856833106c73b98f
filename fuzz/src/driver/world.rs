//! What there is besides the driver: adapters, programs, time; and what the bytes of an input make happen.

use std::sync::Arc;

use nblease_lab::{
    faults::Plan,
    kernel::Kernel,
    ndis::{
        Adapter, AdapterConfig,
        frame::{Frame, Oob, RecvNbl, SendNbl},
    },
    sched::Sched,
};
use nblease_ndis::sys::{
    NDIS_RECEIVE_FLAGS_RESOURCES, NetBufferListCancelId, NetBufferListHashInfo, NetBufferListHashValue,
};

use super::program::Program;
use crate::cursor::Cursor;

/// Programs at a time.
const PROGRAMS: usize = 6;
/// How long packets may be out when nothing holds them any more.
const LAST_NS: u64 = 12_000_000_000;

/// See the module.
pub struct World {
    kernel: &'static Kernel,
    adapters: [Arc<Adapter>; 2],
    programs: Vec<Program>,
    /// Programs that are gone, whose calls have to come to an end.
    gone: Vec<Program>,
}

impl World {
    /// Two adapters that run.
    pub fn new(kernel: &'static Kernel) -> Self {
        let adapters = ["Ethernet", "Ethernet 2"]
            .map(|name| Adapter::plug(AdapterConfig { name: name.to_owned(), ..AdapterConfig::default() }));
        kernel.sched.pump();
        assert!(adapters.iter().all(|adapter| adapter.is_running()), "the adapters run");
        Self { kernel, adapters, programs: Vec::new(), gone: Vec::new() }
    }

    fn sched(&self) -> &'static Sched {
        &self.kernel.sched
    }

    /// The next thing happens.
    pub fn step(&mut self, cursor: &mut Cursor<'_>) {
        let step = cursor.u8();
        match step % 32 {
            0..3 => self.open(step & 0xc0 != 0xc0),
            27 => self.close(cursor),
            28 => self.adapter(cursor),
            29 => {
                let plan = if step & 0x80 == 0 { Plan::Nth(u64::from(cursor.u8() % 20) + 1) } else { Plan::None };
                self.kernel.faults.plan(plan);
            }
            22..25 => self.send(cursor),
            25..27 => self.receive(cursor),
            30 => self.sched().advance(u64::from(cursor.u16()) * 10_000),
            31 => self.sched().pump(),
            call => self.call(call, cursor),
        }
        // Half of all steps follow each other at once.
        if step & 0x20 != 0 {
            self.sched().pump();
        }
        self.programs.iter_mut().for_each(Program::take);
    }

    fn open(&mut self, administrator: bool) {
        // Where calls fail by plan an open may fail too.
        self.kernel.faults.plan(Plan::None);
        if self.programs.len() < PROGRAMS {
            self.programs.extend(Program::open(administrator));
        }
    }

    fn call(&mut self, call: u8, cursor: &mut Cursor<'_>) {
        let at = cursor.below(self.programs.len());
        let luids = self.adapters.each_ref().map(|adapter| adapter.luid);
        let foreign: Vec<u64> = self.programs.iter().flat_map(Program::tickets).copied().collect();
        let Some(program) = self.programs.get_mut(at) else { return };
        match call {
            3..6 => program.configure(&luids, cursor),
            6..11 => program.read(cursor),
            11..16 => program.verdict(&foreign, cursor),
            16..18 => program.ask(cursor),
            18..21 => program.anything(cursor),
            _ => program.cancel(cursor),
        }
    }

    /// A program closes its handle or dies, or another one gets the handle too.
    fn close(&mut self, cursor: &mut Cursor<'_>) {
        let (at, how) = (cursor.below(self.programs.len()), cursor.below(3));
        if self.programs.is_empty() {
            return;
        }
        if how == 0 && self.programs.len() < PROGRAMS {
            let heir = self.programs[at].heir();
            self.programs.push(heir);
            return;
        }
        let program = self.programs.remove(at);
        if how == 1 {
            program.close();
        } else {
            program.kill();
        }
        self.gone.push(program);
    }

    /// Something happens to an adapter besides packets.
    fn adapter(&mut self, cursor: &mut Cursor<'_>) {
        let adapter = &self.adapters[cursor.below(2)];
        match cursor.below(4) {
            0 => adapter.cancel_sends(usize::from(cursor.u8() & 3) + 1),
            1 => {
                adapter.pause();
                adapter.restart();
            }
            2 => adapter.set_link(cursor.u8() & 1 == 0),
            _ => adapter.complete_sends(),
        }
    }

    fn send(&mut self, cursor: &mut Cursor<'_>) {
        let (which, choice) = (cursor.below(2), cursor.u8());
        let sends: Vec<_> = (0..=choice & 1)
            .map(|_| {
                let mut oob = out_of_band(cursor);
                oob.set(NetBufferListCancelId, usize::from(choice >> 1 & 3) + 1);
                let frames = (0..=choice >> 4 & 1).map(|_| Frame::new(frame(cursor))).collect();
                SendNbl { frames, oob, nbl_flags: 0 }
            })
            .collect();
        self.adapters[which].send(&sends, 0);
    }

    fn receive(&mut self, cursor: &mut Cursor<'_>) {
        let (which, choice) = (cursor.below(2), cursor.u8());
        let receives: Vec<_> = (0..=choice & 3)
            .map(|_| RecvNbl { oob: out_of_band(cursor), frame: Frame::new(frame(cursor)), nbl_flags: 0 })
            .collect();
        let flags = if choice & 0x80 == 0 { 0 } else { NDIS_RECEIVE_FLAGS_RESOURCES };
        self.adapters[which].receive(&receives, flags);
    }

    /// All that is open is closed, all that is out comes back, the adapters go.
    pub fn end(mut self) {
        self.kernel.faults.plan(Plan::None);
        for program in self.programs.drain(..) {
            program.kill();
            self.gone.push(program);
        }
        self.sched().pump();
        for program in self.gone.drain(..) {
            program.end();
        }
        self.adapters.iter().for_each(Adapter::complete_sends);
        let out = || self.adapters.iter().any(|adapter| adapter.outstanding() != (0, 0));
        self.sched().wait_until("the last packets", Some(LAST_NS), &mut || !out());
        assert!(!out(), "packets are out");
        self.adapters.iter().for_each(Adapter::unplug);
        self.sched().pump();
    }
}

fn out_of_band(cursor: &mut Cursor<'_>) -> Oob {
    let mut oob = Oob::default();
    match cursor.u8() {
        0..4 => oob.set_vlan(cursor.u16()),
        4..8 => {
            oob.set(NetBufferListHashValue, cursor.below(4) + 1);
            oob.set(NetBufferListHashInfo, 0x0101);
        }
        _ => {}
    }
    oob
}

/// A frame: addresses, a type, and bytes that are taken from the input at first.
pub fn frame(cursor: &mut Cursor<'_>) -> Vec<u8> {
    let (kind, fill) = (cursor.u8(), cursor.u8());
    let len = cursor.one_of(&[60, 14, 64, 200, 1514]);
    let mut bytes = vec![2, 0x15, 0x5d, 0, 0, 9, 2, 0x15, 0x5d, 0, 0, kind >> 6];
    bytes.extend(match kind % 4 {
        0 => [8, 0].as_slice(),
        1 => &[0x86, 0xdd],
        2 => &[0x81, 0, 0, 5, 8, 0],
        _ => &[8, 6],
    });
    bytes.extend(match kind % 4 {
        0 => [0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2].as_slice(),
        1 => &[0x60, 0, 0, 0, 0, 20, 17, 64],
        _ => &[],
    });
    bytes.extend_from_slice(cursor.bytes(usize::from(kind >> 2 & 7)));
    bytes.resize(len, fill);
    bytes
}
