//! Two network namespaces with a path between them that delays and loses, for real sockets of real programs.
//!
//! The kernel's own netem is not everywhere; a TAP device in each namespace and two threads each way are. Needs root,
//! `/dev/net/tun` and iproute2's `ip`. Namespaces and devices go when the path is dropped.

mod segments;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha12Rng;
use tun_rs::{DeviceBuilder, InterruptEvent, Layer, SyncDevice};

use segments::Segments;

/// What the path does to each frame, in either direction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Impairment {
    /// One way.
    pub delay: Duration,
    /// The delay wanders by as much as this, up and down; frames may overtake each other then.
    pub jitter: Duration,
    /// How many of a hundred frames are lost, 0 to 100.
    pub loss_percent: f64,
    /// Nothing passes.
    pub cut: bool,
}

impl Impairment {
    /// A delay each way and nothing else: the round trip is twice that.
    pub const fn delay(delay: Duration) -> Self {
        Self { delay, jitter: Duration::ZERO, loss_percent: 0.0, cut: false }
    }
}

/// One end of the path.
#[derive(Debug)]
pub struct Namespace {
    name: String,
    address: Ipv4Addr,
}

impl Namespace {
    /// Its address on the path.
    pub fn address(&self) -> IpAddr {
        self.address.into()
    }

    /// As `ip netns` knows it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A command that will run in the namespace.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }
}

/// The path. Frames beyond [`MOST_FRAMES`] under way are lost, as in any router.
pub struct SlowPath {
    left: Namespace,
    right: Namespace,
    impairment: Arc<Mutex<Impairment>>,
    stop: Arc<InterruptEvent>,
    lanes: [Arc<Lane>; 2],
    segments: Arc<Mutex<Segments>>,
    threads: Vec<JoinHandle<()>>,
}

/// Most frames that are under way in one direction.
pub const MOST_FRAMES: usize = 20_000;
/// An Ethernet frame with a full IP packet.
const FRAME_BYTES: usize = 1_600;

impl SlowPath {
    /// Makes both namespaces and starts to carry. What is random follows from the seed.
    ///
    /// # Errors
    /// The system's, where this process may not make namespaces or devices.
    pub fn new(impairment: Impairment, seed: u64) -> io::Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let tag = format!("{}x{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let end = |side: &str, last| Namespace {
            name: format!("doorstep-{side}-{tag}"),
            address: Ipv4Addr::new(10, 98, 0, last),
        };
        let (left, right) = (end("a", 1), end("b", 2));
        let mut path = Self {
            left,
            right,
            impairment: Arc::new(Mutex::new(impairment)),
            stop: Arc::new(InterruptEvent::new()?),
            lanes: [Arc::default(), Arc::default()],
            segments: Arc::default(),
            threads: Vec::new(),
        };
        let a = Arc::new(attach(&path.left, &format!("dsa{tag}"))?);
        let b = Arc::new(attach(&path.right, &format!("dsb{tag}"))?);
        let directions = [(a.clone(), b.clone(), true), (b, a, false)];
        for ((from, to, from_left), lane) in directions.into_iter().zip(path.lanes.clone()) {
            let intake = Intake {
                from,
                from_left,
                lane: lane.clone(),
                impairment: path.impairment.clone(),
                segments: path.segments.clone(),
                rng: ChaCha12Rng::seed_from_u64(if from_left { seed } else { seed ^ u64::MAX }),
            };
            let stop = path.stop.clone();
            path.threads.push(spawn("slow path in", move || intake.run(&stop))?);
            path.threads.push(spawn("slow path out", move || hand_out(&to, &lane))?);
        }
        Ok(path)
    }

    /// One end.
    pub const fn left(&self) -> &Namespace {
        &self.left
    }

    /// The other.
    pub const fn right(&self) -> &Namespace {
        &self.right
    }

    /// Changes what the path does from now on; frames that are under way stay as they are.
    pub fn set(&self, impairment: Impairment) {
        *lock(&self.impairment) = impairment;
    }

    /// How many round trips the left end can have waited for on its TCP connections to a port of the right end, between
    /// two moments that lie not long ago: the longest chain of segments there and back in which each set out after the
    /// one before had arrived. What is lost on the path is not in it.
    pub fn round_trips(&self, port: u16, since: SystemTime, until: SystemTime) -> u32 {
        lock(&self.segments).round_trips(port, since, until)
    }
}

