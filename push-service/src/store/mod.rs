//! What outlives the process: devices, wakes and their deliveries, in SQLite or Postgres.
//!
//! A commit is on the disk before a write returns (SQLite: WAL with `synchronous=FULL`, so that a commit is synced; Postgres: its own
//! default). One writer takes all that waits into one transaction, so that the disk is asked once for many wakes.
//!
//! A SQLite file belongs to one process, which a lock beside it guards; several instances share a Postgres and each owns the deliveries
//! that it accepted, as long as its heart beats ([`instance`](crate::queue::instance)).

mod batch;
mod database;
mod model;
mod sql;

#[cfg(test)]
mod tests;

use std::fs::{File, TryLockError};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use doorstep_sensitive::Sensitive;
use serde::Deserialize;
use serde_json::json;
use sqlx::Connection as _;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use crate::provider::ProviderKind;
use database::Database;

pub use batch::{Accepted, Batch, Cancelled, Done};
pub use model::{DeadToken, Delivery, DeliveryState, Device, Job, Outcome, StoredWake, Wake, push_id};

/// How long a lock or a connection is waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// To Postgres: one writes, one beats, the others read.
const CONNECTIONS: u32 = 8;
/// Rows that one statement takes over or sweeps.
const PAGE: u32 = 500;

/// Where the data lies.
#[derive(Debug, Clone)]
pub enum Place {
    /// A SQLite file.
    File(PathBuf),
    /// A Postgres database, by its URL; it may hold a password.
    Postgres(Sensitive<String>),
}

impl Place {
    /// Whether a connection goes out of this machine to a Postgres that need not prove who it is.
    pub fn is_unverified(&self) -> bool {
        let Self::Postgres(url) = self else { return false };
        let Ok(options) = url.expose().parse::<PgConnectOptions>() else { return false };
        let host = options.get_host();
        let here = options.get_socket().is_some()
            || host.starts_with('/')
            || host.eq_ignore_ascii_case("localhost")
            || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        !here && !matches!(options.get_ssl_mode(), PgSslMode::VerifyFull)
    }
}

/// Why the store gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Locked, full or unreachable: the caller may try again (HTTP 503).
    #[error("the store is unavailable: {0}")]
    Unavailable(#[from] sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("the store's schema could not be migrated: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// Another process has the file.
    #[error(
        "another doorstep-push runs with {0}: a SQLite file serves one process (several share a Postgres)"
    )]
    Taken(PathBuf),
    /// The lock file cannot be made.
    #[error("{path}: {error}")]
    Lock {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The URL of the database is none.
    #[error("store.database_url is no URL of a Postgres database")]
    Url,
    /// A row holds what this version never writes.
    #[error("the store holds a row that is not valid")]
    Corrupt,
}

/// A handle on the database; clones share one pool.
#[derive(Debug, Clone)]
pub struct Store {
    database: Database,
    /// Held as long as any clone lives, and given back by the system when the process dies.
    _lock: Option<Arc<File>>,
}

impl Store {
    /// Opens or creates the database and migrates it.
    ///
    /// # Errors
    /// When it cannot be opened, is of another version, or a SQLite file is another process's.
    pub async fn open(place: &Place) -> Result<Self, StoreError> {
        match place {
            Place::File(path) => {
                let lock = lock(path)?;
                let database = sqlite(path).await?;
                Ok(Self { database, _lock: Some(Arc::new(lock)) })
            }
            Place::Postgres(url) => Ok(Self { database: postgres(url).await?, _lock: None }),
        }
    }

    /// Opens it to look something up while a server may be running.
    ///
    /// # Errors
    /// As [`open`](Self::open), but a file may be another process's.
    pub async fn look_into(place: &Place) -> Result<Self, StoreError> {
        let database = match place {
            Place::File(path) => sqlite(path).await?,
            Place::Postgres(url) => postgres(url).await?,
        };
        Ok(Self { database, _lock: None })
    }

    /// Whether several instances may share it.
    pub fn is_shared(&self) -> bool {
        match self.database {
            Database::Sqlite(_) => false,
            Database::Postgres(_) => true,
        }
    }

