"""The Python API: the command line's main commands as methods of one object, for scripts and notebooks.

    from bezoar_data import load_pipeline

    pipeline = load_pipeline("pipelines/orca.yaml", limit=20)
    pipeline.validate()         # every mistake, as values
    pipeline.plan()             # what a run would ask and cost
    pipeline.preview(5)         # a few rows through the whole pipeline
    run = pipeline.run()        # the dataset and its card
    run.load_dataset()
    print(head(run.folder, 3))  # rows; trace(id, run.folder) tells all that happened to one
    print(diff(run.folder, "runs/earlier"))
    view(run.folder)            # its page: every row with its story, in a browser
    export(run.folder, "llama-factory")     # its accepted rows, as a trainer reads them

    push_review(run.folder, sample=200)     # people check a sample, in Argilla
    print(review_status(run.folder))
    pull_review(run.folder)                 # their answers join the dataset and its card

    recipe = load_recipe("recipes/tiny.yaml")
    recipe.plan()               # stages, rows, tokens, steps
    trained = recipe.train()
    publish(trained.model, "my-name/tiny", dry_run=True)

    talk = chat("recipes/tiny.yaml:orca")
    print(talk.say("Why is the sky blue?").text)
    generate("recipes/tiny.yaml:orca", ["Why is the sky blue?"], compare=["base"])
    evaluate(["recipes/tiny.yaml"], "suites/local.yaml")
    load_ablation("ablations/lamini.yaml").run()    # what each step is worth

The command line calls the same methods. A mistake in a file raises `InputError`, which holds every problem with file,
line and column; each method names what else it raises. In a notebook each result shows itself.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .ablations import Ablation, load_ablation
    from .differences import diff
    from .evaluating import evaluate, plan_evaluation
    from .events import Events
    from .expectations import expect
    from .exports import export
    from .looking import head, sample, show
    from .people import people_status, pull_people, push_judged, push_people
    from .pipelines import Pipeline, load_pipeline
    from .publishing import Published, publish
    from .recipes import Recipe, load_recipe
    from .reports import report, view
    from .reviews import pull_review, push_review, push_ties, review_status
    from .talking import Chat, chat, generate
    from .tracing import find, trace

__all__ = [
    "Ablation",
    "Chat",
    "Events",
    "Pipeline",
    "Published",
    "Recipe",
    "chat",
    "diff",
    "evaluate",
    "expect",
    "export",
    "find",
    "generate",
    "head",
    "load_ablation",
    "load_pipeline",
    "load_recipe",
    "people_status",
    "plan_evaluation",
    "publish",
    "pull_people",
    "pull_review",
    "push_judged",
    "push_people",
    "push_review",
    "push_ties",
    "report",
    "review_status",
    "sample",
    "show",
    "trace",
    "view",
]

_MODULES = {
    "Ablation": "ablations",
    "Chat": "talking",
    "Events": "events",
    "Pipeline": "pipelines",
    "Published": "publishing",
    "Recipe": "recipes",
    "chat": "talking",
    "diff": "differences",
    "evaluate": "evaluating",
    "expect": "expectations",
    "export": "exports",
    "find": "tracing",
    "generate": "talking",
    "head": "looking",
    "load_ablation": "ablations",
    "load_pipeline": "pipelines",
    "load_recipe": "recipes",
    "people_status": "people",
    "plan_evaluation": "evaluating",
    "publish": "publishing",
    "pull_people": "people",
    "pull_review": "reviews",
    "push_judged": "people",
    "push_people": "people",
    "push_review": "reviews",
    "push_ties": "reviews",
    "report": "reports",
    "review_status": "reviews",
    "sample": "looking",
    "show": "looking",
    "trace": "tracing",
    "view": "reports",
}


def __getattr__(name: str) -> Any:
    # Each on its first use: a run needs nothing of training, nor the review server of a run.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_MODULES[name]}", __name__), name)
