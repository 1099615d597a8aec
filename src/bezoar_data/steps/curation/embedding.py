"""Texts as vectors, by a model2vec or sentence-transformers model named by path or by its name on the Hub.

Which library a model needs stands in its files: sentence-transformers lists its layers in `modules.json`; where
they are nothing but a table of vectors, model2vec reads the model, without torch.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem

Library = Literal["auto", "model2vec", "sentence-transformers"]


class Embedder:
    """A model that is loaded. Raises `InputError` if it cannot be."""

    def __init__(self, name: str, library: Library) -> None:
        self._library = _library_of(name) if library == "auto" else library
        try:
            self._model = _load(name, self._library)
        except ImportError:
            light = self._library == "model2vec"
            hint = "pip install 'bezoar-data[semantic]'" if light else "pip install sentence-transformers"
            message = f"the model '{name}' needs the package {self._library}"
            raise InputError(Problem("missing-extra", message, hint=hint)) from None
        except Exception as error:  # files missing, of another kind, not downloadable: each library has its own errors
            said = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
            hint = "name a folder with a model of that library, or a model on the Hub"
            message = f"the model '{name}' cannot be read by {self._library}: {said}"
            raise InputError(Problem("bad-model", message, hint=hint)) from None

    def vectors(self, texts: Sequence[str]) -> Any:
        """A float32 array of one vector of length 1 for each text (of zeros where the model knows nothing of it)."""
        import numpy as np

        if not texts:
            return np.zeros((0, 1), dtype=np.float32)
        made = np.asarray(self._model.encode(list(texts), show_progress_bar=False), dtype=np.float32)
        norms = np.linalg.norm(made, axis=1, keepdims=True)
        return np.divide(made, norms, out=np.zeros_like(made), where=norms > 0)


def _library_of(name: str) -> str:
    folder = Path(name)
    if not folder.is_dir():
        try:
            import sentence_transformers  # noqa: F401
        except ImportError:
            return "model2vec"
        from huggingface_hub import file_exists

        try:
            return (
                "model2vec" if not file_exists(name, "config_sentence_transformers.json") else "sentence-transformers"
            )
        except Exception:
            return "model2vec"
    try:
        layers = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
        kinds = {str(layer["type"]).rpartition(".")[2] for layer in layers}
    except (OSError, ValueError, TypeError, KeyError):
        return "model2vec"
    return "model2vec" if kinds <= {"StaticEmbedding", "Normalize"} else "sentence-transformers"


def _load(name: str, library: str) -> Any:
    if library == "model2vec":
        from model2vec import StaticModel

        return StaticModel.from_pretrained(name)
    from sentence_transformers import SentenceTransformer

    # Code that comes with a model is never run.
    return SentenceTransformer(name, trust_remote_code=False)
