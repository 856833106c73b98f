//! Which device is meant: the control device of this Windows, or a lab behind a socket.

use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use nblease_abi::ioctl::DEVICE_NAME_WIN32;
use nblease_abi::user_call::DEFAULT_SOCKET;

use crate::{Error, Transport};

/// Prefix of a target that is a socket.
const UNIX: &str = "unix:";

/// Where to find the control device: `unix:PATH` for a lab's socket, otherwise a device's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A device by its Win32 name.
    Device(String),
    /// A lab's socket.
    Socket(PathBuf),
}

impl Default for Target {
    /// The control device on Windows, elsewhere the socket where a lab listens unless told
    /// otherwise.
    fn default() -> Self {
        if cfg!(windows) { Self::Device(DEVICE_NAME_WIN32.to_owned()) } else { Self::Socket(DEFAULT_SOCKET.into()) }
    }
}

impl Target {
    /// The lab whose socket the variable `NBLEASE_LAB` names, otherwise the default.
    pub fn from_environment() -> Self {
        match std::env::var_os("NBLEASE_LAB") {
            Some(path) if !path.is_empty() => Self::Socket(path.into()),
            _ => Self::default(),
        }
    }
}

impl FromStr for Target {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text.strip_prefix(UNIX) {
            Some(path) => Self::Socket(path.into()),
            None => Self::Device(text.to_owned()),
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device(name) => f.write_str(name),
            Self::Socket(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

impl Target {
    /// Opens it.
    ///
    /// # Errors
    /// Where it does not exist, may not be opened, or is of a kind that this system lacks.
    pub fn open(&self) -> Result<Box<dyn Transport>, Error> {
        match self {
            #[cfg(unix)]
            Self::Socket(path) => Ok(Box::new(crate::LabSocket::open(self, path)?)),
            #[cfg(windows)]
            Self::Device(name) => Ok(Box::new(crate::WinDevice::open(self, name)?)),
            _ => {
                let error = std::io::Error::from(std::io::ErrorKind::Unsupported);
                Err(Error::Open(self.clone(), error))
            }
        }
    }

    /// The command that makes it exist.
    pub(crate) const fn how_to_load(&self) -> &'static str {
        match self {
            Self::Device(_) => "`sc start nblease`",
            Self::Socket(_) => "`cargo xtask lab`",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_read_as_it_is_shown() {
        for text in ["unix:/run/x.sock", r"\\.\nblease"] {
            let Ok(target) = text.parse::<Target>();
            assert_eq!(target.to_string(), text);
        }
        let Ok(socket) = "unix:/a b".parse::<Target>();
        assert_eq!(socket, Target::Socket("/a b".into()));
    }
}
