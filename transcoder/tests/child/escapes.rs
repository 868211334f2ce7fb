//! Every attempt to escape fails, and succeeds without the layer that blocks it.

use std::io::Read;
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rustix::io::{FdFlags, fcntl_setfd};
use tempfile::TempDir;

use crate::test_child;

/// Attempts, each with the only layer that blocks it.
const ATTEMPTS: [(&str, &str); 11] = [
    ("send", "system calls"),
    ("talk to a neighbour", "system calls"),
    ("fork", "system calls"),
    ("read a file", "files"),
    ("list a folder", "files"),
    ("look around in its folder", "files"),
    ("write elsewhere", "files"),
    ("read what was left open", "files"),
    ("allocate 8 GiB", "limits"),
    ("write a huge file", "limits"),
    ("open many files", "limits"),
];

/// Attempts that two layers block.
const BLOCKED_BY_TWO: [(&str, &str); 4] = [
    ("connect", "files + system calls"),
    ("start a program", "files + system calls"),
    ("signal its parent", "files + system calls"),
    ("raise a limit", "limits + system calls"),
];

/// A busy loop that runs longer has no limit.
const CPU_LIMIT_TIMEOUT: Duration = Duration::from_secs(4);

/// The folder of the test child, and what it must not reach.
struct SandboxFixture {
    folder: TempDir,
    elsewhere: TempDir,
    neighbour: TcpListener,
}

impl SandboxFixture {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            elsewhere: tempfile::tempdir().unwrap(),
            neighbour: TcpListener::bind("127.0.0.1:0").unwrap(),
        }
    }

    /// Whether the attempt succeeds with all layers except `without`.
    fn escapes(&self, attempt: &str, without: &str) -> bool {
        let left_open = std::fs::File::open("/etc/passwd").unwrap();
        fcntl_setfd(&left_open, FdFlags::empty()).unwrap();
        let path = match attempt {
            "connect" => self.neighbour.local_addr().unwrap().to_string(),
            "read what was left open" => left_open.as_raw_fd().to_string(),
            _ => self.elsewhere.path().join("mark").display().to_string(),
        };
        let arguments = ["test-child", attempt, without, &path];
        let output = test_child::start(&arguments, self.folder.path()).output().unwrap();
        match String::from_utf8(output.stdout).unwrap().trim() {
            "escaped" => true,
            "blocked" => false,
            // The kernel kills a child that writes a huge file.
            _ => {
                assert!(output.status.code().is_none(), "{attempt}: {:?}", output.status);
                false
            }
        }
    }
}

pub(crate) fn the_whole_sandbox_blocks_every_attempt() {
    let sandbox = SandboxFixture::new();
    assert!(sandbox.escapes("nothing", ""), "threads are allowed");
    for (attempt, _) in ATTEMPTS.iter().chain(&BLOCKED_BY_TWO) {
        assert!(!sandbox.escapes(attempt, ""), "{attempt}");
    }
    assert!(!sandbox.elsewhere.path().join("mark").exists());
    assert!(ends_by_itself(""), "compute for ever");
}

pub(crate) fn each_layer_alone_blocks_its_attempts() {
    let sandbox = SandboxFixture::new();
    for (attempt, layer) in ATTEMPTS.into_iter().chain(BLOCKED_BY_TWO) {
        assert!(sandbox.escapes(attempt, layer), "{attempt} is blocked without {layer}");
    }
    assert!(!ends_by_itself("limits"), "a busy loop ends without limits");
}

/// Whether the kernel ends a busy loop.
fn ends_by_itself(without: &str) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["test-child", "compute for ever", without, ""];
    let child =
        test_child::start(&arguments, folder.path()).stdout(Stdio::piped()).spawn().unwrap();
    closes_its_output(child, CPU_LIMIT_TIMEOUT)
}

pub(crate) fn a_child_ends_with_its_parent() {
    assert!(orphan_closes_its_output(""), "an orphan keeps running");
    assert!(!orphan_closes_its_output("end with the parent"), "an orphan ends without the layer");
}

fn orphan_closes_its_output(without: &str) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let mut parent_that_ends = test_child::start(&["parent-that-ends", without], folder.path());
    closes_its_output(
        parent_that_ends.stdout(Stdio::piped()).spawn().unwrap(),
        Duration::from_secs(2),
    )
}

/// Whether all processes with this child's standard output end in time. Kills the child.
fn closes_its_output(mut child: Child, within: Duration) -> bool {
    let mut output = child.stdout.take().unwrap();
    let (sender, closed_output) = mpsc::channel();
    std::thread::spawn(move || sender.send(output.read_to_end(&mut Vec::new()).is_ok()));
    let closed = closed_output.recv_timeout(within).is_ok();
    let _ = child.kill();
    child.wait().unwrap();
    closed
}

pub(crate) fn privileges_and_debugger_layers_set_the_kernel_flags() {
    let folder = tempfile::tempdir().unwrap();
    let state = |layer| {
        let output = test_child::start(&["single-layer", layer], folder.path()).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(state("").contains("\\t0\") Dumpable"), "{}", state(""));
    assert!(!state("").contains("NotDumpable"));
    assert!(state("no new privileges").contains("\\t1\")"));
    assert!(state("no debugger").contains("NotDumpable"));
}
