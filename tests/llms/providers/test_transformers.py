"""The provider that runs models in this process, with a tiny real model. Needs the extra `train`."""

from __future__ import annotations

import asyncio
import importlib.util
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.models import Model, Sampling
from bezoar_data.llms.gateway import Gateway
from bezoar_data.llms.journal import Journal
from bezoar_data.llms.providers import transformers as provider_module
from bezoar_data.llms.providers.base import Refusal, Request
from bezoar_data.llms.providers.common.transformers_model import LocalModel, Row, _Chooser
from bezoar_data.llms.providers.transformers import Transformers
from support.gateways import user
from support.tiny_model import save_tiny_model
from support.waiting import PATIENCE, until

INSTALLED = all(importlib.util.find_spec(name) for name in ("torch", "transformers", "accelerate"))
needs_torch = pytest.mark.skipif(not INSTALLED, reason="torch and transformers (extra 'train') are not installed")
QUESTIONS = ["hi", "the river and the bridge", "fox?", "a much longer question about a lazy dog and an old bridge"]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("weights") / "tiny")


def model(folder: Path | str, **values: Any) -> Model:
    fixed = {"provider": "transformers", "model": str(folder), "sampling": {"temperature": 0, "max_tokens": 12}}
    return Model.model_validate({**fixed, **values})


async def ask(entry: Model, *texts: str, n: int = 1, attempt: int = 0) -> list[Any]:
    """What each text is answered, asked at once; a list of completions each."""
    provider = Transformers(entry)
    assert provider.problems() == []
    await provider.open()
    try:
        asks = (
            provider.complete(Request(entry, [{"role": "user", "content": t}], None, tuple(range(n)), attempt))
            for t in texts
        )
        return await asyncio.gather(*asks, return_exceptions=True)
    finally:
        await provider.close()


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the batches the model was given."""
    sizes: list[int] = []
    real = LocalModel._generate

    def counted(self: Any, rows: Any) -> None:
        sizes.append(len(rows))
        real(self, rows)

    monkeypatch.setattr(LocalModel, "_generate", counted)
    return sizes


@pytest.fixture
def gathering(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that is asked as much as it takes at once waits for all of it, however slow the machine."""
    monkeypatch.setattr(provider_module, "GATHER", 60.0)


