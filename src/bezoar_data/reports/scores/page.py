"""What models scored on a suite, as a page: pictures, tables by facet and task, and what they had seen before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bezoar_data.reports.evaluation import contamination_lines, judged_lines, unanswered_lines
from bezoar_data.reports.page import Html, element, page, picture, table
from bezoar_data.reports.scores.figures import difference, items_of, metric, verdict, with_interval
from bezoar_data.reports.scores.picture import draw
from bezoar_data.reports.table import p_value

if TYPE_CHECKING:
    from bezoar_data.evaluation.chain import Chain, Row

_STYLE = ".bezoar img { max-width: 100%; background: white; }"


def scores_page(chain: Chain) -> str:
    """The page. Raises `InputError` where nothing here draws pictures."""
    return page(f"Scores on {chain.last.record.suite['name']}", *_content(chain), style=_STYLE)


def _content(chain: Chain) -> Iterator[Html]:
    record = chain.last.record
    yield element("h1", f"Scores on {record.suite['name']}")
    yield element(
        "p", f"LM Evaluation Harness {record.software['lm-eval']}; 95 % intervals in brackets.", classes="dim"
    )
    yield picture(draw(chain, "svg"), "Scores by facet and model, and their differences to the first model")
    yield from scores_tables(chain)


def scores_tables(chain: Chain, heading: str = "h2") -> Iterator[Html]:
    """All figures in tables under headings of this kind, with who judged and what the models had seen before."""
    if chain.facets:
        yield element(heading, "By facet")
        yield _table(chain, chain.facets, "facet")
    yield element(heading, "By task")
    yield _table(chain, chain.tasks, "task")
    judged = [(p.name, one) for p in chain.points for task in p.record.tasks if (one := task.judged) is not None]
    yield from (element("p", line) for line in judged_lines(judged))
    yield element("p", "There is no average over all tasks: none shows what data did.", classes="dim")
    records = [point.record for point in chain.points]
    yield from (element("p", line.strip(), classes="bad") for line in unanswered_lines(records))
    if lines := list(contamination_lines(records)):
        yield element(heading, "Seen in training")
        yield element("pre", "\n".join(line.lstrip("\n") for line in lines))
    if len(chain.points) > 1:
        yield element(heading, f"Against {chain.points[0].name}, on the same items")
        yield _differences(chain)
        yield element(
            "p", "p is corrected for the number of tasks (Holm). Tied does not say that they are equal.", classes="dim"
        )


def _table(chain: Chain, rows: Sequence[Row], called: str) -> Html:
    """Every model's score in a column of its own."""
    named = {task.task: metric(task) for task in chain.last.record.tasks}
    head = [called, "metric", "items", *(point.name for point in chain.points)]
    lines = [
        [row.name, named.get(row.name, row.metric), f"{items_of(row, chain):,}", *map(with_interval, row.values)]
        for row in rows
    ]
    return table(head, lines, frozenset(range(2, len(head))))


def _differences(chain: Chain) -> Html:
    head = ["facet or task", "model", "difference", "p", "verdict"]
    lines = [
        [row.name, point.name, difference(found), p_value(found.p), verdict(found)]
        for row in (*chain.facets, *chain.tasks)
        for point, found in zip(chain.points, row.against, strict=True)
        if found is not None
    ]
    lines += [
        [f"{one.name}, {one.part} items", point.name, difference(one), p_value(one.p), verdict(one)]
        for point, comparison in zip(chain.points, chain.comparisons, strict=True)
        if comparison is not None
        for one in comparison.leaked
    ]
    return table(head, lines, frozenset({2, 3}))
