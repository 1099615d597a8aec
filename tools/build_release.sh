#!/usr/bin/env bash
# Wheel and sdist of a version into dist/, installed into a bare environment and run. Publishes nothing.
#   bash tools/build_release.sh 0.2.0
set -euo pipefail
version="$1"
cd "$(dirname "$0")/.."
grep -q "__version__ = \"$version\"" src/bezoar_data/_version.py || { echo "_version.py has another version" >&2; exit 1; }
grep -Eq "^## $version \([0-9]{4}-[0-9]{2}-[0-9]{2}\)$" CHANGELOG.md || { echo "CHANGELOG.md has no dated section" >&2; exit 1; }
grep -q "^version: $version$" CITATION.cff || { echo "CITATION.cff has another version" >&2; exit 1; }
bare="$(mktemp -d)"
trap 'rm -rf "$bare"' EXIT
rm -rf dist
python3 -m venv "$bare/build"
"$bare/build/bin/pip" install -q -c lock.txt hatchling
"$bare/build/bin/python" -m hatchling build -d dist
for built in dist/*.whl dist/*.tar.gz; do
    python3 -m venv --clear "$bare/run"
    "$bare/run/bin/pip" install -q -c lock.txt "$built"
    rm -rf "$bare/project"
    (mkdir "$bare/project" && cd "$bare/project" && PATH="$bare/run/bin:$PATH" && bezoar-data --version |
        grep -qx "bezoar-data $version" && bezoar-data init . && bezoar-data validate &&
        bezoar-data run pipelines/first.yaml && bezoar-data card check runs/first)
done
ls -l dist
