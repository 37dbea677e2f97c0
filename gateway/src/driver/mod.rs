//! What runs beside the core and may wait: the core's questions, put to the store.

pub mod lookups;
