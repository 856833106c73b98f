//! What a lab is put through: each scenario drives adapters, and the rules judge.

pub mod capture;
pub mod lifecycle;
pub mod live;
pub mod replay;
pub mod traffic;
