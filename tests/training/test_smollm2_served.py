"""SmolLM2 as llama.cpp serves it: by the template in its own weights, the tokens of a prompt are those trained on."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from bezoar_data.config.problems import Place
from bezoar_data.training.data.template import Template
from bezoar_data.training.gguf import split_as_llamacpp
from bezoar_data.training.round_trip import check_template
from support.families import KINDS
from support.smollm2 import alone, needs_llamacpp, weights

pytestmark = [needs_llamacpp, pytest.mark.slow, pytest.mark.nightly, pytest.mark.timeout(600)]


def test_llamacpp_asks_with_the_tokens_that_were_trained_on() -> None:
    import xllamacpp
    from transformers import AutoTokenizer

    file = weights()
    tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    split_as_llamacpp(tokenizer, file)
    ready = Template(tokenizer, tokenizer.chat_template, Place("r.yaml"))
    kinds = ("question", "system", "several", "system, several", "awkward")
    for kind in kinds:
        ready.encode(KINDS[kind])
    check_template(ready, Place("r.yaml"))
    params = xllamacpp.CommonParams()
    params.model.path, params.n_ctx, params.cpuparams.n_threads, params.verbosity = str(file), 512, 1, 0
    with alone():
        server = xllamacpp.Server(params)
        for kind in kinds:
            prompt, _ = ready.encode_last(KINDS[kind])
            asked = {"messages": KINDS[kind][:-1], "add_generation_prompt": True}
            text = post(server, "apply-template", asked)["prompt"]
            made = post(server, "tokenize", {"content": text, "add_special": False, "parse_special": True})["tokens"]
            assert made == prompt, kind


def post(server: Any, path: str, body: dict[str, Any]) -> Any:
    return httpx.post(f"{server.listening_address}/{path}", json=body, timeout=60, trust_env=False).json()
