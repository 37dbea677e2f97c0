//! They talk.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use customer_phone::{CallId, PhoneEventKind as Kind};
use reqwest::Method;
use serde_json::{Value, json};

use super::Play;
use crate::campaign::side::PATIENCE;

impl Play<'_> {
    /// The courier calls and the customer answers; both sides' calls.
    pub(super) async fn talk(&mut self, more: Value) -> anyhow::Result<(CallId, CallId)> {
        self.open(more).await?;
        let here = self.courier_calls().await?;
        let there = self.pair.customer.rings().await?;
        self.pair.courier.hears_ringing(here).await?;
        self.pair.customer.phone.answer(there).await?;
        self.pair.courier.answered(here).await?;
        self.pair.customer.answered(there).await?;
        Ok((here, there))
    }

    pub(super) async fn courier_hangs_up(&mut self) -> anyhow::Result<bool> {
        let (here, there) = self.talk(json!({})).await?;
        self.pair.courier.phone.hang_up(here).await?;
        self.both_ended(here, there).await?;
        Ok(true)
    }

    pub(super) async fn customer_hangs_up(&mut self) -> anyhow::Result<bool> {
        let (here, there) = self.talk(json!({})).await?;
        self.pair.customer.phone.hang_up(there).await?;
        self.both_ended(here, there).await?;
        Ok(true)
    }

    pub(super) async fn hold_and_keys(&mut self) -> anyhow::Result<bool> {
        let (here, there) = self.talk(json!({})).await?;
        let (courier, customer) = (&mut self.pair.courier, &mut self.pair.customer);
        let changed = |kind: &Kind| matches!(kind, Kind::MediaChanged { accepted: true });
        courier.phone.hold(here).await?;
        courier.until(here, "the hold", changed).await?;
        customer.until(there, "being held", |kind| matches!(kind, Kind::Held { held: true })).await?;
        courier.phone.resume(here).await?;
        courier.until(here, "the end of the hold", changed).await?;
        customer.until(there, "not being held", |kind| matches!(kind, Kind::Held { held: false })).await?;
        customer.phone.hold(there).await?;
        customer.until(there, "the customer's hold", changed).await?;
        customer.phone.resume(there).await?;
        customer.until(there, "the end of the customer's hold", changed).await?;
        courier.phone.send_digits(here, "12#").await?;
        customer.phone.send_digits(there, "*").await?;
        courier.phone.hang_up(here).await?;
        self.both_ended(here, there).await?;
        Ok(true)
    }

    /// Long enough for RTCP to come to both.
    pub(super) async fn voice_and_reports(&mut self) -> anyhow::Result<bool> {
        let (here, there) = self.talk(json!({})).await?;
        self.pair.courier.hears_voice_and_reports().await?;
        self.pair.customer.hears_voice_and_reports().await?;
        self.pair.courier.phone.hang_up(here).await?;
        self.both_ended(here, there).await?;
        Ok(true)
    }

    pub(super) async fn order_closed_mid_call(&mut self) -> anyhow::Result<bool> {
        let (here, there) = self.talk(json!({})).await?;
        self.close().await?;
        self.pair.customer.phone.hang_up(there).await?;
        self.both_ended(here, there).await?;
        Ok(true)
    }

    pub(super) async fn company_hangs_up(&mut self) -> anyhow::Result<bool> {
        let (here, there) = self.talk(json!({})).await?;
        let listed = tokio::time::timeout(PATIENCE, self.listed()).await;
        let id = listed.context("the call is not listed")??;
        let (status, text) = self.stage.ask(Method::DELETE, &format!("/v1/calls/{id}"), None).await?;
        ensure!(status == 202, "the call could not be hung up: {status} {text}");
        self.pair.evidence.add_answer("the answer to hanging up", text);
        self.both_ended(here, there).await?;
        Ok(true)
    }

    /// The id of the order's call. The list may lag behind the call.
    async fn listed(&self) -> anyhow::Result<String> {
        let mut pause = tokio::time::interval(Duration::from_millis(20));
        loop {
            pause.tick().await;
            let (_, page) = self.stage.get(&format!("/v1/calls?active=true&order={}", self.order)).await?;
            let page: Value = serde_json::from_str(&page)?;
            if let Some(id) = page.pointer("/calls/0/id").and_then(Value::as_str) {
                return Ok(id.to_owned());
            }
        }
    }

    pub(super) async fn talk_limit(&mut self) -> anyhow::Result<bool> {
        let (here, there) = self.talk(json!({"max_call_s": 1})).await?;
        self.both_ended(here, there).await?;
        Ok(true)
    }

    pub(super) async fn customer_calls(&mut self, customer_hangs_up: bool) -> anyhow::Result<bool> {
        self.open(json!({})).await?;
        let there = self.customer_dials().await?;
        let here = self.courier_answers(there).await?;
        if customer_hangs_up {
            self.pair.customer.phone.hang_up(there).await?;
        } else {
            self.pair.courier.phone.hang_up(here).await?;
        }
        self.both_ended(here, there).await?;
        Ok(true)
    }

    pub(super) async fn customer_withholds_number(&mut self) -> anyhow::Result<bool> {
        self.open(json!({})).await?;
        let there = self.pair.customer.phone.call_withheld(&self.stage.company).await?;
        let here = self.courier_answers(there).await?;
        self.pair.courier.phone.hang_up(here).await?;
        self.both_ended(here, there).await?;
        Ok(true)
    }

    /// The company's page has a button that rings one side and then the other.
    pub(super) async fn click_to_call(&mut self, courier_first: bool) -> anyhow::Result<bool> {
        self.open(json!({})).await?;
        let first = if courier_first { "courier" } else { "customer" };
        let path = format!("/v1/orders/{}/calls", self.order);
        let body = Some(json!({"first": first}).to_string());
        let (status, text) = self.stage.ask(Method::POST, &path, body).await?;
        ensure!(status == 202, "the call could not be made: {status} {text}");
        self.pair.evidence.add_answer("the answer to making a call", text);
        let (here, there);
        if courier_first {
            here = self.pair.courier.rings().await?;
            self.pair.courier.phone.answer(here).await?;
            there = self.pair.customer.rings().await?;
            self.pair.customer.phone.answer(there).await?;
        } else {
            there = self.pair.customer.rings().await?;
            self.pair.customer.phone.answer(there).await?;
            here = self.pair.courier.rings().await?;
            self.pair.courier.phone.answer(here).await?;
        }
        self.pair.courier.answered(here).await?;
        self.pair.customer.answered(there).await?;
        self.pair.customer.phone.hang_up(there).await?;
        self.both_ended(here, there).await?;
        Ok(true)
    }

    /// The app rings for the customer's call, and is answered.
    async fn courier_answers(&mut self, there: CallId) -> anyhow::Result<CallId> {
        let here = self.pair.courier.rings().await?;
        self.pair.customer.hears_ringing(there).await?;
        self.pair.courier.phone.answer(here).await?;
        self.pair.customer.answered(there).await?;
        Ok(here)
    }
}
