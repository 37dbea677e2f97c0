//! The company's contact centre: a telephone at the same carrier, which takes the calls that reach no courier.

use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tokio::process::Command;

use super::{SIP, Stage};
use crate::exchange::Exchange;
use crate::program::Cast;
use crate::speech::Script;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Centre {
    /// Both telephones are behind it.
    exchange: Exchange,
    number: String,
    phone: SocketAddr,
    /// What the gateway tells the caller first.
    message: Script,
    /// The same as a file.
    message_file: PathBuf,
}

impl Centre {
    pub(super) async fn set_up(
        gateway: SocketAddr,
        customer: (&str, SocketAddr),
        number: &str,
        message: Script,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let message_file = folder.join("message.wav");
        message.write(&message_file)?;
        let (number, phone) = (number.to_owned(), beside(customer.1, 6)?);
        let phones = [(customer.0.to_owned(), customer.1), (number.clone(), phone)];
        let exchange = Exchange::start(beside(customer.1, 5)?, gateway, phones).await?;
        Ok(Self { exchange, number, phone, message, message_file })
    }

    /// Where telephones and gateway send SIP to.
    pub(super) fn exchange(&self) -> SocketAddr {
        self.exchange.address()
    }

    /// Further lines of the gateway's configuration.
    pub(super) fn config(&self, company: &str) -> anyhow::Result<Vec<(String, String)>> {
        let text = |text: &str| toml::Value::from(text).to_string();
        let message = self.message_file.to_str().context("the temporary folder's name is not Unicode")?;
        let lines = [
            ("trunk.carrier", text(&self.exchange.address().to_string())),
            ("fallback.contact_centre", text(&self.number)),
            ("fallback.caller_id", text(company)),
            ("fallback.message", text(message)),
        ];
        Ok(lines.map(|(key, value)| (key.to_owned(), value)).to_vec())
    }
}

impl Stage {
    /// What a caller hears who reaches no courier.
    ///
    /// # Errors
    /// When this stage has no contact centre of its own.
    pub fn message(&self) -> anyhow::Result<&Script> {
        Ok(&self.own_telephone()?.message)
    }

    /// The contact centre's telephone; the caller adds what it is to do.
    ///
    /// # Errors
    /// When this stage has no contact centre, or the program has not been built.
    pub fn contact_centre(&self, cast: &Cast) -> anyhow::Result<Command> {
        let centre = self.own_telephone()?;
        self.telephone(cast, &centre.number, centre.phone)
    }

    fn own_telephone(&self) -> anyhow::Result<&Centre> {
        self.telephone.as_ref().context("this stage has no contact centre")
    }
}

/// Another address of the carrier's; where loopback is a single address, another port.
fn beside(phone: SocketAddr, last: u8) -> anyhow::Result<SocketAddr> {
    if let SocketAddr::V4(own) = phone
        && own.port() == SIP
    {
        let [a, b, c, _] = own.ip().octets();
        return Ok(SocketAddr::from(([a, b, c, last], SIP)));
    }
    let free = UdpSocket::bind((phone.ip(), 0)).and_then(|socket| socket.local_addr());
    free.context("no free port")
}
