//! What the driver is called; `inf/nblease.inx` says the same.

/// NetCfgInstanceId of the INF.
pub const UNIQUE_NAME: &str = "{F2C8E1B4-6D3A-4B57-9E0C-8A41D7B3C5E6}";
/// The driver's service.
pub const SERVICE_NAME: &str = "nblease";
/// The name that people see.
pub const FRIENDLY_NAME: &str = "nblease packet filter";
/// The driver's version: major, minor, patch.
pub const VERSION: [u16; 3] = [
    number(env!("CARGO_PKG_VERSION_MAJOR")),
    number(env!("CARGO_PKG_VERSION_MINOR")),
    number(env!("CARGO_PKG_VERSION_PATCH")),
];

const fn number(decimal: &str) -> u16 {
    match u16::from_str_radix(decimal, 10) {
        Ok(number) => number,
        Err(_) => panic!("a version is of numbers below 65536"),
    }
}
