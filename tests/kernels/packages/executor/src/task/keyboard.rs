//! Keys as a stream.
use conquer_once::spin::OnceCell;
use core::pin::Pin;
use core::task::{Context, Poll};
use crossbeam_queue::ArrayQueue;
use futures_util::{stream::Stream, task::AtomicWaker};
use pc_keyboard::{layouts, DecodedKey, HandleControl, Keyboard, ScancodeSet1};

static SCANCODES: OnceCell<ArrayQueue<u8>> = OnceCell::uninit();
static WAKER: AtomicWaker = AtomicWaker::new();

/// Called by the interrupt handler: neither blocks nor allocates.
pub(crate) fn add(scancode: u8) {
    if let Ok(queue) = SCANCODES.try_get() {
        match queue.push(scancode) {
            Ok(()) => WAKER.wake(),
            Err(code) => log::warn!("scancode {code:#x} is lost"),
        }
    }
}

pub struct Keys(Keyboard<layouts::Uk105Key, ScancodeSet1>);

impl Keys {
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        SCANCODES
            .try_init_once(|| ArrayQueue::new(16))
            .expect("there is one stream of keys");
        Keys(Keyboard::new(
            ScancodeSet1::new(),
            layouts::Uk105Key,
            HandleControl::Ignore,
        ))
    }
}

impl Stream for Keys {
    type Item = DecodedKey;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<Option<DecodedKey>> {
        let queue = SCANCODES.try_get().expect("made by new");
        WAKER.register(context.waker());
        while let Some(code) = queue.pop() {
            let event = self.0.add_byte(code);
            if let Some(key) = event
                .ok()
                .flatten()
                .and_then(|event| self.0.process_keyevent(event))
            {
                return Poll::Ready(Some(key));
            }
        }
        Poll::Pending
    }
}

#[test_case]
fn a_breakpoint_is_a_key() {
    use futures_util::{FutureExt, StreamExt};
    let mut keys = Keys::new();
    assert!(keys.next().now_or_never().is_none());
    x86_64::instructions::interrupts::int3();
    assert_eq!(
        keys.next().now_or_never(),
        Some(Some(DecodedKey::Unicode('b')))
    );
}
