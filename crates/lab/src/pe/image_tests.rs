use proptest::prelude::*;

use super::*;
use crate::pe::sample::{BASE, Sample, put, put32};

#[test]
fn a_driver_is_read() {
    let sample = Sample { imports: vec!["DbgPrint", "ExFreePool"], ..Sample::default() };
    let image = Image::parse(&sample.file()).unwrap();
    assert_eq!((image.base, image.entry, image.bytes.len()), (BASE, 0x1000, 0x4000));
    assert_eq!(image.relocations, [0x2f00]);
    let import = |function: &str, slot| Import { dll: "ntoskrnl.exe".to_owned(), function: function.to_owned(), slot };
    assert_eq!(image.imports, [import("DbgPrint", 0x2000), import("ExFreePool", 0x2008)]);
    let flags = |s: &Section| (s.name.clone(), s.start, s.len, s.executable, s.writable, s.discardable);
    let sections: Vec<_> = image.sections.iter().map(flags).collect();
    let expected = [
        (".text".to_owned(), 0x1000, PAGE, true, false, false),
        (".data".to_owned(), 0x2000, PAGE, false, true, false),
        (".reloc".to_owned(), 0x3000, PAGE, false, false, true),
    ];
    assert_eq!(sections, expected);
}

#[test]
fn what_is_no_driver_for_x64_is_refused() {
    let refused = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut file = Sample::default().file();
        change(&mut file);
        format!("{:#}", Image::parse(&file).unwrap_err())
    };
    assert!(refused(&|f| put(f, 0x84, &0xaa64_u16.to_le_bytes())).contains("for ARM64, not for x64"));
    assert!(refused(&|f| put(f, 0x84, &0x14c_u16.to_le_bytes())).contains("for 32-bit x86, not for x64"));
    assert!(refused(&|f| put(f, 0x96, &0x23_u16.to_le_bytes())).contains("no relocations"));
    assert!(refused(&|f| put32(f, 0x98 + 32, 0x80)).contains("aligned to 128"));
    assert!(refused(&|f| put(f, 0x98 + 68, &3_u16.to_le_bytes())).contains("not native"));
    assert!(refused(&|f| put32(f, 0x98 + 16, 0x2000)).contains("no executable section"));
    assert!(refused(&|f| put32(f, 0x98 + 56, 0x7fff_ffff)).contains("out of range"));
    assert!(refused(&|f| f.truncate(0x2800)).contains("cut off"));
    assert!(refused(&|f| put32(f, 0x3008, 0x3f00)).contains("relocation of type 3"));
    assert!(refused(&|f| put32(f, 0x98 + 240 + 40 + 12, 0x1000)).contains("before 0x2000"));
}

#[test]
fn tables_of_imports_that_overlap_do_not_grow_without_end() {
    let mut file = Sample { imports: vec!["DbgPrint"], ..Sample::default() }.file();
    // Descriptors of which each names the same long table.
    for entry in (0x2000..0x27f8).step_by(8) {
        put(&mut file, entry, &0x2a00_u64.to_le_bytes());
    }
    for descriptor in (0x2900..0x2f00).step_by(20) {
        for (field, value) in [(0, 0x2000), (12, 0x2850), (16, 0x2000)] {
            put32(&mut file, descriptor + field, value);
        }
    }
    put(&mut file, 0x2850, b"ntoskrnl.exe");
    put32(&mut file, 0x98 + 112 + 8, 0x2900);
    let refusal = format!("{:#}", Image::parse(&file).unwrap_err());
    assert!(refusal.contains("more than 16384 imports"), "{refusal}");
}

proptest! {
    #[test]
    fn cut_off_files_are_refused_or_read(len in 0_usize..0x4000) {
        let file = Sample { imports: vec!["DbgPrint"], ..Sample::default() }.file();
        prop_assert!(Image::parse(&file[..len]).is_err());
    }

    #[test]
    fn changed_files_are_refused_or_read(
        changes in prop::collection::vec((prop_oneof![0_usize..0x210, 0x2400..0x2a40_usize, 0x3000..0x3010_usize], any::<u8>()), 1..12)
    ) {
        let mut file = Sample { imports: vec!["DbgPrint"], ..Sample::default() }.file();
        for (at, byte) in changes {
            file[at] = byte;
        }
        // Nothing is promised but an answer: no panic, no endless loop.
        let _ = Image::parse(&file);
    }

    #[test]
    fn any_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..2048)) {
        prop_assert!(Image::parse(&bytes).is_err());
    }
}
