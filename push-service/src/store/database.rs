//! Two databases behind one door. Every statement takes one JSON document and gives rows of one JSON text, so that a whole batch is one
//! statement, and both databases share all code but the words of the SQL.

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::postgres::PgPool;
use sqlx::sqlite::SqlitePool;
use sqlx::{Postgres, Sqlite};

use super::StoreError;

/// A statement in both dialects; `$1` is the JSON document.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sql {
    pub(super) sqlite: &'static str,
    pub(super) postgres: &'static str,
}

#[derive(Debug, Clone)]
pub(super) enum Database {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

pub(super) enum Transaction {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(sqlx::Transaction<'static, Postgres>),
}

impl Database {
    /// A transaction that writes.
    pub(super) async fn begin(&self) -> Result<Transaction, StoreError> {
        Ok(match self {
            // Without IMMEDIATE a transaction that reads first may find that it cannot write any more.
            Self::Sqlite(pool) => Transaction::Sqlite(pool.begin_with("BEGIN IMMEDIATE").await?),
            Self::Postgres(pool) => Transaction::Postgres(pool.begin().await?),
        })
    }

    /// A statement by itself.
    pub(super) async fn run<Row: DeserializeOwned>(
        &self,
        sql: Sql,
        input: &(impl Serialize + Sync),
    ) -> Result<Vec<Row>, StoreError> {
        let input = write(input)?;
        let rows = match self {
            Self::Sqlite(pool) => sqlx::query_scalar(sql.sqlite).bind(input).fetch_all(pool).await?,
            Self::Postgres(pool) => sqlx::query_scalar(sql.postgres).bind(input).fetch_all(pool).await?,
        };
        read(&rows)
    }

    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

impl Transaction {
    pub(super) async fn run<Row: DeserializeOwned>(
        &mut self,
        sql: Sql,
        input: &(impl Serialize + Sync),
    ) -> Result<Vec<Row>, StoreError> {
        let input = write(input)?;
        let rows = match self {
            Self::Sqlite(tx) => sqlx::query_scalar(sql.sqlite).bind(input).fetch_all(&mut **tx).await?,
            Self::Postgres(tx) => sqlx::query_scalar(sql.postgres).bind(input).fetch_all(&mut **tx).await?,
        };
        read(&rows)
    }

    pub(super) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(tx) => tx.commit().await?,
            Self::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }
}

fn write(input: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(input).map_err(|_| StoreError::Corrupt)
}

fn read<Row: DeserializeOwned>(rows: &[String]) -> Result<Vec<Row>, StoreError> {
    rows.iter().map(|row| serde_json::from_str(row).map_err(|_| StoreError::Corrupt)).collect()
}
