//! Somebody waits in vain.

use serde_json::json;

use super::Play;

impl Play<'_> {
    pub(super) async fn courier_gives_up(&mut self) -> anyhow::Result<bool> {
        self.open(json!({})).await?;
        let here = self.courier_calls().await?;
        let there = self.pair.customer.rings().await?;
        self.pair.courier.phone.hang_up(here).await?;
        self.both_ended(here, there).await?;
        Ok(false)
    }

    pub(super) async fn customer_gives_up(&mut self) -> anyhow::Result<bool> {
        self.open(json!({})).await?;
        let there = self.customer_dials().await?;
        let here = self.pair.courier.rings().await?;
        self.pair.customer.phone.hang_up(there).await?;
        self.both_ended(here, there).await?;
        Ok(false)
    }

    pub(super) async fn courier_rejects(&mut self) -> anyhow::Result<bool> {
        self.open(json!({})).await?;
        let there = self.customer_dials().await?;
        let here = self.pair.courier.rings().await?;
        self.pair.courier.phone.refuse(here, 486).await?;
        self.pair.courier.ended(here).await?;
        self.pair.customer.refused(there, &[]).await?;
        Ok(false)
    }

    pub(super) async fn customer_does_not_answer(&mut self) -> anyhow::Result<bool> {
        self.open(json!({"ring_s": 5})).await?;
        let here = self.courier_calls().await?;
        let there = self.pair.customer.rings().await?;
        self.pair.courier.refused(here, &[480]).await?;
        self.pair.customer.ended(there).await?;
        Ok(false)
    }

    pub(super) async fn courier_does_not_answer(&mut self) -> anyhow::Result<bool> {
        self.open(json!({"ring_s": 5})).await?;
        let there = self.customer_dials().await?;
        let here = self.pair.courier.rings().await?;
        self.pair.customer.refused(there, &[480]).await?;
        self.pair.courier.ended(here).await?;
        Ok(false)
    }
}
