use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::watch;

/// What a stand-in does with a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// What the real service would do: judge it by the rules.
    Judge,
    /// Answers this, unseen.
    Answer(Scripted),
    /// Drops the connection before anything is taken.
    Drop,
    /// Takes the push (a phone gets it), and drops the connection before the answer.
    AcceptAndDrop,
    /// Resets the stream (HTTP/2 RST_STREAM; HTTP/1.1 drops the connection).
    Reset,
    /// Judges the push, answers, and sends GOAWAY: the connection takes nothing more.
    GoAway,
    /// Never answers.
    Silence,
    /// Waits, then does the other thing.
    After(Duration, Box<Act>),
}

/// A scripted answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scripted {
    /// The HTTP status.
    pub status: u16,
    /// APNs' `reason`; FCM's `errorCode`, or its `status` where the service gives no `errorCode`.
    pub reason: String,
    /// The header `retry-after`, in seconds.
    pub retry_after: Option<Duration>,
    /// APNs' `timestamp`: when the token was found dead.
    pub timestamp: Option<SystemTime>,
}

impl Scripted {
    /// This status with this word.
    pub fn new(status: u16, reason: impl Into<String>) -> Self {
        Self { status, reason: reason.into(), retry_after: None, timestamp: None }
    }

    /// Adds `retry-after`.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// Adds APNs' `timestamp`.
    #[must_use]
    pub fn timestamp(mut self, at: SystemTime) -> Self {
        self.timestamp = Some(at);
        self
    }
}

impl From<Scripted> for Act {
    fn from(scripted: Scripted) -> Self {
        Self::Answer(scripted)
    }
}

type Rule = Box<dyn FnMut(u64, &str) -> Act + Send>;

/// What a stand-in shall do instead of judging. First match: what was said for the next pushes, for the push's token, by the rule; else
/// the push is judged.
#[derive(Default)]
pub struct Script {
    plan: Mutex<Plan>,
    held: watch::Sender<bool>,
}

#[derive(Default)]
struct Plan {
    seen: u64,
    next: VecDeque<(usize, Act)>,
    by_token: HashMap<String, Act>,
    rule: Option<Rule>,
    delay: Duration,
}

impl Script {
    /// Does this with each of the next `count` pushes.
    pub fn next(&self, count: usize, act: impl Into<Act>) {
        if count > 0 {
            self.plan().next.push_back((count, act.into()));
        }
    }

    /// Does this with every push for a token, until [`clear`](Self::clear).
    pub fn for_token(&self, token: impl Into<String>, act: impl Into<Act>) {
        self.plan().by_token.insert(token.into(), act.into());
    }

    /// Asks `rule` for every push: it is given the push's number, from 0, and its token.
    pub fn rule(&self, rule: impl FnMut(u64, &str) -> Act + Send + 'static) {
        self.plan().rule = Some(Box::new(rule));
    }

    /// Waits so long before each answer, as a far-away service would.
    pub fn delay(&self, delay: Duration) {
        self.plan().delay = delay;
    }

    /// Lets every push wait for [`release`](Self::release).
    pub fn hold(&self) {
        self.held.send_replace(true);
    }

    /// Lets the held pushes go on.
    pub fn release(&self) {
        self.held.send_replace(false);
    }

    /// Judges again, without delay, and releases what is held.
    pub fn clear(&self) {
        let mut plan = self.plan();
        *plan = Plan { seen: plan.seen, ..Plan::default() };
        self.release();
    }

    /// What to do with a push, after the waiting that the script wants.
    pub(crate) async fn decide(&self, token: &str) -> Act {
        let (mut act, delay) = {
            let mut plan = self.plan();
            (plan.act(token), plan.delay)
        };
        let mut wait = delay;
        while let Act::After(more, then) = act {
            wait += more;
            act = *then;
        }
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        // The sender is our own: it cannot have gone.
        let _ = self.held.subscribe().wait_for(|held| !held).await;
        act
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Plan {
    fn act(&mut self, token: &str) -> Act {
        let number = self.seen;
        self.seen += 1;
        if let Some((count, act)) = self.next.front_mut() {
            *count -= 1;
            let (left, act) = (*count, act.clone());
            if left == 0 {
                self.next.pop_front();
            }
            return act;
        }
        if let Some(act) = self.by_token.get(token) {
            return act.clone();
        }
        self.rule.as_mut().map_or(Act::Judge, |rule| rule(number, token))
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script").field("held", &*self.held.borrow()).finish_non_exhaustive()
    }
}
