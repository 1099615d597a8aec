"""Weights of models that run in this process: what a models file may name, where they lie, how they come here."""

from bezoar_data.llms.weights.fetch import fetched
from bezoar_data.llms.weights.named import HubWeights, known_weights, weights_named
from bezoar_data.llms.weights.places import find, sha256_if_known

__all__ = ["HubWeights", "fetched", "find", "known_weights", "sha256_if_known", "weights_named"]
