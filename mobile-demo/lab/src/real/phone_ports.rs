//! The ports of a mock phone: what the core orders goes to the lab as lines; secrets go to files.

use super::lines::FromPhone;
use async_trait::async_trait;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Mutex;
use tandem_engine::{ByteStream, Connector, HostError, KeyStore, Sms, Telephony};
use tandem_model::{Line, Ticket};
use tandem_shaper::LinkControl;

/// Writes one line to the lab.
pub fn say(line: &FromPhone) {
    static OUT: Mutex<()> = Mutex::new(());
    let _whole_lines = OUT.lock();
    if let Ok(text) = serde_json::to_string(line) {
        let mut out = std::io::stdout().lock();
        let _lab_is_gone = writeln!(out, "{text}").and_then(|()| out.flush());
    }
}

/// The modem.
#[derive(Debug)]
pub struct Modem;

impl Sms for Modem {
    fn send(&self, ticket: Ticket, _line: Option<Line>, to: &str, body: &str) -> Result<(), HostError> {
        say(&FromPhone::SendSms { ticket: ticket.0, to: to.to_owned(), body: body.to_owned() });
        Ok(())
    }
}

impl Telephony for Modem {
    fn dial(&self, ticket: Ticket, _line: Option<Line>, digits: &str) -> Result<(), HostError> {
        say(&FromPhone::Dial { ticket: ticket.0, digits: digits.to_owned() });
        Ok(())
    }
}

/// Secrets as files of one folder, synced before they count as kept.
#[derive(Debug)]
pub struct FileKeys {
    /// The folder.
    pub folder: PathBuf,
}

impl FileKeys {
    fn path(&self, name: &str) -> PathBuf {
        let safe: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        self.folder.join(format!("{safe}.secret"))
    }
}

impl KeyStore for FileKeys {
    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, HostError> {
        match std::fs::read(self.path(name)) {
            Ok(secret) => Ok(Some(secret)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(_) => Err(HostError::Failed),
        }
    }

    fn put(&self, name: &str, secret: &[u8]) -> Result<(), HostError> {
        let path = self.path(name);
        let fresh = path.with_extension("fresh");
        let keep = || -> std::io::Result<()> {
            let mut file = std::fs::File::create(&fresh)?;
            file.write_all(secret)?;
            file.sync_all()?;
            std::fs::rename(&fresh, &path)?;
            std::fs::File::open(&self.folder)?.sync_all()
        };
        keep().map_err(|_| HostError::Failed)
    }
}

/// Connects sessions over the phone's shaped link.
#[derive(Debug)]
pub struct LinkConnector(pub LinkControl);

#[async_trait]
impl Connector for LinkConnector {
    async fn connect(&self, _line: Line, host: &str, port: u16) -> std::io::Result<Box<dyn ByteStream>> {
        let address = tokio::net::lookup_host((host, port)).await?.next().ok_or(std::io::ErrorKind::NotFound)?;
        Ok(Box::new(self.0.connect_tcp(address).await?))
    }
}

/// Forwards local connections over the shaped link, for the HTTP client that brings its own sockets.
///
/// # Errors
/// When no local port can be had.
pub async fn forward(link: LinkControl, to: SocketAddr) -> std::io::Result<SocketAddr> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let local = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let link = link.clone();
            tokio::spawn(async move {
                if let Ok(mut far) = link.connect_tcp(to).await {
                    let _closed = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                }
            });
        }
    });
    Ok(local)
}
