"""How licences pass on: what follows from what datasets are really made of, and why, in one table."""

from __future__ import annotations

from typing import Any

import pytest

from bezoar_data.cards.licences.hub_keys import hub_keys, stated_names
from bezoar_data.cards.licences.lineage import licence_of
from support.licence_parts import APACHE, HUB, NOBODY, OPENAI, by_pipeline, lock, model, source, sources

MINE = "LicenseRef-mine"
NC_TERMS = {"CC-BY-NC-4.0": {"commercial": "yes"}}
LLAMA_3 = "meta-llama/Meta-Llama-3-8B-Instruct"
LLAMA_31 = "meta-llama/Llama-3.1-8B-Instruct"


def answers(id_: str, name: str = "the-model", said: str = "unknown", of: str = "MIT") -> Any:
    """MIT rows with a model's answers under these terms."""
    return lock(source(of), model({"id": id_, "commercial": said}, name))


def named(name: str) -> Any:
    """MIT rows with the answers of a model whose terms the models file does not tell."""
    return lock(source("MIT"), model(NOBODY, name))


Case = tuple[Any, Any, str, str, str, str]
PARTS: dict[str, Case] = {
    # name: (lock, what the author states, licence, commercial use, the Hub's `license`, words of a reason)
    "dolly and an Apache-2.0 generator": (
        lock(source(None, "databricks/databricks-dolly-15k", hub=True), model(APACHE)), None,
        "CC-BY-SA-3.0", "yes", "cc-by-sa-3.0", "it is known to be CC-BY-SA-3.0",
    ),
    "dolly in another case": (
        lock(source(None, "Databricks/Databricks-Dolly-15K", hub=True)), None,
        "CC-BY-SA-3.0", "yes", "cc-by-sa-3.0", "it is known to be CC-BY-SA-3.0",
    ),
    "FLAN and GPT-4's answers": (
        lock(source("Apache-2.0", "flan.jsonl"), model(OPENAI, "gpt-4-0613")), None,
        "Apache-2.0 AND LicenseRef-OpenAI-terms", "unknown", "other", "develop models that compete",
    ),
    "Alpaca": (
        lock(source("cc-by-nc-4.0", "tatsu-lab/alpaca", hub=True)), None,
        "CC-BY-NC-4.0 AND LicenseRef-OpenAI-terms", "no", "other", "holds answers of a model under LicenseRef-OpenAI",
    ),
    "a mixture with parts of its own": (
        lock(source("odc-by", "allenai/tulu-3-sft-mixture", hub=True)), None,
        "unknown", "unknown", "unknown", "licences of their own",
    ),
    "a card and the table differ": (
        lock(source("mit", "databricks/databricks-dolly-15k", hub=True)), None,
        "unknown", "unknown", "unknown", "stated as mit, but it is known as CC-BY-SA-3.0: which of them holds",
    ),
    "a pipeline calls no_robots free": (
        lock(source("mit", "HuggingFaceH4/no_robots", hub=True)), None,
        "unknown", "no", "unknown", "stated as mit, but it is known as CC-BY-NC-4.0: which of them holds is unknown",
    ),
    "a pipeline asks for more than the source does": (
        lock(source("MIT AND CC-BY-4.0", "Anthropic/hh-rlhf", hub=True)), None,
        "CC-BY-4.0 AND MIT", "yes", "other", "stated as MIT AND CC-BY-4.0",
    ),
    # one licence
    "MIT": (sources("MIT"), None, "MIT", "yes", "mit", "Every part allows"),
    "the Hub's spelling": (sources("cc-by-4.0"), None, "CC-BY-4.0", "yes", "cc-by-4.0", "stated as cc-by-4.0"),
    "everyday spelling": (sources("CC BY-NC 4.0"), None, "CC-BY-NC-4.0", "no", "cc-by-nc-4.0", "forbids"),
    "ODC-BY": (sources("odc-by"), None, "ODC-By-1.0", "yes", "odc-by", "stated as odc-by"),
    "ODbL": (sources("odbl"), None, "ODbL-1.0", "yes", "odbl", "ODbL-1.0 follows"),
    "PDDL": (sources("PDDL-1.0"), None, "PDDL-1.0", "yes", "pddl", "PDDL-1.0 follows"),
    "Etalab": (sources("etalab-2.0"), None, "etalab-2.0", "yes", "etalab-2.0", "etalab-2.0 follows"),
    "a licence that the Hub does not have": (sources("MIT-0"), None, "MIT-0", "yes", "other", "MIT-0 follows"),
    "GPL text": (sources("GPL-3.0-only"), None, "GPL-3.0-only", "yes", "gpl-3.0", "GPL-3.0-only follows"),
    "the Hub's name of the GPL": (sources("gpl-2.0"), None, "GPL-2.0-only", "yes", "gpl-2.0", "GPL-2.0-only follows"),
    "GPL or later is none of the Hub's": (
        sources("GPL-3.0-or-later"), None, "GPL-3.0-or-later", "yes", "other", "GPL-3.0-or-later follows",
    ),
    "AGPL": (sources("agpl-3.0"), None, "AGPL-3.0-only", "yes", "agpl-3.0", "AGPL-3.0-only follows"),
    "MPL": (sources("mpl-2.0"), None, "MPL-2.0", "yes", "mpl-2.0", "MPL-2.0 follows"),
    "a family of licences is none": (sources("bsd"), None, "unknown", "unknown", "unknown", "nothing is known here of"),
    "OpenRAIL, of which nothing is known": (
        sources("bigscience-openrail-m"), None, "unknown", "unknown", "unknown", "nothing is known here of bigscience",
    ),
    "no changes allowed": (
        sources("CC-BY-ND-4.0"), None, "unknown", "unknown", "unknown", "does not allow changed versions",
    ),
    "no changes, no commerce": (
        sources("CC-BY-NC-ND-4.0"), None, "unknown", "no", "unknown", "does not allow changed versions",
    ),
    "nobody said": (sources(None), None, "unknown", "unknown", "unknown", "nobody has stated its licence"),
    "the Hub's word for nobody": (sources("unknown"), None, "unknown", "unknown", "unknown", "not a licence that"),
    "a name that is none": (sources("free to use!!"), None, "unknown", "unknown", "unknown", "not a licence that"),
    "half an expression": (sources("MIT OR"), None, "unknown", "unknown", "unknown", "a licence that could be read"),
    "terms of one's own that nobody described": (
        sources(MINE), None, "unknown", "unknown", "unknown", f"nothing is known here of {MINE}",
    ),
    # several
    "permissive ones stay side by side": (
        sources("MIT", "Apache-2.0", "CC-BY-4.0"), None,
        "Apache-2.0 AND CC-BY-4.0 AND MIT", "yes", "other", "Every part allows",
    ),
    "the same twice": (sources("mit", "MIT"), None, "MIT", "yes", "mit", "MIT follows"),
    "a mixture of MIT and CC BY-NC": (
        sources("MIT", "CC-BY-NC-4.0"), None, "CC-BY-NC-4.0 AND MIT", "no", "other", "forbids",
    ),
    "GPL and MIT": (sources("GPL-3.0-only", "MIT"), None, "GPL-3.0-only", "yes", "gpl-3.0", "GPL-3.0-only follows"),
    "GPL 2 and Apache": (
        sources("GPL-2.0-only", "Apache-2.0"), None,
        "unknown", "unknown", "unknown", "Apache-2.0 and GPL-2.0-only cannot be joined",
    ),
    "GPL 2 or later and Apache: version 3": (
        sources("GPL-2.0-or-later", "Apache-2.0"), None,
        "GPL-3.0-or-later", "yes", "other", "GPL-3.0-or-later follows",
    ),
    "GPL 2 or later and ECL, which is Apache's text": (
        sources("ECL-2.0", "GPL-2.0-or-later"), None, "GPL-3.0-or-later", "yes", "other", "GPL-3.0-or-later follows",
    ),
    "GPL 2, GPL 2 or later, and Apache": (
        sources("GPL-2.0-only", "GPL-2.0-or-later", "Apache-2.0"), None,
        "unknown", "unknown", "unknown", "Apache-2.0 and GPL-2.0-only cannot be joined",
    ),
    "GPL 2 or later and GPL 3": (
        sources("GPL-2.0-or-later", "GPL-3.0-only"), None, "GPL-3.0-only", "yes", "gpl-3.0", "GPL-3.0-only follows",
    ),
    "GPL 2 and GPL 3": (
        sources("GPL-2.0-only", "GPL-3.0-only"), None, "unknown", "unknown", "unknown", "no licence satisfies all",
    ),
    "GPL 3 and Apache": (sources("GPL-3.0-only", "Apache-2.0"), None, "GPL-3.0-only", "yes", "gpl-3.0", "allows"),
    "GPL 3 and AGPL": (sources("GPL-3.0-only", "AGPL-3.0-only"), None, "AGPL-3.0-only", "yes", "agpl-3.0", "AGPL"),
    "LGPL 2.1 and GPL 2": (sources("lgpl-2.1", "GPL-2.0-only"), None, "GPL-2.0-only", "yes", "gpl-2.0", "GPL-2.0-only"),
    "MPL and GPL 3": (sources("MPL-2.0", "GPL-3.0-only"), None, "GPL-3.0-only", "yes", "gpl-3.0", "GPL-3.0-only"),
    "two share-alike licences that conflict": (
        sources("CC-BY-SA-3.0", "ODbL-1.0"), None,
        "unknown", "unknown", "unknown", "no licence satisfies all share-alike terms",
    ),
    "share-alike of two versions": (
        sources("CC-BY-SA-3.0", "CC-BY-SA-4.0"), None, "CC-BY-SA-4.0", "yes", "cc-by-sa-4.0", "CC-BY-SA-4.0 follows",
    ),
    "share-alike of three versions": (
        sources("CC-BY-SA-2.0", "CC-BY-SA-2.5", "CC-BY-SA-3.0"), None,
        "CC-BY-SA-3.0", "yes", "cc-by-sa-3.0", "CC-BY-SA-3.0 follows",
    ),
    "CC BY-SA 4.0 into GPL 3": (
        sources("CC-BY-SA-4.0", "GPL-3.0-only"), None, "GPL-3.0-only", "yes", "gpl-3.0", "GPL-3.0-only follows",
    ),
    "CC BY-SA 3.0 into GPL 3": (
        sources("CC-BY-SA-3.0", "GPL-3.0-only"), None, "unknown", "unknown", "unknown", "Conflict",
    ),
    "share-alike and non-commercial": (
        sources("CC-BY-SA-4.0", "CC-BY-NC-4.0"), None,
        "unknown", "no", "unknown", "forbids commercial use, which none of these",
    ),
    "non-commercial share-alike takes non-commercial in": (
        sources("CC-BY-NC-SA-4.0", "CC-BY-NC-4.0"), None,
        "CC-BY-NC-SA-4.0", "no", "cc-by-nc-sa-4.0", "CC-BY-NC-SA-4.0 follows",
    ),
    "non-commercial share-alike takes attribution in": (
        sources("CC-BY-NC-SA-4.0", "CC-BY-4.0"), None, "CC-BY-NC-SA-4.0", "no", "cc-by-nc-sa-4.0", "forbids",
    ),
    "share-alike, free and not": (
        sources("CC-BY-SA-4.0", "CC-BY-NC-SA-4.0"), None, "unknown", "no", "unknown", "Conflict",
    ),
    "one known and one not": (sources("MIT", None), None, "unknown", "unknown", "unknown", "nobody has stated"),
    "forbidden and not known": (sources("CC-BY-NC-4.0", None), None, "unknown", "no", "unknown", "forbids commercial"),
    "both at once": (sources("MIT AND CC-BY-NC-4.0"), None, "CC-BY-NC-4.0 AND MIT", "no", "other", "forbids"),
    "public domain and share-alike": (
        sources("CC0-1.0", "CC-BY-SA-4.0"), None, "CC-BY-SA-4.0", "yes", "cc-by-sa-4.0", "CC-BY-SA-4.0 follows",
    ),
    "public domain alone": (
        lock(source("CC0-1.0"), model(APACHE)), None, "CC0-1.0", "yes", "cc0-1.0", "CC0-1.0 follows",
    ),
    # a choice
    "a choice of two": (sources("MIT OR GPL-3.0-only"), None, "MIT", "yes", "mit", "MIT follows"),
    "a choice that avoids a conflict": (
        sources("GPL-3.0-only OR CC-BY-4.0", "CC-BY-SA-3.0"), None,
        "CC-BY-SA-3.0", "yes", "cc-by-sa-3.0", "CC-BY-SA-3.0 follows",
    ),
    "a choice that lets commerce in": (
        sources("CC-BY-NC-4.0 OR CC-BY-4.0"), None, "CC-BY-4.0", "yes", "cc-by-4.0", "Every part allows",
    ),
    "a choice within what holds together": (
        sources("CC-BY-4.0 AND (MIT OR GPL-3.0-only)"), None, "CC-BY-4.0 AND MIT", "yes", "other", "CC-BY-4.0 AND MIT",
    ),
    "a choice of two that are not known": (
        sources(f"{MINE} OR LicenseRef-other"), None, "unknown", "unknown", "unknown", "nothing is known here of",
    ),
    # models, by what the models file says
    "a generator nobody knows the terms of": (
        lock(source("MIT"), model(NOBODY)), None, "unknown", "unknown", "unknown", "terms of its outputs are unknown",
    ),
    "permissive weights": (answers("Apache-2.0"), None, "MIT", "yes", "mit", "commercial use of them: yes"),
    "weights under share-alike say nothing of answers": (
        answers("CC-BY-SA-4.0", said="yes"), None, "MIT", "yes", "mit", "MIT follows",
    ),
    "weights that forbid commerce": (
        answers("CC-BY-NC-4.0", said="no"), None, "CC-BY-NC-4.0 AND MIT", "no", "other", "commercial use of them: no",
    ),
    "weights that forbid commerce, and public domain": (
        answers("cc-by-nc-4.0", of="CC0-1.0"), None, "CC-BY-NC-4.0", "no", "cc-by-nc-4.0", "CC-BY-NC-4.0 follows",
    ),
    "weights that forbid commerce, and share-alike rows": (
        answers("CC-BY-NC-4.0", of="CC-BY-SA-4.0"), None, "unknown", "no", "unknown", "which none of these can take in",
    ),
    "weights that forbid commerce, called commercial": (
        answers("CC-BY-NC-4.0", said="yes"), None, "CC-BY-NC-4.0 AND MIT", "no", "other", "(stated: yes; by what is",
    ),
    "a word of caution outweighs the licence": (
        answers("Apache-2.0", said="no"), None,
        "unknown", "no", "unknown", "(stated: no; by what is known of Apache-2.0: yes)",
    ),
    "a word of caution alone": (answers("unknown", said="no"), None, "unknown", "no", "unknown", "outputs are unknown"),
    "a word of confidence alone": (answers("unknown", said="yes"), None, "unknown", "unknown", "unknown", "outputs"),
    "a word of confidence does not outweigh the terms": (
        answers("LicenseRef-OpenAI-terms", "gpt-4o", "yes"), None,
        "LicenseRef-OpenAI-terms AND MIT", "unknown", "other", "read on 2026-11-21",
    ),
    "the same terms in small letters": (
        answers("licenseref-openai-terms", "gpt-4o"), None,
        "LicenseRef-OpenAI-terms AND MIT", "unknown", "other", "develop models that compete",
    ),
    "GPT-4o called MIT": (
        answers("MIT", "gpt-4o", "yes"), None,
        "unknown", "unknown", "unknown", "stated as MIT, but by its name they are LicenseRef-OpenAI-terms",
    ),
    "Llama called Apache-2.0": (
        answers("Apache-2.0", LLAMA_31, "yes"), None,
        "unknown", "unknown", "unknown", "stated as Apache-2.0, but by its name they are LicenseRef-Llama-3.1",
    ),
    "Llama under the licence of another version": (
        answers("llama3.2", LLAMA_31), None,
        "unknown", "unknown", "unknown", "stated as llama3.2, but by its name they are LicenseRef-Llama-3.1",
    ),
    "Llama under its own, by the Hub's name": (
        answers("llama3.1", LLAMA_31, of="CC0-1.0"), None,
        "LicenseRef-Llama-3.1", "unknown", "llama3.1", 'only if its name begins with "Llama"',
    ),
    "OpenAI's terms and more": (
        answers("LicenseRef-OpenAI-terms AND CC-BY-NC-4.0", "gpt-4o"), None,
        "CC-BY-NC-4.0 AND LicenseRef-OpenAI-terms AND MIT", "no", "other", "forbids",
    ),
    "a model that was not asked": (
        lock(source("MIT"), model(NOBODY, step="")), None, "MIT", "yes", "mit", "MIT follows",
    ),
    # models, by their names
    "a generator known by its name alone": (
        named("gpt-4o-mini"), None,
        "LicenseRef-OpenAI-terms AND MIT", "unknown", "other", "going by the model's name",
    ),
    "behind a vendor's prefix": (
        named("openai/gpt-4o-mini"), None, "LicenseRef-OpenAI-terms AND MIT", "unknown", "other", "by the model's name",
    ),
    "in capitals": (named("OpenAI/GPT-4o"), None, "LicenseRef-OpenAI-terms AND MIT", "unknown", "other", "going by"),
    "Bedrock's spelling of Claude": (
        named("us.anthropic.Claude-3-5-Sonnet-20240620-v1:0"), None,
        "LicenseRef-Anthropic-terms AND MIT", "unknown", "other", "competing models",
    ),
    "Gemini behind two prefixes": (
        named("openrouter/google/gemini-2.5-flash"), None,
        "LicenseRef-Google-terms AND MIT", "unknown", "other", "competing models",
    ),
    "Llama 2": (
        named("meta-llama/Llama-2-13b-chat-hf"), None,
        "LicenseRef-Llama-2 AND MIT", "unknown", "other", "to improve other large language models",
    ),
    "Llama 3": (named(LLAMA_3), None, "LicenseRef-Llama-3 AND MIT", "unknown", "other", "other than Meta Llama 3"),
    "Llama 3.3 at a host": (
        named("llama-3.3-70b-versatile"), None, "LicenseRef-Llama-3.3 AND MIT", "unknown", "other", "begins with",
    ),
    "tuned from Llama 3.1": (
        named("NousResearch/Hermes-3-Llama-3.1-8B"), None,
        "LicenseRef-Llama-3.1 AND MIT", "unknown", "other", "begins with",
    ),
    "TinyLlama is no Llama of Meta's": (
        answers("Apache-2.0", "TinyLlama/TinyLlama-1.1B-Chat-v1.0"), None, "MIT", "yes", "mit", "MIT follows",
    ),
    "OpenAI's open weights": (answers("Apache-2.0", "openai/gpt-oss-20b"), None, "MIT", "yes", "mit", "MIT follows"),
    "Gemma 3": (named("gemma3:4b"), None, "LicenseRef-Gemma AND MIT", "unknown", "other", "pass use restrictions on"),
    "Gemma 4, which is Apache-2.0": (
        answers("Apache-2.0", "google/gemma-4-E4B-it"), None, "MIT", "yes", "mit", "MIT follows",
    ),
    # people and rows
    "corrections of people who did not say": (
        lock(source("MIT"), corrected=3), None, "unknown", "unknown", "unknown", "People corrected 3 answers",
    ),
    "corrections under what people were told": (
        lock(source("MIT"), corrected=3, told="CC-BY-4.0"), None,
        "CC-BY-4.0 AND MIT", "yes", "other", "People corrected 3 answers, under CC-BY-4.0, as they were told",
    ),
    "corrections under what the pipeline says": (
        by_pipeline(lock(source("MIT"), corrected=2), "CC-BY-4.0"), None,
        "CC-BY-4.0 AND MIT", "yes", "other", "People corrected 2 answers, under CC-BY-4.0, as the pipeline says",
    ),
    "corrections that are not for sale": (
        lock(source("MIT"), corrected=1, told="CC-BY-NC-4.0"), None,
        "CC-BY-NC-4.0 AND MIT", "no", "other", "At least one part forbids commercial use",
    ),
    "a source of which every row was dropped": (
        lock(source("MIT"), source("CC-BY-NC-4.0", "other.jsonl", kept=0)), None,
        "MIT", "yes", "mit", "none of its rows came into",
    ),
    "a dataset without rows": (lock(source("MIT", kept=0)), None, "MIT", "yes", "mit", "MIT follows"),
    "nothing at all": (lock(), None, "unknown", "unknown", "unknown", "its licence is unknown"),
}  # fmt: skip

