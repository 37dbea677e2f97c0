//! Somebody is refused, and told no more than they may know.

use anyhow::{Context as _, bail};
use customer_phone::SignIn;
use rand::RngExt as _;
use serde_json::json;
use tokio::net::UdpSocket;

use super::Play;
use crate::campaign::people::{Secrets, app, token};
use crate::campaign::side::{PATIENCE, Side};

/// What a telephone may refuse with.
const REFUSALS: [u16; 9] = [403, 404, 480, 486, 487, 500, 503, 600, 603];

impl Play<'_> {
    pub(super) async fn customer_refuses(&mut self) -> anyhow::Result<bool> {
        let status = REFUSALS.get(self.rng.random_range(0..REFUSALS.len())).copied().unwrap_or(486);
        self.customer_refuses_with(status, &[]).await
    }

    /// The customer's phone knows none of the codecs.
    pub(super) async fn no_common_codec(&mut self) -> anyhow::Result<bool> {
        self.customer_refuses_with(488, &[488]).await
    }

    async fn customer_refuses_with(&mut self, status: u16, told: &[u16]) -> anyhow::Result<bool> {
        self.open(json!({})).await?;
        let here = self.courier_calls().await?;
        let there = self.pair.customer.rings().await?;
        self.pair.customer.phone.refuse(there, status).await?;
        self.pair.courier.refused(here, told).await?;
        self.pair.customer.ended(there).await?;
        Ok(false)
    }

    /// The customer's phone offers a codec that the gateway does not know, and tells of itself all the while.
    pub(super) async fn nothing_known_offered(&mut self) -> anyhow::Result<bool> {
        // The app may be rung for a moment, before the gateway has read the offer: a courier of this call's own.
        let courier = format!("courier-{}", self.order);
        let secrets = Secrets { courier: courier.clone(), ..self.pair.secrets.clone() };
        let config = app(self.stage, &secrets, SignIn::Token(token(self.stage, &courier)?))?;
        let other = Side::start(config, self.folder, &format!("{}-other", self.order)).await?;
        other.phone.register().await?;
        self.open_for(&courier, json!({})).await?;
        let socket = UdpSocket::bind((self.stage.phone.ip(), 0)).await?;
        let local = socket.local_addr()?;
        let (number, name) = (&self.pair.secrets.number, &self.pair.secrets.customer_name);
        let (company, voice) = (&self.stage.company, self.stage.voice);
        let sdp = format!(
            "v=0\r\no={name} 1 1 IN IP4 {voice}\r\ns={name} {number}\r\nc=IN IP4 {voice}\r\nt=0 0\r\nm=audio 4000 RTP/AVP 18\r\na=rtpmap:18 G729/8000\r\n"
        );
        let head = |method: &str, to: &str| {
            format!(
                "{method} sip:{company}@{} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{order};rport\r\nMax-Forwards: 70\r\nFrom: \"{name}\" <sip:{number}@{voice}>;tag={order}\r\nTo: {to}\r\nCall-ID: {number}-{order}\r\nCSeq: 1 {method}\r\nContact: <sip:{number}@{local}>\r\nP-Asserted-Identity: <tel:{number}>\r\n",
                self.stage.trunk,
                order = self.order,
            )
        };
        let to = format!("<sip:{company}@{}>", self.stage.trunk);
        let invite = format!(
            "{}Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
            head("INVITE", &to),
            sdp.len()
        );
        socket.send_to(invite.as_bytes(), self.stage.trunk).await?;
        let mut buffer = vec![0; 65_535];
        let answer = loop {
            let received = tokio::time::timeout(PATIENCE, socket.recv_from(&mut buffer)).await;
            let (length, _) = received.context("waited in vain for a refusal")??;
            let answer = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default()).into_owned();
            if !answer.starts_with("SIP/2.0 1") {
                break answer;
            }
        };
        if !answer.starts_with("SIP/2.0 488") {
            bail!("an offer of nothing known was answered with {answer}");
        }
        let to = answer.lines().find_map(|line| line.strip_prefix("To: ")).context("an answer without To")?;
        let ack = format!("{}Content-Length: 0\r\n\r\n", head("ACK", to));
        socket.send_to(ack.as_bytes(), self.stage.trunk).await?;
        self.pair.evidence.add_courier(other.end().await);
        Ok(false)
    }

    pub(super) async fn unknown_order(&mut self) -> anyhow::Result<bool> {
        let here = self.courier_calls().await?;
        self.pair.courier.refused(here, &[404]).await?;
        Ok(false)
    }

    pub(super) async fn foreign_order(&mut self) -> anyhow::Result<bool> {
        self.open_for("somebody-else", json!({})).await?;
        let here = self.courier_calls().await?;
        self.pair.courier.refused(here, &[403]).await?;
        Ok(false)
    }

    pub(super) async fn closed_order(&mut self) -> anyhow::Result<bool> {
        self.open(json!({})).await?;
        self.close().await?;
        let here = self.courier_calls().await?;
        self.pair.courier.refused(here, &[404, 410]).await?;
        Ok(false)
    }

    /// The contact centre would take the call, but is busy.
    pub(super) async fn customer_without_order(&mut self) -> anyhow::Result<bool> {
        let there = self.customer_dials().await?;
        let centre = self.pair.customer.rings().await?;
        self.pair.customer.phone.refuse(centre, 486).await?;
        self.pair.customer.refused(there, &[]).await?;
        self.pair.customer.ended(centre).await?;
        Ok(false)
    }

    /// The courier passes the customer on to somebody of the courier's choice, then to another app.
    pub(super) async fn refused_transfer(&mut self) -> anyhow::Result<bool> {
        let (here, there) = self.talk(json!({})).await?;
        for target in ["somebody".to_owned(), self.pair.secrets.courier.clone()] {
            self.pair.courier.phone.transfer(here, &target).await?;
            self.pair.courier.transfer(here, 403).await?;
        }
        self.pair.customer.phone.transfer(there, "contact-centre").await?;
        self.pair.customer.transfer(there, 403).await?;
        self.pair.courier.phone.hang_up(here).await?;
        self.both_ended(here, there).await?;
        Ok(true)
    }
}
