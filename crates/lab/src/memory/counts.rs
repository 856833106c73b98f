//! How many bytes of payload and of read buffers the driver touched, as the lab saw it in slow mode.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

/// Bytes the driver touched, each access counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Payload bytes read.
    pub payload_read: u64,
    /// Payload bytes written.
    pub payload_written: u64,
    /// Bytes of read buffers read.
    pub read_buffer_read: u64,
    /// Bytes of read buffers written.
    pub read_buffer_written: u64,
    /// Of those, bytes moved straight from payload by one instruction or one copying routine.
    pub payload_to_read_buffer: u64,
    /// Accesses that were trapped and stepped.
    pub steps: u64,
}

/// The running counts.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) payload_read: AtomicU64,
    pub(crate) payload_written: AtomicU64,
    pub(crate) read_buffer_read: AtomicU64,
    pub(crate) read_buffer_written: AtomicU64,
    pub(crate) payload_to_read_buffer: AtomicU64,
    pub(crate) steps: AtomicU64,
}

impl Counters {
    /// The counts of now.
    pub(crate) fn get(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            payload_read: read(&self.payload_read),
            payload_written: read(&self.payload_written),
            read_buffer_read: read(&self.read_buffer_read),
            read_buffer_written: read(&self.read_buffer_written),
            payload_to_read_buffer: read(&self.payload_to_read_buffer),
            steps: read(&self.steps),
        }
    }

    /// All to zero.
    pub(crate) fn reset(&self) {
        let all = [
            &self.payload_read,
            &self.payload_written,
            &self.read_buffer_read,
            &self.read_buffer_written,
            &self.payload_to_read_buffer,
            &self.steps,
        ];
        for counter in all {
            counter.store(0, Ordering::Relaxed);
        }
    }
}
