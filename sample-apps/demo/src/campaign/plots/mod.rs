//! How calls go. Each plot plays one call and insists on its course.

mod centre;
mod fruitless;
mod refused;
mod several;
mod sign_in;
mod talk;

use std::path::Path;

use customer_phone::CallId;
use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::closed::Course;
use super::people::Pair;
use crate::Stage;

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plot {
    // They talk.
    CourierHangsUp,
    CustomerHangsUp,
    HoldAndKeys,
    VoiceAndReports,
    OrderClosedMidCall,
    CompanyHangsUp,
    TalkLimit,
    CustomerCallsAndHangsUp,
    CustomerCallsCourierHangsUp,
    CustomerWithholdsNumber,
    ClickToCallCourierFirst,
    ClickToCallCustomerFirst,
    // Somebody is refused.
    CustomerRefuses,
    NoCommonCodec,
    NothingKnownOffered,
    UnknownOrder,
    ForeignOrder,
    ClosedOrder,
    CustomerWithoutOrder,
    RefusedTransfer,
    // Somebody waits in vain.
    CourierGivesUp,
    CustomerGivesUp,
    CourierRejects,
    CustomerDoesNotAnswer,
    CourierDoesNotAnswer,
    SilentTrunk,
    // More than two take part.
    OneOfTwoAppsAnswers,
    TwoAppsRingInVain,
    CentreInsteadOfAbsentCourier,
    CentreAfterRejection,
    CentreAfterRingTime,
    TransferToCentre,
    CentreRefusesTransfer,
    // Couriers sign in, or fail to.
    WrongTokens,
    TokenRanOut,
    CourierWithPassword,
    // The courier's app is closed.
    ClosedApp(Course),
}

/// All of them.
pub(super) const ALL: [Plot; 39] = [
    Plot::CourierHangsUp,
    Plot::CustomerHangsUp,
    Plot::HoldAndKeys,
    Plot::VoiceAndReports,
    Plot::OrderClosedMidCall,
    Plot::CompanyHangsUp,
    Plot::TalkLimit,
    Plot::CustomerCallsAndHangsUp,
    Plot::CustomerCallsCourierHangsUp,
    Plot::CustomerWithholdsNumber,
    Plot::ClickToCallCourierFirst,
    Plot::ClickToCallCustomerFirst,
    Plot::CustomerRefuses,
    Plot::NoCommonCodec,
    Plot::NothingKnownOffered,
    Plot::UnknownOrder,
    Plot::ForeignOrder,
    Plot::ClosedOrder,
    Plot::CustomerWithoutOrder,
    Plot::RefusedTransfer,
    Plot::CourierGivesUp,
    Plot::CustomerGivesUp,
    Plot::CourierRejects,
    Plot::CustomerDoesNotAnswer,
    Plot::CourierDoesNotAnswer,
    Plot::SilentTrunk,
    Plot::OneOfTwoAppsAnswers,
    Plot::TwoAppsRingInVain,
    Plot::CentreInsteadOfAbsentCourier,
    Plot::CentreAfterRejection,
    Plot::CentreAfterRingTime,
    Plot::TransferToCentre,
    Plot::CentreRefusesTransfer,
    Plot::WrongTokens,
    Plot::TokenRanOut,
    Plot::CourierWithPassword,
    Plot::ClosedApp(Course::AppAnswers),
    Plot::ClosedApp(Course::AppStaysClosed),
    Plot::ClosedApp(Course::CustomerGivesUp),
];

/// A plot that waits for seconds is taken this many times more rarely than another.
const RARELY: u32 = 8;

impl Plot {
    /// Each once, then at random.
    pub(super) fn choose(played: usize, rng: &mut StdRng) -> Self {
        if let Some(plot) = ALL.get(played) {
            return *plot;
        }
        loop {
            let plot = ALL.get(rng.random_range(0..ALL.len())).copied().unwrap_or(Self::CourierHangsUp);
            if !plot.takes_seconds() || rng.random_ratio(1, RARELY) {
                return plot;
            }
        }
    }

    const fn takes_seconds(self) -> bool {
        matches!(
            self,
            Self::CustomerDoesNotAnswer
                | Self::CourierDoesNotAnswer
                | Self::SilentTrunk
                | Self::TwoAppsRingInVain
                | Self::CentreAfterRingTime
                | Self::VoiceAndReports
                | Self::TalkLimit
                | Self::ClosedApp(Course::AppStaysClosed)
        )
    }
}

/// One call.
pub(super) struct Play<'a> {
    stage: &'a Stage,
    rng: &'a mut StdRng,
    pair: &'a mut Pair,
    folder: &'a Path,
    /// Its id.
    order: &'a str,
    /// User and password of a courier who signs in by digest.
    with_password: &'a (String, String),
}

