//! Programs as processes of their own: file calls over a Unix socket (`nblease_abi::user_call`).
//!
//! A connection is a process with one handle. A thread reads its requests and makes the calls itself, as the program's
//! thread makes a system call; another writes the answers. Answers wait in a queue without a limit, so that a program which
//! is suspended, or does not read, holds up nobody in the lab: whoever completes a call goes on at once. The end of the
//! connection is the death of the process.
//!
//! A program is an administrator's when its user is root or the user who runs the lab.

use std::{
    collections::HashMap,
    io::{self, Read as _, Write as _},
    mem,
    os::{
        fd::AsRawFd as _,
        unix::net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Sender},
    },
    thread::{self, JoinHandle},
};

use nblease_abi::user_call::{FrameHeader, MAX_BODY, Reply, Request};

use crate::{
    clock::Mode,
    io::{Completion, Handle, NtStatus, Pending, Process, status},
    kernel::kernel,
    sync::lock,
};

/// Serves programs until it is dropped, which ends their connections: the processes die.
pub struct UserSocket {
    path: PathBuf,
    shared: Arc<Shared>,
    listening: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stopping: AtomicBool,
    connections: Mutex<Vec<Connection>>,
}

struct Connection {
    stream: UnixStream,
    serving: JoinHandle<()>,
}

impl UserSocket {
    /// Listens at `path`, in place of what is left there of another lab.
    ///
    /// # Errors
    /// On the virtual clock, whose one thread cannot wait for programs; and where the socket cannot be made.
    pub fn listen(path: &Path) -> io::Result<Self> {
        if kernel().clock.mode() == Mode::Virtual {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "programs need the real clock"));
        }
        if UnixStream::connect(path).is_ok() {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "another lab listens there"));
        }
        if let Err(error) = std::fs::remove_file(path)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        let listener = UnixListener::bind(path)?;
        let shared = Arc::<Shared>::default();
        let accepting = shared.clone();
        let listening =
            thread::Builder::new().name("user socket".to_owned()).spawn(move || accept(&listener, &accepting))?;
        Ok(Self { path: path.to_owned(), shared, listening: Some(listening) })
    }

    /// Where it listens.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for UserSocket {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let woken = UnixStream::connect(&self.path).is_ok();
        let _ = std::fs::remove_file(&self.path);
        if let Some(listening) = self.listening.take().filter(|_| woken) {
            let _ = listening.join();
        }
        let connections = mem::take(&mut *lock(&self.shared.connections));
        for connection in &connections {
            let _ = connection.stream.shutdown(std::net::Shutdown::Both);
        }
        for connection in connections {
            let _ = connection.serving.join();
        }
    }
}

fn accept(listener: &UnixListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stopping.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let Ok(serving) = stream.try_clone() else { continue };
        let thread = thread::Builder::new().name("program".to_owned()).spawn(move || serve(&serving));
        let Ok(serving) = thread else { continue };
        let mut connections = lock(&shared.connections);
        connections.retain(|connection| !connection.serving.is_finished());
        connections.push(Connection { stream, serving });
    }
}

/// Serves one program to its end.
fn serve(stream: &UnixStream) {
    let Ok(mut writing) = stream.try_clone() else { return };
    let (answers, queued) = mpsc::channel::<Vec<u8>>();
    let writer = thread::Builder::new().name("answers".to_owned()).spawn(move || {
        for answer in queued {
            if writing.write_all(&answer).is_err() {
                return;
            }
        }
    });
    let Ok(writer) = writer else { return };
    let mut program = Program::new(stream, answers);
    while let Ok(Some(frame)) = next_frame(stream) {
        if program.call(&frame).is_err() {
            break;
        }
    }
    // The program is dead: its calls are cancelled and its handle is closed. Then the writer has nothing to wait for.
    program.process.kill();
    drop(program);
    let _ = stream.shutdown(std::net::Shutdown::Both);
    let _ = writer.join();
}

/// A message as it came.
struct Frame {
    header: FrameHeader,
    body: Vec<u8>,
}

/// The next message; none at the end of the stream.
fn next_frame(mut stream: &UnixStream) -> io::Result<Option<Frame>> {
    let mut bytes = [0; FrameHeader::LEN];
    match stream.read_exact(&mut bytes) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let header = FrameHeader::parse(&bytes).map_err(io::Error::other)?;
    let mut body = vec![0; header.len as usize];
    stream.read_exact(&mut body)?;
    Ok(Some(Frame { header, body }))
}

/// A program that is connected.
struct Program {
    process: Process,
    handle: Option<Handle>,
    calls: Arc<Calls>,
}

/// The calls under way, and where their answers go.
struct Calls {
    answers: Mutex<Sender<Vec<u8>>>,
    under_way: Mutex<UnderWay>,
}

#[derive(Default)]
struct UnderWay {
    pending: HashMap<u64, Option<Pending>>,
    /// A close is answered once every call has been.
    close: Option<(u64, NtStatus)>,
}

