//! Every attempt to break out fails, and each succeeds once the wall that holds it back is away.

use std::io::Read;
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rustix::io::{FdFlags, fcntl_setfd};
use tempfile::TempDir;

use crate::prisoner;

/// Attempts, and the wall that holds each of them back alone.
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

/// Attempts that each of two walls holds back.
const HELD_TWICE: [(&str, &str); 4] = [
    ("connect", "files + system calls"),
    ("start a program", "files + system calls"),
    ("signal its parent", "files + system calls"),
    ("raise a limit", "limits + system calls"),
];

/// A computation that has not ended by then goes on for ever.
const FOR_EVER: Duration = Duration::from_secs(4);

/// A folder for the prisoner, and one for its temptations.
struct Prison {
    folder: TempDir,
    elsewhere: TempDir,
    neighbour: TcpListener,
}

impl Prison {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            elsewhere: tempfile::tempdir().unwrap(),
            neighbour: TcpListener::bind("127.0.0.1:0").unwrap(),
        }
    }

    /// Whether it could do it with all walls but those.
    fn escapes(&self, attempt: &str, without: &str) -> bool {
        let left_open = std::fs::File::open("/etc/passwd").unwrap();
        fcntl_setfd(&left_open, FdFlags::empty()).unwrap();
        let path = match attempt {
            "connect" => self.neighbour.local_addr().unwrap().to_string(),
            "read what was left open" => left_open.as_raw_fd().to_string(),
            _ => self.elsewhere.path().join("mark").display().to_string(),
        };
        let arguments = ["prisoner", attempt, without, &path];
        let output = prisoner::start(&arguments, self.folder.path()).output().unwrap();
        match String::from_utf8(output.stdout).unwrap().trim() {
            "escaped" => true,
            "held" => false,
            // Killed by the kernel, for writing a huge file.
            _ => {
                assert!(output.status.code().is_none(), "{attempt}: {:?}", output.status);
                false
            }
        }
    }
}

pub(crate) fn nothing_gets_through_a_whole_sandbox() {
    let prison = Prison::new();
    assert!(prison.escapes("nothing", ""), "what is allowed works: threads");
    for (attempt, _) in ATTEMPTS.iter().chain(&HELD_TWICE) {
        assert!(!prison.escapes(attempt, ""), "{attempt}");
    }
    assert!(!prison.elsewhere.path().join("mark").exists());
    assert!(ends_by_itself(""), "compute for ever");
}

pub(crate) fn each_wall_holds_back_what_it_is_there_for() {
    let prison = Prison::new();
    for (attempt, wall) in ATTEMPTS.into_iter().chain(HELD_TWICE) {
        assert!(prison.escapes(attempt, wall), "{attempt} is held back without {wall}");
    }
    assert!(!ends_by_itself("limits"), "computing for ever ends without limits");
}

/// Whether a process that computes for ever is ended by the kernel.
fn ends_by_itself(without: &str) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["prisoner", "compute for ever", without, ""];
    let child = prisoner::start(&arguments, folder.path()).stdout(Stdio::piped()).spawn().unwrap();
    falls_silent(child, FOR_EVER)
}

pub(crate) fn a_process_ends_with_its_parent() {
    assert!(orphan_falls_silent(""), "an orphan goes on");
    assert!(!orphan_falls_silent("end with the parent"), "an orphan ends without the wall");
}

fn orphan_falls_silent(without: &str) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let mut foster = prisoner::start(&["foster", without], folder.path());
    falls_silent(foster.stdout(Stdio::piped()).spawn().unwrap(), Duration::from_secs(2))
}

/// Whether everybody who holds this child's standard output ends within a time. It is killed then.
fn falls_silent(mut child: Child, within: Duration) -> bool {
    let mut output = child.stdout.take().unwrap();
    let (sender, silence) = mpsc::channel();
    std::thread::spawn(move || sender.send(output.read_to_end(&mut Vec::new()).is_ok()));
    let silent = silence.recv_timeout(within).is_ok();
    let _ = child.kill();
    child.wait().unwrap();
    silent
}

pub(crate) fn the_small_walls_do_what_they_say() {
    let folder = tempfile::tempdir().unwrap();
    let state = |wall| {
        let output = prisoner::start(&["small", wall], folder.path()).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(state("").contains("\\t0\") Dumpable"), "{}", state(""));
    assert!(!state("").contains("NotDumpable"));
    assert!(state("no new privileges").contains("\\t1\")"));
    assert!(state("no debugger").contains("NotDumpable"));
}
