use super::{Environment, ProviderKind};

/// What a test of credentials against their provider has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Whose.
    pub provider: ProviderKind,
    /// Which of Apple's services; Google has one.
    pub environment: Option<Environment>,
    /// Whether pushes can be sent.
    pub good: bool,
    /// What was found and what to do, in a sentence or two. It holds no secret.
    pub words: String,
}
