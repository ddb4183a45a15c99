//! The heap: an arena in .bss, behind a spin lock.
use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{NonNull, null_mut};
#[cfg(feature = "count")]
use core::sync::atomic::{AtomicUsize, Ordering};
use linked_list_allocator::Heap;
use spin::Mutex;

pub const SIZE: usize = if cfg!(feature = "large") {
    1 << 20
} else {
    64 << 10
};

#[repr(align(16))]
struct Arena(#[allow(dead_code)] [u8; SIZE]);

static mut ARENA: Arena = Arena([0; SIZE]);

#[global_allocator]
static ALLOCATOR: Locked = Locked(Mutex::new(Heap::empty()));

#[cfg(feature = "count")]
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

struct Locked(Mutex<Heap>);

unsafe impl GlobalAlloc for Locked {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        #[cfg(feature = "count")]
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        match self.0.lock().allocate_first_fit(layout) {
            Ok(pointer) => pointer.as_ptr(),
            Err(()) => null_mut(),
        }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller returns what alloc gave, so it is not null and of this heap.
        unsafe {
            self.0
                .lock()
                .deallocate(NonNull::new_unchecked(pointer), layout)
        }
    }
}

/// Gives the arena to the allocator. To be called once.
pub fn init() {
    let mut heap = ALLOCATOR.0.lock();
    assert_eq!(heap.size(), 0, "the heap is there already");
    // SAFETY: nothing else names ARENA, and the heap has it once.
    unsafe { heap.init((&raw mut ARENA).cast(), SIZE) };
}

pub fn free() -> usize {
    ALLOCATOR.0.lock().free()
}

/// How many allocations there were; nothing without the feature `count`.
///
/// ```no_run
/// assert!(heap::memory::allocations().is_none_or(|count| count < 1000));
/// ```
pub fn allocations() -> Option<usize> {
    #[cfg(feature = "count")]
    return Some(ALLOCATIONS.load(Ordering::Relaxed));
    #[cfg(not(feature = "count"))]
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::boxed::Box;

    #[test_case]
    fn a_box_takes_and_gives_back() {
        let before = free();
        let value = Box::new([7_u64; 100]);
        assert!(free() <= before - 800);
        drop(value);
        assert_eq!(free(), before);
    }

    #[test_case]
    #[cfg(feature = "count")]
    fn allocations_are_counted() {
        let before = allocations().unwrap();
        drop(Box::new(1));
        assert_eq!(allocations().unwrap(), before + 1);
    }
}
