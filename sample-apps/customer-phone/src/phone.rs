use std::io;
use std::net::SocketAddr;

use doorstep_sip::ua::UaError;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::driver::{self, Command};
use crate::wire::Wire;
use crate::{CallId, PhoneConfig, PhoneEvent};

/// How many events may wait for whoever reads them. A reader that falls this far behind stops the phone, so that its
/// loss is seen.
const EVENTS: usize = 1024;
const COMMANDS: usize = 32;

/// Why a phone could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum PhoneError {
    /// A socket could not be opened.
    #[error("the phone's socket: {0}")]
    Socket(#[from] io::Error),
    /// What was dialled is neither number nor name.
    #[error("{number:?} is no telephone number and no user's name")]
    NotANumber {
        /// As dialled.
        number: String,
    },
    /// No such call, or it is over.
    #[error("no such call")]
    NoSuchCall,
    /// Not possible in the call's present state.
    #[error("not possible in the present state of the call")]
    WrongState,
    /// A key that no telephone has.
    #[error("{key:?} is no key of a telephone")]
    NotAKey {
        /// As given.
        key: char,
    },
    /// The SIP user agent refused.
    #[error(transparent)]
    Sip(#[from] UaError),
    /// No free port, or the sound files cannot be opened.
    #[error("the phone's media: {0}")]
    Media(String),
    /// The far side does not take this phone for who it says.
    #[error("not registered: {status}")]
    NotRegistered {
        /// SIP status; 408 when there was no answer.
        status: u16,
    },
    /// The phone has stopped.
    #[error("the phone has stopped")]
    Stopped,
}

/// A running phone. Dropping it stops it without hanging up; [`shutdown`](Self::shutdown) hangs up first.
#[derive(Debug)]
pub struct Phone {
    local: SocketAddr,
    commands: mpsc::Sender<Command>,
    task: JoinHandle<()>,
}

/// What happens to a phone, in order.
#[derive(Debug)]
pub struct PhoneEvents(mpsc::Receiver<PhoneEvent>);

impl PhoneEvents {
    /// Waits for the next event; `None` once the phone has stopped.
    pub async fn next(&mut self) -> Option<PhoneEvent> {
        self.0.recv().await
    }

    /// The next event that has happened already; `None` if there is none.
    pub fn try_next(&mut self) -> Option<PhoneEvent> {
        self.0.try_recv().ok()
    }
}

impl Phone {
    /// Opens its sockets and runs it.
    ///
    /// # Errors
    /// [`PhoneError::Socket`] when the address cannot be bound, [`PhoneError::NotANumber`].
    pub async fn start(config: PhoneConfig) -> Result<(Self, PhoneEvents), PhoneError> {
        check_number(&config.number)?;
        let wire = Wire::open(&config).await?;
        let local = wire.local();
        let (commands, incoming) = mpsc::channel(COMMANDS);
        let (events, read) = mpsc::channel(EVENTS);
        let task = tokio::spawn(driver::run(config, wire, incoming, events));
        Ok((Self { local, commands, task }, PhoneEvents(read)))
    }

    /// Where it listens for SIP.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Signs in with the far side, for an hour: it can be called from then on.
    ///
    /// # Errors
    /// [`PhoneError::NotRegistered`].
    pub async fn register(&self) -> Result<(), PhoneError> {
        self.ask(|reply| Command::Register { reply }).await
    }

    /// Calls a number, or a user, through the trunk.
    pub async fn call(&self, number: &str) -> Result<CallId, PhoneError> {
        check_number(number)?;
        self.ask(|reply| Command::Call { number: number.to_owned(), withheld: false, reply }).await
    }

    /// Calls a number without showing this phone's own: only the carrier says whose it is (RFC 3323, RFC 3325).
    pub async fn call_withheld(&self, number: &str) -> Result<CallId, PhoneError> {
        check_number(number)?;
        self.ask(|reply| Command::Call { number: number.to_owned(), withheld: true, reply }).await
    }

    /// Passes the far side on to a user of its own (blind transfer, RFC 3515);
    /// [`Transfer`](crate::PhoneEventKind::Transfer) tells how it goes.
    pub async fn transfer(&self, call: CallId, user: &str) -> Result<(), PhoneError> {
        check_number(user)?;
        self.ask(|reply| Command::Transfer { call, user: user.to_owned(), reply }).await
    }

    /// Answers a call that rings.
    pub async fn answer(&self, call: CallId) -> Result<(), PhoneError> {
        self.ask(|reply| Command::Answer { call, reply }).await
    }

    /// Refuses a call that rings, with a SIP status from 300 to 699.
    pub async fn refuse(&self, call: CallId, status: u16) -> Result<(), PhoneError> {
        self.ask(|reply| Command::Refuse { call, status, reply }).await
    }

    /// Ends a call, whatever its state.
    pub async fn hang_up(&self, call: CallId) -> Result<(), PhoneError> {
        self.ask(|reply| Command::HangUp { call, reply }).await
    }

    /// Puts the far side on hold (re-INVITE with `sendonly`); [`MediaChanged`](crate::PhoneEventKind::MediaChanged)
    /// tells how it went.
    pub async fn hold(&self, call: CallId) -> Result<(), PhoneError> {
        self.ask(|reply| Command::Hold { call, hold: true, reply }).await
    }

    /// Takes the far side back from hold, or, without a hold, just offers the media anew.
    pub async fn resume(&self, call: CallId) -> Result<(), PhoneError> {
        self.ask(|reply| Command::Hold { call, hold: false, reply }).await
    }

    /// Presses keys, one after another (RFC 4733).
    pub async fn send_digits(&self, call: CallId, digits: &str) -> Result<(), PhoneError> {
        if let Some(key) = digits.chars().find(|key| !"0123456789*#ABCD".contains(*key)) {
            return Err(PhoneError::NotAKey { key });
        }
        self.ask(|reply| Command::Digits { call, digits: digits.to_owned(), reply }).await
    }

    /// Hangs up all calls, waits till the far side knows, finishes the recordings and stops.
    pub async fn shutdown(mut self) {
        let (done, stopped) = oneshot::channel();
        if self.commands.send(Command::Shutdown { done }).await.is_ok() {
            // An error means that the driver is gone, which is what was asked for.
            let _ = stopped.await;
        }
        let _ = (&mut self.task).await;
    }

    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, PhoneError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.map_err(|_| PhoneError::Stopped)?;
        answer.await.map_err(|_| PhoneError::Stopped)?
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Where the answer to a command goes.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, PhoneError>>;

fn check_number(number: &str) -> Result<(), PhoneError> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte);
    if (1..=64).contains(&number.len()) && number.bytes().all(good) {
        Ok(())
    } else {
        Err(PhoneError::NotANumber { number: number.to_owned() })
    }
}
