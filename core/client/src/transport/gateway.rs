//! The one gateway of a client. What connections to it need is read from disk once, beside everything else.

use tokio::sync::OnceCell;

use super::{Connector, GatewayUrl, TlsFailure, TransportConfig, TransportError};

/// Makes the [`Connector`] when it is first needed, on a thread that may block.
pub(crate) struct Gateway {
    url: GatewayUrl,
    config: TransportConfig,
    connector: OnceCell<Connector>,
}

impl Gateway {
    /// Reads nothing yet.
    ///
    /// # Errors
    /// [`TransportError::Insecure`], as [`Connector::new`].
    pub(crate) fn new(url: GatewayUrl, config: TransportConfig) -> Result<Self, TransportError> {
        if config.may_reach(&url) {
            Ok(Self { url, config, connector: OnceCell::new() })
        } else {
            Err(TransportError::Insecure)
        }
    }

    pub(crate) fn url(&self) -> &GatewayUrl {
        &self.url
    }

    /// How many messages may wait, each way.
    pub(crate) fn queue(&self) -> usize {
        self.config.queue.max(1)
    }

    /// Several may ask at once: it is made once.
    pub(crate) async fn connector(&self) -> Result<&Connector, TransportError> {
        let make = || async {
            let (url, config) = (self.url.clone(), self.config.clone());
            let made = tokio::task::spawn_blocking(move || Connector::new(url, config)).await;
            // It panicked, or the runtime is going down.
            made.unwrap_or(Err(TransportError::Tls(TlsFailure::NoRoots)))
        };
        self.connector.get_or_try_init(make).await
    }
}
