#!/usr/bin/env bash
# Shows that the simulation finds bugs. Applies each patch of tests/simulation/planted/ to a copy of the
# workspace, one at a time, and searches seeds there until a run violates a rule. Fails if a patch does
# not apply or its bug is not found within SEEDS, by default those of every test run.
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

build() { (cd "$copy" && cargo build --quiet --target-dir "$root/target" --package simulation); }

# Cargo takes artifacts of the copy for those of the workspace, because their relative paths are equal.
clean_up() {
  (cd "$copy" && cargo clean --quiet --target-dir "$root/target" --package domain \
    --package infra --package ports --package commands --package projections --package simulation)
  rm -rf "$copy"
}
trap clean_up EXIT

rm -rf "$copy"
mkdir -p "$copy"
git ls-files -z --cached --others --exclude-standard |
  tar --create --null --files-from - --ignore-failed-read 2>/dev/null | tar --extract --directory "$copy"

missed=0
for name in "${names[@]}"; do
  apply=(patch --quiet --fuzz=0 --directory "$copy" --strip=1 --input "$root/tests/simulation/planted/$name.patch")
  if ! "${apply[@]}"; then
    missed=1
    printf '%-45s DOES NOT APPLY\n' "$name"
    continue
  fi
  if ! build; then
    missed=1
    printf '%-45s DOES NOT BUILD\n' "$name"
  elif found=$("$root/target/debug/simulation" --seeds "$seeds"); then
    missed=1
    printf '%-45s NOT FOUND within %s seeds\n' "$name" "$seeds"
  else
    printf '%-45s %s\n' "$name" "$(grep --only-matching '^after [0-9]* seeds' <<<"$found")"
  fi
  "${apply[@]}" --reverse
done
exit "$missed"
