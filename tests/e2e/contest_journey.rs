//! A contest from signing up to the ranking, with a real clip and the real transcoder.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::harness::client::SendRequest;
use super::harness::{ApiClient, Person, Roles, Server, TestEnvironment, Upload, clip, eventually};

test_on_both_backends!(
    a_contest_from_signing_up_to_the_ranking,
    a_file_that_is_not_a_video_fails_with_a_reason
);

async fn a_contest_from_signing_up_to_the_ranking(env: TestEnvironment) {
    let server = Server::start(&env, Roles::All).await;
    let api = &server.api;
    let ana = api.new_person("Ana").await;
    let beto = api.new_person("Beto").await;

    let video = upload_and_process(api, &ana, clip::real(), "processed").await;
    let id = video["video_id"].as_str().unwrap().parse().unwrap();
    assert!(video["processed_at"].is_string(), "{video}");
    assert_plays_in_a_browser(api, video["processed_url"].as_str().unwrap()).await;

    let list = api.fetch("/api/public/videos").await.expect(200);
    assert_eq!(list.as_array().unwrap().len(), 1);
    assert_eq!(list[0]["video_id"], video["video_id"]);
    assert_plays_in_a_browser(api, list[0]["processed_url"].as_str().unwrap()).await;
    assert_eq!(list[0]["hls_url"], video["hls_url"]);
    assert_plays_as_a_stream(api, video["hls_url"].as_str().unwrap()).await;

    assert_eq!(api.vote(&beto, id).await.expect(200)["total_votes"], 1);
    let row = eventually("the vote is on the board", async || {
        let ranking = api.fetch("/api/public/rankings").await.expect(200);
        let row = ranking["rankings"].get(0)?.clone();
        (row["votes"] == 1).then_some(row)
    })
    .await;
    assert_eq!(row["artist_id"], ana.id.to_string());
    assert_eq!(row["position"], 1);
    api.delete(&ana, id).await.expect_error(400, "Cannot delete video: it has 1 vote(s)");

    let second = upload_and_process(api, &ana, clip::real(), "processed").await;
    assert_deletion_removes_files(api, &ana, &second).await;

    assert!(server.interrupt().await.success(), "Ctrl-C did not end the server cleanly");
    let server = Server::start(&env, Roles::All).await;
    let video = server.api.video(&ana, id).await.expect(200);
    assert_eq!(video["votes"], 1, "the vote is lost");
    assert!(server.interrupt().await.success());
    assert_eq!(env.rebuild().await, env.checksums().await);
}

async fn a_file_that_is_not_a_video_fails_with_a_reason(env: TestEnvironment) {
    let server = Server::start(&env, Roles::All).await;
    let ana = server.api.new_person("Ana").await;
    let video = upload_and_process(&server.api, &ana, clip::broken(), "failed").await;
    let failure = &video["failure"];
    assert!(failure.is_string() || failure.is_object(), "{video}");
    assert!(failure.to_string().contains(' '), "no sentence for a person: {failure}");
    assert_eq!(video["processed_url"], Value::Null);
    let list = server.api.fetch("/api/public/videos").await.expect(200);
    assert_eq!(list, json!([]));
}

/// Uploads a file and waits until its processing ends, which must be with this status.
async fn upload_and_process(api: &ApiClient, owner: &Person, file: Vec<u8>, status: &str) -> Value {
    let uploaded = api.upload(owner, Upload::of(file)).await.expect(201);
    let id = uploaded["video_id"].as_str().unwrap().parse().unwrap();
    eventually("the processing has ended", async || {
        let video = api.video(owner, id).await.expect(200);
        match video["status"].as_str().unwrap() {
            "pending" | "processing" => None,
            end => {
                assert_eq!(end, status, "{video}");
                Some(video)
            }
        }
    })
    .await
}

async fn assert_plays_in_a_browser(api: &ApiClient, url: &str) {
    let whole = api.fetch(url).await;
    assert_eq!(whole.status, 200);
    assert_eq!(whole.header("content-type"), Some("video/mp4"));
    let middle = api.get(url).header("range", "bytes=10-19").response().await;
    assert_eq!(middle.status, 206);
    assert_eq!(middle.body, whole.body[10..20]);
    let range = format!("bytes 10-19/{}", whole.body.len());
    assert_eq!(middle.header("content-range"), Some(range.as_str()));

    let film = clip::probe(&whole.body);
    let codecs: BTreeMap<&str, &str> = film["streams"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| (s["codec_type"].as_str().unwrap(), s["codec_name"].as_str().unwrap()))
        .collect();
    assert_eq!(codecs, BTreeMap::from([("audio", "aac"), ("video", "h264")]));
    let position = |name: &[u8]| whole.body.windows(4).position(|bytes| bytes == name).unwrap();
    assert!(position(b"moov") < position(b"mdat"), "the index comes after the data");
}

/// Fetches the master playlist, a media playlist and its bytes, as a player does.
async fn assert_plays_as_a_stream(api: &ApiClient, url: &str) {
    let master = api.fetch(url).await;
    assert_eq!(master.status, 200);
    assert_eq!(master.header("content-type"), Some("application/vnd.apple.mpegurl"));
    let master = String::from_utf8(master.body).unwrap();
    assert!(master.contains("RESOLUTION=640x360,CODECS=\"avc1.64"), "{master}");
    let file = media_url_of_stream(api, url).await;
    let header = api.get(&file).header("range", "bytes=4-7").response().await;
    assert_eq!((header.status, header.body), (206, b"ftyp".to_vec()));

    let played = tokio::process::Command::new("ffmpeg")
        .args(["-v", "error", "-xerror", "-i", url, "-f", "framemd5", "-map", "0:v", "-"])
        .output()
        .await
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&played.stderr), "");
    let lines = String::from_utf8(played.stdout).unwrap();
    assert_eq!(lines.lines().filter(|line| !line.starts_with('#')).count(), 50);

    for other in ["360p.mp4", "480p.m3u8", "..%2fmaster.m3u8", "master"] {
        api.fetch(&url.replace("master.m3u8", other)).await.expect_error(404, "Video not found");
    }
}

/// The signed URL in the media playlist of the largest rendition.
async fn media_url_of_stream(api: &ApiClient, url: &str) -> String {
    let list = api.fetch(&url.replace("master.m3u8", "360p.m3u8")).await;
    assert_eq!(list.status, 200);
    let list = String::from_utf8(list.body).unwrap();
    let mut files = list.lines().filter(|line| !line.starts_with('#'));
    let file = files.next().unwrap().to_owned();
    assert!(files.all(|other| other == file) && list.ends_with("#EXT-X-ENDLIST\n"), "{list}");
    assert!(list.contains(&format!("#EXT-X-MAP:URI=\"{file}\"")), "{list}");
    file
}

async fn assert_deletion_removes_files(api: &ApiClient, owner: &Person, video: &Value) {
    let id = video["video_id"].as_str().unwrap().parse().unwrap();
    let hls_url = video["hls_url"].as_str().unwrap();
    let stream = media_url_of_stream(api, hls_url).await;
    let [original, processed] =
        ["original_url", "processed_url"].map(|url| video[url].as_str().unwrap());
    let urls = [original, processed, &stream];
    for url in urls {
        assert_eq!(api.fetch(url).await.status, 200, "{url}");
    }
    api.delete(owner, id).await.expect(200);
    for url in urls {
        assert_eq!(api.fetch(url).await.status, 404, "{url}");
    }
    api.fetch(hls_url).await.expect_error(404, "Video not found");
    api.vote(owner, id).await.expect_error(404, "Video no encontrado");
}
