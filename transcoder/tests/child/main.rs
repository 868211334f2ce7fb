//! The child process and its sandbox. This program starts itself as the child.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test, but without the harness")]

mod escapes;
mod test_child;

use std::ffi::OsString;
use std::fs::File;
use std::io::{Seek, Write};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use domain::event::FailureReason;
use tokio::sync::watch;
use transcoder::child::ChildCommand;
use transcoder::child_main::ChildTask;
use transcoder::failure::Failure;
use transcoder::finished_video::FinishedVideo;
use transcoder::pipeline::{Outputs, POSTER_FILE, VIDEO_FILE};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["transcode-one"] => {
            transcoder::child_main::run(ChildTask::ProcessConfined(Outputs::FileAndStream)).unwrap()
        }
        ["transcode-one", "--check"] => transcoder::child_main::run(ChildTask::Check).unwrap(),
        ["test-child", more @ ..] => test_child::attempt(more),
        ["single-layer", more @ ..] => test_child::single_layer(more),
        ["parent-that-ends", more @ ..] => test_child::parent_that_ends(more),
        // Without the harness the flags of `cargo test` come here, too.
        _ => test(),
    }
    ExitCode::SUCCESS
}

fn test() {
    escapes::the_whole_sandbox_blocks_every_attempt();
    escapes::each_layer_alone_blocks_its_attempts();
    escapes::a_child_ends_with_its_parent();
    escapes::privileges_and_debugger_layers_set_the_kernel_flags();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        this_machine_supports_every_layer().await;
        a_video_is_processed_inside_the_sandbox().await;
        a_broken_file_is_reported_with_its_reason().await;
        the_child_inherits_no_environment().await;
        a_child_that_dies_is_reported_with_a_reason().await;
        implausible_or_forged_messages_are_rejected().await;
        a_child_over_its_time_limit_is_killed_with_its_process_group().await;
        dropping_the_future_kills_the_child().await;
        output_beyond_the_limit_is_cut_off().await;
    });
    println!("child: all passed");
}

async fn this_machine_supports_every_layer() {
    let folder = tempfile::tempdir().unwrap();
    let missing = this_program().missing_sandbox_layers(folder.path()).await.unwrap();
    assert_eq!(missing, Vec::<String>::new(), "these tests need Linux 5.13 with Landlock");
    let silent = shell("exit 0").missing_sandbox_layers(folder.path()).await.unwrap_err();
    assert_eq!(silent.reason, FailureReason::Internal);
}

async fn a_video_is_processed_inside_the_sandbox() {
    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("clip.mp4");
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=1920x1080:rate=25:duration=2"])
        .args(["-f", "lavfi", "-i", "sine=duration=2", "-c:v", "libx264", "-pix_fmt", "yuv420p"])
        .arg(&clip)
        .status();
    assert!(made.unwrap().success());
    let progress = watch::Sender::new(0);
    let original = File::open(&clip).unwrap();
    let finished = this_program().run(original, folder.path(), &progress).await.unwrap();
    assert_eq!((finished.width, finished.height), (1280, 720));
    assert!(finished.duration_ms.abs_diff(2000) < 50, "{finished:?}");
    let video = std::fs::metadata(folder.path().join(VIDEO_FILE)).unwrap();
    assert_eq!(video.len(), finished.bytes);
    assert!(folder.path().join(POSTER_FILE).is_file());
    assert!((50..100).contains(&*progress.borrow()), "{}", *progress.borrow());
    assert!(finished.cpu_ms > 0);
}

async fn a_broken_file_is_reported_with_its_reason() {
    let failure = run(&this_program(), b"no film").await.unwrap_err();
    assert_eq!(failure.reason, FailureReason::UnsupportedFormat);
}

async fn the_child_inherits_no_environment() {
    let failure = run(&shell("env >&2; pwd >&2"), b"").await.unwrap_err();
    assert!(failure.detail.contains("MALLOC_ARENA_MAX=2"), "{failure}");
    assert!(!failure.detail.contains("HOME="), "{failure}");
    assert!(!failure.detail.contains("CARGO"), "{failure}");
}

async fn a_child_that_dies_is_reported_with_a_reason() {
    for (script, reason) in [
        ("kill -SEGV $$", FailureReason::Internal),
        ("kill -ABRT $$", FailureReason::Internal),
        ("kill -KILL $$", FailureReason::OutOfResources),
        ("kill -XFSZ $$", FailureReason::OutOfResources),
        ("kill -XCPU $$", FailureReason::TimedOut),
        ("exit 0", FailureReason::Internal),
        ("echo '{}'", FailureReason::Internal),
        ("echo '{\"progress\":5}'", FailureReason::Internal),
        ("exec /no/such/program", FailureReason::Internal),
    ] {
        let failure = run(&shell(script), b"").await.unwrap_err();
        assert_eq!(failure.reason, reason, "{script}: {failure}");
    }
    let nobody = ChildCommand { program: "/no/such/program".into(), ..shell("") };
    let failure = run(&nobody, b"").await.unwrap_err();
    assert_eq!(failure.reason, FailureReason::Internal);
}

/// An untrusted file may control the child.
async fn implausible_or_forged_messages_are_rejected() {
    let done = |duration, height| {
        let sizes = format!("\"duration_ms\":{duration},\"width\":320,\"height\":{height}");
        shell(&format!("echo '{{\"done\":{{{sizes},\"bytes\":4}}}}'"))
    };
    assert!(run(&done(2000, 180), b"").await.is_ok());
    for absurd in [done(90_000, 180), done(2000, 7200)] {
        assert_eq!(run(&absurd, b"").await.unwrap_err().reason, FailureReason::Internal);
    }
    let forged = r#"printf '{"failed":{"reason":"undecodable","detail":"a\\nb\\u001b[2J"}}'"#;
    let failure = run(&shell(forged), b"").await.unwrap_err();
    assert_eq!(failure.detail, "a b [2J");
}

async fn a_child_over_its_time_limit_is_killed_with_its_process_group() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("mark");
    let script = format!("(sleep 1; touch {}) & sleep 60", mark.display());
    let limited = ChildCommand { time_limit: Duration::from_millis(200), ..shell(&script) };
    let started = Instant::now();
    let failure = run(&limited, b"").await.unwrap_err();
    assert_eq!(failure.reason, FailureReason::TimedOut);
    assert!(started.elapsed() < Duration::from_secs(1));
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(!mark.exists(), "the group is still running");
    let unlimited = shell(&format!("sleep 1; touch {}", mark.display()));
    run(&unlimited, b"").await.unwrap_err();
    assert!(mark.exists(), "without the limit the script ends");
}

async fn dropping_the_future_kills_the_child() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("mark");
    let lingering = shell(&format!("sleep 1; touch {}", mark.display()));
    let waited = tokio::time::timeout(Duration::from_millis(200), run(&lingering, b"")).await;
    assert!(waited.is_err());
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(!mark.exists(), "the child is still running");
}

async fn output_beyond_the_limit_is_cut_off() {
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

async fn run(child: &ChildCommand, original: &[u8]) -> Result<FinishedVideo, Failure> {
    let folder = tempfile::tempdir().unwrap();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(original).unwrap();
    file.rewind().unwrap();
    child.run(file, folder.path(), &watch::Sender::new(0)).await
}
