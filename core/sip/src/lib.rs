//! SIP as data and state machines: no I/O, no clock, no randomness of its own.
