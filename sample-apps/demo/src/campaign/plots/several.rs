//! The courier has two apps.

use customer_phone::SignIn;
use rand::RngExt as _;
use serde_json::json;

use super::Play;
use crate::campaign::people::{app, token};
use crate::campaign::side::Side;

impl Play<'_> {
    async fn second_app(&self) -> anyhow::Result<Side> {
        let secrets = &self.pair.secrets;
        let config = app(self.stage, secrets, SignIn::Token(token(self.stage, &secrets.courier)?))?;
        let second = Side::start(config, self.folder, &format!("{}-second-app", self.order)).await?;
        second.phone.register().await?;
        Ok(second)
    }

    pub(super) async fn one_of_two_apps_answers(&mut self) -> anyhow::Result<bool> {
        self.open(json!({})).await?;
        let mut second = self.second_app().await?;
        let there = self.customer_dials().await?;
        let on_first = self.pair.courier.rings().await?;
        let on_second = second.rings().await?;
        let first_wins = self.rng.random();
        let (winner, taken, loser, lost) = if first_wins {
            (&mut self.pair.courier, on_first, &mut second, on_second)
        } else {
            (&mut second, on_second, &mut self.pair.courier, on_first)
        };
        winner.phone.answer(taken).await?;
        self.pair.customer.answered(there).await?;
        loser.ended(lost).await?;
        self.pair.customer.phone.hang_up(there).await?;
        winner.ended(taken).await?;
        self.pair.customer.ended(there).await?;
        self.pair.evidence.add_courier(second.end().await);
        Ok(true)
    }

    pub(super) async fn two_apps_ring_in_vain(&mut self) -> anyhow::Result<bool> {
        self.open(json!({"ring_s": 5})).await?;
        let mut second = self.second_app().await?;
        let there = self.customer_dials().await?;
        let on_first = self.pair.courier.rings().await?;
        let on_second = second.rings().await?;
        self.pair.customer.refused(there, &[480]).await?;
        self.pair.courier.ended(on_first).await?;
        second.ended(on_second).await?;
        self.pair.evidence.add_courier(second.end().await);
        Ok(false)
    }
}
