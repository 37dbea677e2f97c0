//! How long a closed app takes to ring for a customer who calls back, with a round trip of 100 ms to the app and to the push
//! provider: `cargo xtask bench wake [--json] [-- --n N]`.
//!
//! Linux, as root: in one network namespace are the gateway's program with TLS, push-service's program and the customer's
//! phone, in the other one the stand-in for Apple and the courier's app (the SDK, started anew for each push). So both the
//! gateway's path to the app and push-service's path to the provider are slow, and a push passes from the provider to the
//! app in no time: what Apple and Google take for that is not in the figures, nor is the start of an app's process.
//!
//! - INVITE → push: from the customer's INVITE until the provider has taken the push. One way of the path, and push-service's
//!   own time; the first push has to connect, too.
//! - Push → INVITE: from the push in the app until the app has the INVITE. Round trips are counted on the path to the
//!   gateway, see `SlowPath::round_trips`: TCP, TLS, WebSocket, and REGISTER with the INVITE right behind its answer.
//! - INVITE → ringing: from the customer's INVITE until the app has its own. The screen shows the call sooner: the app has
//!   all that it needs from the push. That is told beside it.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a measuring tool")]

#[cfg(target_os = "linux")]
mod path;
#[cfg(target_os = "linux")]
#[path = "wake/mod.rs"]
mod wake;

fn main() -> std::process::ExitCode {
    #[cfg(target_os = "linux")]
    return path::main::<wake::Wake>();
    #[cfg(not(target_os = "linux"))]
    {
        eprintln!("wake: network namespaces are needed, which only Linux has");
        std::process::ExitCode::from(2)
    }
}
