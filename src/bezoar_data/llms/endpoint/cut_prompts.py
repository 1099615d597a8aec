"""Prompts that a server cuts without a word, as Ollama does at its context size: seen by the tokens it counted."""

from __future__ import annotations

from collections.abc import Sequence

from bezoar_data.llms.providers.base import Completion, Request

CUTTING = "cutting prompts short"
"""What an endpoint does, for people."""
_LONG = 8_000
"""Characters of a prompt from which it is looked at: shorter ones fit everywhere."""
_MOST_BYTES = 12
"""No tokenizer packs more bytes of text into a token, blanks aside."""


def cut_prompt(request: Request, completions: Sequence[Completion]) -> str | None:
    """What speaks for a prompt that was cut: far fewer tokens than its text must have. None where nothing does, or the
    endpoint counts no tokens."""
    if sum(len(m["content"]) for m in request.messages) <= _LONG:
        return None
    tokens = sum(c.prompt_tokens or 0 for c in completions)
    text = " ".join(" ".join(m["content"].split()) for m in request.messages)
    size = len(text.encode("utf-8", "surrogatepass"))
    if size <= _LONG or not 0 < tokens < size / _MOST_BYTES:
        return None
    return (
        f"of a prompt of {size:,} bytes '{request.model.model}' read {tokens:,} tokens; set a larger context where it "
        "runs (Ollama: OLLAMA_CONTEXT_LENGTH, or num_ctx in its Modelfile)"
    )
