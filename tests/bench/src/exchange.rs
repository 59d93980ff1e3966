//! Requests over many connections at once, one under way on each: the next leaves when its answer has come whole.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::task::LocalSet;

/// How a server is talked to.
pub trait Talk: Clone + 'static {
    /// A request, written over what `out` held.
    fn request(&mut self, out: &mut Vec<u8>);

    /// Whether an answer has come whole; an error when it is not what it should be.
    ///
    /// # Errors
    /// A sentence on what came.
    fn is_whole(&self, answer: &[u8]) -> Result<bool, String>;
}

/// Exchanges a second over so many connections, `each` on every one. `talk` makes what each connection says.
///
/// # Errors
/// A sentence on what went wrong.
pub fn per_second<T: Talk>(
    to: SocketAddr,
    connections: usize,
    each: usize,
    talk: impl Fn(usize) -> T,
) -> Result<f64, String> {
    let runtime = Builder::new_current_thread().enable_io().build().map_err(|error| error.to_string())?;
    let local = LocalSet::new();
    local.block_on(&runtime, async {
        let mut open = Vec::new();
        for _ in 0..connections {
            let stream = TcpStream::connect(to).await.map_err(|error| format!("{to}: {error}"))?;
            stream.set_nodelay(true).map_err(|error| error.to_string())?;
            open.push(stream);
        }
        let began = Instant::now();
        let talking =
            open.into_iter().enumerate().map(|(at, stream)| tokio::task::spawn_local(one(stream, talk(at), each)));
        for talked in talking.collect::<Vec<_>>() {
            talked.await.map_err(|error| error.to_string())??;
        }
        Ok((connections * each) as f64 / began.elapsed().as_secs_f64())
    })
}

async fn one<T: Talk>(mut stream: TcpStream, mut talk: T, each: usize) -> Result<(), String> {
    let words = |error: io::Error| format!("a connection: {error}");
    let (mut request, mut answer) = (Vec::new(), Vec::new());
    for _ in 0..each {
        request.clear();
        talk.request(&mut request);
        stream.write_all(&request).await.map_err(words)?;
        answer.clear();
        while !talk.is_whole(&answer)? {
            if stream.read_buf(&mut answer).await.map_err(words)? == 0 {
                return Err("a connection was closed".to_owned());
            }
        }
    }
    Ok(())
}
