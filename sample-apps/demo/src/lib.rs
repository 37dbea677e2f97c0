//! Runs gateway, courier and customer as separate processes and tells what happened.
//!
//! Also the stage of the tests and benchmarks that need real processes: [`Stage`] starts a gateway with everything that
//! it needs, [`Program`] runs any of the programs and reads its events.

pub mod act;
pub mod campaign;
pub mod exchange;
pub mod phone_os;
pub mod phones;
mod program;
pub mod secrets;
mod speech;
mod stage;
pub mod summary;
pub mod timeline;

pub use program::{Cast, Event, Program, Role, Story};
pub use speech::{Script, Sounds, Understanding};
pub use stage::{Elsewhere, Stage, StageOptions, Wakes};
