"""bezoar-data: instruction and preference data whose card can prove where every row came from."""

from bezoar_data._version import __version__
from bezoar_data.api import (
    Pipeline,
    Recipe,
    load_pipeline,
    load_recipe,
    publish,
    pull_review,
    push_review,
    review_status,
)

__all__ = [
    "Pipeline",
    "Recipe",
    "__version__",
    "load_pipeline",
    "load_recipe",
    "publish",
    "pull_review",
    "push_review",
    "review_status",
]
