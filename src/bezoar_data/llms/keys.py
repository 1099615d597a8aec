"""Where a key may go: each pair of an environment variable and a host is allowed once, by a person.

A models file names a variable and an address, and may be a stranger's: a run of it must not carry a key of this machine
to a host of theirs. Allowed without asking are a provider's own pairs (`OWN_HOSTS`), and this machine itself. Every
other pair stands in a file of the person's own (`config/allowed_keys.py`). Unencrypted HTTP to another
machine is a pair of its own, written `http://HOST`.

Where no address is known, because a library chooses it, the recipient is the library's word for it: `litellm:gemini`.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import replace
from functools import cache
from ipaddress import ip_address

from bezoar_data.config.allowed_keys import KeyNotAllowed, allowed_pairs, recipient_of
from bezoar_data.config.errors import InputError
from bezoar_data.config.files.models import Model
from bezoar_data.config.files.named_model import services
from bezoar_data.config.problems import Problem
from bezoar_data.llms.redact import register_secret

HUB = "https://huggingface.co"
"""Where the key of weights goes."""
OWN_HOSTS = {
    "ANTHROPIC_API_KEY": ("api.anthropic.com",),
    "CEREBRAS_API_KEY": ("api.cerebras.ai",),
    "COHERE_API_KEY": ("api.cohere.com", "api.cohere.ai"),
    "FIREWORKS_API_KEY": ("api.fireworks.ai",),
    "GOOGLE_API_KEY": ("generativelanguage.googleapis.com",),
    "HF_TOKEN": ("huggingface.co", "router.huggingface.co", "api-inference.huggingface.co"),
    "NVIDIA_API_KEY": ("integrate.api.nvidia.com",),
    "OPENAI_API_KEY": ("api.openai.com",),
    "PERPLEXITY_API_KEY": ("api.perplexity.ai",),
    "TOGETHER_API_KEY": ("api.together.xyz", "api.together.ai"),
    "XAI_API_KEY": ("api.x.ai",),
}
"""Providers' own variables and hosts, beside those of `services.yaml`. No host where strangers rent addresses."""


def may_go(variable: str, recipient: str) -> bool:
    """Whether a key may be sent to a recipient."""
    return (
        recipient in _own_hosts().get(variable, ()) or _is_here(recipient) or (variable, recipient) in allowed_pairs()
    )


def key_problems(model: Model, to: str | None = None, own: Collection[str] = ()) -> list[Problem]:
    """What is wrong with the environment variable that holds a model's key, if it names one, and with sending it `to`
    an address (None: the model's own). `own` are variables that this recipient's keys are in by its own custom."""
    variable, to = model.api_key_env, to or model.base_url
    if variable is None:
        return []
    key = os.environ.get(variable, "").strip()
    if not key:
        message = f"the environment variable {variable} is not set: model '{model.model}' needs a key"
        return [Problem("no-key", message, hint=f"export {variable}=...")]
    if not key.isascii() or not key.isprintable() or " " in key:
        message = f"the value of the environment variable {variable} cannot be a key: it holds blanks or odd characters"
        return [Problem("bad-key", message, hint="copy it again")]
    return [] if to is None or variable in own else sending_problems(variable, to)


def sending_problems(variable: str, to: str) -> list[Problem]:
    """What is wrong with sending this variable's key to an address. Nothing for an address that is none: who uses it
    says so."""
    try:
        recipient = recipient_of(to)
    except ValueError:
        return []
    if may_go(variable, recipient):
        return []
    if recipient.startswith("http://"):
        code, why = "key-in-clear", "unencrypted, so that anyone on the way can read it"
        how = "use https, or a tunnel to localhost; if the network is yours alone"
    else:
        code, why = "key-not-allowed", "which nobody has allowed here"
        how = "if you trust it with this key"
    message = f"the key in {variable} would go to {recipient}, {why}"
    found = KeyNotAllowed(code, message, variable=variable, recipient=recipient)
    return [replace(found, hint=f"{how}: {found.command}")]


def read_key(model: Model, to: str | None, own: Collection[str] = ()) -> str | None:
    """A model's key from the environment, a known secret from now on: the one way by which a provider gets it. None
    where the model names no variable. Raises `InputError` where the key is missing or may not go `to` this address."""
    if model.api_key_env is None:
        return None
    if problems := key_problems(model, to, own):
        raise InputError(problems)
    key = os.environ[model.api_key_env].strip()
    register_secret(key)
    return key


@cache
def _own_hosts() -> dict[str, frozenset[str]]:
    found = {variable: set(hosts) for variable, hosts in OWN_HOSTS.items()}
    for service in services().values():
        if "api_key_env" in service and "base_url" in service:
            found.setdefault(service["api_key_env"], set()).add(recipient_of(service["base_url"]))
    return {variable: frozenset(hosts) for variable, hosts in found.items()}


def _is_here(recipient: str) -> bool:
    """Whether a recipient is this machine."""
    host = recipient.removeprefix("http://")
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
