//! Call records: who called whom, by order; no number.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::{Store, StoreError};
use crate::core::{CallMedia, CallRecord, LegStats};
use crate::words;

/// A call record as it was written; times are Unix milliseconds.
#[derive(Clone, PartialEq)]
pub struct StoredCall {
    /// The call.
    pub id: String,
    /// The order, unless the call found none.
    pub order: Option<String>,
    /// The order's courier.
    pub courier: Option<String>,
    /// See [`words::direction`].
    pub direction: String,
    /// When the INVITE came.
    pub started_at: i64,
    /// When the far side rang.
    pub ringing_at: Option<i64>,
    /// When it was answered.
    pub answered_at: Option<i64>,
    /// When it ended.
    pub ended_at: Option<i64>,
    /// See [`words::end`].
    pub end: Option<String>,
    /// See [`words::refusal`].
    pub error: Option<String>,
    /// What its media carried; counted a moment after its end.
    pub media: CallMedia,
}

/// Which calls to list.
#[derive(Clone, Default)]
pub struct CallFilter {
    /// Of this order only.
    pub order: Option<String>,
    /// Of this courier only.
    pub courier: Option<String>,
    /// Those that have not ended only.
    pub active: bool,
    /// Those before this one (start and id) only.
    pub before: Option<(i64, String)>,
    /// At most so many.
    pub limit: u32,
}

impl StoredCall {
    /// The record of a call that goes on or has just ended.
    pub fn of(record: &CallRecord, clock: &crate::clock::Clock) -> Self {
        Self {
            id: record.id.0.clone(),
            order: record.order.as_ref().map(|order| order.0.clone()),
            courier: record.courier.as_ref().map(|courier| courier.expose().to_owned()),
            direction: words::direction(record.direction).to_owned(),
            started_at: clock.to_unix_ms(record.started_at),
            ringing_at: record.ringing_at.map(|at| clock.to_unix_ms(at)),
            answered_at: record.answered_at.map(|at| clock.to_unix_ms(at)),
            ended_at: record.ended_at.map(|at| clock.to_unix_ms(at)),
            end: record.end.map(|end| words::end(end).to_owned()),
            error: record.end.and_then(words::refusal).map(str::to_owned),
            media: record.media,
        }
    }
}

impl Store {
    /// Inserts or updates a record.
    pub async fn record_call(&self, record: &CallRecord) -> Result<(), StoreError> {
        let call = StoredCall::of(record, &self.clock);
        let CallMedia { courier, phone } = call.media;
        sqlx::query(
            "INSERT OR REPLACE INTO calls (id, order_id, courier, direction, started_at, ringing_at, answered_at, \
             ended_at, end_reason, error, courier_packets_received, courier_packets_lost, courier_packets_sent, \
             courier_jitter_ms, courier_round_trip_ms, phone_packets_received, phone_packets_lost, \
             phone_packets_sent, phone_jitter_ms, phone_round_trip_ms) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(call.id)
        .bind(call.order)
        .bind(call.courier)
        .bind(call.direction)
        .bind(call.started_at)
        .bind(call.ringing_at)
        .bind(call.answered_at)
        .bind(call.ended_at)
        .bind(call.end)
        .bind(call.error)
        .bind(courier.map(|leg| count(leg.packets_received)))
        .bind(courier.map(|leg| count(leg.packets_lost)))
        .bind(courier.map(|leg| count(leg.packets_sent)))
        .bind(courier.map(|leg| leg.jitter_ms))
        .bind(courier.and_then(|leg| leg.round_trip_ms))
        .bind(phone.map(|leg| count(leg.packets_received)))
        .bind(phone.map(|leg| count(leg.packets_lost)))
        .bind(phone.map(|leg| count(leg.packets_sent)))
        .bind(phone.map(|leg| leg.jitter_ms))
        .bind(phone.and_then(|leg| leg.round_trip_ms))
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// One record.
    pub async fn call(&self, id: &str) -> Result<Option<StoredCall>, StoreError> {
        let row = sqlx::query("SELECT * FROM calls WHERE id = ?").bind(id).fetch_optional(&self.pool).await?;
        row.as_ref().map(read_call).transpose()
    }

    /// Records, the youngest first.
    pub async fn calls(&self, filter: &CallFilter) -> Result<Vec<StoredCall>, StoreError> {
        let (before_at, before_id) = filter.before.clone().unzip();
        let rows = sqlx::query(
            "SELECT * FROM calls WHERE (?1 IS NULL OR order_id = ?1) AND (?2 IS NULL OR courier = ?2) \
             AND (NOT ?3 OR ended_at IS NULL) AND (?4 IS NULL OR (started_at, id) < (?4, ?5)) \
             ORDER BY started_at DESC, id DESC LIMIT ?6",
        )
        .bind(&filter.order)
        .bind(&filter.courier)
        .bind(filter.active)
        .bind(before_at)
        .bind(before_id)
        .bind(filter.limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read_call).collect()
    }

    /// Ends the records of calls that a process before this one left open: their end was not seen. How many there were.
    pub async fn end_orphaned_calls(&self) -> Result<u64, StoreError> {
        let lost = words::end(crate::core::EndReason::Lost);
        let done = sqlx::query("UPDATE calls SET ended_at = ?, end_reason = ? WHERE ended_at IS NULL")
            .bind(self.clock.unix_ms())
            .bind(lost)
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected())
    }
}

fn read_call(row: &SqliteRow) -> Result<StoredCall, StoreError> {
    Ok(StoredCall {
        id: row.try_get("id")?,
        order: row.try_get("order_id")?,
        courier: row.try_get("courier")?,
        direction: row.try_get("direction")?,
        started_at: row.try_get("started_at")?,
        ringing_at: row.try_get("ringing_at")?,
        answered_at: row.try_get("answered_at")?,
        ended_at: row.try_get("ended_at")?,
        end: row.try_get("end_reason")?,
        error: row.try_get("error")?,
        media: CallMedia { courier: read_leg(row, "courier")?, phone: read_leg(row, "phone")? },
    })
}

fn read_leg(row: &SqliteRow, side: &str) -> Result<Option<LegStats>, StoreError> {
    let number = |what: &str| -> Result<Option<u64>, StoreError> {
        let value = row.try_get::<Option<i64>, _>(format!("{side}_{what}").as_str())?;
        value.map(u64::try_from).transpose().map_err(|_| StoreError::Corrupt)
    };
    let Some(packets_received) = number("packets_received")? else { return Ok(None) };
    Ok(Some(LegStats {
        packets_received,
        packets_lost: number("packets_lost")?.unwrap_or_default(),
        packets_sent: number("packets_sent")?.unwrap_or_default(),
        jitter_ms: row.try_get::<Option<f64>, _>(format!("{side}_jitter_ms").as_str())?.unwrap_or_default(),
        round_trip_ms: row.try_get(format!("{side}_round_trip_ms").as_str())?,
    }))
}

fn count(packets: u64) -> i64 {
    i64::try_from(packets).unwrap_or(i64::MAX)
}
