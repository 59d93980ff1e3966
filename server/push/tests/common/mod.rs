//! A service as its own documents describe it: TLS, HTTP/2 and HTTP/1.1, a script of answers, and everything that came.
#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "each test file uses its own part of this, and a test's helpers stop it as it stops itself"
)]

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Response, Uri, Version};
use axum_server::tls_rustls::RustlsConfig;
use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;
use tandem_push::AddressGuard;
use tandem_push::Outgoing;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Came {
    pub method: Method,
    pub path: String,
    pub version: Version,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Came {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// An answer to give.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl Answer {
    pub fn new(status: u16, body: impl ToString) -> Answer {
        Answer { status, headers: Vec::new(), body: body.to_string() }
    }

    pub fn with(mut self, name: &'static str, value: impl ToString) -> Answer {
        self.headers.push((name, value.to_string()));
        self
    }
}

type Script = Arc<dyn Fn(&Came) -> Answer + Send + Sync>;

/// The service.
pub struct Service {
    pub at: SocketAddr,
    pub roots: Vec<u8>,
    came: Arc<Mutex<Vec<Came>>>,
}

impl Service {
    /// Answers every request by the script.
    pub async fn start(script: impl Fn(&Came) -> Answer + Send + Sync + 'static) -> Service {
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        let roots = made.cert.pem().into_bytes();
        let config =
            RustlsConfig::from_pem(roots.clone(), made.signing_key.serialize_pem().into_bytes()).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let at = listener.local_addr().unwrap();
        let came = Arc::new(Mutex::new(Vec::new()));
        let (seen, script): (_, Script) = (Arc::clone(&came), Arc::new(script));
        let app = Router::new().fallback(
            move |method: Method, uri: Uri, version: Version, headers: HeaderMap, body: Bytes| {
                let path = uri.path_and_query().map_or_else(String::new, ToString::to_string);
                let request = Came { method, path, version, headers, body };
                let answer = script(&request);
                seen.lock().unwrap().push(request);
                async move {
                    let mut response = Response::builder().status(answer.status);
                    for (name, value) in answer.headers {
                        response = response.header(name, value);
                    }
                    response.body(Body::from(answer.body)).unwrap()
                }
            },
        );
        tokio::spawn(async move {
            axum_server::from_tcp_rustls(listener, config).unwrap().serve(app.into_make_service()).await.unwrap();
        });
        Service { at, roots, came }
    }

    /// How it is reached: the test's own network is an exception.
    pub fn outgoing(&self) -> Outgoing {
        let guard = AddressGuard { allow_networks: vec!["127.0.0.0/8".parse().unwrap()], ..AddressGuard::default() };
        Outgoing { guard, tls_roots_pem: self.roots.clone(), ..Outgoing::default() }
    }

    pub fn url(&self, path: &str) -> String {
        format!("https://127.0.0.1:{}{path}", self.at.port())
    }

    /// What came until now.
    pub fn came(&self) -> Vec<Came> {
        self.came.lock().unwrap().clone()
    }

    pub fn last(&self) -> Came {
        self.came().pop().expect("a request came")
    }
}

/// A JWT's header and claims, and what was signed and by what.
pub fn jwt(token: &str) -> (Value, Value, String, Vec<u8>) {
    let decode = |part: &str| BASE64URL_NOPAD.decode(part.as_bytes()).unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let json = |part| serde_json::from_slice(&decode(part)).unwrap();
    (json(header), json(claims), signed.to_owned(), decode(signature))
}
