//! The load configuration of an image (`IMAGE_LOAD_CONFIG_DIRECTORY64`): what the compiler leaves for the loader to fill.
//!
//! That is the security cookie, with which functions guard their frames, and the pointers of control flow guard, through
//! which indirect calls go. The image's own values are a fixed cookie and functions that check nothing.

use std::arch::naked_asm;

/// Offsets in the structure.
mod offset {
    pub const SIZE: usize = 0x00;
    pub const SECURITY_COOKIE: usize = 0x58;
    pub const GUARD_CF_CHECK: usize = 0x70;
    pub const GUARD_CF_DISPATCH: usize = 0x78;
    pub const GUARD_FLAGS: usize = 0x90;
    pub const GUARD_XFG_CHECK: usize = 0x118;
    pub const GUARD_XFG_DISPATCH: usize = 0x120;
    pub const GUARD_XFG_TABLE_DISPATCH: usize = 0x128;
}

/// `IMAGE_GUARD_CF_INSTRUMENTED`.
const CF_INSTRUMENTED: u64 = 0x100;
/// The cookie that a compiler leaves; a loader replaces it.
const DEFAULT_COOKIE: u64 = 0x2b99_2ddf_a232;
/// A cookie's top 16 bits are zero, so that copying text over it ends there.
const COOKIE_BITS: u64 = (1 << 48) - 1;

/// Offsets in the image of what is to be filled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadConfig {
    /// The security cookie.
    pub cookie: Option<usize>,
    /// Pointers to a function that checks the target in `rcx` and returns.
    pub checks: Vec<usize>,
    /// Pointers to a function that goes on to the target in `rax`.
    pub dispatches: Vec<usize>,
}

impl LoadConfig {
    /// Reads the structure at offset `at`. What lies outside the image, or beyond the structure's size, is not there.
    pub fn read(image: &[u8], at: usize, len: usize, base: u64) -> Self {
        if len == 0 {
            return Self::default();
        }
        let number = |field: usize, bytes: usize| -> Option<u64> {
            let start = at.checked_add(field)?;
            let found = image.get(start..start.checked_add(bytes)?)?;
            Some(found.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
        };
        let size = number(offset::SIZE, 4).unwrap_or(0) as usize;
        let field = |field: usize| (field + 8 <= size).then(|| number(field, 8)).flatten();
        // The structure holds addresses as linked.
        let target = |name: usize| {
            let target = usize::try_from(field(name)?.checked_sub(base)?).ok()?;
            (target != 0 && target.checked_add(8)? <= image.len()).then_some(target)
        };
        let guarded = field(offset::GUARD_FLAGS).unwrap_or(0) & CF_INSTRUMENTED != 0;
        let all = |names: &[usize]| names.iter().filter(|_| guarded).filter_map(|name| target(*name)).collect();
        Self {
            cookie: target(offset::SECURITY_COOKIE),
            checks: all(&[offset::GUARD_CF_CHECK, offset::GUARD_XFG_CHECK]),
            dispatches: all(&[offset::GUARD_CF_DISPATCH, offset::GUARD_XFG_DISPATCH, offset::GUARD_XFG_TABLE_DISPATCH]),
        }
    }

    /// Fills an image that is not mapped yet; `random` is where a new cookie comes from.
    pub fn fill(&self, image: &mut [u8], random: u64) {
        let mut put = |at: usize, value: u64| {
            if let Some(slot) = image.get_mut(at..at + 8) {
                slot.copy_from_slice(&value.to_le_bytes());
            }
        };
        // Zero and the default mean that nobody set it.
        let cookie = Some(random & COOKIE_BITS).filter(|cookie| *cookie != 0 && *cookie != DEFAULT_COOKIE);
        if let Some(at) = self.cookie {
            put(at, cookie.unwrap_or(DEFAULT_COOKIE + 1));
        }
        for at in &self.checks {
            put(*at, (guard_check as *const ()).expose_provenance() as u64);
        }
        for at in &self.dispatches {
            put(*at, (guard_dispatch as *const ()).expose_provenance() as u64);
        }
    }
}

/// `__guard_check_icall_fptr`: any target will do, since a jump to what is no code faults.
#[unsafe(naked)]
unsafe extern "win64" fn guard_check() {
    naked_asm!("ret")
}

/// `__guard_dispatch_icall_fptr`.
#[unsafe(naked)]
unsafe extern "win64" fn guard_dispatch() {
    naked_asm!("jmp rax")
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: u64 = 0x1_4000_0000;

    fn image(size: u32, flags: u64) -> Vec<u8> {
        let mut image = vec![0; 0x1000];
        let mut put = |at: usize, value: u64| image[at..at + 8].copy_from_slice(&value.to_le_bytes());
        put(0x100, u64::from(size));
        put(0x158, BASE + 0x800);
        put(0x170, BASE + 0x808);
        put(0x178, BASE + 0x810);
        put(0x190, flags);
        put(0x800, DEFAULT_COOKIE);
        image
    }

    #[test]
    fn what_is_to_be_filled_is_found_and_filled() {
        let mut image = image(0x140, CF_INSTRUMENTED);
        let config = LoadConfig::read(&image, 0x100, 0x140, BASE);
        let expected = LoadConfig { cookie: Some(0x800), checks: vec![0x808], dispatches: vec![0x810] };
        assert_eq!(config, expected);
        config.fill(&mut image, u64::MAX);
        let word = |at: usize| u64::from_le_bytes(image[at..at + 8].try_into().unwrap());
        assert_eq!(word(0x800), COOKIE_BITS);
        assert_eq!(word(0x808), guard_check as *const () as u64);
        assert_eq!(word(0x810), guard_dispatch as *const () as u64);
    }

    #[test]
    fn what_is_not_there_is_left() {
        let cookie = LoadConfig { cookie: Some(0x800), ..LoadConfig::default() };
        assert_eq!(LoadConfig::read(&image(0x140, 0), 0x100, 0x140, BASE), cookie, "no control flow guard");
        assert_eq!(LoadConfig::read(&image(0x70, CF_INSTRUMENTED), 0x100, 0x70, BASE), cookie, "an older structure");
        assert_eq!(LoadConfig::read(&image(0x140, 0), 0x100, 0, BASE), LoadConfig::default());
        assert_eq!(LoadConfig::read(&image(0x140, 0), 0xfff, 0x140, BASE), LoadConfig::default(), "cut off");
        assert_eq!(LoadConfig::read(&image(0x140, 0), 0x100, 0x140, BASE + 0x900), LoadConfig::default(), "before");
    }
}
