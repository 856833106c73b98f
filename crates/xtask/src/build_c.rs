//! `cargo xtask build-c`: the small filters in C that the lab is tested with.
//!
//! Each `tests/filters/NAME.c` is a driver of its own, and each `tests/filters/breakers/NAME.c` is two: `NAME.broken`,
//! which breaks a rule, and `NAME.sound`, which does the same work as the rule wants it; those of `tests/filters/races` break
//! it only in some order of events. Each `tests/filters/wdm/NAME.c` is a filter of the kind that others write, with a WDM
//! device and what the WDK's headers have inline, each `tests/filters/kmdf/NAME.c` one with a control device by KMDF. Those
//! of `tests/filters/field` are built by `cargo xtask field`, each sound and broken in every way that it lists. All are
//! compiled against declarations made from the ABI facts and share no binding with the driver or the lab.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::arch::Arch;
use crate::wdk::{self, run};
use crate::{paths, setup};

/// Makes `target/driver/x64/filters/NAME.{sys,map,pdb}` of each source, with `broken` or `sound` behind the name where
/// it is a breaker.
pub fn run_alone() -> Result<()> {
    setup::run()?;
    wdk::prepare(Arch::X64)?;
    all()
}

/// The same, where the import libraries are there already.
pub fn all() -> Result<()> {
    let folder = folder();
    let [breakers, races, wdm, kmdf] = ["breakers", "races", "wdm", "kmdf"].map(|name| folder.join(name));
    let shared = shared_by(&[&breakers, &wdm, &kmdf])?;

    let mut jobs = Vec::new();
    for source in paths::files_in(&folder, "c")? {
        jobs.push(Job::new(source, "sys", None));
    }
    for source in [paths::files_in(&breakers, "c")?, paths::files_in(&races, "c")?].concat() {
        jobs.push(Job::new(source.clone(), "broken.sys", Some("BROKEN=1".to_owned())));
        jobs.push(Job::new(source, "sound.sys", Some("BROKEN=0".to_owned())));
    }
    for source in [paths::files_in(&wdm, "c")?, paths::files_in(&kmdf, "c")?].concat() {
        jobs.push(Job::new(source, "sys", None));
    }
    let mut made = 0;
    for job in jobs {
        made += usize::from(job.build_where_stale(&shared)?);
    }
    if made > 0 {
        println!("built {made} filters in {}", output().display());
    }
    Ok(())
}

/// What is built for a filter of the field, with a way to break a rule or `SOUND`, where it is not there yet.
pub struct Field {
    shared: Vec<PathBuf>,
}

impl Field {
    /// The sources' folder.
    pub fn folder() -> PathBuf {
        folder().join("field")
    }

    /// What all of them need.
    pub fn prepare() -> Result<Self> {
        let [breakers, wdm] = ["breakers", "wdm"].map(|name| folder().join(name));
        Ok(Self { shared: shared_by(&[&Self::folder(), &breakers, &wdm])? })
    }

    /// Builds one: the image.
    pub fn build(&self, source: &Path, fault: &str) -> Result<PathBuf> {
        let name = Path::new("field").join(source.file_stem().unwrap_or_default());
        let image = output().join(name.with_extension(format!("{fault}.sys")));
        let job = Job { source: source.to_owned(), image, define: Some(format!("FAULT={fault}")) };
        job.build_where_stale(&self.shared)?;
        Ok(job.image)
    }
}

fn folder() -> PathBuf {
    paths::root().join("tests/filters")
}

/// What sources of these folders include and link: their headers and those of all filters, the filter that most start from,
/// and the import libraries.
fn shared_by(folders: &[&Path]) -> Result<Vec<PathBuf>> {
    let mut shared = vec![folder().join("passthru.c")];
    shared.extend(paths::files_in(&folder().join("include"), "h")?);
    for folder in folders {
        shared.extend(paths::files_in(folder, "h")?);
    }
    shared.extend(libraries());
    shared.extend(wdm_libraries()?);
    Ok(shared)
}

/// Where they are.
pub fn output() -> PathBuf {
    paths::root().join("target/driver/x64/filters")
}

fn libraries() -> [PathBuf; 3] {
    ["ntoskrnl.lib", "ndis.lib", "WdfLdr.lib"].map(|name| wdk::library_folder(Arch::X64).join(name))
}

/// The libraries of what the WDM filters import besides: one for each list of names, made where that has changed.
fn wdm_libraries() -> Result<Vec<PathBuf>> {
    let lists = paths::files_in(&paths::root().join("tests/filters/wdm"), "def")?;
    lists.iter().map(|list| import_library(list)).collect()
}

/// Makes the library of a list of names.
fn import_library(definition: &Path) -> Result<PathBuf> {
    let library = output().join(definition.file_stem().unwrap_or_default()).with_extension("lib");
    if !paths::is_fresh(&library, &[definition.to_owned()])? {
        paths::create_parent(&library)?;
        let mut dlltool = Command::new("llvm-dlltool-19");
        dlltool.args(["-m", Arch::X64.dlltool_machine(), "-d"]).arg(definition).arg("-l").arg(&library);
        run(&mut dlltool)?;
    }
    Ok(library)
}

/// A driver to build.
struct Job {
    source: PathBuf,
    image: PathBuf,
    define: Option<String>,
}

impl Job {
    fn new(source: PathBuf, extension: &str, define: Option<String>) -> Self {
        let image = output().join(source.file_stem().unwrap_or_default()).with_extension(extension);
        Self { source, image, define }
    }

    /// Builds it, unless the image is newer than the source and what it shares with others: whether it was built.
    fn build_where_stale(&self, shared: &[PathBuf]) -> Result<bool> {
        let inputs = [shared, std::slice::from_ref(&self.source)].concat();
        let is_stale = !paths::is_fresh(&self.image, &inputs)?;
        if is_stale {
            self.build()?;
        }
        Ok(is_stale)
    }

    fn build(&self) -> Result<()> {
        paths::create_parent(&self.image)?;
        let object = self.image.with_extension("obj");
        let mut clang = Command::new("clang-19");
        clang.arg(format!("--target={}", Arch::X64.triple()));
        clang.args(["-std=c17", "-ffreestanding", "-fms-extensions", "-O2", "-g", "-gcodeview", "-c"]);
        // As Microsoft's compiler does for every function, so that exceptions can be unwound through each.
        clang.arg("-fasynchronous-unwind-tables");
        clang.args(["-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", "-Wno-microsoft"]);
        clang.args(self.define.iter().map(|define| format!("-D{define}")));
        clang.arg("-I").arg(paths::root().join("tests/filters/include"));
        run(clang.arg(&self.source).arg("-o").arg(&object))?;

        let mut link = Command::new("lld-link-19");
        link.args(["/driver", "/subsystem:native", "/entry:DriverEntry", "/nodefaultlib"]);
        link.args(["/dynamicbase", "/nxcompat", "/debug", "/pdbaltpath:%_PDB%"]);
        link.arg(format!("/map:{}", self.image.with_extension("map").display()));
        link.arg(format!("/out:{}", self.image.display())).arg(&object).args(libraries()).args(wdm_libraries()?);
        run(&mut link)?;
        fs::remove_file(object)?;
        Ok(())
    }
}
