mod client;
mod server;
mod vectors;
