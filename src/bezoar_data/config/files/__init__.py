"""The files a person writes: pipelines, models, recipes and cards, each as an object with positions."""
