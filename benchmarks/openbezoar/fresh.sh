#!/usr/bin/env sh
# Does a base as OpenLLaMA is on the Hub (tokenizer.model and .bin alone) train with what `bezoar-data[train]` installs,
# and nothing else? A fresh environment, a tiny model of that layout, one stage, and an answer of the result.
#
#     sh benchmarks/openbezoar/fresh.sh FOLDER
set -eu
root="$(cd "$(dirname "$0")/../.." && pwd)"
mkdir -p "$1" && cd "$1"
python3 -m venv venv
venv/bin/pip install -q -c "$root/lock.txt" "$root[train]"
mkdir -p project && cd project
cp -r "$root/pipelines" "$root/cards" "$root/recipes" .
PYTHONPATH="$root/tests" ../venv/bin/python -c '
from pathlib import Path
from support.tiny_model import save_llama_layout
save_llama_layout(Path("recipes/llama"))'
rm -f recipes/llama/tokenizer.json recipes/llama/*.safetensors
cat > recipes/layout.yaml <<'RECIPE'
name: layout
version: 1
base: {model: ./llama, convert: true}
adapter: {r: 4, target_modules: [q_proj, v_proj]}
template: templates/alpaca-modified.jinja
policy: {demo: true}
training: {use_cpu: true, bf16: false, max_steps: 4, per_device_train_batch_size: 2}
stages:
  - {use: sft, card: ../cards/lamini.md, split: {rows: 8}}
  - {use: merge}
RECIPE
bezoar="../venv/bin/bezoar-data"
"$bezoar" run pipelines/lamini.yaml --models pipelines/models/offline.yaml
ls recipes/llama
"$bezoar" train recipes/layout.yaml --plan
"$bezoar" train recipes/layout.yaml
ls trained/layout/merge
echo '{"prompt": "What is an owl?"}' > prompts.jsonl
"$bezoar" generate trained/layout/merge --prompts prompts.jsonl --out answers.jsonl
cat answers.jsonl
