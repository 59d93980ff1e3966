//! An HTTP SMS gateway that keeps every text, for a server in a process of its own.

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

#[derive(Clone, Default)]
pub struct Gateway {
    texts: Arc<Mutex<Vec<(String, String)>>>,
}

impl Gateway {
    /// Serves until the test ends.
    pub async fn start() -> (Gateway, SocketAddr) {
        let gateway = Gateway::default();
        let router = Router::new().route("/send", post(take)).with_state(gateway.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        (gateway, address)
    }

    /// The newest text to a number, once there is one.
    pub async fn text_for(&self, number: &str) -> String {
        super::within("a verification text", async {
            loop {
                let texts = self.texts.lock().unwrap().clone();
                if let Some((_, text)) = texts.into_iter().rev().find(|(to, _)| to == number) {
                    return text;
                }
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        })
        .await
    }
}

async fn take(State(gateway): State<Gateway>, Json(body): Json<serde_json::Value>) -> Json<serde_json::Value> {
    let field = |name: &str| body[name].as_str().unwrap().to_owned();
    gateway.texts.lock().unwrap().push((field("to"), field("text")));
    std::future::ready(Json(serde_json::json!({ "id": "1" }))).await
}
