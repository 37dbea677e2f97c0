//! What every server of Doorstep stands on, whatever it serves: layered configuration, logs, TLS from files, an HTTP API's listener,
//! keys and errors, and what a program does beside.

pub mod config;
pub mod http;
pub mod log;
pub mod program;
pub mod slots;
pub mod tls;
