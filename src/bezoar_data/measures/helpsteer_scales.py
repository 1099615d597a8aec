"""The five scales of HelpSteer2 on which people rate a response, each from 0 to 4 (arXiv 2406.08673)."""

from __future__ import annotations

SCALES = ("helpfulness", "correctness", "coherence", "complexity", "verbosity")
LEVELS = range(5)
