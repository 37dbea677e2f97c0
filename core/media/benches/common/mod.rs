//! An allocator that counts, and says on whose account.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    sync::atomic::{AtomicU64, Ordering},
};

/// Allocations by the voice path: capture, codecs, packets, jitter buffer, playout.
static OURS: AtomicU64 = AtomicU64::new(0);
/// Allocations by everything else: transport, runtime, the benchmark.
static OTHERS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static IN_OURS: Cell<bool> = const { Cell::new(false) };
}

pub(crate) struct Counting;

fn note() {
    // A thread that ends allocates on nobody's account.
    let counter = if IN_OURS.try_with(Cell::get).unwrap_or(false) { &OURS } else { &OTHERS };
    counter.fetch_add(1, Ordering::Relaxed);
}

// SAFETY: everything is left to the system's allocator; counting does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: as promised to this function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: as promised to this function.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note();
        // SAFETY: as promised to this function.
        unsafe { System.realloc(at, layout, size) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as promised to this function.
        unsafe { System.dealloc(at, layout) }
    }
}

/// So many allocations by the voice path and by all else.
pub(crate) fn allocations() -> (u64, u64) {
    (OURS.load(Ordering::Relaxed), OTHERS.load(Ordering::Relaxed))
}

/// Runs `work` on this account.
pub(crate) fn accounted<T>(ours: bool, work: impl FnOnce() -> T) -> T {
    let before = IN_OURS.replace(ours);
    let result = work();
    IN_OURS.set(before);
    result
}
