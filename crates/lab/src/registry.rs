//! The registry values that a driver finds under its `Parameters` key: set by the scenario, read by the NT and KMDF
//! models.

use std::{collections::BTreeMap, sync::Mutex};

use crate::sync::lock;

/// A registry value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `REG_DWORD`.
    Dword(u32),
    /// `REG_QWORD`.
    Qword(u64),
    /// `REG_SZ`.
    String(String),
    /// `REG_BINARY`.
    Binary(Vec<u8>),
}

/// Values by name. Names compare without case, as in Windows.
#[derive(Default)]
pub struct Registry {
    values: Mutex<BTreeMap<String, Value>>,
}

impl Registry {
    /// Sets a value.
    pub fn set(&self, name: &str, value: Value) {
        lock(&self.values).insert(name.to_ascii_lowercase(), value);
    }

    /// The value of that name.
    pub fn get(&self, name: &str) -> Option<Value> {
        lock(&self.values).get(&name.to_ascii_lowercase()).cloned()
    }
}
