//! Control codes that a driver may know: its code compares with them, as a compiler puts a `switch` over `CTL_CODE`s.

use std::collections::BTreeSet;

use iced_x86::{Decoder, DecoderOptions, Instruction, Mnemonic, OpKind, Register};

use crate::{
    kernel::{DriverId, kernel},
    nt,
};

/// Device types that control codes of network drivers often have: FILE_DEVICE_NETWORK, FILE_DEVICE_PHYSICAL_NETCARD,
/// FILE_DEVICE_TRANSPORT, FILE_DEVICE_UNKNOWN.
const TYPES: [u32; 4] = [0x12, 0x17, 0x21, 0x22];
/// Functions of a vendor's own begin here: the highest bit of twelve (`CTL_CODE`'s are shifted by two).
const VENDORS_FUNCTION: u32 = 0x800 << 2;
/// Constants that are looked at most.
const CONSTANTS: usize = 64;
/// Codes behind a constant that are tried too: a table of jumps begins at its lowest code, a chain of subtractions goes on
/// from the code before.
const BEHIND: u32 = 64;

/// The codes: those that the code names, and those that may be meant by what it computes.
#[derive(Debug, Default)]
pub(super) struct Codes {
    pub named: BTreeSet<u32>,
    pub near: BTreeSet<u32>,
}

/// The codes of all drivers that run.
pub(super) fn codes() -> Codes {
    let mut named = BTreeSet::new();
    for driver in (0..).map(DriverId).take_while(|driver| kernel().driver(*driver).is_some()) {
        if nt::driver::object_of(driver).is_some() {
            constants(driver, &mut named);
        }
    }
    let named: BTreeSet<u32> = named.into_iter().take(CONSTANTS).collect();
    let near = named.iter().flat_map(|code| (1..BEHIND).map(move |behind| code.wrapping_add(behind)));
    let near = near.filter(|code| !named.contains(code)).collect();
    Codes { named, near }
}

/// What a driver's code compares with that may be a control code.
fn constants(driver: DriverId, found: &mut BTreeSet<u32>) {
    let Some(info) = kernel().driver(driver) else { return };
    for section in info.sections.iter().filter(|section| section.executable && !section.discardable) {
        let start: *const u8 = std::ptr::with_exposed_provenance(info.base + section.start);
        // SAFETY: the section is mapped and readable while its driver runs, and nothing writes to code.
        let code = unsafe { std::slice::from_raw_parts(start, section.len) };
        for instruction in Decoder::new(64, code, DecoderOptions::NONE) {
            found.extend(compared(&instruction).into_iter().flatten().filter(|value| may_be_code(*value)));
        }
    }
}

/// The constant of a comparison, as it is, and as it is where the code adds it in order to subtract.
fn compared(instruction: &Instruction) -> [Option<u32>; 2] {
    let immediate = || {
        let at = (0..instruction.op_count())
            .find(|operand| matches!(instruction.op_kind(*operand), OpKind::Immediate32 | OpKind::Immediate32to64));
        at.map(|operand| instruction.immediate(operand) as u32)
    };
    match instruction.mnemonic() {
        Mnemonic::Cmp | Mnemonic::Sub | Mnemonic::Xor => [immediate(), None],
        Mnemonic::Add | Mnemonic::Mov => [immediate(), immediate().map(u32::wrapping_neg)],
        Mnemonic::Lea if instruction.memory_base() != Register::RIP => {
            [None, Some(instruction.memory_displacement32().wrapping_neg())]
        }
        _ => [None, None],
    }
}

fn may_be_code(value: u32) -> bool {
    let device_type = value >> 16;
    TYPES.contains(&device_type) || device_type != 0 && value & VENDORS_FUNCTION != 0 && device_type != 0xffff
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a `switch` becomes: a comparison, a subtraction from what the register holds, the start of a table.
    #[test]
    fn codes_are_found_in_code() {
        let code = [
            0x81, 0xf9, 0x03, 0x20, 0x12, 0x00, // cmp ecx, 0x122003
            0x2d, 0x00, 0x20, 0x22, 0x00, // sub eax, 0x222000
            0x81, 0xc1, 0x00, 0xe0, 0xed, 0xff, // add ecx, -0x122000
            0x8d, 0x81, 0xfc, 0xdf, 0x63, 0x7f, // lea eax, [rcx - 0x809c2004]
            0xb8, 0x00, 0x0e, 0xed, 0xff, // mov eax, -0x12f200
            0x3d, 0x03, 0x01, 0x00, 0x00, // cmp eax, 0x103
        ];
        let found: Vec<u32> = Decoder::new(64, &code, DecoderOptions::NONE)
            .iter()
            .flat_map(|instruction| compared(&instruction).into_iter().flatten())
            .filter(|value| may_be_code(*value))
            .collect();
        for code in [0x12_2003, 0x22_2000, 0x12_2000, 0x809c_2004, 0x12_f200] {
            assert!(found.contains(&code), "{code:#x} in {found:x?}");
        }
        assert!(!found.contains(&0x103));
    }
}
