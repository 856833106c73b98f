//! What tests of leases share: what comes out at an adapter's ends and how, frames of flows, and a GATE's questions.

use std::{
    collections::BTreeMap,
    mem::take,
    sync::{Arc, Mutex},
};

use nblease_abi::{
    NtStatus,
    configure::{Configure, ConfigureReply},
    ioctl::IOCTL_CONFIGURE,
    pcapng::{Blocks, EpbFlags},
    rules::RuleRecord,
    verdict::{VERDICT_DROP, VERDICT_PASS, VERDICT_REPLACE, VerdictEntry},
};
use nblease_lab::{
    io::Pending,
    ndis::{Adapter, Arrived, checksum, frame::Frame, frame::RecvNbl, frame::SendNbl},
};

use zerocopy::IntoBytes as _;

use crate::{Program, READ, asked, configure_input};

/// Nanoseconds of a millisecond.
pub const MS: u64 = 1_000_000;

/// `NDIS_STATUS_SUCCESS`
pub const SENT: i32 = 0;
/// `NDIS_STATUS_PAUSED`
pub const PAUSED: i32 = 0xC023_002A_u32.cast_signed();
/// `NDIS_STATUS_LOW_POWER_STATE`
pub const LOW_POWER: i32 = 0xC023_002F_u32.cast_signed();
/// `NDIS_STATUS_SEND_ABORTED`
pub const ABORTED: i32 = 0xC023_000C_u32.cast_signed();
/// `NDIS_STATUS_MEDIA_DISCONNECTED`
pub const DISCONNECTED: i32 = 0xC023_001F_u32.cast_signed();
/// `NDIS_RECEIVE_FLAGS_RESOURCES`
pub const RESOURCES: u32 = 2;

/// A frame that came out: its bytes, and whether it is in the packet that was handed in.
pub type Went = (Vec<u8>, bool);

/// What comes out at an adapter's ends.
#[derive(Default)]
pub struct Out {
    down: Mutex<Vec<Arrived>>,
    up: Mutex<Vec<Arrived>>,
    completed: Mutex<Vec<(Vec<Arrived>, i32)>>,
}

impl Out {
    /// From now on.
    pub fn watch(adapter: &Adapter) -> Arc<Self> {
        let out = Arc::new(Self::default());
        let (down, up, completed) = (out.clone(), out.clone(), out.clone());
        adapter.on_sent(Arc::new(move |frames| down.down.lock().unwrap().extend(frames)));
        adapter.on_received(Arc::new(move |frames| up.up.lock().unwrap().extend(frames)));
        adapter
            .on_completed(Arc::new(move |frames, status| completed.completed.lock().unwrap().push((frames, status))));
        out
    }

    /// Frames that reached the card since this was asked last.
    pub fn take_down(&self) -> Vec<Went> {
        went(&self.arrived_down())
    }

    /// Frames that reached the protocol since this was asked last.
    pub fn take_up(&self) -> Vec<Went> {
        went(&self.arrived_up())
    }

    /// As [`Self::take_down`], with all that came with them.
    pub fn arrived_down(&self) -> Vec<Arrived> {
        take(&mut *self.down.lock().unwrap())
    }

    /// As [`Self::take_up`], with all that came with them.
    pub fn arrived_up(&self) -> Vec<Arrived> {
        take(&mut *self.up.lock().unwrap())
    }

    /// Sends that were completed since this was asked last: their frames, and how.
    pub fn take_completed(&self) -> Vec<(Vec<Arrived>, i32)> {
        take(&mut *self.completed.lock().unwrap())
    }

    /// The same, counted by status.
    pub fn completions(&self) -> BTreeMap<i32, usize> {
        let mut count = BTreeMap::new();
        for (_, status) in self.take_completed() {
            *count.entry(status).or_default() += 1;
        }
        count
    }
}

fn went(arrived: &[Arrived]) -> Vec<Went> {
    arrived.iter().map(|frame| (frame.on_the_wire(), !frame.filters_own)).collect()
}

/// Frames that come out as they went in.
pub fn originals(frames: &[Vec<u8>]) -> Vec<Went> {
    frames.iter().map(|bytes| (bytes.clone(), true)).collect()
}

/// Frames that come out in packets of the driver's own.
pub fn own(frames: &[Vec<u8>]) -> Vec<Went> {
    frames.iter().map(|bytes| (bytes.clone(), false)).collect()
}

