//! What outlives the process: orders, company numbers, couriers' bindings and call records, in SQLite.
//!
//! A commit is on the disk before a write returns, so that a kill -9 loses nothing that was acknowledged. A locked database or a full
//! disk is [`StoreError::Unavailable`], which the API tells as 503; it never ends a call.

mod bindings;
mod calls;
mod numbers;
mod orders;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Duration;

use sqlx::Connection as _;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use crate::clock::Clock;

pub use bindings::BindingPlace;
pub use calls::{CallFilter, StoredCall};
pub use numbers::CompanyNumber;

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
    clock: Clock,
}

impl Store {
    /// Opens or creates the database and migrates it. `busy` is how long a lock is waited for. Times of the core's are told by `clock`.
    ///
    /// # Errors
    /// When the file cannot be opened or is of another program or version.
    pub async fn open(path: &Path, busy: Duration, clock: Clock) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(busy);
        let pool = SqlitePoolOptions::new()
            .max_connections(4)
            // All connections may wait for the same lock; who comes after them must not wait for long.
            .acquire_timeout(busy.saturating_add(Duration::from_secs(2)))
            // SQLite itself ends a transaction that finds no room. The library then counts one that is not there, and that connection
            // begins none ever again.
            .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
            .connect_with(options)
            .await?;
        sqlx::migrate!("./migrations").run(&pool).await?;
        Ok(Self { pool, clock })
    }

    /// Whether the database can be read and written now; for a readiness check.
    ///
    /// # Errors
    /// When it cannot.
    pub async fn check(&self) -> Result<(), StoreError> {
        // Takes the write lock and gives it back: a full disk shows only at a write, a lock already here.
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("SELECT COUNT(*) FROM numbers").fetch_one(&mut *transaction).await?;
        transaction.rollback().await?;
        Ok(())
    }

    /// Writes what is still in the journal and closes.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}
