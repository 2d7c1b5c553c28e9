//! A stand-in for GitHub that responds at once: it accepts any code, and returns a new user for each
//! token.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::routing::{get, post};
use axum::{Json, Router};
use clap::Parser;
use farport_bench::{Args, serve};
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let router = Router::new()
        .route("/login/oauth/access_token", post(token))
        .route("/api/v3/user", get(user))
        .route("/api/v3/user/emails", get(emails));
    serve(&Args::parse(), router).await
}

async fn token() -> Json<Value> {
    Json(json!({
        "access_token": "gho_16C7e42F292c6912E7710c838347Ae178B4a",
        "token_type": "bearer",
        "scope": "read:user,user:email",
    }))
}

async fn user() -> Json<Value> {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    Json(json!({ "id": id, "login": "octocat", "name": "Octocat" }))
}

async fn emails() -> Json<Value> {
    Json(json!([{ "email": "octocat@example.com", "primary": true, "verified": true }]))
}