/// A frame of UDP over IPv4, with right checksums: its flow is that of these ports.
pub fn udp(ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x02, 0x15, 0x5d, 0, 0, 9, 0x02, 0x15, 0x5d, 0, 0, 1, 8, 0];
    frame.extend([0x45, 0]);
    frame.extend((28 + payload.len() as u16).to_be_bytes());
    frame.extend([0, 1, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    frame.extend(ports.0.to_be_bytes());
    frame.extend(ports.1.to_be_bytes());
    frame.extend((8 + payload.len() as u16).to_be_bytes());
    frame.extend([0, 0]);
    frame.extend(payload);
    checksum::set_ip(&mut frame);
    checksum::set_transport(&mut frame);
    frame
}

/// Frames of one flow, told apart by a number.
pub fn flow(port: u16, count: u8) -> Vec<Vec<u8>> {
    (0..count).map(|number| udp((port, 53), &[number; 20])).collect()
}

/// A send of one frame for each of these.
pub fn sends(frames: &[Vec<u8>]) -> Vec<SendNbl> {
    frames.iter().map(|bytes| SendNbl::new([Frame::new(bytes.clone())])).collect()
}

/// A receive for each of these.
pub fn receives(frames: &[Vec<u8>]) -> Vec<RecvNbl> {
    frames.iter().map(|bytes| RecvNbl::new(Frame::new(bytes.clone()))).collect()
}

/// One send of all these frames.
pub fn send_of_all(frames: &[Vec<u8>]) -> SendNbl {
    SendNbl::new(frames.iter().map(|bytes| Frame::new(bytes.clone())))
}

/// What a GATE is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What it answers by.
    pub ticket: u64,
    /// The adapter's number.
    pub interface: u32,
    /// Whether the frame is sent.
    pub sent: bool,
    /// The frame.
    pub bytes: Vec<u8>,
}

/// What the bytes of a read ask.
pub fn questions(bytes: &[u8]) -> Vec<Question> {
    Blocks::new(bytes)
        .filter_map(|block| block.expect("a whole block").packet())
        .map(|packet| {
            let packet = packet.expect("a packet block");
            Question {
                ticket: packet.packet_id.expect("a ticket"),
                interface: packet.interface,
                sent: packet.flags.contains(EpbFlags::OUTBOUND),
                bytes: packet.data.to_vec(),
            }
        })
        .collect()
}

/// What a completed read of a GATE asks: tickets and frames.
pub fn asked_by(read: &Pending) -> Vec<(u64, Vec<u8>)> {
    let completion = read.try_result().expect("completed");
    assert_eq!(completion.status, 0);
    asked(&completion.data[..completion.information])
}

/// The frames of these questions.
pub fn bytes_of(questions: &[Question]) -> Vec<Vec<u8>> {
    questions.iter().map(|question| question.bytes.clone()).collect()
}

/// The tickets of these questions.
pub fn tickets_of(questions: &[Question]) -> Vec<u64> {
    questions.iter().map(|question| question.ticket).collect()
}

/// A verdict that needs no bytes.
pub const fn pass(ticket: u64) -> VerdictEntry {
    VerdictEntry::plain(ticket, VERDICT_PASS)
}

/// The same.
pub const fn drop_it(ticket: u64) -> VerdictEntry {
    VerdictEntry::plain(ticket, VERDICT_DROP)
}

impl Program {
    /// A GATE of these adapters that has read, and so is waited for.
    pub fn gate(policy: u32, budget_ms: u32, adapters: &[&Arc<Adapter>]) -> Self {
        Self::tap(&Configure::gate(1, policy, budget_ms), adapters)
    }

    /// A GATE with rules, which has read.
    pub fn gate_with(config: &Configure, rules: &[RuleRecord], adapter: &Adapter) -> Self {
        let program = Self::open();
        let config = Configure { rule_count: rules.len() as u32, ..*config };
        let input = [configure_input(&config, &[adapter.luid]).as_slice(), rules.as_bytes()].concat();
        assert_eq!(program.handle.ioctl(IOCTL_CONFIGURE, &input, size_of::<ConfigureReply>()).wait().status, 0);
        assert_eq!(program.handle.read(READ).wait().status, 0, "the description");
        program
    }

    /// Reads what it is asked now. There has to be something.
    pub fn ask(&self) -> Vec<Question> {
        let read = self.handle.read(READ).wait_timeout(MS).expect("something is asked");
        assert_eq!(read.status, 0);
        questions(&read.data[..read.information])
    }

    /// Lets all of these pass; each has to be accepted.
    pub fn pass_all(&self, tickets: &[u64]) {
        let entries: Vec<_> = tickets.iter().copied().map(pass).collect();
        assert_eq!(self.verdicts(&entries, &[]), vec![NtStatus::SUCCESS; tickets.len()]);
    }

    /// Tells the same about all of these, and says what came of each.
    pub fn tell(&self, tickets: &[u64], verdict: fn(u64) -> VerdictEntry) -> Vec<NtStatus> {
        self.verdicts(&tickets.iter().copied().map(verdict).collect::<Vec<_>>(), &[])
    }

    /// Puts a frame in the place of another: what came of it.
    pub fn replace(&self, ticket: u64, frame: &[u8]) -> NtStatus {
        let entry = VerdictEntry { length: frame.len() as u32, ..VerdictEntry::plain(ticket, VERDICT_REPLACE) };
        self.verdicts(&[entry], frame)[0]
    }
}
