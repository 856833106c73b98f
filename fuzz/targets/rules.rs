//! libFuzzer's main function over [`nblease_fuzz::rules`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| nblease_fuzz::rules::run(input));
