#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| sluice_api::fuzz::token(data));
