"""What a pipeline's `review:` asks of people, and how much of it a lock says was done. Publishing and training ask."""

from __future__ import annotations

from collections.abc import Iterator

from bezoar_data.config.words import many, the_judge
from bezoar_data.runs.lock import Lock


def unmet(lock: Lock) -> Iterator[str]:
    """What the pipeline's `review` asks for and people have not done yet, a sentence each."""
    wanted = lock.pipeline.review
    if wanted is None:
        return
    rows = lock.review.rows if lock.review else 0
    if rows < wanted.rows:
        yield f"the pipeline asks for {many(wanted.rows, 'reviewed row')}; there are {rows:,}"
    if wanted.kappa is None:
        return
    for name in [judge.name for judge in (*lock.judges, *lock.judging.comparisons)]:
        of_review = [one for one in lock.judging.people.of_judge(name) if one.columns[1].startswith("review_")]
        value = of_review[-1].by_draw[0][1].kappa.value if of_review else None
        if value is None or value < wanted.kappa:
            found = "is not known" if value is None else f"is {value:.2f}"
            yield f"the pipeline asks for a kappa of {wanted.kappa:g} between {the_judge(name)} and people; it {found}"
