//! TAP devices: an Ethernet interface of a network namespace whose other end is the lab.

use std::{
    ffi::CString,
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    os::fd::AsRawFd,
    thread,
};

use anyhow::{Context, Result, bail};

/// Most bytes of a frame that the kernel hands out: 64 KiB and the Ethernet header with two tags.
pub const MAX_FRAME: usize = 65_536 + 22;

/// One end of the wire.
#[derive(Debug)]
pub struct Tap {
    file: File,
}

impl Tap {
    /// Makes the interface `name` in the network namespace `namespace` (a name under /run/netns), or in the present one
    /// where it is empty. The interface goes when this is dropped.
    ///
    /// # Errors
    /// Without the rights to (root, or CAP_NET_ADMIN), or where there is such an interface or no such namespace.
    pub fn create(namespace: &str, name: &str) -> Result<Self> {
        let (namespace, name) = (namespace.to_owned(), name.to_owned());
        // A thread of its own: a thread belongs to one namespace, and this one ends there.
        let made = thread::spawn(move || -> Result<File> {
            if !namespace.is_empty() {
                enter(&namespace)?;
            }
            open(&name)
        });
        match made.join() {
            Ok(file) => Ok(Self { file: file? }),
            Err(_) => bail!("the thread that makes a TAP device ended"),
        }
    }

    /// Waits up to `timeout_ms` for a frame that the interface sends, and reads it into `buffer`. Nothing after that
    /// time.
    pub fn read(&self, buffer: &mut [u8; MAX_FRAME], timeout_ms: i32) -> io::Result<Option<usize>> {
        let mut ready = libc::pollfd { fd: self.file.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one descriptor, and it is open.
        let count = unsafe { libc::poll(&raw mut ready, 1, timeout_ms) };
        match count {
            0 => Ok(None),
            1.. => self.read_now(buffer),
            _ => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::Interrupted => Ok(None),
                error => Err(error),
            },
        }
    }

    /// Reads a frame that is there already; nothing where there is none.
    pub fn read_now(&self, buffer: &mut [u8; MAX_FRAME]) -> io::Result<Option<usize>> {
        match (&self.file).read(buffer) {
            Ok(len) => Ok(Some(len)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Gives a frame to the interface, which receives it. One that it refuses (it is down) is lost, as on a wire.
    pub fn write(&self, frame: &[u8]) -> io::Result<()> {
        match (&self.file).write(frame) {
            Ok(_) => Ok(()),
            Err(error) if error.raw_os_error() == Some(libc::EIO) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Moves this thread into a namespace.
fn enter(namespace: &str) -> Result<()> {
    let path = format!("/run/netns/{namespace}");
    let file = File::open(&path).with_context(|| path.clone())?;
    // SAFETY: an open descriptor; the thread has not been used for anything else.
    let result = unsafe { libc::setns(file.as_raw_fd(), libc::CLONE_NEWNET) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()).with_context(|| path) }
}

/// Opens the interface without packet information before each frame, and so that reads do not wait.
fn open(name: &str) -> Result<File> {
    let device = OpenOptions::new().read(true).write(true).open("/dev/net/tun").context("/dev/net/tun")?;
    // SAFETY: a structure of integers and bytes.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    let terminated = CString::new(name)?;
    let bytes = terminated.as_bytes_with_nul();
    anyhow::ensure!(bytes.len() <= request.ifr_name.len(), "{name}: an interface's name is shorter");
    for (to, from) in request.ifr_name.iter_mut().zip(bytes) {
        *to = from.cast_signed();
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_TAP | libc::IFF_NO_PI) as libc::c_short;
    // SAFETY: the descriptor is open, the structure is the one that the call takes.
    let result = unsafe { libc::ioctl(device.as_raw_fd(), libc::TUNSETIFF, &raw mut request) };
    if result != 0 {
        return Err(io::Error::last_os_error()).with_context(|| format!("TAP device {name}"));
    }
    // SAFETY: the descriptor is open.
    let result = unsafe { libc::fcntl(device.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) };
    if result != 0 {
        return Err(io::Error::last_os_error()).context("TAP device");
    }
    Ok(device)
}
