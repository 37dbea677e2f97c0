//! One Endpoint: every call's state, without I/O and without a clock.
