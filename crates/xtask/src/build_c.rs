//! `cargo xtask build-c`: the small filters in C that the lab is tested with.
//!
//! Each `tests/filters/NAME.c` is a driver of its own, and each `tests/filters/breakers/NAME.c` is two: `NAME.broken`,
//! which breaks a rule, and `NAME.sound`, which does the same work as the rule wants it; those of `tests/filters/races` break
//! it only in some order of events. Each `tests/filters/wdm/NAME.c` is a filter of the kind that others write, with a WDM
//! device and what the WDK's headers have inline, each `tests/filters/kmdf/NAME.c` one with a control device by KMDF. Each
//! `tests/filters/field/kernel/NAME.c` is a sound one, `NAME.0`, and one for each line `BREAK n Vnn: ...` of its first
//! comment, `NAME.n`, which is broken so; the others of `tests/filters/field` are built by `cargo xtask field`. They are
//! compiled against declarations made from the ABI facts and share no binding with the driver or the lab.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

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
    let mut shared = vec![folder.join("passthru.c")];
    let kernel = Field::folder().join("kernel");
    shared.extend(shared_by(&[&breakers, &wdm, &kmdf, &kernel])?);

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
    for source in paths::files_in(&kernel, "c")? {
        for number in std::iter::once(0).chain(breaks(&source)?) {
            jobs.push(Job::of_field(&source, &number.to_string(), format!("BREAK={number}")));
        }
    }
    let mut made = 0;
    for job in jobs {
        let inputs = [shared.as_slice(), std::slice::from_ref(&job.source)].concat();
        if !paths::is_fresh(&job.image, &inputs)? {
            job.build()?;
            made += 1;
        }
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
        Ok(Self { shared: shared_by(&[&Self::folder()])? })
    }

    /// Builds one: the image.
    pub fn build(&self, source: &Path, fault: &str) -> Result<PathBuf> {
        let job = Job::of_field(source, fault, format!("FAULT={fault}"));
        let inputs = [self.shared.as_slice(), std::slice::from_ref(&job.source)].concat();
        if !paths::is_fresh(&job.image, &inputs)? {
            job.build()?;
        }
        Ok(job.image)
    }
}

fn folder() -> PathBuf {
    paths::root().join("tests/filters")
}

/// The headers of these folders and those that all filters have, and the import libraries.
fn shared_by(folders: &[&Path]) -> Result<Vec<PathBuf>> {
    let mut shared = paths::files_in(&folder().join("include"), "h")?;
    for folder in folders {
        shared.extend(paths::files_in(folder, "h")?);
    }
    shared.extend(libraries());
    shared.extend(wdm_libraries()?);
    Ok(shared)
}

/// The numbers of the ways in which a filter in the style of the field is broken, by its own comment.
fn breaks(source: &Path) -> Result<Vec<u32>> {
    let text = fs::read_to_string(source).with_context(|| source.display().to_string())?;
    let lines = text.lines().filter_map(|line| line.strip_prefix(" * BREAK ")?.split(' ').next());
    lines.map(|number| number.parse().with_context(|| format!("{}: BREAK {number}", source.display()))).collect()
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

    /// One of the variants of a filter of the field.
    fn of_field(source: &Path, variant: &str, define: String) -> Self {
        let name = Path::new("field").join(source.file_stem().unwrap_or_default());
        let image = output().join(name.with_extension(format!("{variant}.sys")));
        Self { source: source.to_owned(), image, define: Some(define) }
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
