#!/usr/bin/env bash
# Shows that the simulation bites: applies each patch of tests/simulation/planted/ to a copy of the
# workspace, one at a time, and runs the simulation there until it finds the bug. Fails if a bug is
# not found within the seeds that every test run goes through. The workspace itself is not touched.
#
#   scripts/plant.sh [SEEDS [NAME...]]     default: 10000 seeds, every patch
set -euo pipefail
cd "$(dirname "$0")/.."

root=$PWD
copy=$root/target/planted
seeds=${1:-10000}
shift || true
names=("$@")
[ ${#names[@]} -gt 0 ] || mapfile -t names < <(basename -s .patch tests/simulation/planted/*.patch)

rm -rf "$copy"
mkdir -p "$copy"
trap 'rm -rf "$copy"' EXIT
git ls-files -z --cached --others --exclude-standard |
  tar --create --null --files-from - --ignore-failed-read 2>/dev/null | tar --extract --directory "$copy"

missed=0
for name in "${names[@]}"; do
  bug=$root/tests/simulation/planted/$name.patch
  patch --quiet --directory "$copy" --strip 1 <"$bug"
  # The same target folder, so that the registry's crates are not built once more.
  if ! (cd "$copy" && cargo build --quiet --target-dir "$root/target" --package simulation); then
    missed=1
    printf '%-45s DOES NOT BUILD\n' "$name"
  elif found=$("$root/target/debug/simulation" --seeds "$seeds"); then
    missed=1
    printf '%-45s NOT FOUND within %s seeds\n' "$name" "$seeds"
  else
    printf '%-45s %s\n' "$name" "$(grep --only-matching '^after [0-9]* seeds' <<<"$found")"
  fi
  patch --quiet --directory "$copy" --strip 1 --reverse <"$bug"
done
exit "$missed"
