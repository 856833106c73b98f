//! The workspace that the driver is built in on Linux: the project's own sources, with a lock file of its own.
//!
//! The committed Cargo.lock is the one that Windows uses, and patching wdk-build would change it. So the driver and
//! the crates that it uses are linked into a folder under `target/`, whose manifest is the project's with the patches
//! added and whose lock file starts as the committed one.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use toml::{Table, Value};

use crate::paths::{self, write_if_changed};
use crate::wdk;

/// The members that the driver is built from.
const MEMBERS: &[&str] = &["crates/abi", "crates/engine", "crates/ndis", "crates/wdf"];

/// What the driver's library is called where its sources are changed: both are built into one target folder.
pub const CHANGED: &str = "changed";

/// Makes or updates the workspace; returns its folder.
pub fn prepare() -> Result<PathBuf> {
    let workspace = paths::cross_target().join("workspace");
    fs::create_dir_all(&workspace).with_context(|| format!("create {}", workspace.display()))?;
    link(&paths::root().join("src"), &workspace.join("src"))?;
    fill(&workspace, &manifest()?)?;
    Ok(workspace)
}

/// The same beside it, with the source `file` (of `src/`) changed to `content` and the library called [`CHANGED`].
pub fn prepare_changed(file: &str, content: &str) -> Result<PathBuf> {
    let workspace = paths::cross_target().join(CHANGED);
    let (sources, copies) = (paths::root().join("src"), workspace.join("src"));
    ensure!(sources.join(file).exists(), "src/ has no {file}");
    for source in paths::files_below(&sources, "rs")? {
        let name = source.strip_prefix(&sources)?;
        let content = if name == Path::new(file) { content.into() } else { fs::read(&source)? };
        write_if_changed(&copies.join(name), content)?;
    }
    let mut manifest = manifest()?;
    let library = manifest.get_mut("lib").and_then(Value::as_table_mut).context("Cargo.toml has no [lib]")?;
    library.insert("name".into(), CHANGED.into());
    fill(&workspace, &manifest)?;
    Ok(workspace)
}

/// The target folder of both.
pub fn target() -> PathBuf {
    paths::cross_target().join("workspace/target")
}

/// The driver's manifest, as that of a workspace of only what the driver is built from, with the patches.
fn manifest() -> Result<Table> {
    let root = paths::root();
    let patch = wdk::patched_wdk_build(&registry_wdk_build(&root)?)?;
    let mut manifest: Table = fs::read_to_string(root.join("Cargo.toml"))?.parse()?;
    let members = MEMBERS.iter().map(|member| Value::from(*member)).collect::<Vec<_>>();
    let settings =
        manifest.get_mut("workspace").and_then(Value::as_table_mut).context("Cargo.toml has no [workspace]")?;
    settings.insert("members".into(), Value::Array(members));
    settings.remove("default-members");
    settings.remove("exclude");
    // It names packages that are not there.
    manifest.get_mut("profile").and_then(Value::as_table_mut).context("Cargo.toml has no profiles")?.remove("dev");
    manifest.insert("patch".into(), Value::Table(patches(&root, &patch)?));
    Ok(manifest)
}

/// Puts into a workspace what is there besides `src`.
fn fill(workspace: &Path, manifest: &Table) -> Result<()> {
    let root = paths::root();
    for name in ["build.rs", "crates"] {
        link(&root.join(name), &workspace.join(name))?;
    }
    write_if_changed(&workspace.join("Cargo.toml"), toml::to_string(manifest)?)?;

    // Cargo then takes away what the driver does not use and notes the patches; so the seed is kept to compare with.
    let lock = fs::read(root.join("Cargo.lock"))?;
    if write_if_changed(&workspace.join("Cargo.lock.seed"), &lock)? {
        fs::write(workspace.join("Cargo.lock"), &lock)?;
    }
    Ok(())
}

fn link(to: &Path, at: &Path) -> Result<()> {
    if fs::read_link(at).is_ok_and(|found| found == to) {
        return Ok(());
    }
    if at.is_symlink() {
        fs::remove_file(at)?;
    }
    symlink(to, at).with_context(|| format!("link {} to {}", at.display(), to.display()))
}

fn patches(root: &Path, wdk_build: &Path) -> Result<Table> {
    let mut crates = Table::new();
    for (name, path) in [("wdk-build", wdk_build), ("windows", &root.join("cross/windows"))] {
        let path = path.to_str().context("the checkout's path is not UTF-8")?;
        crates.insert(name.into(), Value::Table(Table::from_iter([("path".to_owned(), Value::from(path))])));
    }
    Ok(Table::from_iter([("crates-io".to_owned(), Value::Table(crates))]))
}

/// Where cargo keeps the source of the wdk-build that the lock file names.
///
/// Cargo is asked only where its last answer no longer holds, since it takes a while.
fn registry_wdk_build(root: &Path) -> Result<PathBuf> {
    let version = locked_version(root, "wdk-build")?;
    let answer = paths::cross_target().join(format!("wdk-build-{version}.path"));
    if let Ok(known) = fs::read_to_string(&answer)
        && Path::new(&known).join("Cargo.toml").exists()
    {
        return Ok(known.into());
    }
    let output =
        Command::new("cargo").current_dir(root).args(["metadata", "--format-version=1", "--locked"]).output()?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    let package =
        packages.iter().find(|package| package["name"] == "wdk-build").context("wdk-build is no dependency")?;
    let manifest = Path::new(package["manifest_path"].as_str().context("wdk-build has no manifest")?);
    let folder = manifest.parent().context("a manifest is in a folder")?;
    write_if_changed(&answer, folder.as_os_str().as_encoded_bytes())?;
    Ok(folder.into())
}

fn locked_version(root: &Path, name: &str) -> Result<String> {
    let lock: Table = fs::read_to_string(root.join("Cargo.lock"))?.parse()?;
    let packages = lock.get("package").and_then(Value::as_array).context("Cargo.lock has no packages")?;
    let package = packages.iter().find(|package| package["name"].as_str() == Some(name));
    let version = package.and_then(|package| package["version"].as_str());
    Ok(version.with_context(|| format!("Cargo.lock has no {name}"))?.to_owned())
}
