//! libFuzzer's main function over [`nblease_fuzz::image`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| nblease_fuzz::image::run(input));
