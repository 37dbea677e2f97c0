use std::fmt;
use std::str::FromStr;

use super::InvalidValue;
use super::grammar::is_token;

macro_rules! header_names {
    ($($variant:ident = $name:literal $(/ $compact:literal)?;)*) => {
        /// A header's name. It reads long and compact forms in any case, and writes the long one.
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum HeaderName {
            $(#[doc = $name] $variant,)*
            /// One that this crate does not know.
            Extension(ExtensionHeader),
        }

        impl HeaderName {
            /// The long name; an unknown one as it came.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Extension(name) => &name.written,
                }
            }
        }

        impl FromStr for HeaderName {
            type Err = InvalidValue;

            fn from_str(text: &str) -> Result<Self, InvalidValue> {
                match text {
                    $(name if name.eq_ignore_ascii_case($name) $(|| name.eq_ignore_ascii_case($compact))? => {
                        Ok(Self::$variant)
                    })*
                    other if is_token(other) => Ok(Self::Extension(ExtensionHeader {
                        lower: other.to_ascii_lowercase().into(),
                        written: other.into(),
                    })),
                    _ => Err(InvalidValue::new("header name")),
                }
            }
        }
    };
}

header_names! {
    Accept = "Accept";
    AcceptContact = "Accept-Contact" / "a";
    Allow = "Allow";
    AllowEvents = "Allow-Events" / "u";
    AuthenticationInfo = "Authentication-Info";
    Authorization = "Authorization";
    CSeq = "CSeq";
    CallId = "Call-ID" / "i";
    Contact = "Contact" / "m";
    ContentEncoding = "Content-Encoding" / "e";
    ContentLength = "Content-Length" / "l";
    ContentType = "Content-Type" / "c";
    Date = "Date";
    Event = "Event" / "o";
    Expires = "Expires";
    FeatureCaps = "Feature-Caps";
    FlowTimer = "Flow-Timer";
    From = "From" / "f";
    MaxForwards = "Max-Forwards";
    MinExpires = "Min-Expires";
    MinSe = "Min-SE";
    PAssertedIdentity = "P-Asserted-Identity";
    Path = "Path";
    Privacy = "Privacy";
    ProxyAuthenticationInfo = "Proxy-Authentication-Info";
    ProxyAuthenticate = "Proxy-Authenticate";
    ProxyAuthorization = "Proxy-Authorization";
    ProxyRequire = "Proxy-Require";
    RAck = "RAck";
    RSeq = "RSeq";
    Reason = "Reason";
    RecordRoute = "Record-Route";
    ReferSub = "Refer-Sub";
    ReferTo = "Refer-To" / "r";
    ReferredBy = "Referred-By" / "b";
    Replaces = "Replaces";
    Require = "Require";
    RetryAfter = "Retry-After";
    Route = "Route";
    Server = "Server";
    SessionExpires = "Session-Expires" / "x";
    Subject = "Subject" / "s";
    SubscriptionState = "Subscription-State";
    Supported = "Supported" / "k";
    Timestamp = "Timestamp";
    To = "To" / "t";
    Unsupported = "Unsupported";
    UserAgent = "User-Agent";
    Via = "Via" / "v";
    Warning = "Warning";
    WwwAuthenticate = "WWW-Authenticate";
}

/// The name of a header that this crate does not know; made only by reading one. Case does not count in comparing.
#[derive(Debug, Clone)]
pub struct ExtensionHeader {
    lower: Box<str>,
    written: Box<str>,
}

impl PartialEq for ExtensionHeader {
    fn eq(&self, other: &Self) -> bool {
        self.lower == other.lower
    }
}

impl Eq for ExtensionHeader {}

impl std::hash::Hash for ExtensionHeader {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.lower.hash(state);
    }
}

impl PartialOrd for ExtensionHeader {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ExtensionHeader {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.lower.cmp(&other.lower)
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
