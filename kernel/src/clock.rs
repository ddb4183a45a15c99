//! Time without interrupts: the processor's cycle counter, measured once against the timer chip (8254).

use core::arch::x86_64::_rdtsc;
use core::hint::spin_loop;

use crate::port::Port;

/// What the chip counts down at, in Hz.
const PIT_FREQUENCY: u64 = 1_193_182;

/// How long is measured: 1 ms. Every program of tests waits for it three times, so longer would be most of its run.
const PIT_COUNT: u64 = PIT_FREQUENCY / 1000;

/// A clock that says microseconds.
pub struct Clock {
    cycles_per_second: u64,
}

/// The cycle counter.
#[must_use]
pub fn cycles() -> u64 {
    // SAFETY: every x86-64 processor has the counter, and reading it changes nothing.
    unsafe { _rdtsc() }
}

impl Clock {
    /// Measures the cycle counter three times for 1 ms and believes the shortest: who shares the builder's processor
    /// with this machine can only make it look longer.
    #[must_use]
    pub fn calibrate() -> Self {
        let passed = Self::measure().min(Self::measure()).min(Self::measure());
        Self::from_frequency(passed * PIT_FREQUENCY / PIT_COUNT)
    }

    /// The cycles of 1 ms, by channel 2, which no interrupt hangs on.
    fn measure() -> u64 {
        // SAFETY: these ports are the timer's and the gate of its channel 2 (and the speaker, left silent).
        let (gate, command, channel_2) =
            unsafe { (Port::new(0x61), Port::new(0x43), Port::new(0x42)) };
        let before = gate.read();
        gate.write(before & !0x03); // gate low, speaker off
        command.write(0xb0); // channel 2, low byte then high byte, mode 0: the output rises at zero
        let [low, high, ..] = PIT_COUNT.to_le_bytes();
        channel_2.write(low);
        channel_2.write(high);
        gate.write(before & !0x02 | 0x01); // gate high: it counts
        let start = cycles();
        while gate.read() & 0x20 == 0 {
            spin_loop();
        }
        let passed = cycles() - start;
        gate.write(before);
        passed
    }

    /// A clock for a cycle counter whose frequency, in Hz, is known already.
    #[must_use]
    pub fn from_frequency(cycles_per_second: u64) -> Self {
        Self {
            cycles_per_second: cycles_per_second.max(1),
        }
    }

    /// The frequency of the cycle counter, in Hz.
    #[must_use]
    pub fn cycles_per_second(&self) -> u64 {
        self.cycles_per_second
    }

    /// A number of cycles in microseconds.
    #[must_use]
    pub fn microseconds(&self, cycles: u64) -> u64 {
        let (seconds, rest) = (
            cycles / self.cycles_per_second,
            cycles % self.cycles_per_second,
        );
        seconds * 1_000_000 + rest * 1_000_000 / self.cycles_per_second
    }
}

crate::kernel_test! {
    fn a_calibrated_clock_counts_at_a_processors_speed() {
        assert_eq!(Clock::from_frequency(2_000_000).microseconds(20_000), 10_000);
        // Only too low is wrong: the builder may give this machine's processor to somebody else meanwhile.
        assert!(Clock::calibrate().cycles_per_second() > 100_000_000);
    }
}
