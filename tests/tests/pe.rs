//! The built images are what Windows loads as a driver, as far as their headers say (rule V37 and the HLK's HVCI readiness).
//!
//! Needs `cargo xtask build` and `cargo xtask build --arch arm64` to have run.

use std::path::{Path, PathBuf};

use goblin::pe::PE;
use goblin::pe::header::{COFF_MACHINE_ARM64, COFF_MACHINE_X86_64};
use goblin::pe::section_table::{IMAGE_SCN_MEM_EXECUTE, IMAGE_SCN_MEM_WRITE};

const SUBSYSTEM_NATIVE: u16 = 1;
const DYNAMIC_BASE: u16 = 0x40;
const NX_COMPAT: u16 = 0x100;

/// The DLLs that a driver of ours may import from, spelled as the import libraries spell them.
const ALLOWED_IMPORTS: &[&str] = &["ntoskrnl.exe", "NDIS.SYS", "WDFLDR.SYS"];

fn image_path(arch: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../target/driver/{arch}/nblease.sys"))
}

fn image(arch: &str) -> Vec<u8> {
    let path = image_path(arch);
    std::fs::read(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; run `cargo xtask build --arch {arch}`", path.display()))
}

/// What is wrong with the image, a line each.
fn faults(image: &[u8], machine: u16) -> Vec<String> {
    let pe = PE::parse(image).expect("an image that parses");
    let mut faults = Vec::new();
    let mut expect = |holds: bool, fault: String| {
        if !holds {
            faults.push(fault);
        }
    };

    let found = pe.header.coff_header.machine;
    expect(found == machine, format!("machine {found:#x}, not {machine:#x}"));
    let optional = pe.header.optional_header.expect("an optional header").windows_fields;
    expect(optional.subsystem == SUBSYSTEM_NATIVE, format!("subsystem {}", optional.subsystem));
    let characteristics = optional.dll_characteristics;
    expect(characteristics & DYNAMIC_BASE != 0, "no DYNAMICBASE".into());
    expect(characteristics & NX_COMPAT != 0, "no NXCOMPAT".into());

    for section in &pe.sections {
        let flags = section.characteristics;
        let is_open = flags & IMAGE_SCN_MEM_EXECUTE != 0 && flags & IMAGE_SCN_MEM_WRITE != 0;
        let name = section.name().unwrap_or("?");
        expect(!is_open, format!("section {name} is writable and executable"));
    }
    for dll in &pe.libraries {
        expect(ALLOWED_IMPORTS.contains(dll), format!("imports from {dll}"));
    }
    expect(!pe.libraries.is_empty(), "imports nothing".into());
    faults
}

#[test]
fn x64_image_is_a_driver() {
    assert_eq!(faults(&image("x64"), COFF_MACHINE_X86_64), Vec::<String>::new());
}

#[test]
fn arm64_image_is_a_driver() {
    assert_eq!(faults(&image("arm64"), COFF_MACHINE_ARM64), Vec::<String>::new());
}

/// Each thing that is checked, spoilt in the bytes of the image, is found.
#[test]
fn each_fault_is_found() {
    let sound = image("x64");
    let coff = u32::from_le_bytes(sound[0x3c..0x40].try_into().unwrap()) as usize + 4;
    let optional = coff + 20;
    let optional_size = usize::from(u16::from_le_bytes([sound[coff + 16], sound[coff + 17]]));
    let first_section = optional + optional_size;
    let import = find(&sound, b"ntoskrnl.exe\0");
    let spoil = |at: usize, bytes: &[u8]| {
        let mut image = sound.clone();
        image[at..at + bytes.len()].copy_from_slice(bytes);
        faults(&image, COFF_MACHINE_X86_64)
    };
    let flags_without = |flag: u16| {
        let flags = u16::from_le_bytes([sound[optional + 70], sound[optional + 71]]);
        (flags & !flag).to_le_bytes()
    };

    assert_eq!(faults(&sound, COFF_MACHINE_ARM64), ["machine 0x8664, not 0xaa64"]);
    assert_eq!(spoil(optional + 68, &[2, 0]), ["subsystem 2"]);
    assert_eq!(spoil(optional + 70, &flags_without(DYNAMIC_BASE)), ["no DYNAMICBASE"]);
    assert_eq!(spoil(optional + 70, &flags_without(NX_COMPAT)), ["no NXCOMPAT"]);
    let open = (IMAGE_SCN_MEM_EXECUTE | IMAGE_SCN_MEM_WRITE).to_le_bytes();
    assert_eq!(spoil(first_section + 36, &open), ["section .text is writable and executable"]);
    assert_eq!(spoil(import, b"kernel32.dll\0"), ["imports from kernel32.dll"]);
}

fn find(bytes: &[u8], pattern: &[u8]) -> usize {
    bytes.windows(pattern.len()).position(|window| window == pattern).expect("the pattern is there")
}
