//! Redis with sorted sets, through a Unix socket.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;
use uuid::Uuid;

/// Commands sent before their answers are read.
pub(super) const PIPELINE: usize = 100;
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// A server of this process, in memory only. Dropping it kills the server.
pub(super) struct Redis {
    server: Child,
    socket: BufReader<UnixStream>,
    _folder: TempDir,
}

/// Encoded commands.
pub(super) struct Pipeline {
    bytes: Vec<u8>,
    commands: usize,
}

impl Pipeline {
    /// Splits the commands into pipelines.
    pub(super) fn of(commands: impl Iterator<Item = Vec<u8>>) -> Vec<Self> {
        let commands: Vec<_> = commands.collect();
        let pipeline = |some: &[Vec<u8>]| Self { bytes: some.concat(), commands: some.len() };
        commands.chunks(PIPELINE).map(pipeline).collect()
    }
}

/// Sets a member's score on a board.
pub(super) fn put(board: &str, member: Uuid, score: u64) -> Vec<u8> {
    command(&[b"ZADD", board.as_bytes(), score.to_string().as_bytes(), member.as_bytes()])
}

/// Requests a member's position.
pub(super) fn position(board: &str, member: Uuid) -> Vec<u8> {
    command(&[b"ZREVRANK", board.as_bytes(), member.as_bytes()])
}

/// Adds one vote.
pub(super) fn vote(board: &str, member: Uuid) -> Vec<u8> {
    command(&[b"ZINCRBY", board.as_bytes(), b"1", member.as_bytes()])
}

impl Drop for Redis {
    fn drop(&mut self) {
        // The server may have ended already.
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

    /// The number of members of a board.
    pub(super) fn members(&mut self, board: &str) -> Result<u64> {
        self.send(&command(&[b"ZCARD", board.as_bytes()]))?;
        let answer = self.line()?;
        Ok(answer.trim_start_matches(':').parse()?)
    }

    /// `used_memory`, in bytes.
    pub(super) fn memory(&mut self) -> Result<f64> {
        self.send(&command(&[b"INFO", b"memory"]))?;
        let text = self.bulk()?;
        let used = text.lines().find_map(|line| line.strip_prefix("used_memory:"));
        Ok(used.context("no used_memory")?.trim().parse()?)
    }

    /// Runs the commands. An unknown member is an error.
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

    /// Reads one answer. An unknown member has none.
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

    /// The string after a line such as `$5`.
    fn rest(&mut self, line: &str) -> Result<String> {
        let length: usize = line.strip_prefix('$').context("no string")?.parse()?;
        let mut bytes = vec![0; length + 2];
        self.socket.read_exact(&mut bytes)?;
        bytes.truncate(length);
        Ok(String::from_utf8(bytes)?)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        ensure!(self.socket.read_line(&mut line)? > 0, "Redis closed the connection");
        Ok(line.trim_end().to_owned())
    }
}

fn connect(path: &Path) -> Result<UnixStream> {
    let started = Instant::now();
    loop {
        match UnixStream::connect(path) {
            Ok(socket) => return Ok(socket),
            Err(_) if started.elapsed() < START_TIMEOUT => {
                std::thread::sleep(Duration::from_millis(20))
            }
            Err(error) => return Err(error).context("Redis does not become ready"),
        }
    }
}

/// Encodes a command in the Redis protocol (RESP).
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
    fn a_command_is_encoded_as_resp() {
        assert_eq!(command(&[b"ZCARD", b"b"]), b"*2\r\n$5\r\nZCARD\r\n$1\r\nb\r\n");
    }
}
