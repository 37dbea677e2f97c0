//! Orders.

use std::time::Duration;

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::{Store, StoreError};
use crate::core::CourierId;
use crate::masking::{E164, Order, Otherwise};

impl Store {
    /// Creates or replaces an order; whether it is new.
    pub async fn put_order(&self, order: &Order) -> Result<bool, StoreError> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let known: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM orders WHERE id = ?")
            .bind(&order.id)
            .fetch_one(&mut *transaction)
            .await?;
        sqlx::query(
            "INSERT OR REPLACE INTO orders (id, courier, customer, company_number, label, opens_at, closes_at, \
             grace_ms, max_call_s, ring_s, fallback) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&order.id)
        .bind(&order.courier)
        .bind(order.customer.expose())
        .bind(order.company_number.expose())
        .bind(&order.label)
        .bind(order.opens_at)
        .bind(order.closes_at)
        .bind(order.grace_ms)
        .bind(order.max_call.map(seconds))
        .bind(order.ring.map(seconds))
        .bind(order.otherwise.map(otherwise_word))
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(known == 0)
    }

    /// The order of that identifier.
    pub async fn order(&self, id: &str) -> Result<Option<Order>, StoreError> {
        let row =
            sqlx::query("SELECT * FROM orders WHERE id = ?").bind(id).fetch_optional(&self.pool).await?;
        row.as_ref().map(read_order).transpose()
    }

    /// Removes an order; whether there was one.
    pub async fn delete_order(&self, id: &str) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM orders WHERE id = ?").bind(id).execute(&self.pool).await?;
        Ok(done.rows_affected() > 0)
    }

    /// A courier's orders (all couriers' when `None`) by id, those after `after` only, at most `limit`.
    pub async fn orders_page(
        &self,
        courier: Option<&str>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Order>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM orders WHERE (?1 IS NULL OR courier = ?1) AND (?2 IS NULL OR id > ?2) ORDER BY id LIMIT ?3",
        )
        .bind(courier)
        .bind(after)
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read_order).collect()
    }

    /// A courier's orders that are open at `now`, the first to close first, at most `limit`.
    pub async fn open_orders(
        &self,
        courier: &CourierId,
        now: i64,
        limit: u32,
    ) -> Result<Vec<Order>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM orders WHERE courier = ?1 AND opens_at <= ?2 AND ?2 < closes_at + grace_ms \
             ORDER BY closes_at, id LIMIT ?3",
        )
        .bind(courier.expose())
        .bind(now)
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read_order).collect()
    }

    /// Orders between a customer and a company number, open or not; `masking::customer_calls` picks among them.
    pub async fn orders_between(&self, customer: &E164, company: &E164) -> Result<Vec<Order>, StoreError> {
        let rows = sqlx::query("SELECT * FROM orders WHERE company_number = ? AND customer = ?")
            .bind(company.expose())
            .bind(customer.expose())
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(read_order).collect()
    }
}

fn read_order(row: &SqliteRow) -> Result<Order, StoreError> {
    let number = |column: &str| -> Result<E164, StoreError> {
        E164::parse(&row.try_get::<String, _>(column)?).map_err(|_| StoreError::Corrupt)
    };
    let duration = |column: &str| -> Result<Option<Duration>, StoreError> {
        let seconds = row.try_get::<Option<i64>, _>(column)?;
        seconds
            .map(|s| u64::try_from(s).map(Duration::from_secs))
            .transpose()
            .map_err(|_| StoreError::Corrupt)
    };
    let otherwise = row.try_get::<Option<String>, _>("fallback")?;
    Ok(Order {
        id: row.try_get("id")?,
        courier: row.try_get("courier")?,
        customer: number("customer")?,
        company_number: number("company_number")?,
        label: row.try_get("label")?,
        opens_at: row.try_get("opens_at")?,
        closes_at: row.try_get("closes_at")?,
        grace_ms: row.try_get("grace_ms")?,
        max_call: duration("max_call_s")?,
        ring: duration("ring_s")?,
        otherwise: otherwise.as_deref().map(read_otherwise).transpose()?,
    })
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

fn otherwise_word(otherwise: Otherwise) -> &'static str {
    match otherwise {
        Otherwise::ContactCentre => "contact_centre",
        Otherwise::Message => "message",
        Otherwise::Refuse => "refuse",
    }
}

fn read_otherwise(word: &str) -> Result<Otherwise, StoreError> {
    match word {
        "contact_centre" => Ok(Otherwise::ContactCentre),
        "message" => Ok(Otherwise::Message),
        "refuse" => Ok(Otherwise::Refuse),
        _ => Err(StoreError::Corrupt),
    }
}
