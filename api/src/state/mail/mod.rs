//! E-mail: by SMTP, or as .eml files in the data directory where no server is configured.

mod letters;

pub use letters::Letter;

use anyhow::Context;
use lettre::{
    AsyncFileTransport, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{Mailbox, header::ContentType},
};
use secrecy::ExposeSecret;
use sluice_config::Config;
use std::{fs::DirBuilder, os::unix::fs::DirBuilderExt, path::Path, time::Duration};
use tokio::time::sleep;

/// Attempts at one e-mail, and the pause before the second; it doubles.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_secs(2);

/// How long e-mails are kept as files.
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// Sends e-mails.
#[derive(Debug, Clone)]
pub struct Mailer {
    transport: Transport,
    from: Mailbox,
    /// Base of links; without it an e-mail carries the token alone. Never taken from a request: its
    /// Host header is the sender's to choose.
    app_url: Option<String>,
}

#[derive(Debug, Clone)]
enum Transport {
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
    Files(AsyncFileTransport<Tokio1Executor>),
}

impl Mailer {
    /// As the settings say.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        let transport = match &config.mail.smtp_url {
            Some(url) => {
                let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose_secret());
                // The error could repeat the URL, which holds a password.
                let builder = builder.map_err(|_| anyhow::anyhow!("SLUICE_SMTP_URL does not fit"))?;
                Transport::Smtp(builder.timeout(Some(Duration::from_secs(20))).build())
            }
            None => {
                let folder = config.data_dir.join("mail");
                let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
                made.with_context(|| folder.display().to_string())?;
                Transport::Files(AsyncFileTransport::new(folder))
            }
        };
        let from = config.mail.from.parse().context("SLUICE_MAIL_FROM")?;
        Ok(Self { transport, from, app_url: config.mail.app_url.clone() })
    }

    /// Whether the server takes this service's login, asked without sending anything; `None` where there is no server.
    pub async fn reaches_server(&self) -> Option<Result<(), String>> {
        let Transport::Smtp(transport) = &self.transport else { return None };
        Some(match transport.test_connection().await {
            Ok(true) => Ok(()),
            Ok(false) => Err("the SMTP server does not answer as one".to_owned()),
            Err(error) => Err(format!("the SMTP server: {error}")),
        })
    }

    /// Sends in the background, so that an answer's time does not tell whether there was somebody to
    /// write to. An e-mail that is lost with the process is asked for again by its reader.
    pub fn send(&self, to: &str, letter: &Letter) {
        let (subject, text) = letter.write(self.app_url.as_deref());
        let message = to.parse().map_err(|_| ()).and_then(|to| {
            let builder = Message::builder().from(self.from.clone()).to(Mailbox::new(None, to)).subject(subject);
            builder.header(ContentType::TEXT_PLAIN).body(text).map_err(|_| ())
        });
        let Ok(message) = message else {
            tracing::warn!("an address that no e-mail can be sent to");
            return;
        };
        let transport = self.transport.clone();
        tokio::spawn(async move {
            let mut pause = PAUSE;
            for attempt in 1..=ATTEMPTS {
                match transport.send(&message).await {
                    Ok(()) => return,
                    Err(error) => tracing::warn!(attempt, error, "an e-mail was not sent"),
                }
                if attempt < ATTEMPTS {
                    sleep(pause).await;
                    pause *= 2;
                }
            }
        });
    }
}

/// Deletes e-mails that were written as files a day ago: they hold names, addresses and codes.
pub fn forget_files(data_dir: &Path) {
    let Ok(entries) = std::fs::read_dir(data_dir.join("mail")) else { return };
    for entry in entries.flatten() {
        let age = entry.metadata().and_then(|m| m.modified()).ok().and_then(|at| at.elapsed().ok());
        if age.is_some_and(|a| a > KEPT) {
            drop(std::fs::remove_file(entry.path()));
        }
    }
}

impl Transport {
    async fn send(&self, message: &Message) -> Result<(), String> {
        match self {
            Self::Smtp(t) => t.send(message.clone()).await.map(|_| ()).map_err(|e| e.to_string()),
            Self::Files(t) => t.send(message.clone()).await.map(|_| ()).map_err(|e| e.to_string()),
        }
    }
}
