//! What stands in for the WDK on Linux: a folder with the shape that wdk-build looks for.
//!
//! Headers are Debian's DDK with the overlay of `cross/include`, libraries are made here, and wdk-build itself is a
//! copy of the registry's with the four places changed that keep it from running on Linux. Upstream's sources are
//! never part of the project.

use std::ffi::OsString;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::arch::Arch;
use crate::imports;
use crate::paths::{self, is_fresh, write_if_changed};

/// wdk-build takes the newest SDK that it finds; there is one.
const SDK: &str = "10.0.22621.0";

const KMDF: &str = "1.33";

/// The folder that the environment calls `WDKContentRoot`.
pub fn content_root() -> PathBuf {
    paths::cross_target().join("wdk")
}

/// The folder of the kernel's import libraries.
pub fn library_folder(arch: Arch) -> PathBuf {
    content_root().join(format!("Lib/{SDK}/km/{}", arch.wdk_name()))
}

/// Makes headers and libraries for `arch`; says whether any library changed.
pub fn prepare(arch: Arch) -> Result<bool> {
    let include = content_root().join("Include");
    let km = include.join(SDK).join("km");
    for folder in [km.join("crt"), km.join("ufx/1.1"), include.join(SDK).join("shared")] {
        fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    }
    let ours = paths::root().join("cross/include");
    let mut headers = copy_headers(&ours.join("km"), &km)?;
    headers.extend(copy_headers(&ours.join("kmdf"), &include.join("wdf/kmdf").join(KMDF))?);

    let kernel = library_folder(arch);
    let kmdf = content_root().join(format!("Lib/wdf/kmdf/{}/{KMDF}", arch.wdk_name()));
    fs::create_dir_all(&kmdf).with_context(|| format!("create {}", kmdf.display()))?;
    let changed = imports::make(arch, &kernel)?;
    Ok(driver_entry(arch, &kmdf, headers)? || changed)
}

/// Copies headers, so that one that did not change keeps its time; returns the copies.
fn copy_headers(from: &Path, to: &Path) -> Result<Vec<PathBuf>> {
    let mut copies = Vec::new();
    for header in paths::files_in(from, "h")? {
        let copy = to.join(header.file_name().unwrap_or_default());
        write_if_changed(&copy, fs::read(&header)?)?;
        copies.push(copy);
    }
    Ok(copies)
}

/// Compiles the entry point that the WDK has as a library.
fn driver_entry(arch: Arch, folder: &Path, mut inputs: Vec<PathBuf>) -> Result<bool> {
    let library = folder.join("WdfDriverEntry.lib");
    let source = paths::root().join("cross/WdfDriverEntry.c");
    let include = content_root().join("Include");
    inputs.push(source.clone());
    if is_fresh(&library, &inputs)? {
        return Ok(false);
    }
    let object = folder.join("WdfDriverEntry.obj");
    let mut clang = Command::new("clang-19");
    clang.args(["-c", "-O2", "-DKMDF_VERSION_MAJOR=1", "-DKMDF_VERSION_MINOR=33", "-I"]);
    clang.arg(include.join(SDK).join("km")).arg("-I").arg(include.join("wdf/kmdf").join(KMDF));
    clang.args(arch.defines()).args(c_flags(arch)).arg(&source).arg("-o").arg(&object);
    run(&mut clang)?;
    let mut lib = OsString::from("/out:");
    lib.push(&library);
    run(Command::new("llvm-lib-19").arg(lib).arg(&object))?;
    Ok(true)
}

/// The flags by which wdk-sys reads the headers. A change of any header changes them, and so cargo sees it.
pub fn binding_flags(arch: Arch) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    for folder in ["km", "kmdf"] {
        for header in paths::files_in(&paths::root().join("cross/include").join(folder), "h")? {
            (header.file_name(), fs::read(&header)?).hash(&mut hasher);
        }
    }
    Ok(format!("{} -DCROSS_HEADERS={:x}", c_flags(arch).join(" "), hasher.finish()))
}

/// How clang reads Debian's DDK headers, which are made for gcc, for the layout that Microsoft's compiler gives them.
fn c_flags(arch: Arch) -> Vec<String> {
    let mut flags = vec![format!("--target={}", arch.triple())];
    flags.extend(
        [
            "-fms-extensions",
            "-fno-ms-compatibility",
            "-fms-compatibility-version=0",
            "-fgnuc-version=8.0.0",
            "-D__MINGW32__",
            "-D__MINGW64__",
            "-Wno-everything",
        ]
        .map(String::from),
    );
    for folder in
        ["/usr/lib/llvm-19/lib/clang/19/include", "/usr/share/mingw-w64/include", "/usr/share/mingw-w64/include/ddk"]
    {
        flags.extend(["-isystem".to_owned(), folder.to_owned()]);
    }
    flags
}

/// Copies wdk-build out of cargo's registry with its four changes; returns the copy.
pub fn patched_wdk_build(original: &Path) -> Result<PathBuf> {
    let copy = paths::cross_target().join("wdk-build");
    for file in ["Cargo.toml", "build.rs", "src/bindgen.rs", "src/lib.rs"] {
        write_if_changed(&copy.join(file), fs::read(original.join(file))?)?;
    }
    for file in paths::files_in(&original.join("src/metadata"), "rs")? {
        write_if_changed(&copy.join("src/metadata").join(file.file_name().unwrap_or_default()), fs::read(&file)?)?;
    }
    let windows_only = "#[cfg(target_os = \"windows\")]";
    let elsewhere = "#[cfg(not(target_os = \"windows\"))]";
    let utils = fs::read_to_string(original.join("src/utils.rs"))?;
    let utils = replace(&utils, 3, windows_only, "#[cfg(unix)]")?;
    write_if_changed(&copy.join("src/utils.rs"), replace(&utils, 2, elsewhere, "#[cfg(not(unix))]")?)?;
    let make = fs::read_to_string(original.join("src/cargo_make.rs"))?;
    let make = replace(&make, 2, "std::os::windows::fs::symlink_file", "std::os::unix::fs::symlink")?;
    write_if_changed(&copy.join("src/cargo_make.rs"), make)?;
    Ok(copy)
}

fn replace(text: &str, times: usize, old: &str, new: &str) -> Result<String> {
    let found = text.matches(old).count();
    ensure!(found == times, "wdk-build has changed: `{old}` is there {found} times, not {times}");
    Ok(text.replace(old, new))
}

/// Runs a tool that says nothing unless it fails.
pub fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("run {}", command.get_program().display()))?;
    ensure!(
        output.status.success(),
        "{} failed: {}{}",
        command.get_program().display(),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
