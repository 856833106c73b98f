//! Unwinding one frame of a driver by its image's table of functions (`RUNTIME_FUNCTION`, `UNWIND_INFO`).
//!
//! After "x64 exception handling" of the Visual C++ documentation. A function without an entry is a leaf: its return
//! address is on top of the stack. Epilogs are not told apart: nothing raises in one.

use super::context::{Context, RSP};
use crate::kernel::{DriverInfo, kernel};

/// `UNW_FLAG_EHANDLER`.
pub const HANDLES_EXCEPTIONS: u8 = 1;
/// `UNW_FLAG_UHANDLER`.
pub const HANDLES_UNWINDING: u8 = 2;
const CHAINED: u8 = 4;

// UWOP_*
const PUSH_NONVOL: u8 = 0;
const ALLOC_LARGE: u8 = 1;
const ALLOC_SMALL: u8 = 2;
const SET_FPREG: u8 = 3;
const SAVE_NONVOL: u8 = 4;
const SAVE_NONVOL_FAR: u8 = 5;
const EPILOG: u8 = 6;
const SAVE_XMM128: u8 = 8;
const SAVE_XMM128_FAR: u8 = 9;
const PUSH_MACHFRAME: u8 = 10;

/// Chains longer than this are broken images.
const LONGEST_CHAIN: usize = 32;

/// Callers that are looked for.
const DEEPEST: usize = 64;

/// What is known of a frame once it was unwound.
pub struct Frame {
    /// Base of the image.
    pub base: u64,
    /// Its entry in the table of functions; null for a leaf.
    pub function: *const [u32; 3],
    /// What identifies it: the stack pointer after its prolog, or what its frame register says.
    pub establisher: u64,
    /// Its handler with the handler's data, where it has one for what was asked.
    pub handler: Option<(u64, u64)>,
}

/// Reads what lies at an address of the driver's image or stack.
fn read<T: Copy>(at: u64) -> T {
    let at: *const T = std::ptr::with_exposed_provenance(at as usize);
    // SAFETY: the image's own table says that something lies there: wrong ones fault, and are reported.
    unsafe { at.read_unaligned() }
}

/// The entry of the function that holds an address.
pub fn lookup(info: &DriverInfo, address: u64) -> Option<*const [u32; 3]> {
    let (table, len) = info.functions;
    let offset = (address as usize - info.base) as u32;
    let start: *const [u32; 3] = std::ptr::with_exposed_provenance(info.base + table);
    let (mut low, mut high) = (0, len / size_of::<[u32; 3]>());
    while low < high {
        let middle = usize::midpoint(low, high);
        let [begin, end, _] = read::<[u32; 3]>(start.wrapping_add(middle).expose_provenance() as u64);
        match offset {
            _ if offset < begin => high = middle,
            _ if offset >= end => low = middle + 1,
            _ => return Some(start.wrapping_add(middle)),
        }
    }
    None
}

/// Unwinds the frame that `context` is in, so that it becomes its caller's. None where no driver's code runs there.
pub fn unwind(context: &mut Context, wanted: u8) -> Option<Frame> {
    let pc = context.rip;
    let info = kernel().driver(kernel().driver_at(pc as usize)?)?;
    let base = info.base as u64;
    let Some(function) = lookup(&info, pc) else {
        let establisher = context.general[RSP];
        pop_return(context);
        return Some(Frame { base, function: std::ptr::null(), establisher, handler: None });
    };
    let [begin, _, mut at] = read::<[u32; 3]>(function.expose_provenance() as u64);
    let mut offset = (pc - base) as u32 - begin;
    let mut handler = None;
    let mut establisher = None;
    for _ in 0..LONGEST_CHAIN {
        let unwind_info = Info::read(base + u64::from(at));
        let frame = unwind_info.establisher(context, offset);
        establisher.get_or_insert(frame);
        let returned = unwind_info.apply(context, frame, offset);
        let past_prolog = offset >= u32::from(unwind_info.prolog);
        if unwind_info.flags & CHAINED == 0 {
            if unwind_info.flags & wanted != 0 && past_prolog {
                handler = Some((base + u64::from(read::<u32>(unwind_info.after_codes)), unwind_info.after_codes + 4));
            }
            if !returned {
                pop_return(context);
            }
            return Some(Frame { base, function, establisher: establisher.unwrap_or(0), handler });
        }
        // All codes of the parent apply.
        [_, _, at] = read::<[u32; 3]>(unwind_info.after_codes);
        offset = u32::MAX;
    }
    None
}

