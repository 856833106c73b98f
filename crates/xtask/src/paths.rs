//! Where things are in the checkout, and the few file operations that the build steps share.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The checkout's root.
pub fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package).to_path_buf()
}

/// The capture that the project made of its own traffic.
pub fn own_capture() -> PathBuf {
    root().join("tests/captures/own.pcapng")
}

/// Everything that the driver's build on Linux makes for itself.
pub fn cross_target() -> PathBuf {
    root().join("target/cross")
}

/// Writes `path` and the folders above it, unless it holds `content` already: its time is what later steps go by.
///
/// Returns whether it was written.
pub fn write_if_changed(path: &Path, content: impl AsRef<[u8]>) -> Result<bool> {
    let content = content.as_ref();
    if fs::read(path).is_ok_and(|old| old == content) {
        return Ok(false);
    }
    create_parent(path)?;
    fs::write(path, content).with_context(|| format!("write {}", path.display()))?;
    Ok(true)
}

/// Makes the folders above `path`.
pub fn create_parent(path: &Path) -> Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).with_context(|| format!("create {}", parent.display()))?;
    }
    Ok(())
}

/// Whether `output` is there and no older than any of `inputs`.
pub fn is_fresh(output: &Path, inputs: &[PathBuf]) -> Result<bool> {
    let Ok(made) = fs::metadata(output).and_then(|output| output.modified()) else {
        return Ok(false);
    };
    for input in inputs {
        let changed = fs::metadata(input).and_then(|input| input.modified());
        if changed.with_context(|| format!("look at {}", input.display()))? > made {
            return Ok(false);
        }
    }
    Ok(true)
}

/// As [`files_in`], and those in the folders below.
pub fn files_below(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let mut files = files_in(folder, extension)?;
    for entry in fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(files_below(&path, extension)?);
        }
    }
    Ok(files)
}

/// The files directly in `folder` that end in `.extension`, in order of name.
pub fn files_in(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|found| found == extension) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
