"""bezoar-data: instruction and preference data whose card can prove where every row came from."""

from bezoar_data.api import Pipeline, load_pipeline, pull_review, push_review, review_status

__version__ = "0.1.0"

__all__ = ["Pipeline", "__version__", "load_pipeline", "pull_review", "push_review", "review_status"]
