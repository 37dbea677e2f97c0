//! The carrier's exchange: one SIP address towards the gateway, and behind it a telephone for each number.
//!
//! It passes messages on as they come, whole datagrams over UDP, and answers only what is asked of itself (OPTIONS). Of a
//! call it keeps its Call-ID and its telephone. Voice goes past it.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;

use anyhow::Context as _;
use doorstep_sip::msg::{HeaderName, Headers, Message, Method, Request, Response, StatusCode};
use tokio::net::UdpSocket;
use tokio::task::AbortHandle;

/// Longest datagram there is.
const MAX_DATAGRAM: usize = 65_535;
/// Far more than a story has.
const MAX_CALLS: usize = 1000;

/// Runs until it is dropped.
#[derive(Debug)]
pub struct Exchange {
    address: SocketAddr,
    task: AbortHandle,
}

impl Exchange {
    /// An exchange at `address` between the gateway's trunk and the telephones, which are known by their numbers.
    ///
    /// # Errors
    /// When the address is taken.
    pub async fn start(
        address: SocketAddr,
        gateway: SocketAddr,
        phones: impl IntoIterator<Item = (String, SocketAddr)>,
    ) -> anyhow::Result<Self> {
        let socket =
            UdpSocket::bind(address).await.with_context(|| format!("{address} cannot be listened on"))?;
        let address = socket.local_addr()?;
        let desk = Desk { socket, gateway, phones: phones.into_iter().collect(), calls: BTreeMap::new() };
        Ok(Self { address, task: tokio::spawn(desk.run()).abort_handle() })
    }

    /// Where the gateway and the telephones send SIP to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Desk {
    socket: UdpSocket,
    gateway: SocketAddr,
    phones: BTreeMap<String, SocketAddr>,
    /// Which telephone a call is with.
    calls: BTreeMap<String, SocketAddr>,
}

impl Desk {
    async fn run(mut self) {
        let mut buffer = vec![0; MAX_DATAGRAM];
        loop {
            let (length, from) = match self.socket.recv_from(&mut buffer).await {
                Ok(received) => received,
                // A telephone that is not there yet, or no longer.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => continue,
                Err(_) => return,
            };
            let datagram = buffer.get(..length).unwrap_or_default();
            let Ok(message) = Message::parse(datagram) else { continue };
            let passed = match self.route(from, &message) {
                Way::To(address) => self.socket.send_to(datagram, address).await,
                Way::Answer(answer) => self.socket.send_to(&answer, from).await,
                Way::Nowhere => Ok(0),
            };
            // What is lost is sent again by whoever waits for an answer.
            drop(passed);
        }
    }

    fn route(&mut self, from: SocketAddr, message: &Message) -> Way {
        let Some(call) = headers(message).call_id().map(str::to_owned) else { return Way::Nowhere };
        if from != self.gateway {
            self.note(call, from);
            return Way::To(self.gateway);
        }
        if let Some(phone) = self.calls.get(&call) {
            return Way::To(*phone);
        }
        match message {
            Message::Request(request) => self.place(call, request),
            Message::Response(_) => Way::Nowhere,
        }
    }

    fn note(&mut self, call: String, phone: SocketAddr) {
        if self.calls.len() >= MAX_CALLS {
            self.calls.pop_first();
        }
        self.calls.insert(call, phone);
    }

    /// The gateway asks for something new.
    fn place(&mut self, call: String, request: &Request) -> Way {
        let answer = |status| {
            let mut response = Response::to(request, status);
            let tagged = request.headers.to().and_then(|to| to.with_tag("exchange").ok());
            // Without a tag it is an answer all the same.
            let _tagged = tagged.map(|to| response.headers.set(HeaderName::To, to));
            Way::Answer(response.to_bytes().to_vec())
        };
        if request.method == Method::Options {
            return answer(StatusCode::OK);
        }
        if request.method != Method::Invite {
            return Way::Nowhere;
        }
        let number = request.uri.telephone_number();
        let phone = number.and_then(|number| self.phones.get(&number.to_string()).copied());
        match phone {
            Some(phone) => {
                self.note(call, phone);
                Way::To(phone)
            }
            None => answer(StatusCode::NOT_FOUND),
        }
    }
}

/// What becomes of a message.
enum Way {
    To(SocketAddr),
    Answer(Vec<u8>),
    /// An answer or an end of nothing that is known.
    Nowhere,
}

fn headers(message: &Message) -> &Headers {
    match message {
        Message::Request(request) => &request.headers,
        Message::Response(response) => &response.headers,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Far longer than anything here takes.
    const PATIENCE: Duration = Duration::from_secs(10);

    async fn socket() -> UdpSocket {
        UdpSocket::bind("127.0.0.1:0").await.unwrap()
    }

    async fn received(socket: &UdpSocket) -> String {
        let mut buffer = [0; 2048];
        let (length, _) =
            tokio::time::timeout(PATIENCE, socket.recv_from(&mut buffer)).await.unwrap().unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    fn request(method: &str, number: &str, call: &str) -> String {
        format!(
            "{method} sip:{number}@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK{call}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:g@127.0.0.1>;tag=a\r\nTo: <sip:{number}@127.0.0.1>\r\nCall-ID: {call}\r\n\
             CSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
        )
    }

    #[tokio::test]
    async fn a_call_goes_to_the_telephone_of_its_number_and_back() {
        let (gateway, anna, ben) = (socket().await, socket().await, socket().await);
        let phones = [("+491", &anna), ("+492", &ben)];
        let phones = phones.map(|(number, socket)| (number.to_owned(), socket.local_addr().unwrap()));
        let exchange = Exchange::start("127.0.0.1:0".parse().unwrap(), gateway.local_addr().unwrap(), phones)
            .await
            .unwrap();
        let say = async |socket: &UdpSocket, text: &str| {
            socket.send_to(text.as_bytes(), exchange.address()).await.unwrap();
        };
        say(&gateway, &request("INVITE", "+492", "one")).await;
        let invite = received(&ben).await;
        assert_eq!(invite, request("INVITE", "+492", "one"), "as it came");
        say(&ben, &request("BYE", "g", "one")).await;
        assert!(received(&gateway).await.starts_with("BYE"));
        say(&anna, &request("INVITE", "+499", "two")).await;
        assert!(received(&gateway).await.contains("Call-ID: two"));
        say(&gateway, &request("ACK", "+499", "two")).await;
        assert!(received(&anna).await.starts_with("ACK"));
        say(&gateway, &request("INVITE", "+493", "three")).await;
        assert!(received(&gateway).await.starts_with("SIP/2.0 404"));
        say(&gateway, &request("OPTIONS", "exchange", "four")).await;
        assert!(received(&gateway).await.starts_with("SIP/2.0 200"));
    }
}
