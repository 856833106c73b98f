//! Where frames come from and go to outside of the models: captures and TAP devices.

pub mod capture;
pub mod tap;
