//! Where an image calls an import, as far as its code tells without running: so that a run can say which calls it never came
//! to.
//!
//! Seen are calls through the import's slot, calls to a thunk that jumps there, jumps there at the end of a function, and
//! loads of the slot into a register, by which a function calls several times. Not seen are calls through a pointer that
//! the driver keeps elsewhere (the framework's table of functions is such a one).

use std::collections::BTreeSet;

use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic, OpKind};

use crate::{faults::Site, pe::image::Image};

/// A place in an image from which an import is called. Offsets are from the image's start.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallSite {
    /// The import.
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

/// The calls of an image to the imports of which `wanted` says so.
pub fn of(image: &Image, wanted: impl Fn(&str) -> bool) -> BTreeSet<CallSite> {
    let import_at = |slot: usize| image.imports.iter().find(|import| import.slot == slot && wanted(&import.function));
    let mut found = BTreeSet::new();
    for (start, end) in stretches(image) {
        for instruction in decode(image, start, end) {
            let slot = slot_of(&instruction).or_else(|| thunk_of(image, &instruction));
            let Some(import) = slot.and_then(import_at) else { continue };
            let how = match instruction.flow_control() {
                FlowControl::Call | FlowControl::IndirectCall => How::Call,
                // A thunk is a function of one jump; those who call it are seen.
                FlowControl::IndirectBranch if instruction.ip() as usize == start => continue,
                FlowControl::IndirectBranch | FlowControl::UnconditionalBranch => How::Jump { function: start },
                _ if instruction.mnemonic() == Mnemonic::Mov => How::Load { start, end },
                _ => continue,
            };
            found.insert(CallSite { function: import.function.clone(), after: instruction.next_ip() as usize, how });
        }
    }
    found
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
