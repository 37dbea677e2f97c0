use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};
use serde_json::{Map, Value};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// How long a program may take to hang up and end after it was asked to.
const FAREWELL: Duration = Duration::from_secs(10);
/// Events that may wait to be read.
const EVENTS: usize = 1024;

/// Whose program it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The courier's app.
    Courier,
    /// The company's gateway.
    Gateway,
    /// The customer's phone.
    Customer,
    /// The contact centre's phone.
    Centre,
    /// The company's push-service.
    Push,
    /// What stands in for Apple and Google.
    Provider,
}

impl Role {
    /// In events and file names.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Courier => "courier",
            Self::Gateway => "gateway",
            Self::Customer => "customer",
            Self::Centre => "centre",
            Self::Push => "push",
            Self::Provider => "provider",
        }
    }

    /// Whether it comes and goes within an act; the others are there as long as the story is.
    pub const fn plays(self) -> bool {
        match self {
            Self::Courier | Self::Customer | Self::Centre => true,
            Self::Gateway | Self::Push | Self::Provider => false,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Something that a program told on its standard output, or its end (`exit`, with `code`).
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Whose program.
    pub who: Role,
    /// Milliseconds since the Unix epoch.
    pub t: f64,
    /// What happened.
    pub name: String,
    /// What else it said.
    pub fields: Map<String, Value>,
}

impl Event {
    /// A field that is a text.
    pub fn text(&self, field: &str) -> Option<&str> {
        self.fields.get(field)?.as_str()
    }
}

/// Every program that runs, so that none outlives the demo.
#[derive(Debug)]
pub struct Cast {
    stop: watch::Sender<bool>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    folder: PathBuf,
    programs: PathBuf,
}

/// What programs tell, in the order of arrival.
#[derive(Debug)]
pub struct Story {
    sender: mpsc::Sender<Event>,
    events: mpsc::Receiver<Event>,
    early: VecDeque<Event>,
}

/// A program that runs. It is asked to stop when this is dropped.
#[derive(Debug)]
pub struct Program {
    who: Role,
    log: PathBuf,
    told: PathBuf,
    pid: Option<u32>,
    stop: watch::Sender<bool>,
    ended: watch::Receiver<Option<ExitStatus>>,
}

impl Cast {
    /// Logs and recordings go to `folder`. The programs are those that lie beside this executable, as cargo builds them.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn new(folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        let here = std::env::current_exe().context("this program does not know where it lies")?;
        let mut programs = here.parent().unwrap_or(Path::new(".")).to_owned();
        // Tests and benchmarks lie one deeper.
        if programs.ends_with("deps") {
            programs.pop();
        }
        let folder = folder.to_owned();
        Ok(Self { stop: watch::channel(false).0, tasks: Mutex::default(), folder, programs })
    }

    /// Where logs and recordings lie.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A command that runs one of the programs.
    ///
    /// # Errors
    /// When it has not been built.
    pub fn command(&self, program: &str) -> anyhow::Result<Command> {
        let path = self.programs.join(program).with_extension(std::env::consts::EXE_EXTENSION);
        if !path.is_file() {
            bail!("{} is not there: `cargo build --bins` makes it", path.display());
        }
        Ok(Command::new(path))
    }

    /// Starts a program. Its events go to the story; they and its log are kept in `NAME.events` and `NAME.log`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(
        &self,
        who: Role,
        name: &str,
        mut command: Command,
        story: &Story,
    ) -> anyhow::Result<Program> {
        let file = |kind: &str| {
            let path = self.folder.join(format!("{name}.{kind}"));
            let file = File::create(&path).with_context(|| format!("{} cannot be made", path.display()));
            file.map(|file| (path, file))
        };
        let ((log, stderr), (told, events)) = (file("log")?, file("events")?);
        // Whoever looks for what a run has left finds it by this.
        command.env("DEMO_FOLDER", &self.folder);
        // It is never written to, and closed when this process ends, however it does.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr).kill_on_drop(true);
        let mut child = command.spawn().with_context(|| format!("{name} could not be started"))?;
        let pid = child.id();
        let stdout = child.stdout.take().context("no standard output")?;
        let lines = BufReader::new(stdout).lines();
        let (stop, stopped) = watch::channel(false);
        let (end, ended) = watch::channel(None);
        let watcher = Watcher {
            who,
            child,
            lines,
            events,
            story: story.sender.clone(),
            asked: [stopped, self.stop.subscribe()],
        };
        let task = tokio::spawn(async move {
            end.send_replace(watcher.run().await);
        });
        if let Ok(mut tasks) = self.tasks.lock() {
            tasks.push(task);
        }
        Ok(Program { who, log, told, pid, stop, ended })
    }

    /// Ends whatever still runs, and waits for it.
    pub async fn end(&self) {
        self.stop.send_replace(true);
        let tasks = self.tasks.lock().map(|mut tasks| std::mem::take(&mut *tasks)).unwrap_or_default();
        for task in tasks {
            // A task that panicked has dropped, and so killed, its program.
            drop(task.await);
        }
    }
}

impl Default for Story {
    fn default() -> Self {
        let (sender, events) = mpsc::channel(EVENTS);
        Self { sender, events, early: VecDeque::new() }
    }
}

