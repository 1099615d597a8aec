"""bezoar-data: instruction and preference data whose card can prove where every row came from."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bezoar_data._version import __version__

if TYPE_CHECKING:
    from bezoar_data.api import (
        Chat,
        Events,
        Pipeline,
        Recipe,
        chat,
        diff,
        evaluate,
        expect,
        export,
        find,
        generate,
        head,
        load_ablation,
        load_pipeline,
        load_recipe,
        people_status,
        plan_evaluation,
        publish,
        pull_people,
        pull_review,
        push_judged,
        push_people,
        push_review,
        push_ties,
        report,
        review_status,
        sample,
        show,
        trace,
        view,
    )

__all__ = [
    "Chat",
    "Events",
    "Pipeline",
    "Recipe",
    "__version__",
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


def __getattr__(name: str) -> Any:
    # On first use: every module of ours imports this one, and most need none of it.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("bezoar_data.api"), name)


def __dir__() -> list[str]:
    return __all__
