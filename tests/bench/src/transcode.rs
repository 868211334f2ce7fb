//! The transcoder's child against the `ffmpeg` command with the same filters and settings, and
//! against moviepy.

mod moviepy;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::process;
use crate::report::{Figure, Floor, Report};
use crate::statistics::median;
use crate::usage::{self, Usage};

const ROUNDS: usize = 5;
/// Rounds of the adaptive stream and of moviepy.
const FEWER_ROUNDS: usize = 2;
/// Both do the same work with the same libraries. `anb` adds the sandbox and the poster.
const MAX_RATIO: f64 = 1.03;
/// An adaptive stream takes two more encodes.
const MAX_STREAM_RATIO: f64 = 1.8;
const SOURCE: &str = "testsrc2=size=1920x1080:rate=30:duration=45,noise=alls=12:allf=t";
/// The watermark's place in a picture of 1280 by 720.
const MARK: &str = "scale=512:42:flags=area";
const MARK_AT: &str = "x=384:y=658";

pub(crate) fn measure(report: &mut Report) -> Result<()> {
    let bench = Bench::new()?;
    let [mut ours, mut theirs, mut with_stream, mut with_moviepy] = [(); 4].map(|()| Vec::new());
    // A warm-up: it brings files and libraries into the page cache.
    bench.ours(&[])?;
    bench.theirs()?;
    for round in 0..ROUNDS {
        if round < FEWER_ROUNDS {
            with_stream.push(bench.ours(&["--hls"])?);
            if moviepy::is_installed() {
                with_moviepy.push(bench.with_moviepy()?);
            }
        }
        theirs.push(bench.theirs()?);
        ours.push(bench.ours(&[])?);
    }
    report.section(
        "A clip, against the `ffmpeg` command with the same filters and settings",
        "45 s of 1080p30 with noise and sound; ours also makes the poster, in its sandbox",
    )?;
    costs(report, &ours, &theirs, Some(MAX_RATIO))?;
    results(report, &bench, &bench.their_video())?;
    frames(report, &bench)?;
    report.section(
        "The same clip with an adaptive stream, against the file alone",
        "two smaller renditions from the same decode; the largest one is the file's own picture",
    )?;
    costs(report, &with_stream, &ours, Some(MAX_STREAM_RATIO))?;
    if with_moviepy.is_empty() {
        return report
            .note("The same clip, against moviepy: not measured because it is not installed");
    }
    report.section(
        "The same clip, against moviepy with the same size, mark and settings",
        "its processes together; the memory is that of the largest of the three",
    )?;
    costs(report, &ours, &with_moviepy, None)?;
    results(report, &bench, &bench.moviepy_s_video())
}

/// Time and memory of both.
fn costs(report: &mut Report, ours: &[Usage], theirs: &[Usage], most: Option<f64>) -> Result<()> {
    let value =
        |of: fn(&Usage) -> f64, runs: &[Usage]| median(&runs.iter().map(of).collect::<Vec<_>>());
    for (what, unit, of) in [
        ("Wall-clock time", "s", (|usage| usage.wall.as_secs_f64()) as fn(&Usage) -> f64),
        ("Processor time", "s", |usage| usage.cpu.as_secs_f64()),
        ("Peak memory", "MiB", |usage| usage.peak_mib),
    ] {
        let (ours, theirs) = (value(of, ours), value(of, theirs));
        let floor = most.filter(|_| unit == "s").map(Floor::RatioAtMost);
        report.figure(&Figure { floor, ..Figure::beside(what, unit, ours, theirs) })?;
    }
    Ok(())
}

/// Size and similarity of both results.
fn results(report: &mut Report, bench: &Bench, theirs: &Path) -> Result<()> {
    let ours = bench.our_video();
    let size = |path: &Path| Ok::<_, anyhow::Error>(fs::metadata(path)?.len() as f64 / 1e6);
    report.figure(&Figure::beside("Size", "MB", size(&ours)?, size(theirs)?))?;
    let (mine, other) = (bench.ssim(&ours)?, bench.ssim(theirs)?);
    report.figure(&Figure::beside("SSIM", "%", 100.0 * mine, 100.0 * other))
}

fn frames(report: &mut Report, bench: &Bench) -> Result<()> {
    let (mine, other) = (bench.frames(&bench.our_video())?, bench.frames(&bench.their_video())?);
    let alike = mine.iter().zip(&other).filter(|(mine, other)| mine == other).count();
    let different = mine.len().max(other.len()) - alike;
    report.figure(
        &Figure::alone("Frames that differ", &format!("of {}", mine.len()), different as f64)
            .with_floor(Floor::AtMost(0.0)),
    )
}

struct Bench {
    folder: TempDir,
    anb: PathBuf,
}