/// Return addresses on a driver's stack, innermost first: `site`, then its callers', as far as frames are found by the stack
/// pointer alone. `stack` is where `site` was found; nothing above `top` is read.
pub fn callers(site: usize, stack: usize, top: usize) -> Vec<usize> {
    let mut context = Context::zeroed();
    context.rip = site as u64;
    context.general[RSP] = stack as u64 + 8;
    let mut found = Vec::new();
    while kernel().driver_at(context.rip as usize).is_some() && found.len() < DEEPEST {
        found.push(context.rip as usize);
        if has_frame_register(context.rip) || unwind(&mut context, 0).is_none() {
            break;
        }
        if context.general[RSP] as usize >= top {
            break;
        }
    }
    found
}

/// Whether the function at an address keeps its frame in a register, which is not known.
pub fn has_frame_register(pc: u64) -> bool {
    let info = kernel().driver_at(pc as usize).and_then(|id| kernel().driver(id));
    let function = info.as_ref().and_then(|info| lookup(info, pc as usize as u64));
    let (Some(info), Some(function)) = (info, function) else { return false };
    let [_, _, at] = read::<[u32; 3]>(function.expose_provenance() as u64);
    Info::read(info.base as u64 + u64::from(at)).frame_register != 0
}

fn pop_return(context: &mut Context) {
    context.rip = read(context.general[RSP]);
    context.general[RSP] += 8;
}

/// `UNWIND_INFO`.
struct Info {
    flags: u8,
    prolog: u8,
    count: u8,
    frame_register: u8,
    frame_offset: u64,
    codes: u64,
    after_codes: u64,
}

impl Info {
    fn read(at: u64) -> Self {
        let [first, prolog, count, frame] = read::<[u8; 4]>(at);
        let codes = at + 4;
        Self {
            flags: first >> 3,
            prolog,
            count,
            frame_register: frame & 15,
            frame_offset: u64::from(frame >> 4) * 16,
            codes,
            after_codes: codes + 2 * u64::from(count.next_multiple_of(2)),
        }
    }

    /// The code in a slot: offset in the prolog, operation, its information.
    fn code(&self, slot: u8) -> (u8, u8, u8) {
        let [offset, operation] = read::<[u8; 2]>(self.codes + 2 * u64::from(slot));
        (offset, operation & 15, operation >> 4)
    }

    fn word(&self, slot: u8) -> u64 {
        u64::from(read::<u16>(self.codes + 2 * u64::from(slot)))
    }

    fn double_word(&self, slot: u8) -> u64 {
        u64::from(read::<u32>(self.codes + 2 * u64::from(slot)))
    }

    /// Slots of the code in one.
    fn len(&self, slot: u8) -> u8 {
        match self.code(slot) {
            (_, ALLOC_LARGE, 0) | (_, SAVE_NONVOL | SAVE_XMM128, _) => 2,
            (_, ALLOC_LARGE | SAVE_NONVOL_FAR | SAVE_XMM128_FAR, _) => 3,
            _ => 1,
        }
    }

    fn slots(&self) -> impl Iterator<Item = u8> {
        let next = |slot: u8| Some(slot.saturating_add(self.len(slot))).filter(|next| *next < self.count);
        std::iter::successors(Some(0).filter(|_| self.count > 0), move |slot| next(*slot))
    }

    fn establisher(&self, context: &Context, offset: u32) -> u64 {
        let is_set = |slot: u8| matches!(self.code(slot), (at, SET_FPREG, _) if offset >= u32::from(at));
        if self.frame_register != 0 && self.slots().any(is_set) {
            context.general[usize::from(self.frame_register)] - self.frame_offset
        } else {
            context.general[RSP]
        }
    }

    /// Undoes what the prolog did up to an offset in the function: whether that gave the return address too.
    fn apply(&self, context: &mut Context, frame: u64, offset: u32) -> bool {
        for slot in self.slots() {
            let (at, operation, information) = self.code(slot);
            if u32::from(at) > offset && operation != EPILOG {
                continue;
            }
            let register = usize::from(information);
            match operation {
                PUSH_NONVOL => {
                    context.general[register] = read(context.general[RSP]);
                    context.general[RSP] += 8;
                }
                ALLOC_LARGE if information == 0 => context.general[RSP] += self.word(slot + 1) * 8,
                ALLOC_LARGE => context.general[RSP] += self.double_word(slot + 1),
                ALLOC_SMALL => context.general[RSP] += u64::from(information) * 8 + 8,
                SET_FPREG => context.general[RSP] = frame,
                SAVE_NONVOL => context.general[register] = read(frame + self.word(slot + 1) * 8),
                SAVE_NONVOL_FAR => context.general[register] = read(frame + self.double_word(slot + 1)),
                SAVE_XMM128 => context.xmm[register] = read(frame + self.word(slot + 1) * 16),
                SAVE_XMM128_FAR => context.xmm[register] = read(frame + self.double_word(slot + 1)),
                PUSH_MACHFRAME => {
                    let at = context.general[RSP] + u64::from(information) * 8;
                    context.rip = read(at);
                    context.general[RSP] = read(at + 24);
                    return true;
                }
                _ => {}
            }
        }
        false
    }
}
