//! The child process and its sandbox. This program is its own child.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test, but without the harness")]

use std::ffi::OsString;
use std::fs::File;
use std::io::{Seek, Write};
use std::net::{TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use domain::event::FailureReason;
use rustix::process::{Resource, Rlimit, Signal, getppid, kill_process, setrlimit};
use transcoder::child::ChildCommand;
use transcoder::pipeline::{POSTER_FILE, VIDEO_FILE};
use transcoder::report::{Failure, Finished};
use transcoder::sandbox;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("transcode-one") => {
            transcoder::transcode_one::run().unwrap();
            return ExitCode::SUCCESS;
        }
        Some("prisoner") => return prisoner(),
        _ => {}
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        a_film_is_processed_inside_the_sandbox().await;
        a_broken_file_is_reported().await;
        the_sandbox_holds();
        the_child_knows_no_secret().await;
        a_child_that_dies_is_an_outcome().await;
        a_child_that_takes_too_long_is_killed_with_all_that_it_started().await;
        a_child_that_nobody_waits_for_is_killed().await;
        a_child_that_talks_too_much_is_cut_short().await;
    });
    println!("child: all passed");
    ExitCode::SUCCESS
}

async fn a_film_is_processed_inside_the_sandbox() {
    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("clip.mp4");
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=1920x1080:rate=25:duration=2"])
        .args(["-f", "lavfi", "-i", "sine=duration=2", "-c:v", "libx264", "-pix_fmt", "yuv420p"])
        .arg(&clip)
        .status();
    assert!(made.unwrap().success());
    let finished = this_program().run(File::open(&clip).unwrap(), folder.path()).await.unwrap();
    assert_eq!((finished.width, finished.height), (1280, 720));
    assert!(finished.duration_ms.abs_diff(2000) < 50, "{finished:?}");
    let video = std::fs::metadata(folder.path().join(VIDEO_FILE)).unwrap();
    assert_eq!(video.len(), finished.bytes);
    assert!(folder.path().join(POSTER_FILE).is_file());
}

async fn a_broken_file_is_reported() {
    let failure = run(&this_program(), b"no film").await.unwrap_err();
    assert_eq!(failure.reason, FailureReason::UnsupportedFormat);
}

/// Tries to break out; says what it could do.
fn prisoner() -> ExitCode {
    let parent = getppid().unwrap();
    let missing_walls = sandbox::enter();
    let unlimited = Rlimit { current: None, maximum: None };
    let attempts = [
        ("build less than all walls", !missing_walls.is_empty()),
        ("connect", TcpStream::connect("127.0.0.1:1").is_err_and(|error| !is_absent(&error))),
        ("send", UdpSocket::bind("127.0.0.1:0").is_ok()),
        ("talk to a neighbour", UnixStream::pair().is_ok()),
        ("start a program", Command::new("/bin/true").status().is_ok()),
        ("raise a limit", setrlimit(Resource::Cpu, unlimited).is_ok()),
        ("signal its parent", kill_process(parent, Signal::CONT).is_ok()),
        ("remove a file", std::fs::remove_file("/nowhere").is_err_and(|error| !is_absent(&error))),
        ("open more files", (0..40).all(|_| File::open("/dev/null").map(std::mem::forget).is_ok())),
    ];
    let threads = std::thread::spawn(|| 7).join().unwrap() == 7;
    let escapes: Vec<_> = attempts.iter().filter(|(_, succeeded)| *succeeded).collect();
    println!("{}", serde_json::json!({ "escapes": escapes, "threads": threads }));
    ExitCode::SUCCESS
}

fn is_absent(error: &std::io::Error) -> bool {
    error.raw_os_error() == Some(libc::ENOSYS)
}

fn the_sandbox_holds() {
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program).arg("prisoner").output().unwrap();
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["escapes"], serde_json::json!([]));
    assert_eq!(said["threads"], true);
}

async fn the_child_knows_no_secret() {
    let failure = run(&shell("env >&2; pwd >&2"), b"").await.unwrap_err();
    assert!(failure.detail.contains("MALLOC_ARENA_MAX=2"), "{failure}");
    assert!(!failure.detail.contains("HOME="), "{failure}");
    assert!(!failure.detail.contains("CARGO"), "{failure}");
}

async fn a_child_that_dies_is_an_outcome() {
    for (script, reason) in [
        ("kill -SEGV $$", FailureReason::Internal),
        ("kill -ABRT $$", FailureReason::Internal),
        ("kill -KILL $$", FailureReason::OutOfResources),
        ("kill -XFSZ $$", FailureReason::OutOfResources),
        ("kill -XCPU $$", FailureReason::TimedOut),
        ("exit 0", FailureReason::Internal),
        ("echo '{}'", FailureReason::Internal),
        ("exec /no/such/program", FailureReason::Internal),
    ] {
        let failure = run(&shell(script), b"").await.unwrap_err();
        assert_eq!(failure.reason, reason, "{script}: {failure}");
    }
    let nobody = ChildCommand { program: "/no/such/program".into(), ..shell("") };
    let failure = run(&nobody, b"").await.unwrap_err();
    assert_eq!(failure.reason, FailureReason::Internal);
}

async fn a_child_that_takes_too_long_is_killed_with_all_that_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("mark");
    let script = format!("(sleep 1; touch {}) & sleep 60", mark.display());
    let impatient = ChildCommand { time_limit: Duration::from_millis(200), ..shell(&script) };
    let started = Instant::now();
    let failure = run(&impatient, b"").await.unwrap_err();
    assert_eq!(failure.reason, FailureReason::TimedOut);
    assert!(started.elapsed() < Duration::from_secs(1));
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(!mark.exists(), "what the child has started goes on");
}

async fn a_child_that_nobody_waits_for_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("mark");
    let lingering = shell(&format!("sleep 1; touch {}", mark.display()));
    let waited = tokio::time::timeout(Duration::from_millis(200), run(&lingering, b"")).await;
    assert!(waited.is_err());
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(!mark.exists(), "the child goes on");
}

async fn a_child_that_talks_too_much_is_cut_short() {
    let failure = run(&shell("yes 2>&1"), b"").await.unwrap_err();
    assert!(failure.detail.len() < 1000, "{failure}");
}

fn this_program() -> ChildCommand {
    ChildCommand {
        program: std::env::current_exe().unwrap(),
        arguments: vec![OsString::from("transcode-one")],
        time_limit: Duration::from_secs(60),
    }
}

fn shell(script: &str) -> ChildCommand {
    ChildCommand {
        program: "/bin/sh".into(),
        arguments: vec!["-c".into(), script.into()],
        time_limit: Duration::from_secs(20),
    }
}

async fn run(child: &ChildCommand, original: &[u8]) -> Result<Finished, Failure> {
    let folder = tempfile::tempdir().unwrap();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(original).unwrap();
    file.rewind().unwrap();
    child.run(file, folder.path()).await
}
