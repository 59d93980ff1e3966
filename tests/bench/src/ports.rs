//! Ports for servers that are told theirs.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// So many that are free now, each another.
///
/// # Errors
/// There are none.
pub fn free(count: usize) -> Result<Vec<SocketAddr>, String> {
    let words = |error: std::io::Error| format!("no free port: {error}");
    let held: Vec<TcpListener> =
        (0..count).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).collect::<Result<_, _>>().map_err(words)?;
    held.iter().map(|listener| listener.local_addr().map_err(words)).collect()
}
