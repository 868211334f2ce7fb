//! The pipeline's results as `ffprobe` and `ffmpeg` see them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use transcoder::failure::Failure;
use transcoder::finished_video::FinishedVideo;
use transcoder::pipeline::{Outputs, POSTER_FILE, VIDEO_FILE, transcode};

use crate::clip::Clip;

/// A finished video.
pub(crate) struct Made {
    pub(crate) folder: TempDir,
    pub(crate) report: FinishedVideo,
    pub(crate) video: PathBuf,
    pub(crate) poster: PathBuf,
    pub(crate) probe: Value,
}

/// A picture: rows of RGB.
pub(crate) struct Picture {
    pub(crate) width: usize,
    pub(crate) height: usize,
    rgb: Vec<u8>,
}

pub(crate) fn attempt(clip: &Clip) -> Result<Made, Failure> {
    let folder = tempfile::tempdir().unwrap();
    let report =
        transcode(File::open(&clip.path).unwrap(), folder.path(), Outputs::FileAndStream, |_| {})?;
    let video = folder.path().join(VIDEO_FILE);
    let poster = folder.path().join(POSTER_FILE);
    let probe = probe(&video);
    let made = Made { folder, report, video, poster, probe };
    made.check_invariants();
    Ok(made)
}

pub(crate) fn made(clip: &Clip) -> Made {
    attempt(clip).unwrap()
}

pub(crate) fn probe(path: &Path) -> Value {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-of", "json", "-show_format", "-show_streams"])
        .arg(path)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

impl Made {
    /// Checks what holds for every finished video.
    fn check_invariants(&self) {
        let picture = self.stream("video").unwrap();
        assert_eq!(picture["codec_name"], "h264");
        assert_eq!(picture["pix_fmt"], "yuv420p");
        assert_eq!(picture["sample_aspect_ratio"], "1:1");
        assert_eq!(picture["width"], self.report.width);
        assert_eq!(picture["height"], self.report.height);
        assert_eq!((self.report.width | self.report.height) & 1, 0, "both are even");
        assert!(self.report.height <= 720);
        assert_eq!(picture.get("side_data_list"), None, "no rotation remains");
        if let Some(sound) = self.stream("audio") {
            assert_eq!(sound["codec_name"], "aac");
            assert!(["44100", "48000"].contains(&sound["sample_rate"].as_str().unwrap()));
            assert!(sound["channels"].as_u64().unwrap() <= 2);
        }
        let bytes = std::fs::read(&self.video).unwrap();
        assert_eq!(bytes.len() as u64, self.report.bytes);
        let place = |name: &[u8]| bytes.windows(4).position(|four| four == name).unwrap();
        assert!(place(b"moov") < place(b"mdat"), "the index is in front");
        let reported = self.report.duration_ms as f64 / 1000.0;
        assert!((reported - self.duration()).abs() < 0.05, "{reported} {}", self.duration());
        let poster = probe(&self.poster);
        assert_eq!(poster["streams"][0]["codec_name"], "mjpeg");
        assert_eq!(poster["streams"][0]["width"], self.report.width);
        assert_eq!(poster["streams"][0]["height"], self.report.height);
        self.check_that_it_decodes();
    }

    fn check_that_it_decodes(&self) {
        let output = Command::new("ffmpeg")
            .args(["-v", "warning", "-i"])
            .arg(&self.video)
            .args(["-f", "null", "-"])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }

    pub(crate) fn size(&self) -> (u32, u32) {
        (self.report.width, self.report.height)
    }

    pub(crate) fn stream(&self, kind: &str) -> Option<&Value> {
        let streams = self.probe["streams"].as_array().unwrap();
        assert!(streams.len() <= 2);
        streams.iter().find(|stream| stream["codec_type"] == kind)
    }

    pub(crate) fn duration(&self) -> f64 {
        seconds(&self.probe["format"]["duration"])
    }

    pub(crate) fn stream_duration(&self, kind: &str) -> f64 {
        seconds(&self.stream(kind).unwrap()["duration"])
    }

    pub(crate) fn frames(&self) -> usize {
        self.stream("video").unwrap()["nb_frames"].as_str().unwrap().parse().unwrap()
    }

    /// All text metadata of the file.
    pub(crate) fn tags(&self) -> String {
        let streams = self.probe["streams"].as_array().unwrap();
        let tags =
            streams.iter().chain([&self.probe["format"]]).map(|part| part["tags"].to_string());
        tags.collect()
    }

    pub(crate) fn frame_at(&self, seconds: f64) -> Picture {
        Picture::of(&self.video, seconds)
    }
}

fn seconds(value: &Value) -> f64 {
    value.as_str().unwrap().parse().unwrap()
}

impl Picture {
    /// The frame that `ffmpeg` shows at this second, rotated as declared.
    pub(crate) fn of(path: &Path, seconds: f64) -> Self {
        let output = Command::new("ffmpeg")
            .args(["-v", "error", "-i"])
            .arg(path)
            .args([
                "-vf",
                &format!("select=gte(t\\,{seconds})"),
                "-pix_fmt",
                "rgb24",
                "-frames:v",
                "1",
                "-f",
                "image2pipe",
                "-c:v",
                "ppm",
                "-",
            ])
            .output()
            .unwrap();
        Self::from_ppm(&output.stdout)
    }

    fn from_ppm(bytes: &[u8]) -> Self {
        let mut parts = bytes.splitn(4, |byte| byte.is_ascii_whitespace());
        assert_eq!(parts.next(), Some(&b"P6"[..]));
        let mut number =
            || -> usize { std::str::from_utf8(parts.next().unwrap()).unwrap().parse().unwrap() };
        let (width, height) = (number(), number());
        let rgb = parts.next().unwrap().strip_prefix(b"255\n").unwrap().to_vec();
        assert_eq!(rgb.len(), width * height * 3);
        Self { width, height, rgb }
    }

    pub(crate) fn at(&self, x: usize, y: usize) -> [u8; 3] {
        let start = (y * self.width + x) * 3;
        self.rgb[start..start + 3].try_into().unwrap()
    }

    /// The name of the colour at a point, in percent of width and height.
    pub(crate) fn colour(&self, x: usize, y: usize) -> &'static str {
        let bright = self.at(self.width * x / 100, self.height * y / 100).map(|part| part > 127);
        match bright {
            [true, false, false] => "red",
            [false, true, false] => "lime",
            [false, false, true] => "blue",
            [true, true, true] => "white",
            [false, false, false] => "black",
            _ => "another",
        }
    }

    /// The colours near the corners, from the top left to the bottom right; above a watermark.
    pub(crate) fn corners(&self) -> [&'static str; 4] {
        [self.colour(5, 5), self.colour(95, 5), self.colour(5, 70), self.colour(95, 70)]
    }

    /// Brightness of a pixel, 0 to 255.
    pub(crate) fn brightness(&self, x: usize, y: usize) -> i32 {
        self.at(x, y).iter().map(|part| i32::from(*part)).sum::<i32>() / 3
    }

    /// The darkest and the brightest pixel of a part of the picture.
    pub(crate) fn range(
        &self,
        columns: std::ops::Range<usize>,
        rows: std::ops::Range<usize>,
    ) -> (i32, i32) {
        let values: Vec<i32> = rows
            .flat_map(|y| columns.clone().map(move |x| (x, y)))
            .map(|(x, y)| self.brightness(x, y))
            .collect();
        (*values.iter().min().unwrap(), *values.iter().max().unwrap())
    }
}
