"""What a models file may name as weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from bezoar_data.config.errors import InputError
from bezoar_data.llms.weights import HubWeights, known_weights, weights_named


def test_the_shipped_table_pins_every_model():
    assert set(known_weights()) == {"smollm2-135m-instruct", "qwen2.5-1.5b-instruct", "smollm2-1.7b-instruct"}
    for known in known_weights().values():
        assert known.sha256 is not None
        assert len(known.sha256) == 64
        assert known.size is not None
        assert known.size > 90_000_000
        assert known.file.endswith(".gguf")
        assert known.licence == "Apache-2.0"


def test_names_of_the_table_of_the_hub_and_of_files():
    assert weights_named("SmolLM2-135M-Instruct") == known_weights()["smollm2-135m-instruct"]
    assert weights_named("owner/some.repo:Q4/a-b.gguf") == HubWeights("owner/some.repo:Q4/a-b.gguf", "owner/some.repo",
                                                                     "Q4/a-b.gguf")  # fmt: skip
    at = weights_named("owner/repo@0123abc:a.gguf")
    assert isinstance(at, HubWeights)
    assert (at.name, at.revision) == ("owner/repo:a.gguf", "0123abc")
    assert weights_named("owner/repo/a.gguf") == Path("owner/repo/a.gguf")
    assert weights_named("~/models/a.GGUF") == Path.home() / "models" / "a.GGUF"


@pytest.mark.parametrize("name", ["smollm2", "owner/repo", "owner/repo:model.bin", "gpt-4o", "a\x1b[31m"])
def test_a_name_of_no_weights_is_told_what_may_be_named(name: str):
    with pytest.raises(InputError) as caught:
        weights_named(name)
    (problem,) = caught.value.problems
    assert problem.code == "unknown-weights"
    assert "\x1b" not in problem.message
    assert "OWNER/REPOSITORY:FILE.gguf" in problem.hint
    if name == "smollm2":
        assert "smollm2-135m-instruct" in problem.hint
