//! nginx as a baseline of pages: it serves one file, configured for static files.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use test_services::java::free_port;

use crate::process::{self, Process};

const NGINX: &str = "/usr/sbin/nginx";

/// Serves `bytes` under `path` with any query.
pub(crate) async fn serve(folder: &Path, path: &str, bytes: &[u8]) -> Result<Process> {
    let port = free_port()?;
    let home = folder.join(format!("nginx-{port}"));
    let file = home.join("www").join(path.trim_start_matches('/'));
    fs::create_dir_all(file.parent().context("a path without a folder")?)?;
    fs::write(&file, bytes)?;
    let settings = home.join("nginx.conf");
    fs::write(&settings, configuration(&home, port))?;
    let mut nginx = process::parent_command(Path::new(NGINX));
    nginx.arg("-c").arg(&settings).arg("-p").arg(&home).args(["-e", "stderr"]);
    Process::start_parent(nginx, port, &home.join("log")).await.context("nginx")
}

fn configuration(home: &Path, port: u16) -> String {
    let home = home.display();
    // Its workers must be able to read the scratch folder.
    let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
    format!(
        "{user}
daemon off;
worker_processes auto;
pid {home}/pid;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    sendfile on;
    tcp_nodelay on;
    keepalive_timeout 65;
    keepalive_requests 1000000000;
    default_type application/json;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    server {{
        listen 127.0.0.1:{port};
        root {home}/www;
        location = /ready {{ return 200; }}
    }}
}}
"
    )
}
