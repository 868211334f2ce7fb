//! Baselines: minimal axum handlers that answer the same requests. Each runs in a process of its own,
//! as `anb` does.

pub(crate) mod append;
pub(crate) mod page;

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Result;
use axum::Router;
use axum::serve::ListenerExt;
use test_services::java::free_port;
use tokio::net::TcpListener;

use crate::process::{self, Process};

/// Starts `bench COMMAND …` on a free port.
pub(crate) async fn start(command: &str, arguments: &[&str], folder: &Path) -> Result<Process> {
    let port = free_port()?;
    let mut bare = process::command(&process::sibling("bench")?);
    bare.arg(command).args(arguments).args(["--port", &port.to_string()]);
    Process::start(bare, port, &folder.join(format!("{command}-{port}.log"))).await
}

async fn serve(port: u16, routes: Router) -> Result<()> {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port))).await?;
    // As `anb` does: without it, Nagle's algorithm delays small answers.
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let routes = routes.route("/ready", axum::routing::get(|| async {}));
    Ok(axum::serve(listener, routes).await?)
}
