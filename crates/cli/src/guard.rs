//! Keeps a capture file whole when the program is killed.
//!
//! A run of blocks is one write, but Linux ends the write of a process that is killed at the next
//! page, and so within a block. Nothing that the process does itself helps. So a second process
//! waits for its end, by a pipe whose other end closes with it, and cuts off what is not whole.
//! Windows finishes a write before it ends a process, and needs none of this.

use std::fs::OpenOptions;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Name of the subcommand that the second process runs.
pub const COMMAND: &str = "guard-file";

/// The second process, seen from the first.
pub struct Guard(Child);

impl Guard {
    /// Guards the file at `path`, which is empty. It does without where there can be no second
    /// process.
    pub fn start(path: &Path) -> Option<Self> {
        let process = Command::new(std::env::current_exe().ok()?)
            .arg(COMMAND)
            .arg(path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // What a terminal sends to the capture is not meant for it.
            .process_group(0)
            .spawn()
            .ok()?;
        let mut guard = Self(process);
        guard.grown(0);
        Some(guard)
    }

    /// Notes that the file now holds `len` bytes of whole blocks.
    pub fn grown(&mut self, len: u64) {
        if let Some(pipe) = &mut self.0.stdin {
            // Where the second process is gone, the capture goes on without.
            let _ = pipe.write_all(&len.to_le_bytes());
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// The second process: waits for the end of the first and cuts the file at `path` after its last
/// whole block.
pub fn run(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let mut pipe = io::stdin().lock();
    let mut whole = None;
    let mut len = [0; 8];
    while pipe.read_exact(&mut len).is_ok() {
        whole = Some(u64::from_le_bytes(len));
    }
    let Some(mut whole) = whole else {
        return Ok(());
    };
    let end = file.metadata()?.len();
    // Of the run that was being written, the blocks that are there are kept.
    while let Some(next) = block_end(&mut file, whole)?.filter(|&next| next <= end) {
        whole = next;
    }
    if whole < end { file.set_len(whole) } else { Ok(()) }
}

/// Where the block at `start` ends by its own length; `None` where not even that is there.
fn block_end(file: &mut (impl Read + Seek), start: u64) -> io::Result<Option<u64>> {
    let mut head = [0; 8];
    file.seek(SeekFrom::Start(start))?;
    match file.read_exact(&mut head) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        result => result?,
    }
    let [_, _, _, _, len @ ..] = head;
    let len = u64::from(u32::from_le_bytes(len));
    Ok((len != 0).then(|| start + len))
}
