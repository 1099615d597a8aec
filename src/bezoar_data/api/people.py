"""People compare two models: push their answers to Argilla, blind; see how far people are; pull what they said."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bezoar_data.api.evaluating import gateway_to
from bezoar_data.api.named import Found, models_found, target_of
from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.evaluation.answering import answers_in, answers_to, name_in, turns_of
from bezoar_data.evaluation.harness import say as told
from bezoar_data.evaluation.mt_bench.record import VERDICTS, read_pair_verdicts
from bezoar_data.evaluation.people import (
    PAIRS,
    Compared,
    Pair,
    Pairs,
    People,
    Side,
    by_model,
    compare_people,
    make_pairs,
)
from bezoar_data.evaluation.targets import Target
from bezoar_data.review.client import ArgillaClient, connect
from bezoar_data.review.pairs import ShownPair, push_pairs, said_in
from bezoar_data.review.pull import find_dataset, pull
from bezoar_data.review.records import Pushed
from bezoar_data.review.status import ReviewStatus, status_of
from bezoar_data.runs.conversations.turns import as_text
from bezoar_data.runs.hashing import sha256_of
from bezoar_data.runs.reviewed import read_answers
from bezoar_data.runs.row import digest
from bezoar_data.training.generation.prompts import Prompt, read_prompts

_REVIEW = "review.parquet"
_ANSWERS = "answers"
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class PushedPairs:
    """What was pushed, and the folder that keeps which answer is whose."""

    folder: Path
    names: tuple[str, str]
    pushed: Pushed

    def __str__(self) -> str:
        first, second = self.names
        return f"{self.pushed}\n{first} and {second}: people see neither name; which is which is in {self.folder}"

    def as_json(self) -> dict[str, Any]:
        return {"folder": str(self.folder), "models": list(self.names), **self.pushed.as_json()}


def push_people(
    first: str | Path,
    second: str | Path,
    prompts: str | Path,
    *,
    out: str | Path | None = None,
    overlap: int = 1,
    seed: int = 42,
    system: str | None = None,
    max_tokens: int = 512,
    batch_size: int = 8,
    trained: str | Path = "trained",
    journal: str | Path | None = None,
    max_cost: float | None = None,
    retry_failed: bool = False,
    dataset: str | None = None,
    workspace: str = "review",
    quiet: bool = False,
) -> PushedPairs:
    """Push two models' answers to a file of prompts, side by side, for people to compare. Pushing again adds what is
    missing.

    A model is what `evaluate` takes, or a file of answers that `generate` left. Answers are made once and kept in the
    folder `out` (default: evaluated/people/FIRST-SECOND). `overlap` is how many people answer each pair; `seed` draws
    which answer stands first. `journal`, `max_cost` in US dollars and `retry_failed` are for models that the gateway
    asks. Raises `InputError`, `BudgetStop`, `ProviderAway`.
    """
    path = Path(prompts)
    read = _distinct(read_prompts(path, system))
    sides = [_Side.of(str(one), Path(trained)) for one in (first, second)]
    comparing = _Comparing.of([side.name for side in sides], out)
    argilla = connect()  # before hours of answering
    how = {"journal": Path(journal) if journal is not None else None, "max_cost": max_cost}
    with _answering(sides, quiet=quiet, retry_failed=retry_failed, **how) as answering:
        settings = {"seed": seed, "max_tokens": max_tokens}
        comparison = digest("people", [one.identity() for one in answering], settings)
        comparing.check(comparison)
        say: Say = (lambda text: None) if quiet else told
        answers = [one.answers(read, comparing.folder, max_tokens, batch_size, say) for one in answering]
        described = answering[0].described(), answering[1].described()
    asked = [(_as_read(prompt), prompt.turns) for prompt in read]
    return comparing.push(
        argilla,
        Pairs(
            comparison=comparison,
            sides=described,
            prompts={"name": path.name, "sha256": sha256_of(path)},
            settings=settings,
            dataset=dataset or "",
            workspace=workspace,
            overlap=overlap,
            pairs=tuple(make_pairs(asked, answers[0], answers[1], seed)),
            judge={},
        ),
    )


def push_judged(
    verdicts: str | Path,
    *,
    out: str | Path | None = None,
    overlap: int = 1,
    seed: int = 42,
    dataset: str | None = None,
    workspace: str = "review",
) -> PushedPairs:
    """Push the pairs of answers that a judge compared, for people to compare: `verdicts` is a file of `evaluate
    --against`, of which the first turns are taken. How far the judge agrees with people is told when they have
    answered. Raises `InputError`, `ProviderAway`."""
    path = Path(verdicts)
    rows = [row for row in read_pair_verdicts(path) if len(row.turns) == 1]
    if not rows:
        raise InputError(Problem("bad-verdicts", "it holds no verdict on a first turn", Place(str(path)), VERDICTS))
    names = rows[0].models
    comparing, argilla = _Comparing.of(names, out), connect()
    comparison = digest("people", ["judged", *names], {"seed": seed})
    comparing.check(comparison)
    asked = [(row.turns[0], [{"role": "user", "content": row.turns[0]}]) for row in rows]
    made = make_pairs(asked, [row.answers[0] for row in rows], [row.answers[1] for row in rows], seed)
    judge = {pair.id: row.verdict for pair, row in zip(made, rows, strict=True) if row.verdict is not None}
    return comparing.push(
        argilla,
        Pairs(
            comparison=comparison,
            sides=(_read_from(names[0], path), _read_from(names[1], path)),
            prompts={"name": path.name, "sha256": sha256_of(path)},
            settings={"seed": seed, "judge": rows[0].judge},
            dataset=dataset or "",
            workspace=workspace,
            overlap=overlap,
            pairs=tuple(made),
            judge=judge,
        ),
    )


@dataclass(frozen=True, slots=True)
class _Comparing:
    """The folder of a comparison, and what an earlier push left there."""

    folder: Path
    known: Pairs | None

    @classmethod
    def of(cls, names: Sequence[str], out: str | Path | None) -> _Comparing:
        if names[0] == names[1]:
            hint = "name two models, or two files of different models"
            raise InputError(Problem("duplicate-name", f"both are called {names[0]}", hint=hint))
        plain = "-".join(name.replace("/", "-") for name in names)
        folder = Path(out) if out is not None else Path("evaluated") / "people" / plain
        return cls(folder, read_pairs(folder) if (folder / PAIRS).is_file() else None)

    def check(self, comparison: str) -> None:
        if self.known is not None and self.known.comparison != comparison:
            message = "this folder is of another comparison: the models, the seed or the length of answers have changed"
            raise InputError(Problem("other-comparison", message, Place(str(self.folder)), "name another with --out"))

    def push(self, argilla: ArgillaClient, made: Pairs) -> PushedPairs:
        """Keep the pairs, with those of earlier pushes, of which people may have answered some; and send them."""
        pairs = {pair.id: pair for pair in made.pairs}
        earlier = [pair for pair in (self.known.pairs if self.known is not None else ()) if pair.id not in pairs]
        name = made.dataset or (self.known.dataset if self.known is not None else f"pairs-{made.comparison[:8]}")
        asked = {pair.prompt for pair in pairs.values()}
        if changed := [pair for pair in earlier if pair.prompt in asked]:
            message = f"another answer than the one that was pushed: {len(changed):,} of {len(asked):,} prompts"
            raise InputError(Problem("other-answers", message, Place(str(self.folder)), "name another with --out"))
        judge = {**(self.known.judge if self.known is not None else {}), **made.judge}
        replace(made, dataset=name, pairs=(*pairs.values(), *earlier), judge=judge).write(self.folder)
        pushed = push_pairs(
            argilla,
            [_shown(pair) for pair in pairs.values()],
            made.comparison,
            workspace=made.workspace,
            name=name,
            overlap=made.overlap,
        )
        return PushedPairs(self.folder, (made.sides[0].name, made.sides[1].name), pushed)


def people_status(folder: str | Path) -> ReviewStatus:
    """How far each person is, how far they agree, and how long it will take. Raises `InputError`, `ProviderAway`."""
    pairs = read_pairs(Path(folder))
    argilla = connect()
    return status_of(argilla, [find_dataset(argilla, pairs.workspace, pairs.dataset)])


def pull_people(folder: str | Path) -> Compared | None:
    """Fetch every answer into the folder, and say what they come to; None where there are none. Pulling twice changes
    nothing. Raises `InputError`, `ProviderAway`."""
    folder = Path(folder)
    pairs, file = read_pairs(folder), folder / _REVIEW
    argilla = connect()
    found = find_dataset(argilla, pairs.workspace, pairs.dataset)
    pull(argilla, file, [found])
    by_id = {pair.id: pair for pair in pairs.pairs}
    judgments = tuple(
        by_model(by_id[one.pair], one.person, one.acceptable, one.level)
        for one in said_in(read_answers(file), found["id"])
        if one.pair in by_id
    )
    compared = compare_people(pairs, judgments)
    people = People(
        comparison=pairs.comparison,
        names=(pairs.sides[0].name, pairs.sides[1].name),
        judgments=judgments,
        figures=compared.as_json() if compared is not None else {},
    )
    people.write(folder)
    return compared


def read_pairs(folder: Path) -> Pairs:
    return Pairs.read(folder / PAIRS)


@dataclass(frozen=True, slots=True)
class _Side:
    """A model that is to answer, or a file of its answers."""

    name: str
    found: Found | None = None
    file: Path | None = None

    @classmethod
    def of(cls, named: str, trained: Path) -> _Side:
        path = Path(named)
        if path.is_file() and path.suffix in (".jsonl", ".json"):
            return cls(name_in(path), file=path)
        found = models_found([named], trained=trained)
        if len(found) != 1:
            hint = f"name one of its stages: {named}:{found[-1].name}"
            raise InputError(Problem("bad-value", "a recipe has several models", Place(named), hint))
        return cls(found[0].name, found[0])


@dataclass(frozen=True, slots=True)
class _Answering:
    """A side as it can be asked."""

    side: _Side
    target: Target | None

    def identity(self) -> Any:
        return self.target.identity() if self.target is not None else {"answers": self.side.name}

    def described(self) -> Side:
        if self.side.file is not None:
            return _read_from(self.side.name, self.side.file)
        assert self.target is not None  # noqa: S101
        return Side(name=self.side.name, model=self.target.described(), answers=None)

    def answers(self, prompts: Sequence[Prompt], folder: Path, max_tokens: int, batch_size: int, say: Say) -> list[str]:
        if self.target is None:
            assert self.side.file is not None  # noqa: S101
            return answers_in(self.side.file, [turns_of(prompt.values) for prompt in prompts])
        kept = folder / _ANSWERS / f"{self.side.name.replace('/', '-')}.jsonl"
        turns = [prompt.turns for prompt in prompts]
        return answers_to(turns, self.target, kept, max_tokens=max_tokens, batch_size=batch_size, say=say)


@contextmanager
def _answering(sides: Sequence[_Side], **how: Any) -> Iterator[list[_Answering]]:
    models = [side.found for side in sides if side.found is not None]
    with gateway_to(models, **how) as gateway:
        yield [_Answering(side, target_of(side.found, gateway) if side.found is not None else None) for side in sides]


def _read_from(name: str, file: Path) -> Side:
    return Side(name=name, model=None, answers=sha256_of(file))


def _as_read(prompt: Prompt) -> str:
    """A prompt as people read it: its text, or its turns with who says them."""
    return prompt.turns[0]["content"] if len(prompt.turns) == 1 else as_text(prompt.turns)


def _distinct(prompts: Sequence[Prompt]) -> list[Prompt]:
    """Each prompt once: people are not asked the same twice."""
    return list({digest("turns", prompt.turns): prompt for prompt in prompts}.values())


def _shown(pair: Pair) -> ShownPair:
    first, second = (pair.second, pair.first) if pair.swapped else (pair.first, pair.second)
    return ShownPair(pair.id, pair.prompt, first, second)
