//! What the guard and the extractors need to know of a server.

/// What handlers share; the router's state is an `Arc` of it.
pub trait ApiState: Send + Sync + 'static {
    /// SHA-256 of each API key; none only on loopback.
    fn keys(&self) -> &[[u8; 32]];
    /// Bytes of a request's body.
    fn max_body(&self) -> usize;
}
