#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| sluice_worker::fuzz::closed_captions(data));
