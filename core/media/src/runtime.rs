//! The runtime that `webrtc` is given: tokio, with the link gate under its sockets, and a count of what is alive.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use webrtc::runtime::{
    AsyncInterval, AsyncTcpListener, AsyncTcpStream, AsyncUdpSocket, JoinHandle, Runtime, TokioRuntime,
};

use crate::gate::LinkGate;
use crate::gated_socket::GatedSocket;
use crate::repeating_socket::RepeatingSocket;

/// Sockets and tasks of the media engine that are alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MediaResources {
    /// UDP sockets.
    pub sockets: usize,
    /// Tasks.
    pub tasks: usize,
}

/// Counts what is alive; clones share the count.
#[derive(Debug, Clone, Default)]
pub(crate) struct Census {
    sockets: Arc<AtomicUsize>,
    tasks: Arc<AtomicUsize>,
}

impl Census {
    pub(crate) fn resources(&self) -> MediaResources {
        MediaResources { sockets: self.sockets.load(Ordering::Acquire), tasks: self.tasks.load(Ordering::Acquire) }
    }

    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) -> tokio::task::JoinHandle<()> {
        tokio::spawn(self.counted(future))
    }

    fn counted<F: Future<Output = ()> + Send + 'static>(&self, future: F) -> impl Future<Output = ()> + Send + use<F> {
        let alive = Alive::count(&self.tasks);
        async move {
            let _alive = alive;
            future.await;
        }
    }
}

/// One thing that is alive.
#[derive(Debug)]
pub(crate) struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn count(counter: &Arc<AtomicUsize>) -> Self {
        counter.fetch_add(1, Ordering::AcqRel);
        Self(counter.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Tasks of one call; aborted together.
#[derive(Clone)]
pub(crate) struct TaskList {
    census: Census,
    running: Arc<Mutex<Option<Vec<tokio::task::JoinHandle<()>>>>>,
}

impl TaskList {
    pub(crate) fn new(census: Census) -> Self {
        Self { census, running: Arc::new(Mutex::new(Some(Vec::new()))) }
    }

    /// Starts a task, unless the call is closed.
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tasks) = running.as_mut() {
            tasks.retain(|task| !task.is_finished());
            tasks.push(self.census.spawn(future));
        }
    }

    /// Ends all tasks and waits for their end. No more can be started.
    pub(crate) async fn end(&self) {
        let tasks = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        for task in tasks.into_iter().flatten() {
            task.abort();
            // An aborted task ends in an error, which is what is wanted.
            let _ = task.await;
        }
    }
}

/// Tokio with a gate.
#[derive(Debug)]
pub(crate) struct GatedRuntime {
    gate: Option<Arc<dyn LinkGate>>,
    census: Census,
}

impl GatedRuntime {
    pub(crate) fn new(gate: Option<Arc<dyn LinkGate>>, census: Census) -> Self {
        Self { gate, census }
    }
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl Runtime for GatedRuntime {
    fn spawn(&self, future: Boxed<'static, ()>) -> Box<dyn JoinHandle> {
        TokioRuntime.spawn(Box::pin(self.census.counted(future)))
    }

    fn wrap_udp_socket(&self, socket: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        let alive = Alive::count(&self.census.sockets);
        let open = TokioRuntime.wrap_udp_socket(socket)?;
        let inner: Arc<dyn AsyncUdpSocket> = match &self.gate {
            Some(gate) => Arc::new(GatedSocket::new(open, gate.admit_socket(), &self.census)),
            None => open,
        };
        Ok(Arc::new(RepeatingSocket::new(inner, alive)))
    }

    fn wrap_tcp_listener(&self, listener: std::net::TcpListener) -> io::Result<Arc<dyn AsyncTcpListener>> {
        TokioRuntime.wrap_tcp_listener(listener)
    }

    fn connect_tcp<'a>(&'a self, remote_addr: SocketAddr) -> Boxed<'a, io::Result<Arc<dyn AsyncTcpStream>>> {
        if self.gate.is_some() {
            // A stream that slipped past the gate would make a shaped link look better than it is.
            return Box::pin(async { Err(io::ErrorKind::Unsupported.into()) });
        }
        Box::pin(async move { TokioRuntime.connect_tcp(remote_addr).await })
    }

    fn resolve_host<'a>(&'a self, host: &'a str) -> Boxed<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { TokioRuntime.resolve_host(host).await })
    }

    fn sleep(&self, duration: Duration) -> Boxed<'static, ()> {
        TokioRuntime.sleep(duration)
    }

    fn interval(&self, period: Duration) -> Box<dyn AsyncInterval> {
        TokioRuntime.interval(period)
    }

    fn block_on(&self, future: Pin<Box<dyn Future<Output = ()> + '_>>) {
        TokioRuntime.block_on(future);
    }

    fn name(&self) -> &'static str {
        "tokio, gated"
    }
}
