//! Runs both stand-ins for the demo, or for whoever wants to try push-service without Apple and Google.
//!
//! Writes the authority's certificate, the APNs key and the service account's key into a folder, prints one line of JSON that says where all is,
//! then one line per push. Ends with its standard input or by SIGTERM.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::UNIX_EPOCH;

use clap::Parser;
use doorstep_push_fakes::apns::ApnsAccount;
use doorstep_push_fakes::fcm::FcmAccount;
use doorstep_push_fakes::{Answer, Authority, Clock, FakeApns, FakeError, FakeFcm, Received};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

/// Stand-ins for Apple's and Google's push servers.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Folder for the certificate and the keys; it must exist.
    #[arg(long)]
    dir: PathBuf,
    /// Address to listen on.
    #[arg(long, default_value_t = IpAddr::from(Ipv4Addr::LOCALHOST))]
    listen: IpAddr,
    /// Apple developer team.
    #[arg(long, default_value = "DOORTEAM01")]
    team: String,
    /// Id of the APNs key.
    #[arg(long, default_value = "DOORKEY001")]
    key_id: String,
    /// Topic of the app; may be repeated.
    #[arg(long = "topic", default_value = "com.example.courier.voip")]
    topics: Vec<String>,
    /// Firebase project.
    #[arg(long, default_value = "courier-example")]
    project: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody reads it: nothing is left to say.
            let _ = writeln!(std::io::stderr(), "doorstep-push-fakes: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), FakeError> {
    let authority = Authority::new()?.listening_on(arguments.listen);
    let clock = Clock::default();
    let account = ApnsAccount { team: arguments.team, key_id: arguments.key_id, topics: arguments.topics };
    let apns = FakeApns::start_with(&authority, account, clock.clone()).await?;
    let fcm = FakeFcm::start_with(
        &authority,
        FcmAccount { project: arguments.project, ..FcmAccount::default() },
        clock,
    )
    .await?;
    let file = |name: &str| arguments.dir.join(name);
    std::fs::write(file("ca.pem"), authority.pem())?;
    apns.write_key(&file("AuthKey.p8"))?;
    fcm.write_service_account(&file("service-account.json"))?;
    print(&json!({
        "event": "ready",
        "ca_file": file("ca.pem"),
        "apns": {
            "host": apns.host(),
            "key_file": file("AuthKey.p8"),
            "key_id": apns.account().key_id,
            "team": apns.account().team,
            "topics": apns.account().topics,
        },
        "fcm": {
            "host": fcm.host(),
            "token_uri": fcm.token_uri(),
            "service_account_file": file("service-account.json"),
            "project": fcm.account().project,
        },
    }))?;
    let (mut apple, mut google) = (apns.log().feed(), fcm.log().feed());
    let mut end = std::pin::pin!(ended());
    loop {
        let (provider, push) = tokio::select! {
            () = &mut end => break,
            Some(push) = apple.next() => ("apns", push),
            Some(push) = google.next() => ("fcm", push),
        };
        print(&line(provider, &push))?;
    }
    apns.stop().await;
    fcm.stop().await;
    Ok(())
}

fn line(provider: &str, push: &Received) -> Value {
    let (status, reason) = match &push.answer {
        Answer::Accepted | Answer::AcceptedUnheard | Answer::Validated => (Some(200), None),
        Answer::Refused { status, reason } => (Some(*status), Some(reason.as_str())),
        Answer::Dropped | Answer::Reset | Answer::Unanswered => (None, None),
    };
    json!({
        "event": "push",
        "provider": provider,
        "at_ms": push.at.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX)),
        "token": push.token,
        "headers": push.headers,
        "payload": push.payload(),
        "delivered": push.answer.reaches_phone(),
        "status": status,
        "reason": reason,
    })
}

fn print(line: &Value) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Returns at the end of the standard input or by SIGTERM.
async fn ended() {
    let input = async {
        let mut ignored = [0; 256];
        let mut input = tokio::io::stdin();
        while input.read(&mut ignored).await.is_ok_and(|count| count > 0) {}
    };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                () = input => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    input.await;
}
