//! The contact centre takes part. Its telephone is the customer's here, which stands for the whole carrier.

use customer_phone::CallId;
use serde_json::json;

use super::Play;

/// What the app calls the contact centre.
const CENTRE: &str = "contact-centre";

impl Play<'_> {
    /// It rings and answers the waiting customer, who hangs up in the end.
    async fn centre_takes_over(&mut self, waiting: CallId) -> anyhow::Result<bool> {
        let customer = &mut self.pair.customer;
        let centre = customer.rings().await?;
        customer.phone.answer(centre).await?;
        customer.answered(waiting).await?;
        customer.phone.hang_up(waiting).await?;
        customer.ended(waiting).await?;
        customer.ended(centre).await?;
        Ok(true)
    }

    pub(super) async fn centre_instead_of_absent_courier(&mut self) -> anyhow::Result<bool> {
        self.open_for("courier-at-home", json!({"otherwise": "contact_centre"})).await?;
        let there = self.customer_dials().await?;
        self.centre_takes_over(there).await
    }

    pub(super) async fn centre_after_rejection(&mut self) -> anyhow::Result<bool> {
        self.open(json!({"otherwise": "contact_centre"})).await?;
        let there = self.customer_dials().await?;
        let here = self.pair.courier.rings().await?;
        self.pair.courier.phone.refuse(here, 603).await?;
        self.pair.courier.ended(here).await?;
        self.centre_takes_over(there).await
    }

    pub(super) async fn centre_after_ring_time(&mut self) -> anyhow::Result<bool> {
        self.open(json!({"otherwise": "contact_centre", "ring_s": 5})).await?;
        let there = self.customer_dials().await?;
        let here = self.pair.courier.rings().await?;
        self.pair.courier.ended(here).await?;
        self.centre_takes_over(there).await
    }

    pub(super) async fn transfer_to_centre(&mut self) -> anyhow::Result<bool> {
        let (here, there) = self.talk(json!({})).await?;
        self.pair.courier.phone.transfer(here, CENTRE).await?;
        self.pair.courier.transfer(here, 202).await?;
        let centre = self.pair.customer.rings().await?;
        self.pair.customer.phone.answer(centre).await?;
        self.pair.courier.ended(here).await?;
        self.pair.customer.phone.hang_up(centre).await?;
        self.pair.customer.ended(centre).await?;
        self.pair.customer.ended(there).await?;
        Ok(true)
    }

    pub(super) async fn centre_refuses_transfer(&mut self) -> anyhow::Result<bool> {
        let (here, there) = self.talk(json!({})).await?;
        self.pair.courier.phone.transfer(here, CENTRE).await?;
        let centre = self.pair.customer.rings().await?;
        self.pair.customer.phone.refuse(centre, 486).await?;
        self.pair.courier.transfer(here, 486).await?;
        self.pair.customer.ended(centre).await?;
        self.pair.courier.phone.hang_up(here).await?;
        self.both_ended(here, there).await?;
        Ok(true)
    }
}
