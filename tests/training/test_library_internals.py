"""What is used of the training libraries beyond their public interfaces, and why: this table is the whole of it.

A new version of a library that changes one of them fails here, before it changes what is trained.
"""

from __future__ import annotations

import ast
import inspect
from typing import Any

import pytest
from transformers import PreTrainedModel
from trl import DPOTrainer, RLOOTrainer

from training.conftest import ROOT

INTERNALS: dict[str, tuple[type[Any], Any, str]] = {
    "_prepare_dataset": (
        DPOTrainer,
        ["self", "dataset", "processing_class", "args", "dataset_name"],
        "overridden: pairs come tokenised, and DPOTrainer lacks SFTTrainer's `skip_prepare_dataset`",
    ),
    "_precompute_ref_logps": (
        DPOTrainer,
        ["self", "dataset", "name", "batch_size"],
        "overridden: ASFT has no reference, and DPOTrainer no setting for that",
    ),
    "_generate_and_score_completions": (
        RLOOTrainer,
        ["self", "inputs"],
        "overridden: DR-PO's answers begin where a row says, and RLOOTrainer has no hook for that; called to try it",
    ),
    "_tokenize_prompts": (
        RLOOTrainer,
        ["self", "prompts"],
        "overridden: prompts come tokenised, with the part of the answer that is given",
    ),
    "_generate_single_turn": (
        RLOOTrainer,
        ["self", "prompt_ids", "images", "multimodal_fields"],
        "overridden: `max_completion_length` is that of the whole answer",
    ),
    "_supports_flash_attn": (PreTrainedModel, False, "read: whether a model class can take flash attention"),
    "_supports_sdpa": (PreTrainedModel, False, "read: whether a model class can take PyTorch's attention"),
}
"""By name: whose it is, its parameters or its value, and what it is used for."""


@pytest.mark.parametrize("name", INTERNALS)
def test_the_libraries_internals_are_as_they_were(name: str):
    owner, expected, _ = INTERNALS[name]
    found = getattr(owner, name)
    assert (list(inspect.signature(found).parameters) if callable(found) else found) == expected


def test_no_other_internals_are_used():
    """Of ours are the private names that the same file defines."""
    used = set()
    for path in (ROOT / "src/bezoar_data/training").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and not (isinstance(node.value, ast.Name) and node.value.id == "self"):
                used.add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
                used.add(node.value)
            elif isinstance(node, ast.ClassDef) and node.bases:
                used |= {part.name for part in node.body if isinstance(part, ast.FunctionDef)}
    private = {name for name in used if name.startswith("_") and not name.startswith("__") and name != "_"}
    assert private == set(INTERNALS)