impl Calls {
    /// Queues an answer. It is lost when the program is gone.
    fn answer(&self, id: u64, reply: &Reply<'_>) {
        let encoded = reply.encode(id);
        debug_assert!(encoded.is_some(), "requests are limited so that answers fit");
        if let Some(encoded) = encoded {
            let _ = lock(&self.answers).send([encoded.head(), encoded.tail].concat());
        }
    }

    /// A call is over: it is answered, and after the last one the close that waits.
    fn finish(&self, id: u64, completion: &Completion) {
        let reply = Reply {
            status: completion.nt_status(),
            information: completion.information as u64,
            data: &completion.data,
        };
        let mut under_way = lock(&self.under_way);
        // The program may use the number again once it has the answer; a close is answered after it.
        under_way.pending.remove(&id);
        self.answer(id, &reply);
        self.close_if_idle(&mut under_way);
    }

    fn close_if_idle(&self, under_way: &mut UnderWay) {
        if under_way.pending.is_empty()
            && let Some((id, status)) = under_way.close.take()
        {
            self.answer(id, &Reply::of(status));
        }
    }
}

/// The program sent what none sends.
struct Malformed;

impl Program {
    fn new(stream: &UnixStream, answers: Sender<Vec<u8>>) -> Self {
        let (pid, administrator) = who(stream);
        let calls = Calls { answers: Mutex::new(answers), under_way: Mutex::default() };
        Self { process: Process::new(&format!("program {pid}"), administrator), handle: None, calls: Arc::new(calls) }
    }

    /// Makes the call that a message asks for.
    fn call(&mut self, frame: &Frame) -> Result<(), Malformed> {
        let id = frame.header.id;
        let request = Request::parse(frame.header.kind, &frame.body).map_err(|_| Malformed)?;
        match request {
            Request::Open { name } => {
                let status = self.open(name);
                self.calls.answer(id, &Reply::of(status));
            }
            Request::Close => self.close(id),
            Request::Ioctl { code, output_len, input } => {
                self.start(id, output_len, |handle| handle.ioctl(code, input, output_len as usize))?;
            }
            Request::Read { len } => self.start(id, len, |handle| handle.read(len as usize))?,
            Request::Cancel => {
                let pending = lock(&self.calls.under_way).pending.get(&id).cloned().flatten();
                if let Some(pending) = pending {
                    pending.cancel();
                }
            }
        }
        Ok(())
    }

    fn open(&mut self, name: &str) -> NtStatus {
        if self.handle.is_some() {
            return status::INVALID_PARAMETER;
        }
        match self.process.open(name) {
            Ok(handle) => {
                self.handle = Some(handle);
                status::SUCCESS
            }
            Err(status) => status,
        }
    }

    fn close(&mut self, id: u64) {
        let closed = self.handle.take().is_some_and(|handle| handle.close());
        let status = if closed { status::SUCCESS } else { status::INVALID_HANDLE };
        let mut under_way = lock(&self.calls.under_way);
        under_way.close = Some((id, status));
        self.calls.close_if_idle(&mut under_way);
    }

    /// Starts a call that is answered when it completes.
    fn start(&self, id: u64, output_len: u32, call: impl FnOnce(&Handle) -> Pending) -> Result<(), Malformed> {
        let Some(handle) = &self.handle else {
            self.calls.answer(id, &Reply::of(status::INVALID_HANDLE));
            return Ok(());
        };
        // An answer carries sixteen bytes of its own.
        if output_len as usize > MAX_BODY - 16 {
            self.calls.answer(id, &Reply::of(status::INVALID_PARAMETER));
            return Ok(());
        }
        if lock(&self.calls.under_way).pending.insert(id, None).is_some() {
            return Err(Malformed);
        }
        let pending = call(handle);
        if let Some(place) = lock(&self.calls.under_way).pending.get_mut(&id) {
            *place = Some(pending.clone());
        }
        let calls = self.calls.clone();
        pending.on_completion(move |completion| calls.finish(id, completion));
        Ok(())
    }
}

/// The program's process number, and whether it may do what an administrator may.
fn who(stream: &UnixStream) -> (i32, bool) {
    let mut peer = libc::ucred { pid: 0, uid: u32::MAX, gid: u32::MAX };
    let mut len = size_of::<libc::ucred>() as libc::socklen_t;
    let (level, option) = (libc::SOL_SOCKET, libc::SO_PEERCRED);
    // SAFETY: the option's value is a ucred, for which there is room.
    let result = unsafe { libc::getsockopt(stream.as_raw_fd(), level, option, (&raw mut peer).cast(), &raw mut len) };
    // SAFETY: it has no arguments and cannot fail.
    let own = unsafe { libc::geteuid() };
    (peer.pid, result == 0 && (peer.uid == 0 || peer.uid == own))
}
