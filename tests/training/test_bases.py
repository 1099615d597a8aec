"""Bases as they are: a folder, `.bin` weights, a `tokenizer.model` alone, a GGUF; and what their keys hang on."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.config.errors import InputError
from bezoar_data.training.bases import base_key, base_stands, base_start, check_base, keep_base, source
from bezoar_data.training.folder import TrainingFolder
from bezoar_data.training.models import load_tokenizer, load_weights
from bezoar_data.training.stages.registry import load_recipe
from support.smollm2 import alone, needs_llamacpp, smollm2
from support.tiny_model import save_llama_layout, save_tiny_model
from training.conftest import Recipe, card

STAGES = [{"use": "sft", "card": card("lamini")}]
TEXTS = ("the quick fox", "why:\nthe  lazy dog, 12345", "### Response:é 漢 🦊")


def loaded(recipe: Recipe, **base: Any) -> Any:
    return load_recipe(recipe(STAGES, base=base))


def test_a_base_as_openllamas_is_converted_once_and_keeps_its_ids_and_numbers(recipe: Recipe, tmp_path: Path):
    import sentencepiece
    import torch

    layout = save_llama_layout(tmp_path / "llama")
    ready = loaded(recipe, model="./llama", convert=True)
    check_base(ready)
    place = ready.document.place(("base",))
    tokenizer = load_tokenizer(source(ready), place)
    theirs = sentencepiece.SentencePieceProcessor(model_file=str(layout / "tokenizer.model"))
    assert [tokenizer(text, add_special_tokens=False).input_ids for text in TEXTS] == [theirs.encode(t) for t in TEXTS]
    folder = TrainingFolder(tmp_path / "out")
    key = base_key(ready, tokenizer)
    keep_base(ready, folder, key, tokenizer)
    assert base_stands(folder, key)
    kept = load_weights(base_start(ready, folder.base), place).state_dict()
    pickled = torch.load(layout / "pytorch_model.bin", weights_only=True)
    assert all(torch.equal(kept[name], numbers) for name, numbers in pickled.items())
    again = load_tokenizer(base_start(ready, folder.base), place)
    assert [again(text).input_ids for text in TEXTS] == [[1, *theirs.encode(text)] for text in TEXTS]


class Evil:
    def __reduce__(self) -> Any:
        return os.mkdir, ("ran",)


def test_nothing_in_pickled_weights_is_run(recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import torch

    monkeypatch.chdir(tmp_path)
    torch.save({"model.norm.weight": Evil()}, save_llama_layout(tmp_path / "llama") / "pytorch_model.bin")
    ready = loaded(recipe, model="./llama", convert=True)
    with pytest.raises(InputError, match="more than numbers"):
        load_weights(source(ready), ready.document.place(("base",)))
    assert not Path("ran").exists()


@pytest.mark.parametrize(
    ("files", "base", "hint"),
    [
        (["pytorch_model.bin"], {}, "convert: true"),
        (["model.h5"], {}, "take a base that has them"),
        (["model.safetensors"], {"convert": True}, "leave it out"),
    ],
)
def test_weights_that_are_not_read_are_told_with_the_remedy(
    recipe: Recipe, tmp_path: Path, files: list[str], base: dict[str, bool], hint: str
):
    (tmp_path / "base").mkdir()
    for name in files:
        (tmp_path / "base" / name).touch()
    with pytest.raises(InputError) as caught:
        check_base(loaded(recipe, model="./base", **base))
    (problem,) = caught.value.problems
    assert hint in problem.hint
    assert problem.place is not None
    assert problem.place.line == 1


def test_a_bases_key_hangs_on_its_configuration_and_numbers_alone(recipe: Recipe, tmp_path: Path):
    from safetensors.torch import load_file, save_file

    folder = save_tiny_model(tmp_path / "base")
    ready = loaded(recipe, model="./base")
    key = base_key(ready, None)
    weights, config = folder / "model.safetensors", folder / "config.json"
    tensors = load_file(weights)
    os.utime(weights, (1, 1))
    (folder / "README.md").write_text("Other words.")
    config.write_text(json.dumps({**json.loads(config.read_text()), "transformers_version": "9"}))
    assert base_key(ready, None) == key
    names = sorted(tensors)
    save_file({name: tensors[name] for name in names[:5]}, folder / "model-1.safetensors")
    save_file({name: tensors[name] for name in names[5:]}, folder / "model-2.safetensors")
    weights.unlink()
    assert base_key(ready, None) == key, "the same numbers in two files"
    tensors[names[0]][0] += 1
    save_file({name: tensors[name] for name in names[:5]}, folder / "model-1.safetensors")
    changed = base_key(ready, None)
    assert changed != key
    config.write_text(json.dumps({**json.loads(config.read_text()), "rms_norm_eps": 0.5}))
    assert base_key(ready, None) not in (key, changed)


@pytest.mark.slow
@needs_llamacpp
async def test_a_gguf_is_dequantised_and_its_tokenizer_gives_the_ids_of_llamacpp(recipe: Recipe, tmp_path: Path):
    import aiohttp

    from bezoar_data.llms.providers.llamacpp import LlamaCpp

    ready = loaded(recipe, gguf="smollm2-135m-instruct")
    place = ready.document.place(("base",))
    tokenizer = load_tokenizer(source(ready), place)
    folder = TrainingFolder(tmp_path / "out")
    keep_base(ready, folder, base_key(ready, tokenizer), tokenizer)
    start = base_start(ready, folder.base)
    kept = load_tokenizer(start, place)
    texts = (*TEXTS, "  5 of  12, we've\n\n\n two\t<repo_name> x<|im_end|>\n", "\u00a0 ½ ٣٤ ...!!  ")
    with alone():
        provider = LlamaCpp(smollm2())
        await provider.open()
        try:
            url, key = provider.endpoint
            headers = {"Authorization": f"Bearer {key}"}
            async with aiohttp.ClientSession(headers=headers) as session:
                for text in texts:
                    body = {"content": text, "parse_special": True, "add_special": False}
                    async with session.post(url.removesuffix("/v1") + "/tokenize", json=body) as answer:
                        theirs = (await answer.json())["tokens"]
                    assert kept(text, add_special_tokens=False).input_ids == theirs
        finally:
            await provider.close()
    model = load_weights(start, place)
    asked = kept.apply_chat_template(
        [{"role": "user", "content": "What is the capital of France?"}],
        add_generation_prompt=True, return_tensors="pt", return_dict=True,
    )  # fmt: skip
    said = model.generate(**asked, max_new_tokens=12, do_sample=False)[0][asked["input_ids"].shape[1] :]
    assert "Paris" in kept.decode(said)
