"""A port for a server that is told its port."""

from __future__ import annotations

import random
import socket


def free_port() -> int:
    """One that is free, and that the system gives to nobody who asks for any: it stays free until it is used."""
    while True:
        port = random.SystemRandom().randrange(10_000, 30_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
