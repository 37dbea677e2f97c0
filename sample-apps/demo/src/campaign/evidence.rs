//! What a pair's calls left behind, and the search of it.

use std::path::Path;

use anyhow::bail;
use customer_phone::PacketCounts;
use doorstep_testkit::leaks::{Leak, Scanner, shared_names};

use super::Report;
use super::people::Secrets;
use super::side::Taps;
use crate::Stage;

/// See the [module](self).
pub(super) struct Evidence {
    secrets: Secrets,
    courier: Vec<Taps>,
    customer: Vec<Taps>,
    courier_packets: PacketCounts,
    customer_packets: PacketCounts,
    /// What the gateway answered over HTTP, and where.
    answers: Vec<(String, String)>,
}

impl Evidence {
    pub(super) fn new(secrets: Secrets) -> Self {
        Self {
            secrets,
            courier: Vec::new(),
            customer: Vec::new(),
            courier_packets: PacketCounts::default(),
            customer_packets: PacketCounts::default(),
            answers: Vec::new(),
        }
    }

    /// What one of the courier's apps saw.
    pub(super) fn add_courier(&mut self, (taps, seen): (Taps, PacketCounts)) {
        self.courier.push(taps);
        self.courier_packets = self.courier_packets + seen;
    }

    pub(super) fn add_customer(&mut self, (taps, seen): (Taps, PacketCounts)) {
        self.customer.push(taps);
        self.customer_packets = self.customer_packets + seen;
    }

    pub(super) fn add_answer(&mut self, place: impl Into<String>, text: String) {
        self.answers.push((place.into(), text));
    }

    /// Searches everything, and makes sure of each channel that a leak on it would be seen.
    ///
    /// # Errors
    /// When a channel does not even hold what is known to be there.
    pub(super) fn search(
        &self,
        stage: &Stage,
        other_courier: &str,
        report: &mut Report,
    ) -> anyhow::Result<()> {
        let secrets = &self.secrets;
        let centre = |scanner: Scanner| scanner.number("the contact centre's number", &stage.centre);
        let own_address = stage.street != stage.voice;
        let of_customer = centre(secrets.of_customer(Scanner::new())?)?;
        let of_courier = secrets.of_courier(Scanner::new())?.text("another courier's id", other_courier)?;
        let (hidden_from_courier, hidden_from_customer) = if own_address {
            (
                of_customer
                    .clone()
                    .address("the customer's address", stage.voice)
                    .address("the carrier's address", stage.phone.ip())
                    .address("the gateway's address at the carrier", stage.trunk.ip()),
                of_courier.clone().address("the courier's address", stage.street),
            )
        } else {
            (of_customer.clone(), of_courier.clone())
        };
        for (scanner, sides) in
            [(&hidden_from_courier, &self.courier), (&hidden_from_customer, &self.customer)]
        {
            for file in sides.iter().flat_map(|taps| [&taps.signalling, &taps.media]) {
                search_file(scanner, file, report)?;
            }
        }
        self.search_centre(stage, report)?;
        self.search_names(stage, report)?;
        for (place, text) in &self.answers {
            report.bytes += text.len() as u64;
            for scanner in [&of_customer, &of_courier] {
                report.leaks.extend(scanner.scan(place, text.as_bytes()));
            }
        }
        report.courier_packets = report.courier_packets + self.courier_packets;
        report.customer_packets = report.customer_packets + self.customer_packets;
        self.prove(stage, own_address)
    }

