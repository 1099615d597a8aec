"""Our side: one stage of a recipe, as `bezoar-data train` runs it."""

from clock import Clock  # isort: skip  (first: its clock starts when it is imported)

import shutil
import sys
from pathlib import Path

from bezoar_data.api import load_recipe

folder, shape, stage = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
out = folder / "trained" / f"{shape}-{stage}"
shutil.rmtree(out, ignore_errors=True)
recipe = load_recipe(folder / f"{shape}-{stage}.yaml", runs=folder / "runs", out=out)
clock = Clock()
recipe.train(quiet=True)
clock.tell()