impl Drop for SlowPath {
    fn drop(&mut self) {
        // A device or a namespace that is gone already is what was wanted.
        let _ = self.stop.trigger();
        for lane in &self.lanes {
            lock(&lane.state).over = true;
            lane.changed.notify_all();
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
        for end in [&self.left, &self.right] {
            let _ = ip(&["netns", "del", &end.name]);
        }
    }
}

/// What is under way in one direction.
#[derive(Default)]
struct Lane {
    state: Mutex<LaneState>,
    changed: Condvar,
}

#[derive(Default)]
struct LaneState {
    /// By when it is due, then by its number.
    frames: BinaryHeap<Reverse<(Instant, u64, Vec<u8>)>>,
    over: bool,
}

/// Takes the frames of one end.
struct Intake {
    from: Arc<SyncDevice>,
    from_left: bool,
    lane: Arc<Lane>,
    impairment: Arc<Mutex<Impairment>>,
    segments: Arc<Mutex<Segments>>,
    rng: ChaCha12Rng,
}

impl Intake {
    fn run(mut self, stop: &InterruptEvent) {
        let mut buffer = [0; FRAME_BYTES];
        for number in 0.. {
            let Ok(length) = self.from.recv_intr(&mut buffer, stop) else { return };
            self.take(buffer.get(..length).unwrap_or_default(), number);
        }
    }

    fn take(&mut self, frame: &[u8], number: u64) {
        let (now, clock) = (Instant::now(), SystemTime::now());
        let Impairment { delay, jitter, loss_percent, cut } = *lock(&self.impairment);
        // Without ARP neither end would find the other again.
        let arp = frame.get(12..14) == Some(&[0x08, 0x06]);
        let lost = cut || self.rng.random_range(0.0..100.0) < loss_percent;
        if lost && !arp {
            return;
        }
        let wander = jitter.mul_f64(self.rng.random_range(0.0..=2.0));
        let delay = (delay + wander).saturating_sub(jitter);
        let mut state = lock(&self.lane.state);
        if state.frames.len() >= MOST_FRAMES {
            return;
        }
        state.frames.push(Reverse((now + delay, number, frame.to_vec())));
        self.lane.changed.notify_one();
        drop(state);
        lock(&self.segments).see(frame, self.from_left, clock, delay);
    }
}

fn hand_out(to: &SyncDevice, lane: &Lane) {
    let mut state = lock(&lane.state);
    while !state.over {
        let now = Instant::now();
        state = match state.frames.peek() {
            Some(Reverse((due, ..))) if *due <= now => {
                let frame = state.frames.pop();
                drop(state);
                if let Some(Reverse((_, _, frame))) = frame {
                    // A full device loses the frame, as a wire would.
                    let _ = to.send(&frame);
                }
                lock(&lane.state)
            }
            Some(Reverse((due, ..))) => {
                let wait = due.saturating_duration_since(now);
                lane.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0
            }
            None => lane.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
        };
    }
}

/// Makes the namespace and puts one end of the path into it.
fn attach(end: &Namespace, device: &str) -> io::Result<SyncDevice> {
    ip(&["netns", "add", &end.name])?;
    ip(&["-n", &end.name, "link", "set", "lo", "up"])?;
    let tap = DeviceBuilder::new().name(device).layer(Layer::L2).build_sync()?;
    ip(&["link", "set", device, "netns", &end.name])?;
    ip(&["-n", &end.name, "addr", "add", &format!("{}/24", end.address), "dev", device])?;
    ip(&["-n", &end.name, "link", "set", device, "up"])?;
    Ok(tap)
}

fn ip(args: &[&str]) -> io::Result<()> {
    let Output { status, stderr, .. } = Command::new("ip").args(args).stdin(Stdio::null()).output()?;
    if status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&stderr);
    Err(io::Error::other(format!("ip {}: {}", args.join(" "), said.trim())))
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ping_takes_the_round_trip_and_a_cut_path_carries_nothing() {
        let path = match SlowPath::new(Impairment::delay(Duration::from_millis(50)), 1) {
            Ok(path) => path,
            Err(error) => {
                assert!(std::env::var_os("DOORSTEP_REQUIRE_TOOLS").is_none(), "{error}");
                println!("SKIPPED: no network namespaces here: {error}");
                return;
            }
        };
        // A TCP connection to a closed port is refused by the other end, after a round trip.
        let probe = "exec 3<>/dev/tcp/10.98.0.2/9";
        let ask =
            |limit: &str| path.left().command("timeout").args([limit, "bash", "-c", probe]).output().unwrap();
        let started = Instant::now();
        let refused = ask("10");
        assert!(String::from_utf8_lossy(&refused.stderr).contains("refused"), "{refused:?}");
        assert!(started.elapsed() >= Duration::from_millis(100), "it cannot be faster than the path");

        path.set(Impairment { cut: true, ..Impairment::delay(Duration::ZERO) });
        assert_eq!(ask("1").status.code(), Some(124), "nothing comes back");
    }
}