impl<'a> Play<'a> {
    pub(super) fn new(
        stage: &'a Stage,
        rng: &'a mut StdRng,
        pair: &'a mut Pair,
        folder: &'a Path,
        order: &'a str,
        with_password: &'a (String, String),
    ) -> Self {
        pair.courier.settle();
        pair.customer.settle();
        Self { stage, rng, pair, folder, order, with_password }
    }

    /// Returns whether they talked.
    pub(super) async fn run(&mut self, plot: Plot) -> anyhow::Result<bool> {
        match plot {
            Plot::CourierHangsUp => self.courier_hangs_up().await,
            Plot::CustomerHangsUp => self.customer_hangs_up().await,
            Plot::HoldAndKeys => self.hold_and_keys().await,
            Plot::VoiceAndReports => self.voice_and_reports().await,
            Plot::OrderClosedMidCall => self.order_closed_mid_call().await,
            Plot::CompanyHangsUp => self.company_hangs_up().await,
            Plot::TalkLimit => self.talk_limit().await,
            Plot::CustomerCallsAndHangsUp => self.customer_calls(true).await,
            Plot::CustomerCallsCourierHangsUp => self.customer_calls(false).await,
            Plot::CustomerWithholdsNumber => self.customer_withholds_number().await,
            Plot::ClickToCallCourierFirst => self.click_to_call(true).await,
            Plot::ClickToCallCustomerFirst => self.click_to_call(false).await,
            Plot::CustomerRefuses => self.customer_refuses().await,
            Plot::NoCommonCodec => self.no_common_codec().await,
            Plot::NothingKnownOffered => self.nothing_known_offered().await,
            Plot::UnknownOrder => self.unknown_order().await,
            Plot::ForeignOrder => self.foreign_order().await,
            Plot::ClosedOrder => self.closed_order().await,
            Plot::CustomerWithoutOrder => self.customer_without_order().await,
            Plot::RefusedTransfer => self.refused_transfer().await,
            Plot::CourierGivesUp => self.courier_gives_up().await,
            Plot::CustomerGivesUp => self.customer_gives_up().await,
            Plot::CourierRejects => self.courier_rejects().await,
            Plot::CustomerDoesNotAnswer => self.customer_does_not_answer().await,
            Plot::CourierDoesNotAnswer => self.courier_does_not_answer().await,
            // Played with other gateways.
            Plot::SilentTrunk | Plot::ClosedApp(_) => Ok(false),
            Plot::OneOfTwoAppsAnswers => self.one_of_two_apps_answers().await,
            Plot::TwoAppsRingInVain => self.two_apps_ring_in_vain().await,
            Plot::CentreInsteadOfAbsentCourier => self.centre_instead_of_absent_courier().await,
            Plot::CentreAfterRejection => self.centre_after_rejection().await,
            Plot::CentreAfterRingTime => self.centre_after_ring_time().await,
            Plot::TransferToCentre => self.transfer_to_centre().await,
            Plot::CentreRefusesTransfer => self.centre_refuses_transfer().await,
            Plot::WrongTokens => self.wrong_tokens().await,
            Plot::TokenRanOut => self.token_ran_out().await,
            Plot::CourierWithPassword => self.courier_with_password().await,
        }
    }

    /// The company opens the order for this pair. Whoever cannot be reached is refused, unless `more` says otherwise.
    async fn open(&self, more: Value) -> anyhow::Result<()> {
        self.open_for(&self.pair.secrets.courier, more).await
    }

    /// The same for another courier.
    async fn open_for(&self, courier: &str, more: Value) -> anyhow::Result<()> {
        let label = format!("Order {}", self.order);
        let mut body = self.stage.order_body(courier, &self.pair.secrets.number, &label);
        if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
            body.insert("otherwise".to_owned(), json!("refuse"));
            body.extend(more);
        }
        self.stage.put(&format!("/v1/orders/{}", self.order), &body).await
    }

    async fn close(&self) -> anyhow::Result<()> {
        self.stage.delete(&format!("/v1/orders/{}", self.order)).await
    }

    /// The courier presses the button.
    async fn courier_calls(&mut self) -> anyhow::Result<CallId> {
        Ok(self.pair.courier.phone.call(&format!("order.{}", self.order)).await?)
    }

    /// The customer dials the company.
    async fn customer_dials(&mut self) -> anyhow::Result<CallId> {
        Ok(self.pair.customer.phone.call(&self.stage.company).await?)
    }

    /// Both hear of the end.
    async fn both_ended(&mut self, courier: CallId, customer: CallId) -> anyhow::Result<()> {
        self.pair.courier.ended(courier).await?;
        self.pair.customer.ended(customer).await
    }
}
