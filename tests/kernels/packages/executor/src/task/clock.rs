//! Waiting for ticks of the timer.
use core::future::poll_fn;
use core::sync::atomic::{AtomicU64, Ordering};
use core::task::Poll;
use futures_util::task::AtomicWaker;

static TICKS: AtomicU64 = AtomicU64::new(0);
static WAKER: AtomicWaker = AtomicWaker::new();

pub(crate) fn tick() {
    TICKS.fetch_add(1, Ordering::Relaxed);
    WAKER.wake();
}

/// Waits for that many ticks; one task at a time may.
pub async fn wait(ticks: u64) -> u64 {
    let start = TICKS.load(Ordering::Relaxed);
    poll_fn(|context| {
        WAKER.register(context.waker());
        match TICKS.load(Ordering::Relaxed) >= start + ticks {
            true => Poll::Ready(ticks),
            false => Poll::Pending,
        }
    })
    .await
}