STATED: dict[str, Case] = {
    "MIT for public domain": (sources("CC0-1.0"), "mit", "mit", "yes", "mit", "the terms below allow it"),
    "attribution for MIT": (sources("MIT"), "cc-by-4.0", "cc-by-4.0", "yes", "cc-by-4.0", "the terms below allow it"),
    "less than is allowed": (sources("MIT"), "cc-by-nc-4.0", "cc-by-nc-4.0", "no", "cc-by-nc-4.0", "allow it"),
    "Apache for share-alike": (
        sources("CC-BY-SA-4.0"), "apache-2.0",
        "apache-2.0", "unknown", "apache-2.0", "shared under CC-BY-SA-4.0 or GPL-3.0-only, not Apache-2.0",
    ),
    "a later version of share-alike": (
        sources("CC-BY-SA-3.0"), "cc-by-sa-4.0", "cc-by-sa-4.0", "yes", "cc-by-sa-4.0", "the terms below allow it",
    ),
    "MIT for non-commercial": (
        sources("CC-BY-NC-4.0"), "mit", "mit", "no", "other", "CC-BY-NC-4.0 forbids commercial use, and what is made",
    ),
    "MIT for non-commercial answers": (
        answers("CC-BY-NC-4.0"), "mit", "mit", "no", "other", "CC-BY-NC-4.0 forbids commercial use, and what is made",
    ),
    "MIT for answers that must not be sold": (
        answers("Apache-2.0", said="no"), "mit", "mit", "no", "other", "a part of the data forbids commercial use",
    ),
    "attribution for non-commercial and a licence nobody knows": (
        sources("CC-BY-NC-4.0", None), "cc-by-4.0", "cc-by-4.0", "no", "other", "must forbid it too, which CC-BY-4.0",
    ),
    "non-commercial share-alike for non-commercial": (
        sources("CC-BY-NC-4.0"), "cc-by-nc-sa-4.0", "cc-by-nc-sa-4.0", "no", "cc-by-nc-sa-4.0", "allow it",
    ),
    "attribution where nobody said": (
        sources(None), "cc-by-4.0", "cc-by-4.0", "unknown", "cc-by-4.0", "not confirmed by the terms below",
    ),
    "public domain for attribution and a licence nobody knows": (
        sources("CC-BY-4.0", None), "cc0-1.0", "cc0-1.0", "unknown", "cc0-1.0", "CC-BY-4.0 asks that its maker is",
    ),
    "non-commercial for non-commercial and a licence nobody knows": (
        sources("CC-BY-NC-4.0", None), "cc-by-nc-4.0", "cc-by-nc-4.0", "no", "cc-by-nc-4.0", "not confirmed by",
    ),
    "attribution for what may not be changed": (
        sources("CC-BY-ND-4.0"), "cc-by-4.0", "cc-by-4.0", "unknown", "cc-by-4.0", "does not allow changed versions",
    ),
    "public domain for attribution": (
        sources("CC-BY-4.0"), "cc0-1.0",
        "cc0-1.0", "unknown", "cc0-1.0", "CC-BY-4.0 asks that its maker is named, which CC0-1.0 does not ask of others",
    ),
    "public domain for MIT": (sources("MIT"), "CC0-1.0", "cc0-1.0", "unknown", "cc0-1.0", "MIT asks that its maker"),
    "public domain for Llama's answers": (
        answers("llama3.1", LLAMA_31, of="CC0-1.0"), "cc0-1.0",
        "cc0-1.0", "unknown", "cc0-1.0", "LicenseRef-Llama-3.1 asks that its maker is named",
    ),
    "public domain for public domain": (
        sources("PDDL-1.0"), "cc0-1.0", "cc0-1.0", "yes", "cc0-1.0", "the terms below allow it",
    ),
    "a choice, of which one way leaves share-alike out": (
        sources("CC-BY-SA-4.0"), "MIT OR CC-BY-SA-4.0",
        "MIT OR CC-BY-SA-4.0", "unknown", "other", "shared under CC-BY-SA-4.0 or GPL-3.0-only, not MIT",
    ),
    "a choice, of which one way lets commerce in": (
        sources("CC-BY-NC-4.0"), "CC-BY-4.0 OR CC-BY-NC-4.0",
        "CC-BY-4.0 OR CC-BY-NC-4.0", "no", "other", "must forbid it too, which CC-BY-4.0 does not",
    ),
    "a choice, of which one way names nobody": (
        sources("CC-BY-4.0"), "CC0-1.0 OR CC-BY-4.0",
        "CC0-1.0 OR CC-BY-4.0", "unknown", "other", "which CC0-1.0 does not ask of others",
    ),
    "a choice, all of it allowed": (
        sources("MIT"), "Apache-2.0 OR MIT", "Apache-2.0 OR MIT", "yes", "other", "the terms below allow it",
    ),
    "the other way of a source's choice": (
        sources("CC-BY-SA-4.0 OR ODbL-1.0"), "odbl", "odbl", "yes", "odbl", "the terms below allow it",
    ),
    "neither way of a source's choice": (
        sources("CC-BY-SA-4.0 OR ODbL-1.0"), "mit", "mit", "unknown", "mit", "not MIT",
    ),
    "several at once": (
        sources("MIT", "CC-BY-4.0"), ["mit", "cc-by-4.0"],
        "mit AND cc-by-4.0", "yes", "['mit', 'cc-by-4.0']", "the terms below allow it",
    ),
    "several at once, one with a choice": (
        sources("MIT"), ["MIT OR Apache-2.0", "CC-BY-NC-4.0"],
        "(MIT OR Apache-2.0) AND cc-by-nc-4.0", "no", "other", "the terms below allow it",
    ),
    "SPDX's spelling": (sources("MIT"), "Apache-2.0", "apache-2.0", "yes", "apache-2.0", "the terms below allow it"),
    "a name that the Hub does not have": (sources("MIT"), "MIT-0", "MIT-0", "unknown", "other", "MIT asks that"),
    "a name of nobody's": (sources("MIT"), "free-for-all", "free-for-all", "unknown", "other", "allow it"),
    "MIT for answers under terms": (
        answers("LicenseRef-OpenAI-terms", "gpt-4o"), "mit", "mit", "unknown", "mit", "develop models that compete",
    ),
}  # fmt: skip

