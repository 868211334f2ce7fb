//! The patches in `planted/` match the sources, so that `scripts/plant.sh` can plant their bugs.

use std::path::Path;
use std::process::Command;

#[test]
fn every_planted_patch_applies_to_the_sources() {
    let simulation = Path::new(env!("CARGO_MANIFEST_DIR"));
    let workspace = simulation.ancestors().nth(2).unwrap();
    let mut stale = Vec::new();
    for patch in std::fs::read_dir(simulation.join("planted")).unwrap() {
        let patch = patch.unwrap().path();
        let applied = Command::new("patch")
            .args(["--dry-run", "--quiet", "--force", "--fuzz=0", "--strip=1", "--input"])
            .arg(&patch)
            .current_dir(workspace)
            .output()
            .unwrap();
        if !applied.status.success() {
            let reason = String::from_utf8_lossy(&applied.stdout).into_owned();
            stale.push(format!("{}: {reason}", patch.display()));
        }
    }
    assert!(stale.is_empty(), "{}", stale.join("\n"));
}
