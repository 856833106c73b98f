//! Where an image calls an import or a function of the framework, as far as its code tells without running: so that a run
//! can say which calls it never came to.
//!
//! Seen are calls through the import's slot, calls to a thunk that jumps there, jumps there at the end of a function, and
//! loads of the slot into a register, by which a function calls several times. The same holds for an entry of the
//! framework's table, whose address a register has. Not seen are calls through a pointer that the driver keeps elsewhere.

use std::collections::BTreeSet;

use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic, OpKind, Register};
use nblease_ndis::sys::WDF_FUNCTIONS;

use crate::{faults::Site, pe::image::Image};

/// A place in an image from which an import is called. Offsets are from the image's start.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallSite {
    /// The import, or the framework's function.
    pub function: String,
    /// Behind the instruction: of a call its return address.
    pub after: usize,
    how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum How {
    Call,
    /// A jump at the end of the function that starts there.
    Jump {
        function: usize,
    },
    /// A load into a register, within a function.
    Load {
        start: usize,
        end: usize,
    },
}

impl CallSite {
    /// Whether a call that was seen came from here. Of a jump only the caller of the function around it is seen.
    pub fn is(&self, site: &Site, image: &Image) -> bool {
        if self.function != site.function {
            return false;
        }
        let Some(first) = site.path.first().copied() else { return matches!(self.how, How::Jump { .. }) };
        match self.how {
            How::Call => first == self.after,
            How::Load { start, end } => (start..end).contains(&first),
            How::Jump { function } => !lies_in(image, first) || called_before(image, first) == Some(function),
        }
    }
}

/// The calls of an image to the imports, and to functions of the framework, of which `wanted` says so. `table` is where the
/// image keeps the address of the framework's table.
pub fn of(image: &Image, table: Option<usize>, wanted: impl Fn(&str) -> bool) -> BTreeSet<CallSite> {
    let import_at = |slot: usize| image.imports.iter().find(|import| import.slot == slot);
    let mut found = BTreeSet::new();
    for (start, end) in stretches(image) {
        let mut table = Table { pointer: table, registers: BTreeSet::new() };
        for instruction in decode(image, start, end) {
            let slot = slot_of(&instruction).or_else(|| thunk_of(image, &instruction));
            let import = slot.and_then(import_at).map(|import| import.function.as_str());
            let function = import.or_else(|| table.function(&instruction));
            table.follow(&instruction);
            let Some(function) = function.filter(|function| wanted(function)) else { continue };
            let how = match instruction.flow_control() {
                FlowControl::Call | FlowControl::IndirectCall => How::Call,
                // A thunk is a function of one jump; those who call it are seen.
                FlowControl::IndirectBranch if instruction.ip() as usize == start => continue,
                FlowControl::IndirectBranch | FlowControl::UnconditionalBranch => How::Jump { function: start },
                _ if instruction.mnemonic() == Mnemonic::Mov => How::Load { start, end },
                _ => continue,
            };
            found.insert(CallSite { function: function.to_owned(), after: instruction.next_ip() as usize, how });
        }
    }
    found
}

/// The framework's table, while a stretch of code is read in its order.
struct Table {
    /// Where the image keeps its address.
    pointer: Option<usize>,
    /// Registers that have its address.
    registers: BTreeSet<Register>,
}

impl Table {
    /// The function whose entry an instruction reads.
    fn function(&self, instruction: &Instruction) -> Option<&'static str> {
        let reads = instruction.op_kinds().any(|kind| kind == OpKind::Memory)
            && self.registers.contains(&instruction.memory_base())
            && instruction.memory_index() == Register::None;
        let entry = instruction.memory_displacement64() as usize / size_of::<usize>();
        reads.then(|| WDF_FUNCTIONS.get(entry).copied()).flatten()
    }

    /// What an instruction does to the registers.
    fn follow(&mut self, instruction: &Instruction) {
        match instruction.flow_control() {
            FlowControl::Call | FlowControl::IndirectCall => self.registers.retain(|register| is_kept(*register)),
            FlowControl::Next if instruction.op0_kind() == OpKind::Register => {
                let register = instruction.op0_register().full_register();
                self.registers.remove(&register);
                if instruction.mnemonic() == Mnemonic::Mov
                    && slot_of(instruction).is_some_and(|at| Some(at) == self.pointer)
                {
                    self.registers.insert(register);
                }
            }
            _ => {}
        }
    }
}

/// Whether a function that is called gives a register back as it was (x64 calling convention).
fn is_kept(register: Register) -> bool {
    use Register::{R12, R13, R14, R15, RBP, RBX, RDI, RSI};
    [RBX, RBP, RDI, RSI, R12, R13, R14, R15].contains(&register)
}

/// Stretches of code that begin where instructions do: functions, and what lies between them.
fn stretches(image: &Image) -> Vec<(usize, usize)> {
    let (table, len) = image.functions;
    let entries = image.bytes.get(table..table + len).unwrap_or_default().chunks_exact(12);
    let word = |bytes: &[u8], at: usize| {
        bytes.get(at..at + 4).and_then(|word| word.try_into().ok()).map_or(0, u32::from_le_bytes) as usize
    };
    let mut edges: BTreeSet<usize> = entries.flat_map(|entry| [word(entry, 0), word(entry, 4)]).collect();
    let sections: Vec<_> = image.sections.iter().filter(|section| section.executable).collect();
    edges.extend(sections.iter().flat_map(|section| [section.start, section.start + section.len]));
    // Functions without an entry in the table begin at multiples of 16, behind padding.
    let inside = |at: usize| sections.iter().any(|section| (section.start..section.start + section.len).contains(&at));
    let edges: Vec<_> = edges.into_iter().collect();
    let pairs = edges.windows(2).map(|pair| (pair[0], pair[1].min(image.bytes.len())));
    pairs
        .filter(|(start, end)| start < end && inside(*start))
        .flat_map(|(start, end)| leaves(image, start, end))
        .collect()
}

