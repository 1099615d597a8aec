"""Keys that client libraries find by themselves: registered as secrets before such a library is let loose.

A provider of ours reads the one variable that the models file names. litellm and distilabel's classes read whatever
they know (a cloud's access key, a token), and quote it in errors and logs.
"""

from __future__ import annotations

import logging
import os
import re

from bezoar_data.llms.redact import register_secret

_NAMES = re.compile(r"(API_?KEY|TOKEN|SECRET|ACCESS_KEY|ACCESS_KEY_ID|PASSWORD|CREDENTIALS?)$", re.IGNORECASE)
_TALKERS = ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy", "httpx", "httpx2", "openai", "distilabel")


def register_environment() -> None:
    """Register every variable of the environment whose name is a secret's."""
    for name, value in os.environ.items():
        if _NAMES.search(name):
            register_secret(value.strip())


def quiet_libraries() -> None:
    """Libraries that log a line for each request, with addresses and bodies, say nothing below an error."""
    for name in _TALKERS:
        logging.getLogger(name).setLevel(logging.ERROR)
