//! Programs over the socket, on the real clock.

use std::{
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    path::PathBuf,
    sync::atomic::Ordering,
};

use nblease_abi::user_call::{FrameHeader, Reply, Request};

use super::harness::*;
use crate::{
    clock::Mode,
    io::{NtStatus, status},
    kernel::kernel,
    user_socket::UserSocket,
};

/// A started sample that listens.
struct Listening {
    socket: Option<UserSocket>,
    driver: Driver,
}

impl Listening {
    fn start(plan: Plan) -> Self {
        let driver = Driver::try_start(Mode::Real, plan);
        assert_eq!(driver.status, status::SUCCESS);
        let path: PathBuf = std::env::temp_dir().join(format!("nblease-lab-test-{}.sock", std::process::id()));
        let socket = UserSocket::listen(&path).expect("a socket in the temporary folder");
        Self { socket: Some(socket), driver }
    }

    fn program(&self) -> Program {
        let path = self.socket.as_ref().expect("it listens").path();
        Program(UnixStream::connect(path).expect("the lab listens"))
    }

    /// Waits until the sample's manual queue has so many requests.
    fn wait_for_requests(count: u32) {
        let came = kernel().sched.wait_until("requests", Some(5_000_000_000), &mut || {
            let mut waiting = 0u32;
            as_driver(|| wdf("WdfIoQueueGetState", &[get(&MANUAL), out(&mut waiting), 0]));
            waiting == count
        });
        assert!(came, "{count} requests");
    }

    fn finish(mut self) {
        self.socket = None;
        self.driver.finish();
        kernel().sched.stop();
    }
}

struct Program(UnixStream);

impl Program {
    fn send(&mut self, id: u64, request: Request<'_>) {
        let frame = request.encode(id).expect("it fits");
        self.0.write_all(&[frame.head(), frame.tail].concat()).expect("the lab reads");
    }

    /// The next answer: number, status, data.
    fn receive(&mut self) -> (u64, NtStatus, Vec<u8>) {
        let mut bytes = [0; FrameHeader::LEN];
        self.0.read_exact(&mut bytes).expect("an answer");
        let header = FrameHeader::parse(&bytes).expect("a header");
        let mut body = vec![0; header.len as usize];
        self.0.read_exact(&mut body).expect("a body");
        let reply = Reply::parse(header.kind, &body).expect("an answer");
        (header.id, reply.status, reply.data.to_vec())
    }

    fn open(&mut self) {
        self.send(1, Request::Open { name: PATH });
        assert_eq!(self.receive(), (1, status::SUCCESS, Vec::new()));
    }
}

#[test]
fn a_program_opens_reads_cancels_and_closes() {
    let lab = Listening::start(Plan::default());
    let mut program = lab.program();
    program.send(9, Request::Read { len: 4 });
    assert_eq!(program.receive(), (9, status::INVALID_HANDLE, Vec::new()));
    program.open();
    program.send(2, Request::Read { len: 4 });
    program.send(3, Request::Read { len: 4 });
    Listening::wait_for_requests(2);
    program.send(2, Request::Cancel);
    assert_eq!(program.receive(), (2, status::CANCELLED, Vec::new()));
    as_driver(|| answer(next().unwrap(), b"data"));
    assert_eq!(program.receive(), (3, status::SUCCESS, b"data".to_vec()));
    program.send(4, Request::Ioctl { code: 0, output_len: 8, input: b"in" });
    assert_eq!(program.receive(), (4, status::INVALID_DEVICE_REQUEST, Vec::new()));
    // A close is answered after the calls that it ends.
    program.send(5, Request::Read { len: 4 });
    program.send(6, Request::Close);
    assert_eq!(program.receive(), (5, status::CANCELLED, Vec::new()));
    assert_eq!(program.receive(), (6, status::SUCCESS, Vec::new()));
    program.send(7, Request::Close);
    assert_eq!(program.receive(), (7, status::INVALID_HANDLE, Vec::new()));
    lab.finish();
}

#[test]
fn a_program_that_dies_is_cleaned_up() {
    let lab = Listening::start(Plan::default());
    let mut program = lab.program();
    program.open();
    program.send(2, Request::Read { len: 1 << 16 });
    Listening::wait_for_requests(1);
    drop(program);
    Listening::wait_for_requests(0);
    let closed = kernel()
        .sched
        .wait_until("the close", Some(5_000_000_000), &mut || kernel().io.open_files(lab.driver.id).is_empty());
    assert!(closed);
    assert_eq!(take_log(), ["EvtFileCleanup", "EvtFileClose"]);
    lab.finish();
}

#[test]
fn a_program_that_does_not_read_holds_up_nobody() {
    let lab = Listening::start(Plan {
        read: Some(|request, len| answer(request, &vec![KEPT.fetch_add(1, Ordering::SeqCst) as u8; len])),
        ..Plan::default()
    });
    let mut silent = lab.program();
    silent.open();
    // More answers than any socket's buffer holds: all calls complete all the same.
    for id in 0..64 {
        silent.send(id, Request::Read { len: 1 << 20 });
    }
    let mut other = lab.program();
    other.open();
    other.send(2, Request::Read { len: 3 });
    let (id, status, data) = other.receive();
    assert_eq!((id, status, data.len()), (2, status::SUCCESS, 3));
    let answered =
        kernel().sched.wait_until("the silent program's calls", Some(20_000_000_000), &mut || get(&KEPT) == 65);
    assert!(answered);
    lab.finish();
}

#[test]
fn a_malformed_message_ends_the_program() {
    let lab = Listening::start(Plan::default());
    for bytes in [
        // Longer than allowed; of no known kind; a read of three bytes of length.
        [0xff; FrameHeader::LEN].to_vec(),
        [&0u32.to_le_bytes()[..], &77u16.to_le_bytes(), &[0; 10]].concat(),
        [&3u32.to_le_bytes()[..], &4u16.to_le_bytes(), &[0; 10], b"abc"].concat(),
    ] {
        let mut program = lab.program();
        program.0.write_all(&bytes).unwrap();
        assert_eq!(program.0.read(&mut [0; 1]).unwrap_or(0), 0, "{bytes:?}");
    }
    let mut program = lab.program();
    program.open();
    program.send(2, Request::Read { len: u32::MAX });
    assert_eq!(program.receive(), (2, status::INVALID_PARAMETER, Vec::new()));
    program.send(3, Request::Open { name: PATH });
    assert_eq!(program.receive(), (3, status::INVALID_PARAMETER, Vec::new()));
    lab.finish();
}

#[test]
fn the_virtual_clock_serves_no_programs() {
    let driver = Driver::start(Plan::default());
    assert!(UserSocket::listen(std::path::Path::new("/nonexistent")).is_err());
    driver.finish();
}
