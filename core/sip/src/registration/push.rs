use crate::Sensitive;
use crate::msg::{InvalidValue, SipUri};

/// Where a push wakes the app (RFC 8599 section 6): parameters of the URI in its Contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushParams {
    /// `pn-provider`: `apns` or `fcm`.
    pub provider: String,
    /// `pn-param`: `TEAM.BUNDLE.voip` for APNs, the project for FCM.
    pub param: Option<String>,
    /// `pn-prid`: the device's token.
    pub prid: Sensitive<String>,
}

const PROVIDER: &str = "pn-provider";
const PARAM: &str = "pn-param";
const PRID: &str = "pn-prid";

impl PushParams {
    /// What a Contact's URI holds; `None` where the provider or the token is missing.
    pub fn of(uri: &SipUri) -> Option<Self> {
        let value = |name| uri.params.unescaped(name).filter(|value| !value.is_empty());
        Some(Self { provider: value(PROVIDER)?, param: value(PARAM), prid: value(PRID)?.into() })
    }

    /// The URI with these parameters, in place of others of their kind.
    pub fn write(&self, uri: &SipUri) -> Result<SipUri, InvalidValue> {
        let mut uri = Self::strip(uri);
        uri.params.set_escaped(PROVIDER, Some(&self.provider))?;
        if let Some(param) = &self.param {
            uri.params.set_escaped(PARAM, Some(param))?;
        }
        uri.params.set_escaped(PRID, Some(self.prid.expose()))?;
        Ok(uri)
    }

    /// The URI without any.
    pub fn strip(uri: &SipUri) -> SipUri {
        let mut uri = uri.clone();
        for name in [PROVIDER, PARAM, PRID] {
            uri.params.remove(name);
        }
        uri
    }
}
