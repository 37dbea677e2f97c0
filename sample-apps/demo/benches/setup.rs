//! How long a call takes to ring, and its first sound to be heard, over a path of 50 ms each way: `cargo xtask bench setup
//! [--json] [-- --n N]`.
//!
//! Linux, as root: the courier's app (the SDK, in a process of its own) is in one network namespace; the gateway's program,
//! with TLS, and the customer's phone are in another, so that the path between gateway and phone costs nothing. All read
//! the same clock.
//!
//! - Pressed → ringing: from the call of `contact_customer` (cold: of `Client::connect` before it) until the app's state
//!   says that it rings. Round trips are counted on the path, see `SlowPath::round_trips`: TCP, TLS, WebSocket and SIP
//!   are in it; looking up the gateway's name is not, since its address is given.
//! - Answered → heard: from the moment at which a person answers until the other's speaker takes the first sound that a
//!   person would notice. The same at the answering person's own ear, who cannot hear anything before a whole round trip
//!   is over, is told beside it.
//!
//! The phone rings for a second before it is answered; the voice path comes up in that time.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a measuring tool")]

#[cfg(target_os = "linux")]
mod path;
#[cfg(target_os = "linux")]
#[path = "setup/mod.rs"]
mod setup;

fn main() -> std::process::ExitCode {
    #[cfg(target_os = "linux")]
    return path::main::<setup::Setup>();
    #[cfg(not(target_os = "linux"))]
    {
        eprintln!("setup: network namespaces are needed, which only Linux has");
        std::process::ExitCode::from(2)
    }
}
