#!/bin/sh
# The paper's chain in miniature: builds its data and trains recipes/miniature.yaml, killed once on the way and trained a
# second time without, then in NF4 for 20 steps a stage, and writes RESULTS.md. From the project's folder, with
#
#   BEZOAR_TEST_DATA=... sh benchmarks/miniature/run.sh [FOLDER]
#
# FOLDER (default: miniature) holds runs and stages; started again, it goes on. On two idle cores about two hours, of which
# the chain itself takes the time that RESULTS.md says.
set -eu
data="${BEZOAR_TEST_DATA:?names no folder with dolly/, flan_cot/ and hh_rlhf/}"
out="${1:-miniature}"
here=benchmarks/miniature
mkdir -p "$out"
export BEZOAR_JOURNAL="$out/journal.sqlite"

# The last 250 rows of each file are what suites/local.yaml tests: no stage sees them.
mkdir -p "$out/data"
for file in qasc_train strategyqa_train ecqa_train; do
    from="$data/flan_cot/$file.tsv"
    awk -v last="$(($(wc -l <"$from") - 250))" 'NR <= last' "$from" >"$out/data/$file.tsv"
done

build() {
    name="$1"
    shift
    bezoar-data run "$here/$name.yaml" --out "$out/runs/$name" "$@"
    bezoar-data card check "$out/runs/$name"
}
build instructions --set steps.load_instructions.hub=null --set "steps.load_instructions.path=$data/dolly/dolly_sample.jsonl"
build rationales --set "steps.load_flan.path=[$out/data/qasc_train.tsv, $out/data/strategyqa_train.tsv]"
build answers --set "steps.load_flan.path=$out/data/ecqa_train.tsv"
build pairs --set steps.load_hh_rlhf.hub=null --set steps.load_hh_rlhf.data_dir=null \
    --set "steps.load_hh_rlhf.path=$data/hh_rlhf/harmless-base.jsonl"

exec python "$here/measure.py" "$out"
