//! A plain SIP/RTP phone on the carrier's side, for the demo and the tests.

fn main() {}
