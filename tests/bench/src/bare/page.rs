//! The baseline of pages: answers every request with the bytes of a file.

use std::path::PathBuf;

use anyhow::{Context, Result};
use axum::Router;
use bytes::Bytes;
use http::header::CONTENT_TYPE;

#[derive(Clone, clap::Args)]
pub(crate) struct Args {
    #[arg(long)]
    port: u16,
    #[arg(long)]
    page: PathBuf,
}

pub(crate) async fn serve(args: Args) -> Result<()> {
    let page = Bytes::from(std::fs::read(&args.page).context("the page")?);
    let answer = move || {
        let page = page.clone();
        async move { ([(CONTENT_TYPE, "application/json")], page) }
    };
    super::serve(args.port, Router::new().fallback(answer)).await
}
