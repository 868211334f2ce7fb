//! From signing up to the ranking, with a real clip and the real transcoder.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::harness::client::Ask;
use super::harness::{Api, Person, Roles, Server, Upload, World, clip, eventually};

on_both!(a_contest_from_signing_up_to_the_ranking, a_file_that_is_no_film_fails_for_a_reason);

async fn a_contest_from_signing_up_to_the_ranking(world: World) {
    let server = Server::start(&world, Roles::All).await;
    let api = &server.api;
    let ana = api.somebody("Ana").await;
    let beto = api.somebody("Beto").await;

    let video = processed(api, &ana, clip::real(), "processed").await;
    let id = video["video_id"].as_str().unwrap().parse().unwrap();
    assert!(video["processed_at"].is_string(), "{video}");
    plays_in_a_browser(api, video["processed_url"].as_str().unwrap()).await;

    let list = api.fetch("/api/public/videos").await.ok(200);
    assert_eq!(list.as_array().unwrap().len(), 1);
    assert_eq!(list[0]["video_id"], video["video_id"]);
    plays_in_a_browser(api, list[0]["processed_url"].as_str().unwrap()).await;
    assert_eq!(list[0]["hls_url"], video["hls_url"]);
    plays_as_a_stream(api, video["hls_url"].as_str().unwrap()).await;

    assert_eq!(api.vote(&beto, id).await.ok(200)["total_votes"], 1);
    let row = eventually("the vote is on the board", async || {
        let ranking = api.fetch("/api/public/rankings").await.ok(200);
        let row = ranking["rankings"].get(0)?.clone();
        (row["votes"] == 1).then_some(row)
    })
    .await;
    assert_eq!(row["artist_id"], ana.id.to_string());
    assert_eq!(row["position"], 1);
    api.delete(&ana, id).await.error(400, "Cannot delete video: it has 1 vote(s)");

    let second = processed(api, &ana, clip::real(), "processed").await;
    deletion_removes_its_files(api, &ana, &second).await;

    assert!(server.interrupt().await.success(), "Ctrl-C ends a server well");
    let server = Server::start(&world, Roles::All).await;
    let video = server.api.video(&ana, id).await.ok(200);
    assert_eq!(video["votes"], 1, "the data is still there");
    assert!(server.interrupt().await.success());
    assert_eq!(world.rebuilt().await, world.checksums().await);
}

async fn a_file_that_is_no_film_fails_for_a_reason(world: World) {
    let server = Server::start(&world, Roles::All).await;
    let ana = server.api.somebody("Ana").await;
    let video = processed(&server.api, &ana, clip::broken(), "failed").await;
    let failure = &video["failure"];
    assert!(failure.is_string() || failure.is_object(), "{video}");
    assert!(failure.to_string().contains(' '), "a reason that a person understands: {failure}");
    assert_eq!(video["processed_url"], Value::Null);
    let list = server.api.fetch("/api/public/videos").await.ok(200);
    assert_eq!(list, json!([]));
}

/// Uploads a file and waits until its video has this status, which it must reach through no other
/// end.
async fn processed(api: &Api, owner: &Person, file: Vec<u8>, status: &str) -> Value {
    let uploaded = api.upload(owner, Upload::of(file)).await.ok(201);
    let id = uploaded["video_id"].as_str().unwrap().parse().unwrap();
    eventually("the video is at its end", async || {
        let video = api.video(owner, id).await.ok(200);
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

async fn plays_in_a_browser(api: &Api, url: &str) {
    let whole = api.fetch(url).await;
    assert_eq!(whole.status, 200);
    assert_eq!(whole.header("content-type"), Some("video/mp4"));
    let middle = api.get(url).header("range", "bytes=10-19").answer().await;
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
    let place = |name: &[u8]| whole.body.windows(4).position(|bytes| bytes == name).unwrap();
    assert!(place(b"moov") < place(b"mdat"), "the index is in front");
}

/// As a player goes about it: from the list of renditions to the list of one, and to its bytes.
async fn plays_as_a_stream(api: &Api, url: &str) {
    let master = api.fetch(url).await;
    assert_eq!(master.status, 200);
    assert_eq!(master.header("content-type"), Some("application/vnd.apple.mpegurl"));
    let master = String::from_utf8(master.body).unwrap();
    assert!(master.contains("RESOLUTION=640x360,CODECS=\"avc1.64"), "{master}");
    let file = file_of_stream(api, url).await;
    let header = api.get(&file).header("range", "bytes=4-7").answer().await;
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
        api.fetch(&url.replace("master.m3u8", other)).await.error(404, "Video not found");
    }
}

/// The signed URL that the list of the largest rendition names.
async fn file_of_stream(api: &Api, url: &str) -> String {
    let list = api.fetch(&url.replace("master.m3u8", "360p.m3u8")).await;
    assert_eq!(list.status, 200);
    let list = String::from_utf8(list.body).unwrap();
    let mut files = list.lines().filter(|line| !line.starts_with('#'));
    let file = files.next().unwrap().to_owned();
    assert!(files.all(|other| other == file) && list.ends_with("#EXT-X-ENDLIST\n"), "{list}");
    assert!(list.contains(&format!("#EXT-X-MAP:URI=\"{file}\"")), "{list}");
    file
}

async fn deletion_removes_its_files(api: &Api, owner: &Person, video: &Value) {
    let id = video["video_id"].as_str().unwrap().parse().unwrap();
    let hls_url = video["hls_url"].as_str().unwrap();
    let stream = file_of_stream(api, hls_url).await;
    let [original, processed] =
        ["original_url", "processed_url"].map(|url| video[url].as_str().unwrap());
    let urls = [original, processed, &stream];
    for url in urls {
        assert_eq!(api.fetch(url).await.status, 200, "{url}");
    }
    api.delete(owner, id).await.ok(200);
    for url in urls {
        assert_eq!(api.fetch(url).await.status, 404, "{url}");
    }
    api.fetch(hls_url).await.error(404, "Video not found");
    api.vote(owner, id).await.error(404, "Video no encontrado");
}
