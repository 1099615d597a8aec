#!/bin/sh
# The paper's chain in miniature: builds its data and trains recipes/miniature.yaml, killed once on the way and trained a
# second time without, then in NF4 for 20 steps a stage; and evaluates what each stage knows. From the project's folder:
#
#   BEZOAR_TEST_DATA=... sh benchmarks/miniature/run.sh [FOLDER]
#
# FOLDER (default: miniature) holds runs, stages and evaluations; started again, it goes on. It writes RESULTS.md when the
# chain stands, SCORES.md when it is evaluated, and ECQA.md of a stage on ECQA's questions alone. On two idle cores some
# three hours, of which the chain itself takes the time that RESULTS.md says. JUDGE=openai:gpt-4o adds MT-Bench.
set -eu
data="${BEZOAR_TEST_DATA:?names no folder with dolly/, flan_cot/ and hh_rlhf/}"
mkdir -p "${1:-miniature}"
out="$(cd "${1:-miniature}" && pwd)"
here=benchmarks/miniature
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

python "$here/measure.py" "$out"
python "$here/scores.py" "$out"

# ECQA alone: more of its questions, one stage.
bezoar-data run "$here/answers.yaml" --out "$out/ecqa/runs/answers" --set steps.sample.rows=2000 \
    --set "steps.load_flan.path=$out/data/ecqa_train.tsv"
bezoar-data train "$here/ecqa.yaml" --runs "$out/ecqa/runs" --out "$out/trained/ecqa"
python "$here/scores.py" "$out" ecqa
