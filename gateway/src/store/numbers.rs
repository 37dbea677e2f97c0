//! The pool of company numbers.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::{Store, StoreError};
use crate::masking::E164;

/// A number of the company's. It is on the company's own website: not personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompanyNumber {
    /// The number.
    pub number: E164,
    /// What the company calls it; may be empty.
    pub label: String,
}

impl Store {
    /// Creates or replaces a number; whether it is new.
    pub async fn put_number(&self, number: &CompanyNumber) -> Result<bool, StoreError> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let known: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM numbers WHERE e164 = ?")
            .bind(number.number.expose())
            .fetch_one(&mut *transaction)
            .await?;
        sqlx::query("INSERT OR REPLACE INTO numbers (e164, label) VALUES (?, ?)")
            .bind(number.number.expose())
            .bind(&number.label)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(known == 0)
    }

    /// One number.
    pub async fn number(&self, number: &E164) -> Result<Option<CompanyNumber>, StoreError> {
        let row = sqlx::query("SELECT * FROM numbers WHERE e164 = ?")
            .bind(number.expose())
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(read_number).transpose()
    }

    /// All numbers, in order.
    pub async fn numbers(&self) -> Result<Vec<CompanyNumber>, StoreError> {
        let rows = sqlx::query("SELECT * FROM numbers ORDER BY e164").fetch_all(&self.pool).await?;
        rows.iter().map(read_number).collect()
    }

    /// Removes a number; whether there was one. Orders that show it go on showing it.
    pub async fn delete_number(&self, number: &E164) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM numbers WHERE e164 = ?")
            .bind(number.expose())
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() > 0)
    }
}

fn read_number(row: &SqliteRow) -> Result<CompanyNumber, StoreError> {
    let number = E164::parse(&row.try_get::<String, _>("e164")?).map_err(|_| StoreError::Corrupt)?;
    Ok(CompanyNumber { number, label: row.try_get("label")? })
}
