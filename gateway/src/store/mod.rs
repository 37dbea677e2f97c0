//! What outlives the process: orders, in SQLite.

use std::{path::Path, time::Duration};

use sqlx::{
    Row,
    sqlite::{
        SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
    },
};

use crate::masking::{E164, Order};

/// Why the store gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Locked, full or unreachable: the caller may try again (HTTP 503).
    #[error("the store is unavailable")]
    Unavailable(#[source] sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("the store's schema could not be migrated")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// A row holds what this version never writes.
    #[error("the store holds a row that is not valid")]
    Corrupt,
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Unavailable(error)
    }
}

/// A handle on the database; clones share one pool.
#[derive(Debug, Clone)]
pub struct Store {
    pool: SqlitePool,
}

impl Store {
    /// Opens or creates the database and migrates it. A commit is on the disk before a write returns.
    pub async fn open(path: &Path, busy: Duration) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(busy);
        let pool = SqlitePoolOptions::new().max_connections(4).connect_with(options).await?;
        sqlx::migrate!("./migrations").run(&pool).await?;
        Ok(Self { pool })
    }

    /// Creates or replaces an order.
    pub async fn put_order(&self, order: &Order) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT OR REPLACE INTO orders (id, courier, customer, company_number, label, opens_at, closes_at, \
             grace_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&order.id)
        .bind(&order.courier)
        .bind(order.customer.expose())
        .bind(order.company_number.expose())
        .bind(&order.label)
        .bind(order.opens_at)
        .bind(order.closes_at)
        .bind(order.grace_ms)
        .execute(&self.pool)
        .await?;
        Ok(())
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

    /// A courier's orders, most recently opened first.
    pub async fn orders_of(&self, courier: &str) -> Result<Vec<Order>, StoreError> {
        let rows = sqlx::query("SELECT * FROM orders WHERE courier = ? ORDER BY opens_at DESC, id DESC")
            .bind(courier)
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
    Ok(Order {
        id: row.try_get("id")?,
        courier: row.try_get("courier")?,
        customer: number("customer")?,
        company_number: number("company_number")?,
        label: row.try_get("label")?,
        opens_at: row.try_get("opens_at")?,
        closes_at: row.try_get("closes_at")?,
        grace_ms: row.try_get("grace_ms")?,
    })
}

#[cfg(test)]
mod tests;
