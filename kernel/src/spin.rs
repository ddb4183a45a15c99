//! A lock that waits by spinning: all that can be had before there are threads to put to sleep.

use core::cell::UnsafeCell;
use core::hint::spin_loop;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicBool, Ordering};

/// A value that one holder at a time may change.
pub struct Mutex<T> {
    locked: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: the lock hands the value to one holder at a time, wherever that holder runs.
unsafe impl<T: Send> Sync for Mutex<T> {}

/// The right to the value, given back when it is dropped.
pub struct Guard<'a, T> {
    mutex: &'a Mutex<T>,
    /// A guard is as good as a reference to the value. The pointer takes away what the compiler would conclude from the
    /// mutex: that guards may be shared wherever the value may be sent.
    value: PhantomData<*mut T>,
}

// SAFETY: whoever shares a guard shares the value, and can do no more with it than the value allows.
unsafe impl<T: Sync> Sync for Guard<'_, T> {}

impl<T> Mutex<T> {
    pub const fn new(value: T) -> Self {
        Self {
            locked: AtomicBool::new(false),
            value: UnsafeCell::new(value),
        }
    }

    /// Waits for the lock.
    pub fn lock(&self) -> Guard<'_, T> {
        while self.locked.swap(true, Ordering::Acquire) {
            spin_loop();
        }
        Guard {
            mutex: self,
            value: PhantomData,
        }
    }

    /// Breaks the lock, for a panic: whoever holds it will not go on.
    ///
    /// # Safety
    /// No guard that is alive may be used again.
    pub unsafe fn force_unlock(&self) {
        self.locked.store(false, Ordering::Release);
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the guard exists, so the lock is ours.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard exists and is borrowed mutably.
        unsafe { &mut *self.mutex.value.get() }
    }
}

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        self.mutex.locked.store(false, Ordering::Release);
    }
}

crate::kernel_test! {
    fn a_dropped_guard_gives_the_lock_back() {
        let mutex = Mutex::new(1);
        *mutex.lock() += 1;
        assert_eq!(*mutex.lock(), 2);
    }
}
