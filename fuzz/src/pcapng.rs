//! What comes from a driver: blocks, and the answers to the client's calls. Whatever the bytes are, the client refuses them
//! or takes them for what they are.

use std::{collections::VecDeque, time::Duration};

use nblease_abi::{NtStatus, configure::Configure, pcapng::Blocks};
use nblease_client::{Capture, CaptureOptions, Decision, Device, Ended, Error, Gate, ReadId, Transport};

use crate::cursor::Cursor;

/// The first byte says who gets the rest.
pub fn run(input: &[u8]) {
    let mut cursor = Cursor(input);
    match cursor.u8() % 3 {
        0 => blocks(cursor.0),
        1 => capture(cursor),
        _ => gate(cursor),
    }
}

/// Blocks lie one behind the other and hold what they say.
fn blocks(bytes: &[u8]) {
    let mut at = 0;
    for block in Blocks::new(bytes) {
        let block = match block {
            Ok(block) => block,
            Err(error) => {
                assert_eq!(error.offset, at, "{error}");
                return;
            }
        };
        assert_eq!((block.offset, block.body.len() + 12), (at, block.bytes.len()));
        at += block.bytes.len();
        if let Some(Ok(packet)) = block.packet() {
            assert!(packet.data.len() + 32 <= block.bytes.len());
            assert!(packet.options.clone().all(|field| field.is_ok()));
        }
        if let Some(Ok(interface)) = block.interface() {
            assert!(interface.options.clone().all(|field| field.is_ok()));
        }
        let fields = block.options(16).map_while(Result::ok);
        assert!(fields.map(|field| field.value.len()).sum::<usize>() <= block.bytes.len());
    }
    assert_eq!(at, bytes.len());
}

/// A driver that answers each call with the next of the bytes.
struct Answers<'a> {
    bytes: Cursor<'a>,
    reads: VecDeque<(ReadId, usize)>,
    last: u64,
}

impl<'a> Answers<'a> {
    fn new(bytes: Cursor<'a>) -> Self {
        Self { bytes, reads: VecDeque::new(), last: 0 }
    }

    fn status(&mut self) -> NtStatus {
        self.bytes.one_of(&[NtStatus::SUCCESS, NtStatus::SUCCESS, NtStatus::CANCELLED, NtStatus::NOT_FOUND])
    }
}

impl Transport for Answers<'_> {
    fn ioctl(&mut self, _code: u32, _input: &[u8], output_len: usize) -> Result<(NtStatus, Vec<u8>), Error> {
        let (status, len) = (self.status(), self.bytes.u16());
        Ok((status, self.bytes.bytes(usize::from(len).min(output_len)).to_vec()))
    }

    fn read(&mut self, buffer: Vec<u8>) -> Result<ReadId, Error> {
        self.last += 1;
        self.reads.push_back((ReadId(self.last), buffer.len()));
        Ok(ReadId(self.last))
    }

    fn wait(&mut self, read: ReadId, _timeout: Duration) -> Result<Option<Ended>, Error> {
        let at = self.reads.iter().position(|(known, _)| *known == read).expect("a read is waited for once");
        if self.bytes.is_empty() {
            return Err(Error::Malformed { call: "the end of the bytes" });
        }
        let (_, len) = self.reads.remove(at).expect("it is there");
        let (status, wanted) = (self.status(), self.bytes.u16());
        let mut buffer = self.bytes.bytes(usize::from(wanted)).to_vec();
        // A driver that lies about a length is the transport's business, but for one that says too much.
        let told = if self.bytes.u8() == 0xff { len + 1 } else { buffer.len().min(len) };
        buffer.resize(len, 0);
        Ok(Some(Ended { status, buffer, len: told }))
    }

    fn cancel(&mut self, _read: ReadId) -> Result<(), Error> {
        Ok(())
    }
}

const OPTIONS: CaptureOptions = CaptureOptions { reads: 2, read_size: Some(16 << 10) };
/// Reads that are waited for.
const READS: usize = 8;

fn capture(cursor: Cursor<'_>) {
    let Ok(mut device) = Device::over(Answers::new(cursor)) else { return };
    if let Ok(adapters) = device.adapters() {
        assert!(adapters.iter().all(|adapter| adapter.name.chars().count() <= adapter.entry.name_utf16().len()));
    }
    let config = Configure { snaplen: 1514, ..Configure::tap(1) };
    let Ok(mut capture) = Capture::start(device, &config, &[7], OPTIONS) else { return };
    for _ in 0..READS {
        let Ok(Some(run)) = capture.next(Duration::ZERO) else { break };
        blocks(run);
    }
    let _ = capture.stats();
    capture.stop();
    while let Ok(Some(run)) = capture.next(Duration::ZERO) {
        blocks(run);
    }
}

fn gate(cursor: Cursor<'_>) {
    let Ok(device) = Device::over(Answers::new(cursor)) else { return };
    let config = Configure { snaplen: 1514, ..Configure::gate(1, nblease_abi::configure::POLICY_PASS, 100) };
    let Ok(mut gate) = Gate::start(device, &config, &[7], &[], OPTIONS) else { return };
    for _ in 0..READS {
        let mut asked = 0;
        let answered = gate.next(Duration::ZERO, |question| {
            asked += 1;
            match question.ticket % 3 {
                0 => Decision::Pass,
                1 => Decision::Drop,
                _ => Decision::Replace {
                    frame: question.packet.data.to_vec(),
                    offload: nblease_abi::verdict::OffloadFlags::empty(),
                    segment: 0,
                },
            }
        });
        match answered {
            Ok(Some(statuses)) => assert_eq!(statuses.len(), asked, "a status for each question"),
            Ok(None) => break,
            Err(_) => return,
        }
    }
}
