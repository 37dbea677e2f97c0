//! Whether anything crossed that must not: the customer's number or address towards the courier, the courier's id or
//! address towards the customer, either to the contact centre, into a log or an answer of the API.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use doorstep_testkit::leaks::{Leak, Scanner};

use crate::Stage;

/// What there is to search.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// What the courier's side could see: events, logs, signalling.
    pub courier_side: Vec<Piece>,
    /// What the customer's side could see.
    pub customer_side: Vec<Piece>,
    /// What the contact centre could see, who is called in the courier's place: neither's number or id.
    pub centre_side: Vec<Piece>,
    /// What the gateway wrote down: no secret of either side may stand there.
    pub gateway_logs: Vec<Piece>,
    /// What push-service and the providers wrote down and were told: they know the courier's id, but nobody's number.
    pub push_side: Vec<Piece>,
    /// What the API answered to the company: it knows the courier, but the customer's number never comes back.
    pub api_answers: Vec<Piece>,
}

/// Something to search.
#[derive(Debug, Clone)]
pub enum Piece {
    /// A file.
    File(PathBuf),
    /// A text and where it comes from.
    Text(String, String),
}

/// What a search came to.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// How much was searched.
    pub bytes: u64,
    /// What was found.
    pub leaks: Vec<Leak>,
}

/// Searches everything.
///
/// # Errors
/// When a file cannot be read, or a secret is too short to be searched for.
pub fn search(stage: &Stage, evidence: &Evidence) -> anyhow::Result<Findings> {
    let number = |scanner: Scanner| scanner.number("the customer's number", &stage.customer);
    let courier = |scanner: Scanner| scanner.text("the courier's id", &stage.courier);
    // Where both sides share the one loopback address, it tells nothing.
    let loopback = IpAddr::from(Ipv4Addr::LOCALHOST);
    let own = stage.phone.ip() != loopback;
    let address =
        |scanner: Scanner, name, address| if own { scanner.address(name, address) } else { scanner };
    let of_customer = address(number(Scanner::new())?, "the customer's address", stage.phone.ip());
    let of_courier = address(courier(Scanner::new())?, "the courier's address", loopback);
    let centre = |scanner: Scanner| scanner.number("the contact centre's number", &stage.centre);
    let (of_customer, of_courier) = (centre(of_customer)?, centre(of_courier)?);
    let either = courier(number(Scanner::new())?)?;
    let mut findings = Findings::default();
    for (scanner, pieces) in [
        (&of_customer, &evidence.courier_side),
        (&of_courier, &evidence.customer_side),
        (&either, &evidence.centre_side),
        (&either, &evidence.gateway_logs),
        (&of_customer, &evidence.push_side),
        (&number(Scanner::new())?, &evidence.api_answers),
    ] {
        for piece in pieces {
            let (place, bytes) = match piece {
                Piece::File(path) => (path.display().to_string(), std::fs::read(path)?),
                Piece::Text(place, text) => (place.clone(), text.clone().into_bytes()),
            };
            findings.bytes += bytes.len() as u64;
            findings.leaks.extend(scanner.scan(&place, &bytes));
        }
    }
    Ok(findings)
}
