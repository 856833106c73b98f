//! What a lab is put through: each scenario drives adapters, and the rules judge.

pub mod lifecycle;
pub mod traffic;
