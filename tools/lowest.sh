#!/usr/bin/env bash
# The core with the lowest versions that pyproject.toml allows: resolved by uv, installed by pip, tested without torch.
#   sh tools/lowest.sh FOLDER [PYTHON]     with lock.txt's versions and another Python: LOCK=lock.txt sh tools/lowest.sh ...
set -euo pipefail
folder="$1" python="${2:-python3.11}"
root="$(cd "$(dirname "$0")/.." && pwd)"
"$python" -m venv "$folder"
cd "$folder"
if [ -n "${LOCK:-}" ]; then
    constraints="$root/$LOCK"
else
    version="$(bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
    uv pip compile -q --python-version "$version" --resolution lowest-direct "$root/pyproject.toml" -o lowest.txt
    constraints=lowest.txt
fi
tools="pytest pytest-asyncio pytest-timeout pytest-xdist hypothesis statsmodels scikit-learn"
bin/pip install -q -c "$constraints" "$root"
# shellcheck disable=SC2086
bin/pip install -q $tools
cd "$root"
PYTHONPATH= "$folder/bin/python" -m pytest -n 0 -q -m "not slow and not nightly" -p no:cacheprovider \
    tests/config tests/pipeline tests/steps tests/runs tests/plan tests/project tests/measures tests/cards/export
