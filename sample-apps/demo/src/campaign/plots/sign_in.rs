//! Couriers sign in, or fail to.

use std::time::{Duration, SystemTime};

use anyhow::ensure;
use customer_phone::{PhoneError, SignIn};
use doorstep_sip::Sensitive;
use serde_json::json;

use super::Play;
use crate::campaign::people::{Secrets, app};
use crate::campaign::side::Side;

/// Within the difference of clocks that the gateway bears, so that the connection still comes up.
const JUST_NOW: Duration = Duration::from_secs(10);

impl Play<'_> {
    /// Tokens that are none, of another key, of another company, and run out long ago.
    pub(super) async fn wrong_tokens(&mut self) -> anyhow::Result<bool> {
        self.open(json!({})).await?;
        let courier = self.pair.secrets.courier.clone();
        let good = self.stage.token(&courier, JUST_NOW)?;
        let forged = good.rsplit_once('.').map(|(claims, _)| format!("{claims}.AAAA")).unwrap_or_default();
        let old = self.stage.token_until(&courier, SystemTime::now() - Duration::from_secs(3600))?;
        for token in [courier.clone(), format!("{courier}.{courier}.{courier}"), forged, old] {
            let (status, text) = self.stage.upgrade(&token).await?;
            ensure!(status == 401, "a wrong token was answered with {status} {text}");
            self.pair.evidence.add_answer("the refusal of a wrong token", text);
        }
        Ok(false)
    }

    /// The connection still stands, but its token has run out.
    pub(super) async fn token_ran_out(&mut self) -> anyhow::Result<bool> {
        self.open(json!({})).await?;
        let secrets = &self.pair.secrets;
        let token = self.stage.token_until(&secrets.courier, SystemTime::now() - JUST_NOW)?;
        let config = app(self.stage, secrets, SignIn::Token(Sensitive::new(token)))?;
        let mut late = Side::start(config, self.folder, &format!("{}-late", self.order)).await?;
        let registered = late.phone.register().await;
        ensure!(
            matches!(registered, Err(PhoneError::NotRegistered { status: 401 })),
            "a token that ran out: {registered:?}"
        );
        let call = late.phone.call(&format!("order.{}", self.order)).await?;
        late.refused(call, &[401]).await?;
        self.pair.evidence.add_courier(late.end().await);
        Ok(false)
    }

    /// A courier who signs in by digest calls this pair's customer.
    pub(super) async fn courier_with_password(&mut self) -> anyhow::Result<bool> {
        let (user, password) = self.with_password;
        self.open_for(user, json!({})).await?;
        let secrets = Secrets { courier: user.clone(), ..self.pair.secrets.clone() };
        let config = app(self.stage, &secrets, SignIn::Password(Sensitive::new(password.clone())))?;
        let mut rider = Side::start(config, self.folder, &format!("{}-rider", self.order)).await?;
        rider.phone.register().await?;
        let here = rider.phone.call(&format!("order.{}", self.order)).await?;
        let there = self.pair.customer.rings().await?;
        self.pair.customer.phone.answer(there).await?;
        rider.answered(here).await?;
        rider.phone.hang_up(here).await?;
        rider.ended(here).await?;
        self.pair.customer.ended(there).await?;
        self.pair.evidence.add_courier(rider.end().await);
        Ok(true)
    }
}
