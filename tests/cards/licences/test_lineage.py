"""What a dataset's licence says beside what `test_combinations` has: who is named, and that the table is sound."""

from __future__ import annotations

import pytest

from bezoar_data.cards.licences.lineage import licence_of
from bezoar_data.cards.licences.table import licence_table
from support.licence_parts import lock, source, sources


def test_terms_of_ones_own_are_used() -> None:
    own = {"LicenseRef-archive": {"commercial": "yes", "attribution": True, "url": "https://example.org/terms"}}
    found = licence_of(sources("LicenseRef-archive"), None, own)
    assert (found.result, found.commercial) == ("LicenseRef-archive", "yes")
    assert found.attribution == (
        "Contains material from part0.jsonl, used under LicenseRef-archive; changes were made.",
    )


def test_who_must_be_named_is_named_once() -> None:
    dolly = source(None, "databricks/databricks-dolly-15k", hub=True)
    found = licence_of(lock(dolly, dolly, source("CC0-1.0")), None)
    (line,) = found.attribution
    assert line.startswith("Contains material from databricks/databricks-dolly-15k by Databricks (https://")


# Ids as hosts and people spell them.
IDS = {
    "LicenseRef-OpenAI-terms": (
        "gpt-4", "gpt-35-turbo", "GPT-5-mini", "azure/gpt-4o", "openrouter:openai/gpt-4.1", "ft:gpt-4o-mini:org::x",
        "o1", "openai/o3-mini", "o4-mini-2025-04-16", "chatgpt-4o-latest", "text-davinci-003", "gpt4o-mini",
        "gpt35-turbo",
    ),
    "LicenseRef-Anthropic-terms": (
        "claude-2", "anthropic/claude-3.5-sonnet", "Claude-Opus-4", "anthropic.claude-v2:1", "vertex_ai/claude-3@x",
    ),
    "LicenseRef-Google-terms": ("gemini-pro", "models/gemini-1.5-pro", "Google/Gemini-2.5-Flash"),
    "LicenseRef-Gemma": ("google/gemma-2b", "Gemma-2-9b-it", "gemma:7b", "gemma3n:e4b", "google/codegemma-7b"),
    "LicenseRef-Llama-2": ("Llama-2-7b", "meta-llama/Llama-2-70b-chat-hf", "llama2:13b", "codellama/CodeLlama-7b-hf"),
    "LicenseRef-Llama-3": ("meta-llama/Meta-Llama-3-70B", "llama3", "llama3:8b", "meta.llama3-8b-instruct-v1:0"),
    "LicenseRef-Llama-3.1": (
        "llama3.1:8b", "meta.llama3-1-70b-instruct-v1:0", "accounts/fireworks/models/llama-v3p1-405b-instruct",
        "LLAMA-3.1-8B", "nvidia/Llama-3.1-Nemotron-70B-Instruct-HF", "Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf",
    ),
    "LicenseRef-Llama-3.2": ("unsloth/Llama-3.2-1B", "llama3.2:3b"),
    "LicenseRef-Llama-3.3": ("meta-llama/Llama-3.3-70B-Instruct", "nvidia/Llama-3_3-Nemotron-Super-49B-v1"),
    "LicenseRef-Llama-4": ("meta-llama/Llama-4-Scout-17B-16E", "llama4:scout"),
    None: (
        "openai/gpt-oss-120b", "nomic-ai/gpt4all-j", "chavinlo/gpt4-x-alpaca", "AIDC-AI/Marco-o1",
        "EleutherAI/gpt-j-6b", "EleutherAI/gpt-neox-20b", "TinyLlama/TinyLlama-1.1B-Chat-v1.0",
        "openlm-research/open_llama_3b", "huggyllama/llama-30b", "google/gemma-4-E4B-it", "gemma4:12b",
        "Qwen/Qwen2.5-7B-Instruct", "microsoft/phi-3-mini", "mistralai/Mistral-7B-v0.3", "o2-model", "my-o1ympus",
        "HuggingFaceTB/SmolLM2-135M-Instruct", "allenai/OLMo-2-1124-7B", "LLM360/Amber",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("terms", "model"), [(terms, one) for terms, ids in IDS.items() for one in ids])
def test_whose_terms_hold_is_told_by_the_id(terms: str | None, model: str) -> None:
    assert licence_table().model_terms(model) == terms


def test_every_known_licence_is_spelled_as_spdx_spells_it_and_names_known_ones() -> None:
    table = licence_table()
    for name, terms in table.licences.items():
        assert table.alternatives(name) == (frozenset([name]),)
        assert {*terms.share_alike, *terms.apart} <= set(table.licences)
        assert not terms.share_alike or name in terms.share_alike
        assert not name.startswith("LicenseRef-") or terms.commercial == "unknown"
    named = [*table.aliases.values(), *(terms for _, terms in table.models)]
    named += [s.licence for s in table.sources.values()]
    named += [terms for s in table.sources.values() for terms in s.made_with]
    assert set(named) <= set(table.licences)
