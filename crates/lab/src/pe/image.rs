//! A driver's file read into the image that Windows would make of it: sections in place, what to relocate, what to
//! import. Nothing is mapped here and nothing is trusted: any file is refused with a sentence or read.

use anyhow::{Context as _, Result, bail, ensure};
use goblin::pe::{header::Header, section_table::SectionTable};

pub use super::load_config::LoadConfig;
use crate::memory::{PAGE, Protection};

/// Larger images are refused; a driver has a few hundred kilobytes.
const MAX_IMAGE: usize = 64 << 20;
/// More imports are refused: a driver has a few hundred, and tables that overlap could list any number.
const MAX_IMPORTS: usize = 16 << 10;
const MACHINE_X64: u16 = 0x8664;
const PE32_PLUS: u16 = 0x20b;
/// `IMAGE_SUBSYSTEM_NATIVE`.
const NATIVE: u16 = 1;

// `IMAGE_SCN_*`
const EXECUTABLE: u32 = 0x2000_0000;
const WRITABLE: u32 = 0x8000_0000;
const DISCARDABLE: u32 = 0x0200_0000;

// `IMAGE_REL_BASED_*`
const ABSOLUTE: u16 = 0;
const DIR64: u16 = 10;

/// `IMAGE_FILE_RELOCS_STRIPPED`.
const RELOCATIONS_STRIPPED: u16 = 1;

/// `IMAGE_FILE_MACHINE_*`, in words.
fn machine_name(machine: u16) -> String {
    match machine {
        0x14c => "32-bit x86".to_owned(),
        0xaa64 => "ARM64".to_owned(),
        0x1c4 => "32-bit ARM".to_owned(),
        other => format!("the machine {other:#x}"),
    }
}

/// A section of the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// `.text`, `INIT`.
    pub name: String,
    /// Offset in the image, page-aligned.
    pub start: usize,
    /// Bytes, whole pages.
    pub len: usize,
    /// Code runs in it.
    pub executable: bool,
    /// It may be written.
    pub writable: bool,
    /// Windows throws it away after `DriverEntry`.
    pub discardable: bool,
}

impl Section {
    /// Windows may page it out: what `alloc_text` and `code_seg` name so.
    pub fn is_pageable(&self) -> bool {
        self.name.starts_with("PAGE") && !self.discardable
    }

    /// What may be done with it.
    pub fn protection(&self) -> Protection {
        match (self.executable, self.writable) {
            (true, _) => Protection::ReadExecute,
            (false, true) => Protection::ReadWrite,
            (false, false) => Protection::Read,
        }
    }
}

/// A function or datum to be bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// `ntoskrnl.exe`.
    pub dll: String,
    /// `ExAllocatePool2`.
    pub function: String,
    /// Offset in the image of the pointer to fill.
    pub slot: usize,
}

/// An image before it is mapped.
#[derive(Clone, Debug)]
pub struct Image {
    /// The image's bytes, sections in place; whole pages.
    pub bytes: Vec<u8>,
    /// The address that it was linked for.
    pub base: u64,
    /// Offset of the entry point.
    pub entry: usize,
    /// In order of their offsets.
    pub sections: Vec<Section>,
    /// Offsets of the 8-byte addresses to relocate.
    pub relocations: Vec<usize>,
    /// What to bind.
    pub imports: Vec<Import>,
    /// Offset and bytes of the table of functions (`.pdata`), by which exceptions are unwound.
    pub functions: (usize, usize),
    /// What the load configuration asks the loader to fill.
    pub load_config: LoadConfig,
}

