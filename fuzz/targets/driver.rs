//! libFuzzer's main function over [`nblease_fuzz::driver`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| nblease_fuzz::driver::run(input));
