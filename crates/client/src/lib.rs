//! Typed client of the control device: on Windows through file calls, on Linux through the lab's
//! socket, and the same above that.
//!
//! [`Device`] makes the calls and turns statuses into sentences; [`Capture`] keeps several reads
//! pended and yields what they return in order; [`Gate`] answers it. All work over any [`Transport`].

mod capture;
mod device;
mod error;
mod gate;
#[cfg(unix)]
mod lab_socket;
mod target;
mod transport;
mod verdicts;
#[cfg(windows)]
mod windows;

pub use capture::{Capture, CaptureOptions};
pub use device::{Adapter, Device, Stats};
pub use error::Error;
pub use gate::{Decision, Gate, Question};
#[cfg(unix)]
pub use lab_socket::LabSocket;
pub use target::Target;
pub use transport::{Ended, ReadId, Transport};
pub use verdicts::Verdicts;
#[cfg(windows)]
pub use windows::WinDevice;

pub use nblease_abi as abi;
