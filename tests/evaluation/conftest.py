"""Three models of one kind, tasks for them, and what the harness's own command line makes of both."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.tasks import write_tasks
from support.tiny_model import save_tiny_model


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A base, an adapter of it, and the two merged."""
    import torch
    from peft import LoraConfig, PeftModel, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = tmp_path_factory.mktemp("models")
    base = save_tiny_model(folder / "base")
    torch.manual_seed(3)
    adapted = get_peft_model(AutoModelForCausalLM.from_pretrained(base), LoraConfig(r=4, target_modules=["q_proj"]))
    for name, weight in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=2.0)
    adapted.save_pretrained(folder / "adapter")
    whole = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), str(folder / "adapter"))
    whole.merge_and_unload().save_pretrained(folder / "merged")
    for name in ("adapter", "merged"):
        AutoTokenizer.from_pretrained(base).save_pretrained(folder / name)
    return {name: folder / name for name in ("base", "adapter", "merged")}


@pytest.fixture(scope="session")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tasks(tmp_path_factory.mktemp("harness") / "tasks")