impl Story {
    /// The next event, whoever's.
    ///
    /// # Errors
    /// When nothing happens for as long as `patience`.
    pub async fn next(&mut self, patience: Duration) -> anyhow::Result<Event> {
        if let Some(event) = self.early.pop_front() {
            return Ok(event);
        }
        let next = tokio::time::timeout(patience, self.events.recv()).await;
        next.ok().flatten().with_context(|| format!("nothing happened for {} s", patience.as_secs()))
    }

    /// Passes over what a program has told and nobody has waited for.
    pub fn forget(&mut self, who: Role) {
        self.early.retain(|event| event.who != who);
    }

    /// Waits for one program's event and keeps the others for later.
    ///
    /// # Errors
    /// When the program ends before, or nothing happens for as long as `patience`.
    pub async fn expect(&mut self, who: Role, name: &str, patience: Duration) -> anyhow::Result<Event> {
        let known = self.early.iter().position(|event| event.who == who && event.name == name);
        if let Some(event) = known.and_then(|place| self.early.remove(place)) {
            return Ok(event);
        }
        loop {
            let next = tokio::time::timeout(patience, self.events.recv()).await.ok().flatten();
            let event = next.with_context(|| format!("waited in vain for `{name}` of the {who}"))?;
            if event.who == who && event.name == name {
                return Ok(event);
            }
            let over = event.who == who && event.name == "exit";
            self.early.push_back(event);
            if over {
                bail!("the {who}'s program ended before `{name}`");
            }
        }
    }
}

impl Program {
    /// Asks it to stop (SIGTERM), and waits until it has.
    ///
    /// # Errors
    /// When it had to be killed, or ended with an error.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        self.stop.send_replace(true);
        self.end().await
    }

    /// Waits until it has ended by itself.
    ///
    /// # Errors
    /// When it ended with an error.
    pub async fn end(&mut self) -> anyhow::Result<()> {
        let ended = self.ended.wait_for(Option::is_some).await.map(|status| *status);
        match ended.ok().flatten() {
            Some(status) if status.success() => Ok(()),
            Some(status) => bail!("the {}'s program ended with {status}{}", self.who, self.last_words()),
            None => bail!("the {}'s program had to be killed{}", self.who, self.last_words()),
        }
    }

    /// Kills it (SIGKILL), as a power cut would.
    ///
    /// # Errors
    /// When it is gone already.
    #[cfg(unix)]
    pub fn kill(&self) -> anyhow::Result<()> {
        signal(self.pid, rustix::process::Signal::KILL).context("no such process any more")
    }

    /// Its process id.
    pub fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// Its log (standard error).
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Its events, as it wrote them.
    pub fn told(&self) -> &Path {
        &self.told
    }

    /// The last lines of its log, to be put behind an error.
    pub fn last_words(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        let last = lines.get(lines.len().saturating_sub(12)..).unwrap_or_default();
        if last.is_empty() {
            return "; it said nothing".to_owned();
        }
        format!("; its log ends so:\n    {}", last.join("\n    "))
    }
}

/// Reads one program to its end.
struct Watcher {
    who: Role,
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    events: File,
    story: mpsc::Sender<Event>,
    asked: [watch::Receiver<bool>; 2],
}

impl Watcher {
    /// `None` when it had to be killed.
    async fn run(mut self) -> Option<ExitStatus> {
        let status = self.watch().await;
        while let Ok(Some(line)) = self.lines.next_line().await {
            self.tell(&line).await;
        }
        let code = status.and_then(|status| status.code());
        let fields = Map::from_iter([("code".to_owned(), code.into())]);
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let event = Event { who: self.who, t: since.as_secs_f64() * 1000.0, name: "exit".to_owned(), fields };
        // A story that nobody reads any more needs no end.
        drop(self.story.send(event).await);
        status
    }

    async fn watch(&mut self) -> Option<ExitStatus> {
        let [own, all] = &mut self.asked.clone();
        loop {
            tokio::select! {
                line = self.lines.next_line() => match line {
                    Ok(Some(line)) => self.tell(&line).await,
                    Ok(None) | Err(_) => return self.child.wait().await.ok(),
                },
                () = asked(own) => break,
                () = asked(all) => break,
            }
        }
        #[cfg(unix)]
        signal(self.child.id(), rustix::process::Signal::TERM);
        if let Ok(status) = tokio::time::timeout(FAREWELL, self.child.wait()).await {
            return status.ok();
        }
        // It has had its time; an error means that it is gone.
        drop(self.child.kill().await);
        None
    }

    async fn tell(&mut self, line: &str) {
        // The file is for people who look for a fault; the event itself must not wait for a full disk.
        drop(writeln!(self.events, "{line}"));
        let Ok(mut fields) = serde_json::from_str::<Map<String, Value>>(line) else { return };
        let Some(name) = fields.remove("event").and_then(|name| name.as_str().map(str::to_owned)) else {
            return;
        };
        let t = fields.remove("t").or_else(|| fields.remove("at_ms"));
        let t = t.and_then(|t| t.as_f64()).unwrap_or_default();
        drop(self.story.send(Event { who: self.who, t, name, fields }).await);
    }
}

/// Until somebody wants an end, or nobody is left who could.
async fn asked(stop: &mut watch::Receiver<bool>) {
    drop(stop.wait_for(|stop| *stop).await);
}

#[cfg(unix)]
fn signal(pid: Option<u32>, signal: rustix::process::Signal) -> Option<()> {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid?).ok()?)?;
    rustix::process::kill_process(pid, signal).ok()
}