/// A stretch cut where padding (`int3`) ends at a multiple of 16.
fn leaves(image: &Image, start: usize, end: usize) -> Vec<(usize, usize)> {
    const PADDING: u8 = 0xcc;
    let byte = |at: usize| image.bytes.get(at).copied().unwrap_or(PADDING);
    let begins = |at: &usize| at.is_multiple_of(16) && byte(at - 1) == PADDING && byte(*at) != PADDING;
    let mut edges = vec![start];
    edges.extend((start + 1..end).filter(begins));
    edges.push(end);
    edges.windows(2).map(|pair| (pair[0], pair[1])).collect()
}

fn decode(image: &Image, start: usize, end: usize) -> impl Iterator<Item = Instruction> {
    let code = image.bytes.get(start..end).unwrap_or_default();
    let mut decoder = Decoder::with_ip(64, code, start as u64, DecoderOptions::NONE);
    std::iter::from_fn(move || decoder.can_decode().then(|| decoder.decode()))
}

/// The slot that an instruction reads its target, or a value, from.
fn slot_of(instruction: &Instruction) -> Option<usize> {
    instruction.is_ip_rel_memory_operand().then(|| instruction.ip_rel_memory_address() as usize)
}

/// The slot that a direct call or jump comes to by way of a thunk.
fn thunk_of(image: &Image, instruction: &Instruction) -> Option<usize> {
    let direct = matches!(instruction.op0_kind(), OpKind::NearBranch64);
    let branches = matches!(instruction.flow_control(), FlowControl::Call | FlowControl::UnconditionalBranch);
    let target = (direct && branches).then(|| instruction.near_branch_target() as usize)?;
    let thunk = decode(image, target, (target + 16).min(image.bytes.len())).next()?;
    (thunk.flow_control() == FlowControl::IndirectBranch).then(|| slot_of(&thunk)).flatten()
}

fn lies_in(image: &Image, at: usize) -> bool {
    at < image.bytes.len()
}

/// The function that the direct call before an address goes to.
fn called_before(image: &Image, at: usize) -> Option<usize> {
    let call = decode(image, at.checked_sub(5)?, at).next()?;
    (call.mnemonic() == Mnemonic::Call && call.next_ip() as usize == at && call.op0_kind() == OpKind::NearBranch64)
        .then(|| call.near_branch_target() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pe::image::{Import, LoadConfig, Section};

    /// Where the code lies, an import's slot, and the variable with the address of the framework's table.
    const CODE: usize = 0x1000;
    const SLOT: usize = 0x2000;
    const POINTER: usize = 0x2010;

    /// An image of one import and this code.
    fn image(code: &[u8]) -> Image {
        let mut bytes = vec![0xcc; 0x3000];
        bytes[CODE..CODE + code.len()].copy_from_slice(code);
        let name = ".text".to_owned();
        let section = Section { name, start: CODE, len: 0x1000, executable: true, writable: false, discardable: false };
        let import = Import { dll: "ndis.sys".to_owned(), function: "NdisAllocateMdl".to_owned(), slot: SLOT };
        Image {
            bytes,
            base: 0,
            entry: CODE,
            sections: vec![section],
            relocations: Vec::new(),
            imports: vec![import],
            functions: (0, 0),
            load_config: LoadConfig::default(),
        }
    }

    /// An instruction that ends with an offset to `target` from its end, `at` bytes into the code.
    fn relative(at: usize, instruction: &[u8], target: usize) -> Vec<u8> {
        let offset = target - (CODE + at + instruction.len() + 4);
        [instruction, &(offset as u32).to_le_bytes()].concat()
    }

    fn found(code: &[u8]) -> Vec<(String, usize)> {
        let calls = of(&image(code), Some(POINTER), |_| true).into_iter();
        calls.map(|call| (call.function, call.after - CODE)).collect()
    }

    #[test]
    fn calls_of_imports_are_found() {
        // call [rip+SLOT]
        assert_eq!(found(&relative(0, &[0xff, 0x15], SLOT)), [("NdisAllocateMdl".to_owned(), 6)]);
        assert_eq!(found(&relative(0, &[0xff, 0x15], SLOT + 8)), []);
    }

    #[test]
    fn calls_through_the_frameworks_table_are_found_while_a_register_has_it() {
        // mov rax, [rip+POINTER]; call [rax+8]; call [rax+16], when rax is what the first call gave back.
        let mut code = relative(0, &[0x48, 0x8b, 0x05], POINTER);
        code.extend([0xff, 0x50, 8, 0xff, 0x50, 16]);
        assert_eq!(found(&code), [(WDF_FUNCTIONS[1].to_owned(), 10)]);
        // The same with rbx, which calls keep, until it is zeroed.
        let mut code = relative(0, &[0x48, 0x8b, 0x1d], POINTER);
        code.extend([0xff, 0x53, 8, 0xff, 0x53, 16, 0x31, 0xdb, 0xff, 0x53, 24]);
        assert_eq!(found(&code), [(WDF_FUNCTIONS[1].to_owned(), 10), (WDF_FUNCTIONS[2].to_owned(), 13)]);
        // Another variable is none.
        let mut code = relative(0, &[0x48, 0x8b, 0x05], POINTER + 8);
        code.extend([0xff, 0x50, 8]);
        assert_eq!(found(&code), []);
    }
}