impl Image {
    /// Reads a file.
    pub fn parse(file: &[u8]) -> Result<Self> {
        let header = Header::parse(file).context("the headers of a Windows executable")?;
        let machine = header.coff_header.machine;
        ensure!(machine == MACHINE_X64, "the driver is for {}, not for x64", machine_name(machine));
        let optional = header.optional_header.context("the file has no optional header")?;
        ensure!(optional.standard_fields.magic == PE32_PLUS, "the file is not PE32+");
        let fields = optional.windows_fields;
        ensure!(fields.subsystem == NATIVE, "subsystem {} is not native: the file is no driver", fields.subsystem);
        let alignment = fields.section_alignment as usize;
        ensure!(alignment.is_power_of_two() && alignment >= PAGE, "sections are aligned to {alignment}, not to pages");
        let fixed = header.coff_header.characteristics & RELOCATIONS_STRIPPED != 0;
        ensure!(!fixed, "the file has no relocations (linked with /FIXED): it cannot lie where Windows puts it");
        let size = (fields.size_of_image as usize).next_multiple_of(PAGE);
        ensure!((PAGE..=MAX_IMAGE).contains(&size), "an image of {size} bytes is out of range");

        let mut bytes = vec![0; size];
        let headers = fields.size_of_headers as usize;
        place(&mut bytes, 0, file, 0, headers).context("the headers")?;
        let tables = section_tables(&header, file)?;
        let sections = place_sections(&mut bytes, file, &tables)?;

        let directories = optional.data_directories;
        let directory = |found: Option<&goblin::pe::data_directories::DataDirectory>| {
            found.map_or((0, 0), |d| (d.virtual_address as usize, d.size as usize))
        };
        let (imports_at, imports_len) = directory(directories.get_import_table());
        let (relocations_at, relocations_len) = directory(directories.get_base_relocation_table());
        let functions = directory(directories.get_exception_table());
        ensure!(
            functions.0.saturating_add(functions.1) <= bytes.len(),
            "the table of functions lies outside the image"
        );
        let (config_at, config_len) = directory(directories.get_load_config_table());
        let load_config = LoadConfig::read(&bytes, config_at, config_len, fields.image_base);
        let reader = Reader { bytes: &bytes };
        let imports = if imports_len == 0 { Vec::new() } else { reader.imports(imports_at)? };
        let relocations = reader.relocations(relocations_at, relocations_len)?;
        let entry = optional.standard_fields.address_of_entry_point as usize;
        let in_code = sections.iter().any(|s| s.executable && (s.start..s.start + s.len).contains(&entry));
        ensure!(in_code, "the entry point {entry:#x} lies in no executable section");
        Ok(Self { base: fields.image_base, entry, sections, relocations, imports, functions, load_config, bytes })
    }
}

fn section_tables(header: &Header<'_>, file: &[u8]) -> Result<Vec<SectionTable>> {
    let coff = &header.coff_header;
    // The signature and the COFF header precede the optional header.
    let optional = header.dos_header.pe_pointer as usize + 4 + 20;
    let mut offset = optional + coff.size_of_optional_header as usize;
    coff.sections(file, &mut offset).context("the section table")
}

fn place_sections(bytes: &mut [u8], file: &[u8], tables: &[SectionTable]) -> Result<Vec<Section>> {
    let mut sections: Vec<Section> = Vec::new();
    for table in tables {
        let name = String::from_utf8_lossy(&table.name).trim_end_matches('\0').to_owned();
        let start = table.virtual_address as usize;
        let (virtual_size, raw_size) = (table.virtual_size as usize, table.size_of_raw_data as usize);
        let len = if virtual_size == 0 { raw_size } else { virtual_size }.next_multiple_of(PAGE);
        let after = sections.last().map_or(PAGE, |s| s.start + s.len);
        ensure!(start.is_multiple_of(PAGE) && start >= after, "section {name} lies at {start:#x}, before {after:#x}");
        ensure!(start + len <= bytes.len(), "section {name} ends at {:#x}, beyond the image", start + len);
        place(bytes, start, file, table.pointer_to_raw_data as usize, raw_size.min(len))
            .with_context(|| format!("section {name}"))?;
        let is = |flag| table.characteristics & flag != 0;
        let (executable, writable) = (is(EXECUTABLE), is(WRITABLE));
        sections.push(Section { name, start, len, executable, writable, discardable: is(DISCARDABLE) });
    }
    Ok(sections)
}

