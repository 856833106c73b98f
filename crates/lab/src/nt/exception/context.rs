//! The state of a processor as exceptions pass it around: `CONTEXT`, `EXCEPTION_RECORD`, `DISPATCHER_CONTEXT`; capturing one
//! at a call, and going on from one.

use std::arch::naked_asm;

/// `CONTEXT` for x64.
#[repr(C, align(16))]
#[derive(Clone, Copy)]
pub struct Context {
    home: [u64; 6],
    flags: u32,
    mxcsr: u32,
    segments: [u16; 6],
    /// The flags register.
    pub eflags: u32,
    debug: [u64; 6],
    /// The general registers by their numbers in instructions: rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 to r15.
    pub general: [u64; 16],
    /// Where the code was.
    pub rip: u64,
    float: [u64; 20],
    /// xmm0 to xmm15.
    pub xmm: [[u64; 2]; 16],
    rest: [u64; 70],
}

const _: () = assert!(size_of::<Context>() == 0x4d0);
const _: () = assert!(std::mem::offset_of!(Context, general) == 0x78);
const _: () = assert!(std::mem::offset_of!(Context, rip) == 0xf8);
const _: () = assert!(std::mem::offset_of!(Context, xmm) == 0x1a0);

/// Number of rsp among the general registers.
pub const RSP: usize = 4;
/// Number of rax.
pub const RAX: usize = 0;

impl Context {
    /// A context of zeros.
    pub fn zeroed() -> Self {
        Self {
            home: [0; 6],
            flags: 0x0010_000b, // CONTEXT_FULL
            mxcsr: 0x1f80,
            segments: [0x10, 0x18, 0x18, 0x18, 0x18, 0x18],
            eflags: 0x202,
            debug: [0; 6],
            general: [0; 16],
            rip: 0,
            float: [0; 20],
            xmm: [[0; 2]; 16],
            rest: [0; 70],
        }
    }
}

/// `EXCEPTION_RECORD`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Record {
    /// `STATUS_*`.
    pub code: u32,
    /// `EXCEPTION_*`.
    pub flags: u32,
    inner: usize,
    /// Where it happened.
    pub address: u64,
    parameters: u32,
    /// For an access violation: 0 read, 1 write, 8 execute; and the address.
    pub information: [u64; 15],
}

impl Record {
    /// An exception with up to two parameters.
    pub fn new(code: u32, address: u64, parameters: &[u64]) -> Self {
        let mut information = [0; 15];
        for (to, from) in information.iter_mut().zip(parameters) {
            *to = *from;
        }
        Self { code, flags: 0, inner: 0, address, parameters: parameters.len() as u32, information }
    }
}

/// `EXCEPTION_POINTERS`.
#[repr(C)]
pub struct Pointers {
    pub record: *mut Record,
    pub context: *mut Context,
}

/// `DISPATCHER_CONTEXT`.
#[repr(C)]
pub struct Dispatcher {
    pub control_pc: u64,
    pub image_base: u64,
    pub function: *const [u32; 3],
    pub frame: u64,
    pub target_ip: u64,
    pub context: *mut Context,
    pub handler: u64,
    pub handler_data: u64,
    pub history: usize,
    pub scope_index: u32,
    pub fill: u32,
}

/// Declares functions for import that may raise: they pass the caller's context on to `inner` as the fourth argument.
/// Only what a call preserves is in it: by that the caller's frames are unwound.
macro_rules! raising {
    ($($name:ident => $inner:ident;)+) => {$(
        #[unsafe(naked)]
        unsafe extern "win64" fn $name() {
            std::arch::naked_asm!(
                // The context lies at [rsp + 48], aligned; with the return address 1296 bytes.
                "sub rsp, 1288",
                "mov [rsp + 48 + 0x90], rbx",
                "mov [rsp + 48 + 0xa0], rbp",
                "mov [rsp + 48 + 0xa8], rsi",
                "mov [rsp + 48 + 0xb0], rdi",
                "mov [rsp + 48 + 0xd8], r12",
                "mov [rsp + 48 + 0xe0], r13",
                "mov [rsp + 48 + 0xe8], r14",
                "mov [rsp + 48 + 0xf0], r15",
                "movups [rsp + 48 + 0x200], xmm6",
                "movups [rsp + 48 + 0x210], xmm7",
                "movups [rsp + 48 + 0x220], xmm8",
                "movups [rsp + 48 + 0x230], xmm9",
                "movups [rsp + 48 + 0x240], xmm10",
                "movups [rsp + 48 + 0x250], xmm11",
                "movups [rsp + 48 + 0x260], xmm12",
                "movups [rsp + 48 + 0x270], xmm13",
                "movups [rsp + 48 + 0x280], xmm14",
                "movups [rsp + 48 + 0x290], xmm15",
                "lea rax, [rsp + 1296]",
                "mov [rsp + 48 + 0x98], rax",
                "mov rax, [rsp + 1288]",
                "mov [rsp + 48 + 0xf8], rax",
                "mov dword ptr [rsp + 48 + 0x44], 0x202",
                "mov dword ptr [rsp + 48 + 0x30], 0x10000b",
                "lea r9, [rsp + 48]",
                "call {inner}",
                "add rsp, 1288",
                "ret",
                inner = sym $inner,
            )
        }
    )+};
}
pub(in crate::nt) use raising;

/// Goes on from a context; what lies on the stack below it is given up.
///
/// # Safety
/// The context is of this thread, its stack pointer above this call's, and its frames are the driver's: they own nothing
/// of the lab's.
#[unsafe(naked)]
pub unsafe extern "win64" fn resume(context: *const Context) -> ! {
    naked_asm!(
        "movups xmm0, [rcx + 0x1a0]",
        "movups xmm1, [rcx + 0x1b0]",
        "movups xmm2, [rcx + 0x1c0]",
        "movups xmm3, [rcx + 0x1d0]",
        "movups xmm4, [rcx + 0x1e0]",
        "movups xmm5, [rcx + 0x1f0]",
        "movups xmm6, [rcx + 0x200]",
        "movups xmm7, [rcx + 0x210]",
        "movups xmm8, [rcx + 0x220]",
        "movups xmm9, [rcx + 0x230]",
        "movups xmm10, [rcx + 0x240]",
        "movups xmm11, [rcx + 0x250]",
        "movups xmm12, [rcx + 0x260]",
        "movups xmm13, [rcx + 0x270]",
        "movups xmm14, [rcx + 0x280]",
        "movups xmm15, [rcx + 0x290]",
        "mov eax, [rcx + 0x44]",
        "push rax",
        "popfq",
        // Where to go lies below the new stack pointer for the one jump.
        "mov rdx, [rcx + 0x98]",
        "mov rax, [rcx + 0xf8]",
        "mov [rdx - 8], rax",
        "mov rax, [rcx + 0x78]",
        "mov rbx, [rcx + 0x90]",
        "mov rbp, [rcx + 0xa0]",
        "mov rsi, [rcx + 0xa8]",
        "mov rdi, [rcx + 0xb0]",
        "mov r8, [rcx + 0xb8]",
        "mov r9, [rcx + 0xc0]",
        "mov r10, [rcx + 0xc8]",
        "mov r11, [rcx + 0xd0]",
        "mov r12, [rcx + 0xd8]",
        "mov r13, [rcx + 0xe0]",
        "mov r14, [rcx + 0xe8]",
        "mov r15, [rcx + 0xf0]",
        "mov rsp, rdx",
        "mov rdx, [rcx + 0x88]",
        "mov rcx, [rcx + 0x80]",
        "jmp qword ptr [rsp - 8]",
    )
}
