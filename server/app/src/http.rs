//! The listeners: phones on one, operators' metrics on another.

use crate::config::Config;
use crate::gateway::Gateway;
use crate::listener::{Door, Doorkeeper};
use crate::metrics::Metrics;
use crate::{agreement, health, register, report, resolve, session};
use axum::Router;
use axum::extract::connect_info::IntoMakeServiceWithConnectInfo;
use axum::routing::{get, post};
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use axum_server::{Handle, Server};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use rustls::ServerConfig;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;

/// Bytes of a request's header; a session's needs a few hundred.
const HEADER_MAX: usize = 16 * 1024;

/// Every path phones and probes use.
pub fn router(gateway: Arc<Gateway>, prefix: &str) -> Router {
    let phones = Router::new()
        .route("/v1/session", get(session::open))
        .route("/v1/register", post(register::register))
        .route("/v1/resolve", post(resolve::resolve))
        .route("/v1/resolve/session", post(agreement::agree))
        .route("/v1/attachments", post(report::report))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .with_state(gateway);
    if prefix.is_empty() { phones } else { Router::new().nest(prefix, phones) }
}

/// Serves phones until the handle says otherwise.
pub async fn serve_phones(
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    door: Arc<Door>,
    gateway: Arc<Gateway>,
    config: &Config,
    handle: Handle<SocketAddr>,
) -> io::Result<()> {
    let service: IntoMakeServiceWithConnectInfo<Router, SocketAddr> =
        router(gateway, &config.listen.path_prefix).into_make_service_with_connect_info();
    let mut server = Server::from_listener(listener).handle(handle);
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder.http1().timer(TokioTimer::new()).header_read_timeout(config.listen.header_wait.0).max_buf_size(HEADER_MAX);
    *server.http_builder() = builder;
    let doorkeeper = Doorkeeper(door);
    match tls {
        None => server.acceptor(doorkeeper).serve(service).await,
        Some(tls) => {
            let acceptor = RustlsAcceptor::new(RustlsConfig::from_config(tls))
                .handshake_timeout(config.listen.tls_wait.0)
                .acceptor(doorkeeper);
            server.acceptor(acceptor).serve(service).await
        }
    }
}

/// Serves metrics until its task is ended.
pub async fn serve_metrics(listener: TcpListener, metrics: Arc<Metrics>) -> io::Result<()> {
    let router = Router::new().route("/metrics", get(health::scrape)).with_state(metrics);
    axum::serve(listener, router).await
}
