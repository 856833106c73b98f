//! The registry as drivers find it: the values under `Parameters`, which the scenario sets, and keys by path, which drivers
//! make and fill.

use std::{collections::BTreeMap, sync::Mutex};

use crate::sync::lock;

/// Where the services' keys lie, in lower case.
const SERVICES: &str = r"\registry\machine\system\currentcontrolset\services";

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
    /// Any other type, by its number.
    Other(u32, Vec<u8>),
}

impl Value {
    /// The value of a type's number and its bytes.
    pub fn from_bytes(kind: u32, bytes: &[u8]) -> Self {
        match (kind, bytes.len()) {
            (1, _) => {
                let units = bytes.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
                Self::String(String::from_utf16_lossy(&units.take_while(|unit| *unit != 0).collect::<Vec<_>>()))
            }
            (3, _) => Self::Binary(bytes.to_vec()),
            (4, 4) => Self::Dword(bytes.iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte))),
            (11, 8) => Self::Qword(bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))),
            _ => Self::Other(kind, bytes.to_vec()),
        }
    }

    /// Number of its type (`REG_*`).
    pub fn kind(&self) -> u32 {
        match self {
            Self::String(_) => 1,
            Self::Binary(_) => 3,
            Self::Dword(_) => 4,
            Self::Qword(_) => 11,
            Self::Other(kind, _) => *kind,
        }
    }

    /// Its bytes as the registry holds them: a string's are UTF-16 with a zero at the end.
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Dword(value) => value.to_le_bytes().to_vec(),
            Self::Qword(value) => value.to_le_bytes().to_vec(),
            Self::String(text) => text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect(),
            Self::Binary(bytes) | Self::Other(_, bytes) => bytes.clone(),
        }
    }
}

/// Values by name, the name as it was first written. Names compare without case, as in Windows.
type Key = BTreeMap<String, (String, Value)>;

/// The registry.
#[derive(Default)]
pub struct Registry {
    /// What lies under every service's `Parameters`.
    parameters: Mutex<Key>,
    /// Other keys by path, in lower case.
    keys: Mutex<BTreeMap<String, Key>>,
}

/// A path as the keys are kept by.
fn folded(path: &str) -> String {
    path.trim_end_matches('\\').to_lowercase()
}

/// Whether a folded path is that of a service's `Parameters`.
fn is_parameters(path: &str) -> bool {
    let service = path.strip_prefix(SERVICES).and_then(|rest| rest.strip_suffix(r"\parameters"));
    service.is_some_and(|service| service.len() > 1 && !service[1..].contains('\\'))
}

/// Whether a folded path is that of a service, or above.
fn is_service(path: &str) -> bool {
    let below = path.strip_prefix(SERVICES);
    SERVICES.starts_with(path) || below.is_some_and(|service| !service.trim_start_matches('\\').contains('\\'))
}

impl Registry {
    /// Sets a value under `Parameters`.
    pub fn set(&self, name: &str, value: Value) {
        lock(&self.parameters).insert(name.to_lowercase(), (name.to_owned(), value));
    }

    /// The value of that name under `Parameters`.
    pub fn get(&self, name: &str) -> Option<Value> {
        lock(&self.parameters).get(&name.to_lowercase()).map(|(_, value)| value.clone())
    }

    /// Whether there is a key of that path.
    pub fn has_key(&self, path: &str) -> bool {
        let path = folded(path);
        is_service(&path) || is_parameters(&path) || lock(&self.keys).contains_key(&path)
    }

    /// Makes a key: whether it was not there before.
    pub fn create_key(&self, path: &str) -> bool {
        let new = !self.has_key(path);
        if new {
            lock(&self.keys).insert(folded(path), Key::new());
        }
        new
    }

    /// Deletes a key that was made: whether it was there.
    pub fn delete_key(&self, path: &str) -> bool {
        lock(&self.keys).remove(&folded(path)).is_some()
    }

    fn with_key<R>(&self, path: &str, f: impl FnOnce(&mut Key) -> R) -> R {
        let path = folded(path);
        if is_parameters(&path) {
            return f(&mut lock(&self.parameters));
        }
        f(lock(&self.keys).entry(path).or_default())
    }

    /// A value of a key.
    pub fn value(&self, path: &str, name: &str) -> Option<Value> {
        self.with_key(path, |key| key.get(&name.to_lowercase()).map(|(_, value)| value.clone()))
    }

    /// A key's values in the order of their names: name and value.
    pub fn values(&self, path: &str) -> Vec<(String, Value)> {
        self.with_key(path, |key| key.values().cloned().collect())
    }

    /// Sets a value of a key.
    pub fn set_value(&self, path: &str, name: &str, value: Value) {
        self.with_key(path, |key| key.insert(name.to_lowercase(), (name.to_owned(), value)));
    }

    /// Deletes a value of a key: whether it was there.
    pub fn delete_value(&self, path: &str, name: &str) -> bool {
        self.with_key(path, |key| key.remove(&name.to_lowercase()).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_one_key_by_whatever_path() {
        let registry = Registry::default();
        registry.set("Depth", Value::Dword(3));
        let path = r"\Registry\Machine\System\CurrentControlSet\Services\any\Parameters";
        assert_eq!(registry.value(path, "DEPTH"), Some(Value::Dword(3)));
        registry.set_value(path, "Name", Value::String("x".to_owned()));
        assert_eq!(registry.get("name"), Some(Value::String("x".to_owned())));
        assert!(registry.delete_value(path, "name") && !registry.delete_value(path, "name"));
    }

    #[test]
    fn keys_are_there_once_made() {
        let registry = Registry::default();
        let service = r"\Registry\Machine\System\CurrentControlSet\Services\any";
        assert!(registry.has_key(service) && !registry.has_key(r"\Registry\Machine\Software\Any"));
        let own = format!(r"{service}\State");
        assert!(registry.create_key(&own) && !registry.create_key(&own.to_uppercase()));
        registry.set_value(&own, "Count", Value::Qword(9));
        assert_eq!(registry.values(&own), [("Count".to_owned(), Value::Qword(9))]);
    }

    #[test]
    fn values_are_bytes_of_a_type() {
        for value in [Value::Dword(7), Value::Qword(1 << 40), Value::String("text".to_owned()), Value::Binary(vec![1])]
        {
            assert_eq!(Value::from_bytes(value.kind(), &value.bytes()), value);
        }
        assert_eq!(Value::from_bytes(4, &[1, 2]), Value::Other(4, vec![1, 2]), "too short for its type");
    }
}
