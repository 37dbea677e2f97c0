use std::fmt;
use std::str::FromStr;

use super::InvalidValue;
use super::grammar::is_token;

macro_rules! methods {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// A request's method. Names are case-sensitive (RFC 3261 section 7.1).
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Method {
            $($(#[$doc])* $variant,)*
            /// One that this crate does not know: a token, kept as it came.
            Extension(ExtensionMethod),
        }

        impl Method {
            /// The name as it stands in a request line.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Extension(name) => &name.0,
                }
            }
        }

        impl FromStr for Method {
            type Err = InvalidValue;

            fn from_str(text: &str) -> Result<Self, InvalidValue> {
                match text {
                    $($name => Ok(Self::$variant),)*
                    other if is_token(other) => Ok(Self::Extension(ExtensionMethod(other.into()))),
                    _ => Err(InvalidValue::new("method")),
                }
            }
        }
    };
}

methods! {
    /// RFC 3261 section 13.
    Invite = "INVITE",
    /// RFC 3261 section 17.1.1.3.
    Ack = "ACK",
    /// RFC 3261 section 15.
    Bye = "BYE",
    /// RFC 3261 section 9.
    Cancel = "CANCEL",
    /// RFC 3261 section 10.
    Register = "REGISTER",
    /// RFC 3261 section 11.
    Options = "OPTIONS",
    /// RFC 3311.
    Update = "UPDATE",
    /// RFC 6086.
    Info = "INFO",
    /// RFC 3515.
    Refer = "REFER",
    /// RFC 6665.
    Notify = "NOTIFY",
    /// RFC 6665.
    Subscribe = "SUBSCRIBE",
    /// RFC 3262.
    Prack = "PRACK",
    /// RFC 3428.
    Message = "MESSAGE",
    /// RFC 3903.
    Publish = "PUBLISH",
}

/// The name of a method that this crate does not know; made only by reading one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExtensionMethod(Box<str>);

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