impl Bench {
    fn new() -> Result<Self> {
        let bench = Self { folder: tempfile::tempdir()?, anb: process::sibling("anb")? };
        fs::create_dir(bench.path("ours"))?;
        fs::write(bench.path("mark.yuv"), watermark())?;
        run(Command::new("ffmpeg")
            .args(["-v", "error", "-f", "lavfi", "-i", SOURCE])
            .args(["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=45"])
            .args(["-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-pix_fmt", "yuv420p"])
            .args(["-ac", "2", "-c:a", "aac"])
            .arg(bench.path("clip.mp4")))?;
        run(Command::new("ffmpeg")
            .args(["-v", "error", "-f", "rawvideo", "-pix_fmt", "yuva420p"])
            .args(["-video_size", "704x60", "-i"])
            .arg(bench.path("mark.yuv"))
            .args(["-vf", &format!("{MARK},format=rgba"), "-frames:v", "1"])
            .arg(bench.path("mark.png")))?;
        Ok(bench)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn our_video(&self) -> PathBuf {
        self.path("ours").join("video.mp4")
    }

    fn their_video(&self) -> PathBuf {
        self.path("theirs.mp4")
    }

    fn moviepy_s_video(&self) -> PathBuf {
        self.path("moviepy.mp4")
    }

    /// Runs the transcoder's child as the worker does.
    fn ours(&self, more: &[&str]) -> Result<Usage> {
        let mut command = Command::new(&self.anb);
        command
            .args(["transcode-one", "--require-sandbox"])
            .args(more)
            .current_dir(self.path("ours"))
            .env_clear()
            .env("MALLOC_ARENA_MAX", "2")
            .stdin(File::open(self.path("clip.mp4"))?);
        let usage = usage::of(&mut command)?;
        ensure!(self.our_video().is_file(), "the child has made no video");
        Ok(usage)
    }

    fn theirs(&self) -> Result<Usage> {
        let graph = format!(
            "[0:v]scale=1280:720:flags=bicubic:out_range=tv,format=yuv420p,setsar=1[main];\
             [1:v]{MARK}[name];[main][name]overlay={MARK_AT}:format=yuv420,format=yuv420p[v];\
             [0:a]aresample=48000:async=1:min_hard_comp=0.02:first_pts=0,\
             aformat=sample_fmts=fltp:channel_layouts=stereo,atrim=end=30[a]"
        );
        // The same priority as the transcoder's child.
        let mut command = Command::new("nice");
        command
            .args(["-n", "10", "ffmpeg", "-v", "error", "-y", "-nostdin", "-i"])
            .arg(self.path("clip.mp4"))
            .args(["-f", "rawvideo", "-pix_fmt", "yuva420p", "-video_size", "704x60", "-i"])
            .arg(self.path("mark.yuv"))
            .args(["-filter_complex", &graph, "-map", "[v]", "-map", "[a]", "-t", "30"])
            .args(["-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-profile:v", "high"])
            .args(["-maxrate", "8M", "-bufsize", "16M", "-g", "60", "-a53cc", "0"])
            .args(["-force_key_frames", "expr:gte(t,n_forced*2)", "-forced-idr", "1"])
            .args(["-enc_time_base", "1:90000", "-vsync", "passthrough"])
            .args(["-c:a", "aac", "-b:a", "128k", "-map_metadata", "-1", "-movflags", "+faststart"])
            .arg(self.their_video());
        usage::of(&mut command)
    }

    fn with_moviepy(&self) -> Result<Usage> {
        let (clip, mark) = (self.path("clip.mp4"), self.path("mark.png"));
        usage::of(&mut moviepy::command(&clip, &mark, &self.moviepy_s_video()))
    }

    /// The SSIM of a video and its source, scaled down.
    fn ssim(&self, video: &Path) -> Result<f64> {
        let graph = "[1:v]scale=1280:720:flags=bicubic,trim=end=30[source];[0:v][source]ssim";
        let output = Command::new("ffmpeg")
            .args(["-v", "info", "-nostdin", "-i"])
            .arg(video)
            .arg("-i")
            .arg(self.path("clip.mp4"))
            .args(["-an", "-lavfi", graph, "-f", "null", "-"])
            .output()?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let (_, all) = text.rsplit_once("All:").context("ffmpeg measures no SSIM")?;
        Ok(all.split_whitespace().next().context("no number")?.parse()?)
    }

    /// The MD5 of each decoded frame.
    fn frames(&self, video: &Path) -> Result<Vec<String>> {
        let output = Command::new("ffmpeg")
            .args(["-v", "error", "-nostdin", "-i"])
            .arg(video)
            .args(["-map", "0:v", "-f", "framemd5", "-"])
            .output()?;
        ensure!(output.status.success(), "ffmpeg cannot decode {}", video.display());
        let text = String::from_utf8(output.stdout)?;
        let sums = text.lines().filter(|line| !line.starts_with('#'));
        Ok(sums.filter_map(|line| Some(line.rsplit(',').next()?.trim().to_owned())).collect())
    }
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.stdin(Stdio::null()).status().context("`ffmpeg` cannot be run")?;
    ensure!(status.success(), "{command:?} ends with {status}");
    Ok(())
}

/// The watermark as a raw yuva420p frame: luma, two neutral chroma planes, alpha.
fn watermark() -> Vec<u8> {
    const BITMAP: &[u8] = include_bytes!("../../../transcoder/assets/watermark.pgm");
    const PIXELS: usize = 704 * 60;
    let letters = &BITMAP[BITMAP.len() - PIXELS..];
    let scaled = |low: u16, high: u16| {
        move |letter: &u8| (low + u16::from(*letter) * (high - low) / 255) as u8
    };
    let mut frame: Vec<u8> = letters.iter().map(scaled(16, 235)).collect();
    frame.resize(PIXELS + PIXELS / 2, 128);
    frame.extend(letters.iter().map(scaled(112, 255)));
    frame
}
