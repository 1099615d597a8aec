"""MT-Bench (Zheng et al. 2023, arXiv 2306.05685): questions in turns, answers of models, verdicts of judges."""
