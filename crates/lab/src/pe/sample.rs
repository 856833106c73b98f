//! A driver's file made by hand, for the lab's own tests.

use crate::memory::PAGE;

/// What goes into a driver made by hand.
pub(crate) struct Sample {
    /// Machine code of the entry point, at 0x1000.
    pub code: Vec<u8>,
    /// Functions imported from `ntoskrnl.exe`; their slots lie at 0x2000, 0x2008 and so on.
    pub imports: Vec<&'static str>,
    /// Characteristics of the code's section.
    pub code_flags: u32,
    /// The DLL's name.
    pub dll: &'static str,
}

impl Default for Sample {
    fn default() -> Self {
        Self { code: vec![0xc3], imports: Vec::new(), code_flags: 0x6000_0020, dll: "ntoskrnl.exe" }
    }
}

/// Base address that the sample is linked for.
pub(crate) const BASE: u64 = 0x1_4000_0000;

pub(crate) fn put(file: &mut [u8], at: usize, bytes: &[u8]) {
    file[at..at + bytes.len()].copy_from_slice(bytes);
}

pub(crate) fn put32(file: &mut [u8], at: usize, value: usize) {
    put(file, at, &(value as u32).to_le_bytes());
}

impl Sample {
    /// The file: headers, `.text` at 0x1000, `.data` with imports at 0x2000 and a pointer to the code at 0x2f00,
    /// `.reloc` at 0x3000 with a relocation for that pointer. Offsets in the file equal those in the image.
    pub fn file(&self) -> Vec<u8> {
        let mut file = vec![0; 0x4000];
        put(&mut file, 0, b"MZ");
        put32(&mut file, 0x3c, 0x80);
        put(&mut file, 0x80, b"PE\0\0");
        put(&mut file, 0x84, &0x8664_u16.to_le_bytes());
        put(&mut file, 0x86, &3_u16.to_le_bytes());
        put(&mut file, 0x94, &240_u16.to_le_bytes());
        put(&mut file, 0x96, &0x22_u16.to_le_bytes());
        let optional = 0x98;
        put(&mut file, optional, &0x20b_u16.to_le_bytes());
        put32(&mut file, optional + 16, 0x1000);
        put(&mut file, optional + 24, &BASE.to_le_bytes());
        put32(&mut file, optional + 32, PAGE);
        put32(&mut file, optional + 36, PAGE);
        put32(&mut file, optional + 56, 0x4000);
        put32(&mut file, optional + 60, 0x1000);
        put(&mut file, optional + 68, &1_u16.to_le_bytes());
        put32(&mut file, optional + 108, 16);
        put32(&mut file, optional + 112 + 8, if self.imports.is_empty() { 0 } else { 0x2800 });
        put32(&mut file, optional + 112 + 12, if self.imports.is_empty() { 0 } else { 40 });
        put32(&mut file, optional + 112 + 40, 0x3000);
        put32(&mut file, optional + 112 + 44, 12);
        let sections = [(".text", self.code_flags), (".data", 0xc000_0040), (".reloc", 0x4200_0040)];
        for (index, (name, flags)) in sections.into_iter().enumerate() {
            let at = optional + 240 + index * 40;
            let start = (index + 1) * PAGE;
            put(&mut file, at, name.as_bytes());
            for (field, value) in [(8, PAGE), (12, start), (16, PAGE), (20, start), (36, flags as usize)] {
                put32(&mut file, at + field, value);
            }
        }
        put(&mut file, 0x1000, &self.code);
        put(&mut file, 0x2f00, &(BASE + 0x1000).to_le_bytes());
        self.put_imports(&mut file);
        for (at, value) in [(0x3000, 0x2000), (0x3004, 12), (0x3008, 0xaf00)] {
            put32(&mut file, at, value);
        }
        file
    }

    fn put_imports(&self, file: &mut [u8]) {
        put32(file, 0x2800, 0x2400);
        put32(file, 0x280c, 0x2900);
        put32(file, 0x2810, 0x2000);
        put(file, 0x2900, self.dll.as_bytes());
        for (index, name) in self.imports.iter().enumerate() {
            let at = 0x2a00 + index * 64;
            put(file, at + 2, name.as_bytes());
            for table in [0x2400, 0x2000] {
                put(file, table + index * 8, &(at as u64).to_le_bytes());
            }
        }
    }
}
