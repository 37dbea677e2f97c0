//! Contacts of couriers' apps (RFC 3261 section 10.3). A binding outlives its connection and this process,
//! one with push data its time as well (RFC 8599).

use doorstep_sip::Sensitive;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::{Store, StoreError};
use crate::core::{Binding, CourierId, PushTarget};

/// Where a binding stands among all.
#[derive(Clone, PartialEq, Eq)]
pub struct BindingPlace {
    courier: String,
    key: String,
}

impl Store {
    /// Adds or replaces a binding and tells all that the courier then has. Those that ran out and cannot be
    /// woken are swept away.
    pub async fn save_binding(&self, binding: &Binding) -> Result<Vec<Binding>, StoreError> {
        let push = binding.push.as_ref();
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("DELETE FROM bindings WHERE courier = ? AND expires_at <= ? AND pn_prid IS NULL")
            .bind(binding.courier.expose())
            .bind(self.clock.unix_ms())
            .execute(&mut *transaction)
            .await?;
        sqlx::query(
            "INSERT OR REPLACE INTO bindings (courier, key, contact, instance, reg_id, call_id, cseq, expires_at, \
             pn_provider, pn_param, pn_prid) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(binding.courier.expose())
        .bind(key(binding))
        .bind(binding.contact.expose())
        .bind(&binding.instance)
        .bind(binding.reg_id)
        .bind(binding.call_id.expose())
        .bind(binding.cseq)
        .bind(self.clock.to_unix_ms(binding.expires_at))
        .bind(push.map(|push| &push.provider))
        .bind(push.map(|push| &push.param))
        .bind(push.map(|push| push.prid.expose()))
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        self.bindings(&binding.courier).await
    }

    /// Removes one binding, by its contact URI as registered, or all; tells what is left.
    pub async fn remove_binding(
        &self,
        courier: &CourierId,
        contact: Option<&str>,
    ) -> Result<Vec<Binding>, StoreError> {
        sqlx::query("DELETE FROM bindings WHERE courier = ?1 AND (?2 IS NULL OR contact = ?2)")
            .bind(courier.expose())
            .bind(contact)
            .execute(&self.pool)
            .await?;
        self.bindings(courier).await
    }

    /// A binding's token is gone: it loses its push data, unless it has another token by now. Tells all that the courier then has.
    pub async fn forget_push(
        &self,
        courier: &CourierId,
        contact: &str,
        prid: &str,
    ) -> Result<Vec<Binding>, StoreError> {
        sqlx::query(
            "UPDATE bindings SET pn_provider = NULL, pn_param = NULL, pn_prid = NULL \
             WHERE courier = ? AND contact = ? AND pn_prid = ?",
        )
        .bind(courier.expose())
        .bind(contact)
        .bind(prid)
        .execute(&self.pool)
        .await?;
        self.bindings(courier).await
    }

    /// A courier's bindings that have not run out or have push data (RFC 8599), the youngest first.
    pub async fn bindings(&self, courier: &CourierId) -> Result<Vec<Binding>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM bindings WHERE courier = ? AND (expires_at > ? OR pn_prid IS NOT NULL) \
             ORDER BY expires_at DESC",
        )
        .bind(courier.expose())
        .bind(self.clock.unix_ms())
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| self.read_binding(row)).collect()
    }

    /// Bindings with push data, of all couriers, those after a place only, at most `limit`; each with its place.
    pub async fn wakeable(
        &self,
        after: Option<&BindingPlace>,
        limit: u32,
    ) -> Result<Vec<(BindingPlace, Binding)>, StoreError> {
        let (courier, key) = after.map(|place| (&place.courier, &place.key)).unzip();
        let rows = sqlx::query(
            "SELECT * FROM bindings WHERE pn_prid IS NOT NULL AND (?1 IS NULL OR (courier, key) > (?1, ?2)) \
             ORDER BY courier, key LIMIT ?3",
        )
        .bind(courier)
        .bind(key)
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        let read = |row| {
            let place = BindingPlace { courier: row_text(row, "courier")?, key: row_text(row, "key")? };
            Ok((place, self.read_binding(row)?))
        };
        rows.iter().map(read).collect()
    }

    fn read_binding(&self, row: &SqliteRow) -> Result<Binding, StoreError> {
        let number = |value: i64| u32::try_from(value).map_err(|_| StoreError::Corrupt);
        let push = match row.try_get::<Option<String>, _>("pn_provider")? {
            Some(provider) => Some(PushTarget {
                provider,
                param: row.try_get::<Option<String>, _>("pn_param")?.unwrap_or_default(),
                prid: Sensitive::new(row.try_get::<Option<String>, _>("pn_prid")?.unwrap_or_default()),
            }),
            None => None,
        };
        Ok(Binding {
            courier: CourierId::new(row.try_get::<String, _>("courier")?),
            contact: Sensitive::new(row.try_get("contact")?),
            instance: row.try_get("instance")?,
            reg_id: row.try_get::<Option<i64>, _>("reg_id")?.map(number).transpose()?,
            call_id: Sensitive::new(row.try_get("call_id")?),
            cseq: number(row.try_get("cseq")?)?,
            expires_at: self.clock.from_unix_ms(row.try_get("expires_at")?),
            push,
        })
    }
}

fn row_text(row: &SqliteRow, column: &str) -> Result<String, StoreError> {
    Ok(row.try_get(column)?)
}

fn key(binding: &Binding) -> String {
    match (&binding.instance, binding.reg_id) {
        (Some(instance), Some(reg_id)) => format!("{reg_id} {instance}"),
        (Some(_) | None, Some(_) | None) => binding.contact.expose().clone(),
    }
}
