//! Redis with a sorted set, through its socket.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;
use uuid::Uuid;

/// Commands that are sent before their answers are read.
pub(super) const PIPELINE: usize = 100;
const PATIENCE: Duration = Duration::from_secs(10);

/// A server of our own, in memory only. It is killed when this is dropped.
pub(super) struct Redis {
    server: Child,
    socket: BufReader<UnixStream>,
    _folder: TempDir,
}

/// Some commands as they are sent.
pub(super) struct Pipeline {
    bytes: Vec<u8>,
    commands: usize,
}

impl Pipeline {
    /// All commands, cut into pipelines.
    pub(super) fn of(commands: impl Iterator<Item = Vec<u8>>) -> Vec<Self> {
        let commands: Vec<_> = commands.collect();
        let pipeline = |some: &[Vec<u8>]| Self { bytes: some.concat(), commands: some.len() };
        commands.chunks(PIPELINE).map(pipeline).collect()
    }
}

/// Puts a member onto a board.
pub(super) fn put(board: &str, member: Uuid, score: u64) -> Vec<u8> {
    command(&[b"ZADD", board.as_bytes(), score.to_string().as_bytes(), member.as_bytes()])
}

/// Asks for a member's position.
pub(super) fn position(board: &str, member: Uuid) -> Vec<u8> {
    command(&[b"ZREVRANK", board.as_bytes(), member.as_bytes()])
}

/// One vote more.
pub(super) fn vote(board: &str, member: Uuid) -> Vec<u8> {
    command(&[b"ZINCRBY", board.as_bytes(), b"1", member.as_bytes()])
}

impl Drop for Redis {
    fn drop(&mut self) {
        // If it has ended already, so much the better.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Redis {
    pub(super) fn start() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("anb-bench-redis-").tempdir()?;
        let path = folder.path().join("socket");
        let mut server = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--", "redis-server", "--port", "0", "--save", ""])
            .args(["--appendonly", "no", "--dir"])
            .arg(folder.path())
            .arg("--unixsocket")
            .arg(&path)
            .stdout(Stdio::null())
            .spawn()
            .context("`redis-server` cannot be run")?;
        let socket = match connect(&path) {
            Ok(socket) => BufReader::new(socket),
            Err(error) => {
                let _ = server.kill();
                return Err(error);
            }
        };
        Ok(Self { server, socket, _folder: folder })
    }

    /// Members of a board.
    pub(super) fn members(&mut self, board: &str) -> Result<u64> {
        self.send(&command(&[b"ZCARD", board.as_bytes()]))?;
        let answer = self.line()?;
        Ok(answer.trim_start_matches(':').parse()?)
    }

    /// Bytes that it says it uses.
    pub(super) fn memory(&mut self) -> Result<f64> {
        self.send(&command(&[b"INFO", b"memory"]))?;
        let text = self.bulk()?;
        let used = text.lines().find_map(|line| line.strip_prefix("used_memory:"));
        Ok(used.context("no used_memory")?.trim().parse()?)
    }

    /// Has commands carried out. A member that is not there ends the run.
    pub(super) fn run(&mut self, pipelines: &[Pipeline]) -> Result<()> {
        for Pipeline { bytes, commands } in pipelines {
            self.send(bytes)?;
            for _ in 0..*commands {
                self.answer()?;
            }
        }
        Ok(())
    }

    fn send(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.socket.get_mut().write_all(bytes)?)
    }

    /// Reads one answer. A member that is not there has none.
    fn answer(&mut self) -> Result<()> {
        let line = self.line()?;
        match line.as_bytes() {
            [b':', ..] => Ok(()),
            [b'$', length @ ..] if length != b"-1" => self.rest(&line).map(|_| ()),
            _ => bail!("Redis answers {line}"),
        }
    }

    fn bulk(&mut self) -> Result<String> {
        let line = self.line()?;
        self.rest(&line)
    }

    /// What comes after a line such as `$5`.
    fn rest(&mut self, line: &str) -> Result<String> {
        let length: usize = line.strip_prefix('$').context("no string")?.parse()?;
        let mut bytes = vec![0; length + 2];
        self.socket.read_exact(&mut bytes)?;
        bytes.truncate(length);
        Ok(String::from_utf8(bytes)?)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        ensure!(self.socket.read_line(&mut line)? > 0, "Redis has gone");
        Ok(line.trim_end().to_owned())
    }
}

fn connect(path: &Path) -> Result<UnixStream> {
    let started = Instant::now();
    loop {
        match UnixStream::connect(path) {
            Ok(socket) => return Ok(socket),
            Err(_) if started.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(20)),
            Err(error) => return Err(error).context("Redis does not become ready"),
        }
    }
}

/// As Redis reads it.
fn command(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::command;

    #[test]
    fn a_command_is_written_as_redis_reads_it() {
        assert_eq!(command(&[b"ZCARD", b"b"]), b"*2\r\n$5\r\nZCARD\r\n$1\r\nb\r\n");
    }
}