    /// Whether it answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn check(&self) -> Result<(), StoreError> {
        self.database.run::<serde_json::Value>(sql::PING, &json!({"x": 1})).await.map(drop)
    }

    /// A user's devices, the one registered last first.
    ///
    /// # Errors
    /// When the store does not answer; so with all that follow.
    pub async fn devices_of(&self, user: &str) -> Result<Vec<Device>, StoreError> {
        self.database.run(sql::DEVICES_OF, &[user]).await
    }

    /// A device.
    pub async fn device(&self, id: &str) -> Result<Option<Device>, StoreError> {
        Ok(self.database.run(sql::DEVICE, &[id]).await?.pop())
    }

    /// How many devices there are, by provider.
    pub async fn count_devices(&self) -> Result<Vec<(ProviderKind, u64)>, StoreError> {
        #[derive(Deserialize)]
        struct Row {
            provider: ProviderKind,
            count: u64,
        }
        let rows: Vec<Row> = self.database.run(sql::COUNT_DEVICES, &json!({})).await?;
        Ok(rows.into_iter().map(|row| (row.provider, row.count)).collect())
    }

    /// A wake.
    pub async fn wake(&self, call: &str) -> Result<Option<StoredWake>, StoreError> {
        Ok(self.database.run(sql::WAKES, &[call]).await?.pop())
    }

    /// A wake's deliveries.
    pub async fn deliveries(&self, call: &str) -> Result<Vec<Delivery>, StoreError> {
        self.database.run(sql::DELIVERIES, &[call]).await
    }

    /// Makes some deliveries that nobody alive owns the owner's, and tells them; fewer than a page when those were all.
    pub async fn take_over(&self, owner: &str, limit: u32) -> Result<Vec<Job>, StoreError> {
        let mut transaction = self.database.begin().await?;
        let input = json!({ "owner": owner, "limit": limit.min(PAGE) });
        let keys: Vec<serde_json::Value> = transaction.run(sql::TAKE_OVER, &input).await?;
        let jobs = if keys.is_empty() { Vec::new() } else { transaction.run(sql::JOBS, &keys).await? };
        transaction.commit().await?;
        Ok(jobs)
    }

    /// What an owner has not sent yet.
    pub async fn owned(&self, owner: &str) -> Result<Vec<Job>, StoreError> {
        let keys: Vec<serde_json::Value> = self.database.run(sql::OWNED, &json!({ "owner": owner })).await?;
        if keys.is_empty() { Ok(Vec::new()) } else { self.database.run(sql::JOBS, &keys).await }
    }

    /// A delivery as it stands now, with the device's present token; `None` when it is not to be sent any more.
    pub async fn still_queued(&self, call: &str, device: &str) -> Result<Option<Job>, StoreError> {
        #[derive(Deserialize)]
        struct Row {
            #[serde(flatten)]
            job: Job,
            state: DeliveryState,
        }
        let rows: Vec<Row> =
            self.database.run(sql::JOBS, &[json!({ "call": call, "device": device })]).await?;
        Ok(rows.into_iter().next().filter(|row| row.state == DeliveryState::Queued).map(|row| row.job))
    }

    /// Leaves what the owner has not sent to the others; how many.
    pub async fn release(&self, owner: &str) -> Result<usize, StoreError> {
        let mut transaction = self.database.begin().await?;
        let released: Vec<String> = transaction.run(sql::RELEASE, &json!({ "owner": owner })).await?;
        let _: Vec<String> = transaction.run(sql::LEAVE, &json!({ "owner": owner })).await?;
        transaction.commit().await?;
        Ok(released.len())
    }

    /// An instance begins to live.
    pub async fn enter(&self, owner: &str) -> Result<(), StoreError> {
        self.database.run::<String>(sql::ENTER, &json!({ "owner": owner })).await.map(drop)
    }

    /// It still lives; false when the others have buried it.
    pub async fn beat(&self, owner: &str) -> Result<bool, StoreError> {
        let alive: Vec<String> = self.database.run(sql::BEAT, &json!({ "owner": owner })).await?;
        Ok(!alive.is_empty())
    }

    /// Takes those out that have been silent for so long; how many.
    pub async fn bury(&self, silence: Duration) -> Result<usize, StoreError> {
        let input = json!({ "owner": "", "silence": u64::try_from(silence.as_millis()).unwrap_or(u64::MAX) });
        let dead: Vec<String> = self.database.run(sql::BURY, &input).await?;
        Ok(dead.len())
    }

    /// Closes; what is in the journal is in the file then.
    pub async fn close(&self) {
        self.database.close().await;
    }
}

fn lock(path: &Path) -> Result<File, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let beside = PathBuf::from(name);
    let bad = |error| StoreError::Lock { path: beside.clone(), error };
    let file = File::options().create(true).write(true).truncate(false).open(&beside).map_err(bad)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Taken(path.to_owned())),
        Err(TryLockError::Error(error)) => Err(bad(error)),
    }
}

async fn sqlite(path: &Path) -> Result<Database, StoreError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(PATIENCE);
    let pool = SqlitePoolOptions::new()
        .max_connections(4)
        .acquire_timeout(PATIENCE * 2)
        // SQLite itself ends a transaction that finds no room. The library then counts one that is not there, and that connection begins
        // none ever again.
        .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
        .connect_with(options)
        .await?;
    sqlx::migrate!("./migrations/sqlite").run(&pool).await?;
    Ok(Database::Sqlite(pool))
}

async fn postgres(url: &Sensitive<String>) -> Result<Database, StoreError> {
    // The parser's error may repeat the password.
    let options: PgConnectOptions = url.expose().parse().map_err(|_| StoreError::Url)?;
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(PATIENCE * 2)
        .connect_with(options.application_name("doorstep-push"))
        .await?;
    sqlx::migrate!("./migrations/postgres").run(&pool).await?;
    Ok(Database::Postgres(pool))
}
