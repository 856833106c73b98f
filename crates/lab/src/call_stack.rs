//! The driver's calls under way on a thread, in words: which callbacks, by which functions of the image, and the last calls
//! into the lab. Names come from the map file (`pe::symbols`).

use std::{cell::Cell, fmt};

use crate::{
    kernel::{DriverId, driver_instruction, kernel},
    nt::exception::callers,
    thread,
};

/// Bytes of `call [rip + displacement]`, and of `call target`.
const INDIRECT_CALL: usize = 6;
const DIRECT_CALL: usize = 5;

thread_local! {
    /// Where the driver's code was when it faulted: instruction and stack pointer.
    static FAULT: Cell<Option<(usize, usize)>> = const { Cell::new(None) };
}

/// A call of a driver's into the lab.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// Its return address.
    pub site: usize,
    /// The callback that was under way, and whose.
    pub callback: Option<(DriverId, &'static str)>,
}

impl Call {
    /// The one under way on this thread.
    pub fn under_way() -> Option<Self> {
        thread::call_is_under_way().then(|| Self { site: thread::call_site(), callback: thread::callback() })
    }
}

impl fmt::Display for Call {
    /// `x.sys+0x1234 (send+0x10) in FilterSendNetBufferLists`. Where a function ends by jumping to the lab's, its own place
    /// is not known, and its entry is named.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { site, callback } = *self;
        let inside = kernel().driver_at(site).is_some();
        match callback {
            Some((_, what)) if inside => write!(f, "{} in {what}", place(site)),
            None => f.write_str(&place(site)),
            Some((driver, what)) => {
                let entry = entry_of(driver, what).map(|at| kernel().describe_address(at));
                let whose = entry.unwrap_or_else(|| kernel().driver_name(driver));
                write!(f, "a jump at the end of {what}, {whose}")
            }
        }
    }
}

/// Where a callback of a driver begins, where that is known.
fn entry_of(driver: DriverId, callback: &str) -> Option<usize> {
    match callback {
        "DriverEntry" => kernel().driver(driver).map(|info| info.entry),
        _ => kernel().ndis.entry_of(driver, callback),
    }
}

/// A return address in words. Where the call before it went to a function of the image that then jumped to the lab, that
/// function is named too.
fn place(site: usize) -> String {
    let address = kernel().describe_address(site);
    match jumper(site) {
        Some(function) => format!("{address} through {}, which ends by a jump", kernel().describe_address(function)),
        None => address,
    }
}

/// The function that the direct call before an address goes to, unless it is an import's thunk or the call is indirect.
fn jumper(site: usize) -> Option<usize> {
    let before = |len: usize| site.checked_sub(len).and_then(driver_instruction);
    if before(INDIRECT_CALL).is_some_and(|code| code[..2] == [0xff, 0x15]) {
        return None;
    }
    let code = before(DIRECT_CALL).filter(|code| code[0] == 0xe8)?;
    let distance = i32::from_le_bytes(code[1..DIRECT_CALL].try_into().ok()?);
    let target = site.wrapping_add_signed(distance as isize);
    // `jmp [rip + displacement]`: the linker's way to an import.
    let thunk = driver_instruction(target)?[..2] == [0xff, 0x25];
    (!thunk).then_some(target)
}

/// The driver's code on this thread faulted: a report shows its stack from there.
pub fn faulted(instruction: usize, stack_pointer: usize) {
    FAULT.set(Some((instruction, stack_pointer)));
}

/// Callbacks under way on this thread and the functions in each, innermost first. A signal handler may call this.
pub fn lines() -> Vec<String> {
    let mut lines = Vec::new();
    let mut under_way = match FAULT.get() {
        Some((instruction, stack)) => Some((instruction, stack.wrapping_sub(size_of::<usize>()))),
        None => thread::place(),
    };
    for frame in thread::frames().into_iter().rev() {
        if let Some((site, stack)) = under_way {
            let path = callers(site, stack, frame.stack_at_entry);
            if path.is_empty() {
                lines.push(Call { site, callback: Some((frame.driver, frame.what)) }.to_string());
            }
            lines.extend(path.into_iter().map(place));
        } else {
            lines.push("it has returned; where it was is not known".to_owned());
        }
        lines.push(format!("{} of {}", frame.what, kernel().driver_name(frame.driver)));
        under_way = frame.called_from;
    }
    lines
}
