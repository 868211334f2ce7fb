//! Playback of processed videos in headless Chromium.

use std::time::Duration;

use serde_json::{Value, json};

use super::harness::chromium::{Browser, BrowserProfile};
use super::harness::{Roles, Server, TestEnvironment, Upload, clip, eventually};

/// Plays the video of the page to its end and returns measurements.
const PLAY_THE_PAGE: &str = "
    const done = arguments[0], video = document.querySelector('video');
    const tell = what => done({what, duration: video.duration, width: video.videoWidth,
        height: video.videoHeight, frames: video.getVideoPlaybackQuality().totalVideoFrames,
        error: video.error && video.error.message});
    const play = () => {
        video.onended = () => tell('ended');
        video.muted = true;
        video.currentTime = 0;
        video.play().catch(error => tell(String(error)));
    };
    video.onerror = () => tell('error');
    if (video.readyState === HTMLMediaElement.HAVE_ENOUGH_DATA) play();
    else video.oncanplaythrough = () => { video.oncanplaythrough = null; play(); };
    video.load();";

/// Plays one rendition through Media Source Extensions, with the codecs of the playlist, as players of
/// adaptive streams do.
const PLAY_THE_STREAM: &str = "
    const [codecs, url, done] = arguments, video = document.createElement('video');
    const type = `video/mp4; codecs=\"${codecs}\"`, source = new MediaSource();
    const tell = what => done({what, duration: source.duration, width: video.videoWidth,
        start: video.buffered.length && video.buffered.start(0), ranges: video.buffered.length,
        end: video.buffered.length && video.buffered.end(0), type: MediaSource.isTypeSupported(type),
        error: video.error && video.error.message});
    video.onerror = () => tell('error');
    video.src = URL.createObjectURL(source);
    source.onsourceopen = async () => {
        const buffer = source.addSourceBuffer(type);
        buffer.onupdateend = () => { if (source.readyState === 'open') source.endOfStream(); };
        video.oncanplaythrough = () => tell('canplaythrough');
        buffer.appendBuffer(await (await fetch(url)).arrayBuffer());
    };";

#[tokio::test(flavor = "multi_thread")]
async fn a_processed_video_plays_in_a_browser_as_a_file_and_as_a_stream() {
    let env = TestEnvironment::embedded().await;
    let server = Server::start(&env, Roles::All).await;
    let api = &server.api;
    let browser = Browser::open(api, BrowserProfile::DESKTOP).await;
    let ana = api.new_person("Ana").await;
    let uploaded = api.upload(&ana, Upload::of(clip::real())).await.expect(201);
    let id = uploaded["video_id"].as_str().unwrap().parse().unwrap();
    let video = eventually("the video is processed", async || {
        let video = api.video(&ana, id).await.expect(200);
        (video["status"] == "processed").then_some(video)
    })
    .await;

    browser.open_page(video["processed_url"].as_str().unwrap()).await;
    let played = browser.execute_async(PLAY_THE_PAGE, vec![]).await;
    assert_eq!(played["what"], "ended", "{played}");
    assert_eq!((&played["width"], &played["height"]), (&json!(640), &json!(360)));
    assert!(is_near(&played["duration"], 2.0), "{played}");
    assert!(played["frames"].as_u64().unwrap() > 20, "{played}");

    let master = api.fetch(video["hls_url"].as_str().unwrap()).await.text();
    let (_, codecs) = master.split_once("CODECS=\"").unwrap();
    let codecs = codecs.split('"').next().unwrap();
    let list = video["hls_url"].as_str().unwrap().replace("master", "360p");
    let list = api.fetch(&list).await.text();
    let file = list.lines().find(|line| line.starts_with("http")).unwrap();
    let played = browser.execute_async(PLAY_THE_STREAM, vec![json!(codecs), json!(file)]).await;
    assert_eq!(played["what"], "canplaythrough", "{played}");
    assert_eq!((&played["ranges"], &played["width"]), (&json!(1), &json!(640)), "{played}");
    assert!(is_near(&played["start"], 0.0) && is_near(&played["end"], 2.0), "{played}");
    browser.close().await;
}

fn is_near(number: &Value, expected: f64) -> bool {
    (number.as_f64().unwrap() - expected).abs() < Duration::from_millis(100).as_secs_f64()
}
