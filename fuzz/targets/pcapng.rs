//! libFuzzer's main function over [`nblease_fuzz::pcapng`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| nblease_fuzz::pcapng::run(input));
