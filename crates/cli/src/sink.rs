//! Where captured frames go: a pcapng file, or lines for people or programs.

use std::env::consts::OS;
use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use anyhow::{Context, Result};
use nblease_client::abi::ioctl::VersionInfo;
use nblease_client::abi::pcapng::{IsbPlan, Packet, SHB_MAX_LEN, ShbPlan};

use crate::frame::Frame;
#[cfg(unix)]
use crate::guard::Guard;

/// Takes the runs of a capture.
pub enum Sink {
    /// The driver's own bytes behind a section header.
    Pcapng(PcapngFile),
    /// A line for each frame.
    Lines(BufWriter<File>),
    /// A JSON object on a line for each frame.
    Json(BufWriter<File>),
}

/// Output of whole blocks only. What is written at once goes out at once, unbuffered, so that the
/// output ends with a whole block whenever the program does.
pub struct PcapngFile {
    file: File,
    /// Bytes of whole blocks in a file of its own; absent for a pipe, a device, or what the caller opened.
    len: Option<u64>,
    #[cfg(unix)]
    guard: Option<Guard>,
}

impl PcapngFile {
    /// Takes blocks: all of them or, where they go into a file that takes no more, none.
    fn write(&mut self, blocks: &[u8]) -> io::Result<()> {
        let written = self.file.write_all(blocks);
        if let Some(len) = &mut self.len {
            if written.is_err() {
                // A full disk may have taken some.
                self.file.set_len(*len)?;
                self.file.seek(SeekFrom::Start(*len))?;
            } else {
                *len += blocks.len() as u64;
                #[cfg(unix)]
                if let Some(guard) = &mut self.guard {
                    guard.grown(*len);
                }
            }
        }
        written
    }
}

/// Standard output without the buffer that the library keeps for it.
pub fn stdout() -> io::Result<File> {
    #[cfg(unix)]
    let own = std::os::fd::AsFd::as_fd(&io::stdout()).try_clone_to_owned()?;
    #[cfg(windows)]
    let own = std::os::windows::io::AsHandle::as_handle(&io::stdout()).try_clone_to_owned()?;
    Ok(own.into())
}

impl Sink {
    /// For `-w` and `--json`: creates the file and writes its head.
    pub fn create(path: Option<&Path>, json: bool, version: &VersionInfo) -> Result<Self> {
        let Some(path) = path else {
            let out = BufWriter::new(stdout()?);
            return Ok(if json { Self::Json(out) } else { Self::Lines(out) });
        };
        let cannot = || format!("cannot write {}", path.display());
        let is_stdout = path == Path::new("-");
        let file = if is_stdout { stdout() } else { File::create(path) }.with_context(cannot)?;
        let is_own = !is_stdout && file.metadata().with_context(cannot)?.is_file();
        let mut out = PcapngFile {
            file,
            len: is_own.then_some(0),
            #[cfg(unix)]
            guard: is_own.then(|| Guard::start(path)).flatten(),
        };
        let (major, minor) = (version.ndis_version >> 16, version.ndis_version & 0xFFFF);
        let mut head = [0; SHB_MAX_LEN];
        let len = ShbPlan {
            os: &format!("{OS}, NDIS {major}.{minor}"),
            userappl: concat!("nblease ", env!("CARGO_PKG_VERSION")),
        }
        .write(&mut head);
        out.write(head.get(..len).unwrap_or_default()).with_context(cannot)?;
        Ok(Self::Pcapng(out))
    }

    /// Takes a frame; `interface` is its interface's name.
    pub fn frame(&mut self, packet: &Packet<'_>, interface: &str) -> io::Result<()> {
        match self {
            Self::Pcapng(_) => Ok(()),
            Self::Lines(out) => writeln!(out, "{}", Frame::new(packet, interface)),
            Self::Json(out) => {
                let mut line = serde_json::to_vec(&Frame::new(packet, interface))?;
                line.push(b'\n');
                out.write_all(&line)
            }
        }
    }

    /// Takes whole blocks, whose frames it has been given before.
    pub fn blocks(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Pcapng(out) => out.write(bytes),
            Self::Lines(out) | Self::Json(out) => out.flush(),
        }
    }

    /// Takes what an interface's statistics are at the end.
    pub fn statistics(&mut self, plan: &IsbPlan) -> io::Result<()> {
        let mut block = [0; IsbPlan::MAX_LEN];
        let len = plan.write(&mut block);
        match self {
            Self::Pcapng(out) => out.write(block.get(..len).unwrap_or_default()),
            Self::Lines(_) | Self::Json(_) => Ok(()),
        }
    }
}