@needs_torch
async def test_greedy_answers_are_the_models_own_likeliest_words(folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    plain, tokenizer = AutoModelForCausalLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    ids = tokenizer("<user>fox?<end><assistant>", add_special_tokens=False)["input_ids"]
    said: list[int] = []
    with torch.no_grad():
        for _ in range(12):
            said.append(int(plain(torch.tensor([ids + said])).logits[0, -1].argmax()))
            if said[-1] == tokenizer.eos_token_id:
                break
    ((made,),) = await ask(model(folder), "fox?")
    assert made.text == tokenizer.decode(said, skip_special_tokens=True)
    assert (made.prompt_tokens, made.completion_tokens) == (len(ids), len(said))
    assert made.finish_reason == ("stop" if said[-1] == tokenizer.eos_token_id else "length")


@needs_torch
@pytest.mark.parametrize(
    "sampling",
    [
        {"temperature": 0},
        {"temperature": 0, "repetition_penalty": 1.3},
        {"temperature": 1.1, "seed": 5},
        {"top_p": 0.8, "top_k": 20, "repetition_penalty": 1.2},
    ],
    ids=str,
)
async def test_company_in_a_batch_does_not_change_an_answer(
    folder: Path, batches: list[int], gathering: None, sampling: dict[str, Any]
) -> None:
    def entry(together: int) -> Model:
        return model(folder, sampling={**sampling, "max_tokens": 12}, limits={"concurrency": together})

    alone = [(await ask(entry(1), text))[0] for text in QUESTIONS]
    assert batches == [1, 1, 1, 1]
    together = await ask(entry(4), *QUESTIONS)
    assert batches[4:] == [4]
    assert together == alone


@needs_torch
async def test_a_batch_is_no_larger_than_the_concurrency(folder: Path, batches: list[int], gathering: None) -> None:
    await ask(model(folder, limits={"concurrency": 3}), *(f"q{i}" for i in range(6)))
    assert batches == [3, 3]


@needs_torch
async def test_seed_attempt_and_sample_each_draw_anew_and_nothing_else_does(folder: Path) -> None:
    def entry(**more: Any) -> Model:
        return model(folder, sampling={"temperature": 1.5, "max_tokens": 12, **more})

    (first,) = await ask(entry(), "hi", n=3)
    assert (await ask(entry(), "hi", n=3))[0] == first
    (seeded,) = await ask(entry(seed=1), "hi", n=3)
    (retried,) = await ask(entry(), "hi", n=3, attempt=1)
    texts = [c.text for made in (first, seeded, retried) for c in made]
    assert len(set(texts)) == 9
    assert [c.prompt_tokens for c in first][1:] == [0, 0]


@needs_torch
@pytest.mark.parametrize("cold", [{"temperature": 0}, {"top_k": 1}])
async def test_a_model_that_takes_the_likeliest_words_answers_otherwise_when_asked_again(
    folder: Path, cold: dict[str, Any]
) -> None:
    entry = model(folder, sampling={**cold, "max_tokens": 12})
    texts = [(await ask(entry, "hi", attempt=attempt))[0][0].text for attempt in (0, 1, 2, 0)]
    assert (len(set(texts)), texts[0]) == (3, texts[3])


@needs_torch
def test_words_are_drawn_as_often_as_the_model_says() -> None:
    import torch

    scores = torch.tensor([[2.0, 1.0, 0.0, -1.0, 3.0]])

    def draws(**values: Any) -> list[float]:
        found: Counter[int] = Counter()
        for seed in range(3000):
            row = Row([0], Sampling(**values), (), 1, seed)
            found[int(_Chooser(torch, [row], 1, "cpu")(torch.tensor([[0]]), scores).argmax())] += 1
        return [found[i] / 3000 for i in range(5)]

    for values, wanted in (
        ({}, scores[0].softmax(0)),
        ({"temperature": 2.0}, (scores[0] / 2).softmax(0)),
        ({"top_k": 2}, torch.tensor([2.0, -torch.inf, -torch.inf, -torch.inf, 3.0]).softmax(0)),
        # 3.0 has 0.64, 2.0 reaches 0.87, 1.0 passes 0.9.
        ({"top_p": 0.9}, torch.tensor([2.0, 1.0, -torch.inf, -torch.inf, 3.0]).softmax(0)),
        # Word 0 stands in the prompt.
        ({"repetition_penalty": 2.0}, torch.tensor([1.0, 1.0, 0.0, -1.0, 3.0]).softmax(0)),
    ):
        assert draws(**values) == pytest.approx(wanted.tolist(), abs=0.035), values


@needs_torch
async def test_an_answer_ends_before_a_stop_text(folder: Path) -> None:
    ((whole,),) = await ask(model(folder, sampling={"temperature": 0, "max_tokens": 20}), "fox?")
    stop = whole.text[5:7]
    at = whole.text.index(stop)
    entry = model(folder, sampling={"temperature": 0, "max_tokens": 20, "stop": [stop, "never said"]})
    ((cut,),) = await ask(entry, "fox?")
    assert (cut.text, cut.finish_reason) == (whole.text[:at], "stop")
    assert cut.completion_tokens < whole.completion_tokens


@needs_torch
async def test_each_row_of_a_batch_has_its_own_values(folder: Path, batches: list[int], gathering: None) -> None:
    """Roles that share a model and its limits share its batches."""
    two = {"concurrency": 2}
    short = model(folder, sampling={"temperature": 0, "max_tokens": 3}, limits=two)
    long = model(folder, sampling={"temperature": 0, "max_tokens": 9}, limits=two)
    provider = Transformers(short)
    await provider.open()
    asks = [Request(entry, [{"role": "user", "content": "fox?"}]) for entry in (short, long)]
    (one,), (other,) = await asyncio.gather(*map(provider.complete, asks))
    await provider.close()
    assert batches == [2]
    assert one.completion_tokens == 3 < other.completion_tokens
    assert other.text.startswith(one.text)


@needs_torch
async def test_a_prompt_that_does_not_fit_is_refused_and_its_neighbours_are_answered(folder: Path) -> None:
    refused, answered = await ask(model(folder), "x" * 400, "hi")
    assert isinstance(refused, Refusal)
    assert (refused.status, refused.reason) == (413, "context_too_long")
    assert answered[0].text


@needs_torch
async def test_messages_that_the_template_refuses_cost_one_row(folder: Path) -> None:
    entry = model(folder)
    provider = Transformers(entry)
    await provider.open()
    with pytest.raises(Refusal, match="no tools"):
        await provider.complete(Request(entry, [{"role": "tool", "content": "x"}]))
    await provider.close()


@needs_torch
async def test_a_model_without_chat_template_is_asked_in_plain_words(tmp_path: Path) -> None:
    bare = save_tiny_model(tmp_path / "bare", chat_template=None)
    ((made,),) = await ask(model(bare), "hi")
    ((written,),) = await ask(model(bare, extra_body={"chat_template": "User: {{ messages[0].content }}"}), "hi")
    assert made.prompt_tokens != written.prompt_tokens


@needs_torch
async def test_rows_that_do_not_fit_into_memory_together_go_in_halves(
    folder: Path, gathering: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from transformers import LlamaForCausalLM

    four = model(folder, limits={"concurrency": 4})
    wanted = await ask(four, *QUESTIONS)
    real, sizes = LlamaForCausalLM.generate, []

    def cramped(self: Any, **values: Any) -> Any:
        sizes.append(len(values["input_ids"]))
        if sizes[-1] > 2:
            raise torch.OutOfMemoryError("full")
        return real(self, **values)

    monkeypatch.setattr(LlamaForCausalLM, "generate", cramped)
    assert await ask(four, *QUESTIONS) == wanted
    assert sizes == [4, 2, 2]


@needs_torch
async def test_the_loop_goes_on_while_the_model_works(folder: Path) -> None:
    entry = model(folder, sampling={"temperature": 1, "max_tokens": 200, "stop": ["never said"]})
    asked = asyncio.ensure_future(ask(entry, *QUESTIONS))
    beats = 0
    while not asked.done():
        await asyncio.sleep(0.005)
        beats += 1
    assert beats > 5


@needs_torch
async def test_an_answer_nobody_waits_for_any_more_is_not_written_to_its_end(
    folder: Path, batches: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = model(folder, sampling={"temperature": 1, "max_tokens": 240})
    written: list[int] = []
    left = threading.Event()
    completed, ends = provider_module._completion, LocalModel.ends

    def completion(row: Any, first: bool) -> Any:
        written.append(len(row.answer))
        return completed(row, first=first)

    def ends_late(self: Any, row: Any, token: int) -> bool:
        assert left.wait(PATIENCE)  # the answer's first word is not written before nobody waits for it
        return ends(self, row, token)

    monkeypatch.setattr(provider_module, "_completion", completion)
    monkeypatch.setattr(LocalModel, "ends", ends_late)
    provider = Transformers(entry)
    await provider.open()
    try:
        asked = asyncio.ensure_future(provider.complete(Request(entry, [{"role": "user", "content": "hi"}])))
        await until(lambda: batches)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        left.set()
        ((after,),) = [await provider.complete(Request(model(folder), [{"role": "user", "content": "hi"}]))]
    finally:
        await provider.close()
    assert after.text
    assert written[0] < 240


@needs_torch
async def test_roles_share_one_loaded_model_and_it_is_let_go_at_the_end(folder: Path, tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal.sqlite")
    roles = {
        "teacher": model(folder),
        "judge": model(folder, sampling={"temperature": 0, "max_tokens": 4}, limits={"concurrency": 2}),
    }
    async with Gateway(roles, journal) as gateway:
        taught = await gateway.ask("teacher", user("hi"), step="s")
        judged = await gateway.ask("judge", user("hi", n=3), step="s")
        (worker,) = provider_module._loaded.values()
        assert worker.users == 2
    journal.close()
    assert len(judged.samples) == 3
    assert taught.text.startswith(judged.text)
    assert not provider_module._loaded
    assert not [t for t in threading.enumerate() if t.name == "bezoar-transformers"]


@needs_torch
@pytest.mark.skipif(importlib.util.find_spec("bitsandbytes") is None, reason="bitsandbytes is not installed")
async def test_weights_of_four_bits_answer_otherwise_and_are_another_model(folder: Path) -> None:
    asked = model(folder, extra_body={"load_in_4bit": True})
    ((made,),) = await ask(asked, "the river and the bridge")
    assert made.completion_tokens > 0
    assert provider_module._identity(asked) != provider_module._identity(model(folder))


@needs_torch
async def test_weights_that_are_pickles_are_not_read(tmp_path: Path) -> None:
    pickled = save_tiny_model(tmp_path / "pickled", safe=False)
    provider = Transformers(model(pickled))
    with pytest.raises(InputError, match="cannot be loaded"):
        await provider.open()


@needs_torch
async def test_a_model_that_is_nowhere_is_told_in_one_line() -> None:
    provider = Transformers(model("no-such-owner/no-such-model"))
    with pytest.raises(InputError) as error:
        await provider.open()
    assert "\n" not in error.value.problems[0].message
    assert error.value.problems[0].hint


def test_without_its_packages_it_says_what_to_install(tmp_path: Path) -> None:
    """In a Python that finds no torch, whatever is installed here."""
    program = (
        "import sys, importlib.util\n"
        "real = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *a: None if name == 'torch' else real(name, *a)\n"
        "from bezoar_data.llms.providers.base import provider_class\n"
        "from bezoar_data.config.files.models import Model\n"
        "made = provider_class('transformers')(Model(provider='transformers', model='m'))\n"
        "for p in made.problems(): print(p.code, p.message, p.hint, sep='|')\n"
        "print('torch' in sys.modules or 'transformers' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    first, *_, last = done.stdout.splitlines()
    code, message, hint = first.split("|")
    assert code == "provider-not-installed"
    assert "torch" in message
    assert hint == 'pip install "bezoar-data[train]"'
    assert last == "False"


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"base_url": "http://x/v1"}, "no-address"),
        ({"extra_body": {"load_in_4bits": True}}, "unknown-setting"),
        ({"extra_body": {"load_in_4bit": "yes"}}, "bad-setting"),
        ({"extra_body": {"dtype": "float8"}}, "bad-setting"),
        ({"extra_body": {"trust_remote_code": True}}, "unknown-setting"),
    ],
)
def test_mistakes_are_found_before_anything_is_loaded(values: dict[str, Any], code: str) -> None:
    found = Transformers(model("m", **values)).problems()
    assert [p.code for p in found if p.code != "provider-not-installed"] == [code]
