//! The `anb` binary: its command line and what it prints.

use std::path::Path;

use tokio::process::Command;

/// A command of the binary with these settings, and none of the developer's.
pub(crate) fn command(arguments: &[&str], folder: &Path, settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anb"));
    command
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("RUST_LOG", "info")
        .envs(settings.iter().copied());
    command
}

/// Everything that a command prints; `Err` if it fails.
pub(crate) async fn output_of(mut command: Command) -> Result<String, String> {
    let output = command.output().await.unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    if output.status.success() { Ok(text) } else { Err(text) }
}

/// The lines of `anb checksums` or `anb rebuild`, one per read model.
pub(crate) async fn checksums_of(command: Command) -> Vec<String> {
    let output = output_of(command).await.unwrap();
    let lines: Vec<String> =
        output.lines().filter(|line| line.contains(" rows  ")).map(str::to_owned).collect();
    assert!(lines.len() >= 8, "{output}");
    lines
}
