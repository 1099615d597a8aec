#!/bin/sh
# The eight stages of recipes/openbezoar.yaml for a few steps each, on random weights of OpenLLaMA 3B's shape in NF4: does
# the chain run on this GPU, in which memory, how fast? Nothing is fetched. On a GPU of 24 GB and more in under nine
# minutes; where there is none, the same on a base of two small layers, on the CPU. From the project's folder:
#
#   sh benchmarks/openbezoar/device.sh [FOLDER] [--steps 4] [--shape small]
#
# The times, the memory and the losses of each stage are printed at the end, as a table, and left in FOLDER/device.md.
set -eu
out="${1:-runs/openbezoar-device}"
[ $# -eq 0 ] || shift
here=$(cd "$(dirname "$0")" && pwd)
began=$(date +%s)
python "$here/device.py" "$out" "$@"
cd "$out"
python -m bezoar_data.cli.main train openbezoar.yaml --runs runs --out trained
python "$here/table.py" trained "$(($(date +%s) - began))" | tee device.md
