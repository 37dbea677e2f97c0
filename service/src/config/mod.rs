//! How a server is told what to do: a TOML file with the environment (`PREFIX_SECTION__KEY`) over it, judged whole before anything
//! starts. Everything wrong is told at once, each with its place, its key and what may stand there.

mod api;
mod judge;
mod keys;
mod problem;
mod read;

pub use api::{ApiConfig, RawApi, api_section};
pub use judge::{Judge, NOWHERE};
pub use keys::{Key, Keys, Kind, key};
pub use problem::{Problem, Problems};
pub use read::{Layout, Places, read};
