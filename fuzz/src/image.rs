//! The lab's loader: whatever a file is, it is refused with a sentence or loaded. Nothing of it is run.
//!
//! The first byte says what the rest is: a file as it lies, or changes to a file that the project builds. Those are few
//! bytes that lead to the places that matter: an image is large, and most of it is code.

use std::{path::Path, sync::OnceLock};

use nblease_lab::{
    clock::Mode,
    kernel::{Kernel, one_at_a_time},
    pe::{self, image::Image},
};

use crate::cursor::Cursor;

/// Files that are changed. One that is not built counts as empty.
const FILES: &[&str] = &["nblease.sys", "filters/passthru.sys", "filters/exceptions.sys"];
/// Changes of a file.
const CHANGES: usize = 24;
/// Bytes of the headers that are worth a change.
const HEADERS: usize = 0x400;

/// Loads what the bytes are.
pub fn run(input: &[u8]) {
    let mut cursor = Cursor(input);
    let which = cursor.u8();
    match files().get(usize::from(which % 4)) {
        Some(file) => load(&changed(file, cursor)),
        None => load(cursor.0),
    }
}

fn load(file: &[u8]) {
    static KERNEL: OnceLock<&'static Kernel> = OnceLock::new();
    let _alone = one_at_a_time();
    let kernel = KERNEL.get_or_init(|| Kernel::install(Mode::Virtual, 1));
    // Code that may be written to breaks a rule, which is not what this is about.
    kernel.judge.stop_at_first(false);
    if let Ok(driver) = pe::load_bytes("fuzzed.sys", file, Vec::new()) {
        let info = kernel.driver(driver).expect("it is loaded");
        assert!((info.base..info.base + info.size).contains(&info.entry));
        pe::discard_init(driver);
        pe::unmap(driver);
    }
}

/// The files, once read.
fn files() -> &'static [Vec<u8>] {
    static READ: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    READ.get_or_init(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/driver/x64");
        FILES.iter().map(|name| std::fs::read(folder.join(name)).unwrap_or_default()).collect()
    })
}

/// A file with changes: each is a place and what is put there.
fn changed(file: &[u8], mut cursor: Cursor<'_>) -> Vec<u8> {
    let mut file = file.to_vec();
    let places = places(&file);
    for _ in 0..CHANGES {
        if cursor.is_empty() {
            break;
        }
        let start = cursor.one_of(&places);
        let at = start.saturating_add(usize::from(cursor.u16()) % HEADERS);
        let value = cursor.u32().to_le_bytes();
        let len = cursor.one_of(&[1, 2, 4, usize::MAX]);
        if len == usize::MAX {
            file.truncate(at);
        } else if let Some(there) = file.get_mut(at..at + len) {
            there.copy_from_slice(&value[..len]);
        }
    }
    file
}

/// Offsets in the file of what the loader reads: headers and directories, by the image's own words.
fn places(file: &[u8]) -> Vec<usize> {
    let mut places = vec![0];
    let u32_at = |at: usize| {
        let bytes = file.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(u32::from_le_bytes(bytes) as usize)
    };
    let Some(header) = u32_at(0x3c) else { return places };
    places.push(header);
    // The data directories of PE32+ are behind 112 bytes of optional header, the sections' table behind 240.
    let optional = header + 24;
    places.extend([optional + 112, optional + 240]);
    let Ok(image) = Image::parse(file) else { return places };
    let raw = |address: usize| {
        let section = image.sections.iter().position(|s| (s.start..s.start + s.len).contains(&address))?;
        let table = optional + 240 + section * 40;
        Some(u32_at(table + 20)? + address - u32_at(table + 12)?)
    };
    // Imports, exceptions, relocations, load configuration.
    for directory in [1, 3, 5, 10] {
        places.extend(u32_at(optional + 112 + directory * 8).filter(|at| *at != 0).and_then(raw));
    }
    places.extend(image.imports.first().and_then(|import| raw(import.slot)));
    places
}
