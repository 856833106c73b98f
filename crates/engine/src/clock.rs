//! Frames' times: nanoseconds since 1970, from a performance counter tied once to the system's
//! time. Monotone in the counter, whatever happens to the system's time later.

const NANOS: u64 = 1_000_000_000;

/// 100-ns units between 1601, where the system's time starts, and 1970.
const UNIX_EPOCH: u64 = 116_444_736_000_000_000;

/// See the [module](self).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    frequency: u64,
    base_counter: u64,
    base_ns: u64,
}

impl Clock {
    /// Ties a counter of `frequency` ticks a second to `system_time`, in 100-ns units since 1601,
    /// which was read after the counter stood at `before` and before it stood at `after`.
    ///
    /// `None` for a frequency of 0 or above 18 GHz.
    pub const fn tie(frequency: u64, before: u64, system_time: u64, after: u64) -> Option<Self> {
        if frequency == 0 || frequency > u64::MAX / NANOS {
            return None;
        }
        Some(Self {
            frequency,
            base_counter: before.saturating_add(after.saturating_sub(before) / 2),
            base_ns: system_time.saturating_sub(UNIX_EPOCH).saturating_mul(100),
        })
    }

    /// Nanoseconds since 1970 when the counter stood at `counter`.
    pub const fn unix_ns(&self, counter: u64) -> u64 {
        match counter.checked_sub(self.base_counter) {
            Some(ticks) => self.base_ns.saturating_add(self.nanos(ticks)),
            None => self.base_ns.saturating_sub(self.nanos(self.base_counter - counter)),
        }
    }

    /// Seconds and rest apart, so that 64 bits suffice: a rest is below the frequency.
    const fn nanos(&self, ticks: u64) -> u64 {
        let seconds = (ticks / self.frequency).saturating_mul(NANOS);
        seconds.saturating_add(ticks % self.frequency * NANOS / self.frequency)
    }
}
