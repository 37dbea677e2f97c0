//! What runs beside the core: the one task that owns it, the way in for sockets and the API, and the core's questions to the store.

mod carriers;
mod handle;
mod live;
pub mod lookups;
mod questions;
mod task;

use crate::core::MediaCommand;

pub use carriers::CarrierState;
pub use handle::{Announcement, Handle, Outlet};
pub use live::LiveCalls;
pub use task::{Driver, Parts};

#[cfg(test)]
pub(crate) use handle::{Ends, FromOutside, channel};

/// The media plane, as the driver needs it.
pub trait MediaPlane: Send + 'static {
    /// Takes a command without waiting. One that cannot be taken is answered by [`crate::core::MediaEvent::Failed`].
    fn send(&mut self, command: MediaCommand);
}
