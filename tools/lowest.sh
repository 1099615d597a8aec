#!/usr/bin/env bash
# The core, tested without torch, in a fresh environment.
#   bash tools/lowest.sh FOLDER [PYTHON]                  the lowest versions that pyproject.toml allows (resolved by uv)
#   LOCK=lock.txt bash tools/lowest.sh FOLDER python3.13   the locked versions on another Python, with the extra `local`:
#                                                          also runs the default pipeline with its real model
set -euo pipefail
folder="$1" python="${2:-python3.11}"
root="$(cd "$(dirname "$0")/.." && pwd)"
"$python" -m venv "$folder"
cd "$folder"
if [ -n "${LOCK:-}" ]; then
    constraints="$root/$LOCK" package="$root[local]"
else
    constraints=lowest.txt package="$root"
    version="$(bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
    uv pip compile -q --python-version "$version" --resolution lowest-direct "$root/pyproject.toml" -o lowest.txt
fi
tools="pytest pytest-asyncio pytest-timeout pytest-xdist hypothesis statsmodels scikit-learn"
bin/pip install -q -c "$constraints" "$package"
# shellcheck disable=SC2086
bin/pip install -q $tools
[ -z "${LOCK:-}" ] || bin/bezoar-data run orca --limit 3 --out run/orca
cd "$root"
PYTHONPATH= "$folder/bin/python" -m pytest -n 0 -q -m "not slow and not nightly" -p no:cacheprovider \
    tests/config tests/pipeline tests/steps tests/runs tests/plan tests/project tests/measures tests/cards/export