    /// What the contact centre got to see, which answers at the customer's phone here.
    fn search_centre(&self, stage: &Stage, report: &mut Report) -> anyhow::Result<()> {
        for taps in &self.customer {
            let text = String::from_utf8_lossy(&std::fs::read(&taps.signalling)?).into_owned();
            // The telephone that stands for the centre as well names itself, and requests come back to that name.
            let text = text.replace(&format!("{}@{}", self.secrets.number, stage.phone), "its-own-contact");
            let received: Vec<_> =
                text.split("--- ").filter_map(|message| message.strip_prefix("received\n")).collect();
            let invited = format!("INVITE sip:{}@", stage.centre);
            let calls: Vec<_> =
                received.iter().filter(|message| message.starts_with(&invited)).map(call_id).collect();
            let (theirs, others): (Vec<&str>, Vec<&str>) =
                received.into_iter().partition(|message| calls.contains(&call_id(message)));
            // The centre's own number is no secret to it; the customer's is, and the other way round.
            let of_customer = self.secrets.of_customer(Scanner::new())?;
            let of_centre = Scanner::new().number("the contact centre's number", &stage.centre)?;
            let place = |side| format!("what {side} received, in {}", taps.signalling.display());
            let scan = |scanner: &Scanner, side, messages: &[&str]| {
                scanner.scan(&place(side), messages.concat().as_bytes())
            };
            report.leaks.extend(scan(&of_customer, "the contact centre", &theirs));
            report.leaks.extend(scan(&of_centre, "the customer", &others));
        }
        Ok(())
    }

    /// Random names by which both legs could be told to belong together.
    fn search_names(&self, stage: &Stage, report: &mut Report) -> anyhow::Result<()> {
        let (courier, customer) = (bytes_of(&self.courier)?, bytes_of(&self.customer)?);
        for name in shared_names(&courier, &customer, &[&stage.company]) {
            report.leaks.push(Leak {
                secret: "a random name of the other leg".to_owned(),
                place: "both legs of a call".to_owned(),
                encodings: Vec::new(),
                reversed: false,
                excerpt: name,
            });
        }
        Ok(())
    }

    /// A search that does not find what is there would find nothing at all.
    fn prove(&self, stage: &Stage, own_address: bool) -> anyhow::Result<()> {
        let Secrets { number, customer_name, courier, courier_name } = &self.secrets;
        let signalling = |sides: &[Taps]| read_all(sides.iter().map(|taps| taps.signalling.as_path()));
        let media = |sides: &[Taps]| read_all(sides.iter().map(|taps| taps.media.as_path()));
        let (app, app_media) = (signalling(&self.courier)?, media(&self.courier)?);
        let (phone, phone_media) = (signalling(&self.customer)?, media(&self.customer)?);
        let text = |secret: &str| Scanner::new().text("planted", secret);
        let mut planted = vec![
            ("the app's signalling", &app, text(courier)?),
            ("the app's signalling", &app, text(courier_name)?),
            ("the phone's signalling", &phone, Scanner::new().number("planted", number)?),
            ("the phone's signalling", &phone, text(customer_name)?),
        ];
        let address = |address| Scanner::new().address("planted", address);
        if own_address {
            planted.push(("the app's signalling", &app, address(stage.street)));
            planted.push(("the phone's signalling", &phone, address(stage.voice)));
            // Masked, in the gateway's answers to the app's checks.
            planted.push(("the app's packets", &app_media, address(stage.street)));
            planted.push(("the phone's packets", &phone_media, address(stage.trunk.ip())));
        }
        for (place, bytes, scanner) in planted {
            if scanner.scan(place, bytes).is_empty() {
                bail!("{place} do not hold what is known to be there: nothing would be found in them");
            }
        }
        // The CNAME and SSRC of the gateway's description come again in its packets.
        if self.courier_packets.rtcp > 0 && shared_names(&app, &app_media, &[]).is_empty() {
            bail!("the names in the app's packets are not those of its signalling");
        }
        Ok(())
    }
}

/// Searches one file.
pub(super) fn search_file(scanner: &Scanner, file: &Path, report: &mut Report) -> anyhow::Result<()> {
    report.bytes += std::fs::metadata(file)?.len();
    report.leaks.extend(scanner.scan_file(file)?);
    Ok(())
}

fn read_all<'a>(files: impl Iterator<Item = &'a Path>) -> std::io::Result<Vec<u8>> {
    files.map(std::fs::read).collect::<Result<Vec<_>, _>>().map(|files| files.concat())
}

fn bytes_of(sides: &[Taps]) -> std::io::Result<Vec<u8>> {
    read_all(sides.iter().flat_map(|taps| [taps.signalling.as_path(), taps.media.as_path()]))
}

fn call_id<'a>(message: &&'a str) -> &'a str {
    let line = message.lines().find_map(|line| line.strip_prefix("Call-ID:"));
    line.unwrap_or_default().trim()
}
