//! A hundred calls, each with a client, a listener and a sound port of its own, leave no memory and no thread. Alone in its
//! program, since it counts what the process holds.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

#[allow(dead_code, reason = "shared with the other tests, which use more of it")]
#[path = "it/stage.rs"]
mod stage;
#[allow(dead_code, unreachable_pub, reason = "shared with the other tests, which use more of it")]
#[path = "../../client/tests/it/support/mod.rs"]
mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicIsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{fs, thread};

use doorstep_ffi::audio::{doorstep_audio_capture, doorstep_audio_playout};
use doorstep_ffi::{AudioChoice, AudioControl, AudioError, AudioPort, CallbackError, Client, Event};
use stage::{Events, GoodTokens, config};
use support::gateway::{Gateway, Order};
use support::within;

const ROUNDS: usize = 100;
const WARM_UP: usize = 20;
/// How long what a round has begun may take to end on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(2);

/// Pieces of memory that are in use.
static PIECES: AtomicIsize = AtomicIsize::new(0);

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

// SAFETY: hands everything on; it only counts.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        PIECES.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        PIECES.fetch_sub(1, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(piece, layout) }
    }
}

/// The platform's sound, with a thread that runs from start to stop.
#[derive(Default)]
struct Sound {
    port: Mutex<u64>,
    stops: Mutex<Option<Sender<()>>>,
}

impl AudioControl for Sound {
    fn start(&self) -> Result<(), AudioError> {
        let (stop, stopped) = channel();
        *self.stops.lock().unwrap() = Some(stop);
        let port = *self.port.lock().unwrap();
        thread::spawn(move || {
            // A tone, and loud.
            let frame: [i16; 480] = std::array::from_fn(|n| if n / 24 % 2 == 0 { 8_000 } else { -8_000 });
            let mut played = [0_i16; 480];
            // It waits as a sound card does, until nobody holds the other end.
            while stopped.recv_timeout(Duration::from_millis(10))
                == Err(std::sync::mpsc::RecvTimeoutError::Timeout)
            {
                // SAFETY: slices and their lengths.
                unsafe {
                    doorstep_audio_capture(port, frame.as_ptr(), 480);
                    doorstep_audio_playout(port, played.as_mut_ptr(), 480);
                }
            }
        });
        Ok(())
    }

    fn stop(&self) -> Result<(), CallbackError> {
        drop(self.stops.lock().unwrap().take());
        Ok(())
    }
}

/// One call from end to end, and everything for it.
async fn call() {
    let mut gateway = Gateway::start().await;
    let sound = Arc::new(Sound::default());
    let port = AudioPort::new(48_000, 48_000, Arc::clone(&sound) as Arc<dyn AudioControl>).unwrap();
    *sound.port.lock().unwrap() = port.handle();
    let mut config = config(&gateway, Arc::new(GoodTokens));
    config.audio = AudioChoice::Port { port };
    let client = Client::new(config).unwrap();
    let mut events = Events::of(&client);
    let call = client.contact_customer("4711".to_owned()).await.unwrap();
    gateway.until_invited().await;
    gateway.order(Order::Answer).await;
    events.until(|event| matches!(event, Event::FirstAudio { .. }).then_some(())).await;
    gateway.until_hears(true).await;
    call.hang_up().await.unwrap();
    events.until_ended(call.id()).await;
    within(client.shut_down()).await.unwrap();
}

/// Threads of the core that belong to a client.
fn threads() -> usize {
    let ours = ["doorstep-events", "doorstep-audio"];
    let names = fs::read_dir("/proc/self/task").unwrap();
    let names = names.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("comm")).ok());
    names.filter(|name| ours.contains(&name.trim())).count()
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_calls_leave_no_memory_and_no_thread() {
    for _ in 0..WARM_UP {
        call().await;
    }
    settled(isize::MAX).await;
    let before = PIECES.load(Ordering::Relaxed);
    for _ in 0..ROUNDS {
        call().await;
    }
    // What each call left would be there a hundred times. Fewer come and go with the threads that a runtime keeps for a while.
    settled(before + ROUNDS as isize - 1).await;
}

/// Waits until no thread of a client is left, and no more pieces of memory than that.
async fn settled(most: isize) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    // Nobody tells when a task that belongs to nobody has ended: one has to look.
    let mut looks = tokio::time::interval(LOOK);
    loop {
        looks.tick().await;
        let (threads, pieces) = (threads(), PIECES.load(Ordering::Relaxed));
        if threads == 0 && pieces <= most {
            return;
        }
        let late = tokio::time::Instant::now() >= deadline;
        assert!(!late, "left: {threads} threads; {pieces} pieces of memory, and {most} may be");
    }
}