TABLE = {**{f"{name}": case for name, case in PARTS.items()}, **{f"stated: {n}": case for n, case in STATED.items()}}


def test_there_are_enough() -> None:
    assert len(TABLE) == len(PARTS) + len(STATED) >= 90


@pytest.mark.parametrize("name", TABLE)
def test_what_follows(name: str) -> None:
    made, stated, result, commercial, key, words = TABLE[name]
    front = {} if stated is None else {"license": stated}
    licence = licence_of(made, stated_names(front))
    assert (licence.result, licence.commercial) == (result, commercial), licence.reasons
    assert words in " ".join(licence.reasons), licence.reasons
    assert licence.stated == (stated is not None)
    keys = hub_keys(licence, stated_names(front))
    assert str(keys["license"]) == key, keys
    # The card that this gives says the same when it is read again.
    if stated is not None:
        again = licence_of(made, stated_names(keys))
        assert (again, hub_keys(again, stated_names(keys))) == (licence, keys)


OWN: dict[str, tuple[dict[str, Any], Any, str, str, str]] = {
    # name: (the card's terms, lock, licence, commercial use, words of a reason)
    "non-commercial called commercial": (
        NC_TERMS, sources("CC-BY-NC-4.0"), "unknown", "no",
        "the card says of CC-BY-NC-4.0: commercial use: yes; known of it is: commercial use: no; which holds is",
    ),
    "the same in small letters": (
        {"cc-by-nc-4.0": {"commercial": "yes"}}, sources("CC-BY-NC-4.0"), "unknown", "no", "commercial use: yes; known",
    ),
    "OpenAI's terms called commercial": (
        {"LicenseRef-OpenAI-terms": {"commercial": "yes"}}, answers("LicenseRef-OpenAI-terms", "gpt-4o"),
        "unknown", "unknown", "commercial use: yes; known of it is: commercial use: unknown",
    ),
    "OpenAI's terms without their limit": (
        {"licenseref-OpenAI-terms": {"limit": ""}}, answers("LicenseRef-OpenAI-terms", "gpt-4o"),
        "unknown", "unknown", "its terms limit nothing else; known of it is: its terms forbid using outputs",
    ),
    "share-alike taken away": (
        {"CC-BY-SA-4.0": {"commercial": "yes", "share_alike": []}}, sources("CC-BY-SA-4.0"), "unknown", "unknown",
        "it is shared under any licence; known of it is: it is shared under CC-BY-SA-4.0 or GPL-3.0-only",
    ),
    "share-alike widened": (
        {"CC-BY-SA-3.0": {"share_alike": ["CC-BY-SA-3.0", "MIT"]}}, sources("CC-BY-SA-3.0"), "unknown", "unknown",
        "it is shared under CC-BY-SA-3.0 or MIT",
    ),
    "nobody to be named": (
        {"MIT": {"commercial": "yes", "attribution": False}}, sources("MIT"), "unknown", "unknown", "nobody has to be",
    ),
    "changes let in": (
        {"CC-BY-ND-4.0": {"changes": True}}, sources("CC-BY-ND-4.0"), "unknown", "unknown", "may be shared; known",
    ),
    "no notice": (
        {"LicenseRef-Llama-3.1": {"notice": ""}}, answers("llama3.1", LLAMA_31), "unknown", "unknown", "Built with",
    ),
    "joined after all": (
        {"Apache-2.0": {"apart": []}}, sources("Apache-2.0"), "unknown", "unknown", "can be joined with anything",
    ),
    "terms that no part is under": (NC_TERMS, sources("MIT"), "MIT", "yes", "MIT follows"),
    "MIT called non-commercial": (
        {"MIT": {"commercial": "no"}}, sources("MIT"), "unknown", "no", "commercial use: no; known of it is:",
    ),
    "terms of a provider tightened": (
        {"LicenseRef-OpenAI-terms": {"commercial": "no"}}, answers("LicenseRef-OpenAI-terms", "gpt-4o"),
        "LicenseRef-OpenAI-terms AND MIT", "no", "At least one part forbids",
    ),
    "doubt at a licence": ({"MIT": {"commercial": "unknown"}}, sources("MIT"), "MIT", "unknown", "not every part is"),
    "share-alike narrowed": (
        {"CC-BY-SA-3.0": {"share_alike": ["CC-BY-SA-3.0"]}}, sources("CC-BY-SA-3.0"), "CC-BY-SA-3.0", "yes", "follows",
    ),
    "a limit added": (
        {"MIT": {"limit": "forbid war"}}, sources("MIT"), "MIT", "yes", "its terms forbid war",
    ),
    "told again as it is": (
        {"CC-BY-4.0": {"commercial": "yes", "attribution": True}}, sources("CC-BY-4.0"), "CC-BY-4.0", "yes", "follows",
    ),
    "terms of one's own": (
        {MINE: {"commercial": "yes", "attribution": True}}, sources(MINE), MINE, "yes", f"{MINE} follows",
    ),
    "one's own terms for GPT-4o": (
        {MINE: {"commercial": "yes"}}, answers(MINE, "gpt-4o", "yes"), "unknown", "unknown",
        f"stated as {MINE}, but by its name they are LicenseRef-OpenAI-terms",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OWN)
def test_a_card_may_ask_for_more_and_never_for_less(name: str) -> None:
    own, made, result, commercial, words = OWN[name]
    licence = licence_of(made, None, own)
    assert (licence.result, licence.commercial) == (result, commercial), licence.reasons
    assert words in " ".join(licence.reasons), licence.reasons


@pytest.mark.parametrize(
    ("made", "stated", "keys"),
    [
        (sources("MIT", "Apache-2.0"), {},
         {"license": "other", "license_name": "Apache-2.0 AND MIT", "license_link": "https://spdx.org/licenses/"}),
        (sources("MIT-0"), {},
         {"license": "other", "license_name": "MIT-0", "license_link": "https://spdx.org/licenses/MIT-0.html"}),
        (answers("LicenseRef-OpenAI-terms", "gpt-4o"), {},
         {"license": "other", "license_name": "LicenseRef-OpenAI-terms AND MIT",
          "license_link": "https://openai.com/policies"}),
        (sources("MIT"), {"license": "other", "license_name": "my-terms-1.0"},
         {"license": "other", "license_name": "my-terms-1.0"}),
        (sources("CC-BY-NC-4.0"), {"license": "MIT"}, {"license": "other", "license_name": "contradicted: mit"}),
        (sources("MIT"), {"license": "unknown", "license_name": "x"}, {"license": "mit"}),
    ],
)  # fmt: skip
def test_what_the_hub_does_not_know_has_its_name_and_where_it_stands(
    made: Any, stated: dict[str, Any], keys: dict[str, Any]
) -> None:
    names = stated_names(stated)
    assert hub_keys(licence_of(made, names), names) == keys


def test_ones_own_terms_are_linked_to() -> None:
    own = {MINE: {"commercial": "yes", "url": "https://example.org/terms"}}
    keys = hub_keys(licence_of(sources(MINE, "CC0-1.0"), None, own))
    assert keys == {"license": "other", "license_name": MINE, "license_link": "https://example.org/terms"}


def test_whoever_passes_llamas_answers_on_shows_its_words() -> None:
    (line,) = licence_of(answers("llama3.1", LLAMA_31, of="CC0-1.0"), None).attribution
    assert line == f"Built with Llama: contains answers of {LLAMA_31}, used under LicenseRef-Llama-3.1."
    (older,) = licence_of(answers("llama3", LLAMA_3, of="CC0-1.0"), None).attribution
    assert older.startswith("Built with Meta Llama 3: ")
    (rows,) = licence_of(lock(source("llama3.2", f"{HUB}x/y")), None).attribution
    assert rows.startswith("Built with Llama: contains material from ")
