//! libFuzzer's main function over [`nblease_fuzz::headers`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| nblease_fuzz::headers::run(input));
