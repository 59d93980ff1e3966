//! A TCP relay that counts what passes and when.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// One relay. Connections pass while it is not held.
#[derive(Clone, Debug)]
pub struct Relay {
    state: Arc<Mutex<Vec<Passed>>>,
    held: Arc<AtomicBool>,
    /// Where phones connect.
    pub address: SocketAddr,
}

/// Something that passed. A connection that began counts as nothing said by the phone.
#[derive(Clone, Copy, Debug)]
struct Passed {
    at: Instant,
    bytes: usize,
    by_phone: bool,
}

/// What passed until there was silence.
#[derive(Clone, Copy, Debug)]
pub struct Sync {
    /// From the first thing to the last.
    pub took: Duration,
    /// Both ways.
    pub bytes: f64,
    /// From each last word of the phone's to the server's last before the phone spoke again.
    pub server: Duration,
}

impl Relay {
    /// To a server.
    ///
    /// # Errors
    /// There is no port.
    pub fn start(server: SocketAddr) -> Result<Relay, String> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let relay = Relay { state: Arc::default(), held: Arc::default(), address };
        let own = relay.clone();
        std::thread::spawn(move || {
            for phone in listener.incoming().flatten() {
                if own.held.load(Ordering::Acquire) {
                    continue;
                }
                own.note(0, true);
                let Ok(server) = TcpStream::connect(server) else { continue };
                own.join(phone, server);
            }
        });
        Ok(relay)
    }

    fn join(&self, phone: TcpStream, server: TcpStream) {
        let _slower_without = (phone.set_nodelay(true), server.set_nodelay(true));
        let (Ok(back), Ok(forth)) = (phone.try_clone(), server.try_clone()) else { return };
        let (up, down) = (self.clone(), self.clone());
        std::thread::spawn(move || up.pass(phone, forth, true));
        std::thread::spawn(move || down.pass(server, back, false));
    }

    fn pass(&self, mut from: TcpStream, mut to: TcpStream, by_phone: bool) {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length) = from.read(&mut buffer) {
            if length == 0 {
                break;
            }
            self.note(length, by_phone);
            if to.write_all(buffer.get(..length).unwrap_or_default()).is_err() {
                break;
            }
        }
        let _closed_before = to.shutdown(Shutdown::Write);
    }

    fn note(&self, bytes: usize, by_phone: bool) {
        self.lock().push(Passed { at: Instant::now(), bytes, by_phone });
    }

    /// Lets no connection through.
    pub fn hold(&self) {
        self.held.store(true, Ordering::Release);
        self.forget();
    }

    /// Lets them through again.
    pub fn release(&self) {
        self.held.store(false, Ordering::Release);
    }

    /// Counts from here on.
    pub fn forget(&self) {
        self.lock().clear();
    }

    /// What passed since it was last told to forget, once nothing has for so long.
    ///
    /// # Errors
    /// There is no silence, or nothing has passed at all.
    pub fn until_silent(&self, silence: Duration, patience: Duration) -> Result<Sync, String> {
        let end = Instant::now() + patience;
        while Instant::now() < end {
            std::thread::sleep(Duration::from_millis(20));
            let passed = self.lock().clone();
            let (Some(first), Some(last)) = (passed.first(), passed.last()) else { continue };
            if last.at.elapsed() >= silence {
                let bytes = passed.iter().map(|passed| passed.bytes).sum::<usize>() as f64;
                return Ok(Sync { took: last.at - first.at, bytes, server: servers_share(&passed) });
            }
        }
        Err("the phone and the server go on talking".to_owned())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Passed>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn servers_share(passed: &[Passed]) -> Duration {
    let mut share = Duration::ZERO;
    let (mut asked, mut answered): (Option<Instant>, Option<Instant>) = (None, None);
    for one in passed {
        if one.by_phone {
            if let (Some(asked), Some(answered)) = (asked, answered.take()) {
                share += answered - asked;
            }
            asked = Some(one.at);
        } else if asked.is_some() {
            answered = Some(one.at);
        }
    }
    share + asked.zip(answered).map_or(Duration::ZERO, |(asked, answered)| answered - asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_share_runs_from_the_phones_last_word_to_the_servers_last_before_the_next() {
        let zero = Instant::now();
        let passed = |ms: u64, by_phone: bool| Passed { at: zero + Duration::from_millis(ms), bytes: 1, by_phone };
        let told = [
            passed(0, false),
            passed(10, true),
            passed(12, true),
            passed(15, false),
            passed(20, false),
            passed(100, true),
            passed(105, false),
        ];
        assert_eq!(servers_share(&told), Duration::from_millis(8 + 5));
        assert_eq!(servers_share(&told[..1]), Duration::ZERO);
    }
}
