//! Slow mode counts each byte that a driver's instruction touches, and nothing else.

use crate::{
    clock::Mode,
    code,
    kernel::{Kernel, kernel, one_at_a_time},
    memory::{Access, Counts, Kind, PAGE, Span},
    testing::TestDriver,
};

// rcx: payload; rdx: read buffer; r8: a count.
code!(read_byte, "mov al, [rcx]", "ret");
code!(read_word_indexed, "mov eax, 3", "movzx eax, word ptr [rcx + rax * 2 + 1]", "ret");
code!(write_qword, "mov [rcx], rax", "ret");
code!(add_byte, "add byte ptr [rcx], 1", "ret");
code!(exchange, "mov rax, 0", "lock cmpxchg [rcx], rdx", "ret");
code!(sse, "movdqu xmm0, [rcx]", "movdqu [rdx], xmm0", "ret");
code!(avx, "vmovdqu ymm0, [rcx]", "vmovdqu [rdx], ymm0", "vzeroupper", "ret");
code!(prefetch, "prefetcht0 [rcx]", "lea rax, [rcx + 8]", "ret");
code!(rep_movsb, "mov rsi, rcx", "mov rdi, rdx", "mov rcx, r8", "rep movsb", "ret");
code!(rep_movsq, "mov rsi, rcx", "mov rdi, rdx", "mov rcx, r8", "rep movsq", "ret");
code!(rep_stosb, "mov rdi, rdx", "mov rcx, r8", "rep stosb", "ret");
code!(on_stack, "push rcx", "mov rax, [rsp]", "pop rcx", "ret");
code!(
    copy_by_lab,
    "lea rax, [rip + lab_test_copy_by_lab]",
    "xchg rcx, rdx",
    "sub rsp, 40",
    "call [rax + 0x1000]",
    "add rsp, 40",
    "ret"
);

/// A kernel in slow mode, with a payload of three pages and a read buffer of two.
struct Setup {
    payload: Span,
    buffer: Span,
}

impl Setup {
    fn new() -> Self {
        let memory = &Kernel::install(Mode::Virtual, 1).memory;
        memory.slow(true);
        let payload = memory.alloc(Kind::Payload, 3 * PAGE);
        let buffer = memory.alloc(Kind::ReadBuffer, 2 * PAGE);
        payload.open(Access::ReadWrite);
        buffer.open(Access::ReadWrite);
        for at in 0..3 * PAGE {
            // SAFETY: the span has three pages.
            unsafe { payload.lab().wrapping_add(at).write((at % 251) as u8) };
        }
        Self { payload, buffer }
    }

    /// A byte of a span.
    fn byte(span: &Span, at: usize) -> u8 {
        assert!(at < span.len());
        // SAFETY: it lies in the span.
        unsafe { span.lab().wrapping_add(at).read() }
    }

    /// Runs code at an offset in the payload: what it counted, steps left out, and what the code returned.
    fn run(&self, code: Vec<u8>, at: usize, count: usize) -> (Counts, usize) {
        kernel().memory.reset_counts();
        let driver = TestDriver::load(code, &["memmove"]);
        let returned = driver.call([self.payload.driver().addr() + at, self.buffer.driver().addr(), count]);
        (kernel().memory.counts(), returned)
    }
}

#[test]
fn single_accesses_are_counted_by_their_size() {
    let _serial = one_at_a_time();
    let setup = Setup::new();
    let none = Counts::default();
    let (counts, read) = setup.run(read_byte(), 5, 0);
    assert_eq!(counts, Counts { payload_read: 1, steps: 1, ..none });
    assert_eq!(read & 0xff, 5, "the access was made");
    let (counts, read) = setup.run(read_word_indexed(), 0, 0);
    assert_eq!((counts, read), (Counts { payload_read: 2, steps: 1, ..none }, 0x0807));
    let (counts, _) = setup.run(write_qword(), 16, 0);
    assert_eq!(counts, Counts { payload_written: 8, steps: 1, ..none });
    let (counts, _) = setup.run(add_byte(), 5, 0);
    assert_eq!(counts, Counts { payload_read: 1, payload_written: 1, steps: 1, ..none });
    assert_eq!(Setup::byte(&setup.payload, 5), 6, "the access was made");
    let (counts, _) = setup.run(exchange(), 24, 0);
    assert_eq!(counts, Counts { payload_read: 8, payload_written: 8, steps: 1, ..none });
    let (counts, _) = setup.run(prefetch(), 24, 0);
    assert_eq!(counts, none);
    let (counts, _) = setup.run(on_stack(), 24, 0);
    assert_eq!(counts, none);
}

#[test]
fn vector_accesses_are_counted_across_pages() {
    let _serial = one_at_a_time();
    let setup = Setup::new();
    let expected = |bytes| Counts { payload_read: bytes, read_buffer_written: bytes, steps: 2, ..Counts::default() };
    for at in [0, 7, PAGE - 5] {
        assert_eq!(setup.run(sse(), at, 0).0, expected(16));
        let equal = (0..16).all(|i| Setup::byte(&setup.payload, at + i) == Setup::byte(&setup.buffer, i));
        assert!(equal, "the bytes were moved");
    }
    if std::is_x86_feature_detected!("avx") {
        assert_eq!(setup.run(avx(), PAGE - 5, 0).0, expected(32));
    }
}

#[test]
fn repeated_string_instructions_are_counted_step_by_step() {
    let _serial = one_at_a_time();
    let setup = Setup::new();
    let moved = |bytes, steps| Counts {
        payload_read: bytes,
        read_buffer_written: bytes,
        payload_to_read_buffer: bytes,
        steps,
        ..Counts::default()
    };
    assert_eq!(setup.run(rep_movsb(), PAGE - 30, 100).0, moved(100, 100));
    assert_eq!(setup.run(rep_movsq(), 3, 10).0, moved(80, 10));
    assert_eq!(setup.run(rep_movsb(), 0, 0).0, Counts::default(), "none is none");
    let stored = Counts { read_buffer_written: 77, steps: 77, ..Counts::default() };
    assert_eq!(setup.run(rep_stosb(), 0, 77).0, stored);
}

#[test]
fn the_labs_copying_is_counted_without_steps() {
    let _serial = one_at_a_time();
    let setup = Setup::new();
    let (counts, _) = setup.run(copy_by_lab(), 9, 5000);
    let expected =
        Counts { payload_read: 5000, read_buffer_written: 5000, payload_to_read_buffer: 5000, ..Counts::default() };
    assert_eq!(counts, expected);
    assert_eq!(Setup::byte(&setup.buffer, 4999), ((9 + 4999) % 251) as u8, "the bytes were moved");
}

#[test]
fn outside_slow_mode_only_the_labs_copying_is_counted() {
    let _serial = one_at_a_time();
    let setup = Setup::new();
    kernel().memory.slow(false);
    assert_eq!(setup.run(rep_movsb(), 0, 100).0, Counts::default());
    assert_eq!(setup.run(copy_by_lab(), 0, 100).0.payload_to_read_buffer, 100);
    kernel().memory.slow(true);
    assert_eq!(setup.run(read_byte(), 0, 0).0.payload_read, 1, "it can be turned on again");
}
