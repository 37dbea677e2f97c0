//! What every server of Doorstep stands on, whatever it serves: layered configuration, logs, TLS from files, an HTTP API's listener,
//! keys and errors.

pub mod config;
pub mod http;
pub mod log;
pub mod slots;
pub mod tls;