fn place(image: &mut [u8], to: usize, file: &[u8], from: usize, len: usize) -> Result<()> {
    let source = file.get(from..from.saturating_add(len)).context("is cut off in the file")?;
    let target = image.get_mut(to..to + len).context("does not fit the image")?;
    target.copy_from_slice(source);
    Ok(())
}

/// Reads numbers and names at offsets of the image.
struct Reader<'a> {
    bytes: &'a [u8],
}

impl Reader<'_> {
    fn array<const N: usize>(&self, at: usize) -> Result<[u8; N]> {
        let bytes = self.bytes.get(at..at.saturating_add(N)).and_then(|bytes| bytes.try_into().ok());
        bytes.with_context(|| format!("offset {at:#x} lies outside the image"))
    }

    fn u16(&self, at: usize) -> Result<u16> {
        self.array(at).map(u16::from_le_bytes)
    }

    fn u32(&self, at: usize) -> Result<usize> {
        self.array(at).map(|bytes| u32::from_le_bytes(bytes) as usize)
    }

    fn u64(&self, at: usize) -> Result<u64> {
        self.array(at).map(u64::from_le_bytes)
    }

    fn name(&self, at: usize) -> Result<String> {
        let rest = self.bytes.get(at..).with_context(|| format!("a name at {at:#x}, outside the image"))?;
        let len = rest.iter().position(|byte| *byte == 0).context("a name without an end")?;
        Ok(String::from_utf8_lossy(&rest[..len]).into_owned())
    }

    /// `IMAGE_IMPORT_DESCRIPTOR`s up to the empty one, each with its table of names and its table of slots.
    fn imports(&self, at: usize) -> Result<Vec<Import>> {
        let mut imports = Vec::new();
        for descriptor in (at..).step_by(20) {
            let (names, dll, slots) = (self.u32(descriptor)?, self.u32(descriptor + 12)?, self.u32(descriptor + 16)?);
            if dll == 0 && slots == 0 {
                break;
            }
            let dll = self.name(dll)?;
            let names = if names == 0 { slots } else { names };
            for entry in 0.. {
                let name = self.u64(names + entry * 8)?;
                if name == 0 {
                    break;
                }
                let ordinal = name & 0xffff;
                ensure!(name >> 63 == 0, "{dll} by ordinal {ordinal}: the kernel's parts are imported by name");
                ensure!(imports.len() < MAX_IMPORTS, "more than {MAX_IMPORTS} imports");
                // A hint of two bytes precedes the name.
                let function = self.name(usize::try_from(name)?.saturating_add(2))?;
                imports.push(Import { dll: dll.clone(), function, slot: slots + entry * 8 });
                self.u64(slots + entry * 8)?;
            }
        }
        Ok(imports)
    }

    /// `IMAGE_BASE_RELOCATION` blocks: a page, a size, and 16-bit words of type and offset.
    fn relocations(&self, at: usize, len: usize) -> Result<Vec<usize>> {
        let mut relocations = Vec::new();
        let mut block = at;
        while block < at.saturating_add(len) {
            let (page, size) = (self.u32(block)?, self.u32(block + 4)?);
            ensure!(size >= 8, "a block of relocations of {size} bytes");
            for word in (block + 8..block + size).step_by(2) {
                let word = self.u16(word)?;
                let target = page + usize::from(word & 0xfff);
                match word >> 12 {
                    ABSOLUTE => {}
                    DIR64 => {
                        self.u64(target)?;
                        relocations.push(target);
                    }
                    other => bail!("a relocation of type {other}"),
                }
            }
            block += size;
        }
        Ok(relocations)
    }
}

#[cfg(test)]
#[path = "image_tests.rs"]
mod tests;
