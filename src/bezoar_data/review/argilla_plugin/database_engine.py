"""Argilla's search answered from Argilla's own database.

Runs inside the review server's environment, not in ours. Argilla asks Elasticsearch for queues, filters, progress and
similar records, and holds the truth in SQL all the same. This engine, registered under the name `database`, asks the
truth: there is no index that could be lost, drift or have to be filled again after a crash. Argilla 2.8.0's own
interface (`argilla_server.search_engine.base`) is the whole of what it needs.

Filters and sorting are SQL; text is matched here by words, as Argilla's text fields are indexed by words.
"""

import hashlib
import html
import math
import re
from contextlib import asynccontextmanager

from argilla_server.database import AsyncSessionLocal
from argilla_server.enums import MetadataPropertyType, ResponseStatusFilter, SimilarityOrder
from argilla_server.models import Question, Record, Response, Suggestion, Vector
from argilla_server.search_engine.base import (
    AndFilter,
    FloatMetadataMetrics,
    IntegerMetadataMetrics,
    MetadataFilterScope,
    RangeFilter,
    RecordFilterScope,
    ResponseFilterScope,
    SearchEngine,
    SearchResponseItem,
    SearchResponses,
    SuggestionFilterScope,
    TermsMetrics,
)
from sqlalchemy import and_, exists, func, not_, or_, select, true


@SearchEngine.register(engine_name="database")
class DatabaseEngine(SearchEngine):
    """Nothing is kept: what Argilla tells an index is already in its tables."""

    @classmethod
    async def new_instance(cls):
        return cls()

    async def close(self):
        pass

    async def ping(self):
        return True

    async def info(self):
        return {"engine": "database"}

    async def _nothing(self, *args, **kwargs):
        pass

    create_index = delete_index = configure_metadata_property = configure_index_vectors = _nothing
    index_records = partial_record_update = delete_records = _nothing
    update_record_response = delete_record_response = _nothing
    update_record_suggestion = delete_record_suggestion = _nothing

    async def get_dataset_progress(self, dataset):
        counted = select(Record.status, func.count()).where(Record.dataset_id == dataset.id).group_by(Record.status)
        return await _progress(dataset, counted)

    async def get_dataset_user_progress(self, dataset, user):
        counted = (
            select(Response.status, func.count())
            .join(Record, Record.id == Response.record_id)
            .where(Record.dataset_id == dataset.id, Response.user_id == user.id)
            .group_by(Response.status)
        )
        return await _progress(dataset, counted)

    async def search(self, dataset, query=None, filter=None, sort=None, offset=0, limit=100, user_id=None):
        async with _session() as db:
            columns = (Record.id, Record.fields) if query else (Record.id,)
            chosen = select(*columns).where(*_where(dataset, filter))
            found = (await db.execute(chosen.order_by(*_order(sort, dataset), Record.inserted_at, Record.id))).all()
        ids = _matching(found, query) if query else [row[0] for row in found]
        if user_id and not sort:
            # Each annotator gets a stable order of their own, so that two do not begin with the same records.
            ids.sort(key=lambda identity: _draw(user_id, identity))
        items = [SearchResponseItem(record_id=identity, score=1.0) for identity in ids[offset : offset + limit]]
        return SearchResponses(items=items, total=len(ids))

    async def similarity_search(
        self,
        dataset,
        vector_settings,
        value=None,
        record=None,
        query=None,
        filter=None,
        max_results=100,
        order=SimilarityOrder.most_similar,
        threshold=None,
    ):
        if bool(value) == bool(record):
            raise ValueError("give either a vector or a record")
        wanted = value or record.vector_value_by_vector_settings(vector_settings)
        if not wanted:
            raise ValueError("the record has no such vector")
        if order == SimilarityOrder.least_similar:
            wanted = [-x for x in wanted]
        async with _session() as db:
            chosen = (
                select(Record.id, Record.fields, Vector.value)
                .join(Vector, Vector.record_id == Record.id)
                .where(Vector.vector_settings_id == vector_settings.id, *_where(dataset, filter))
            )
            found = (await db.execute(chosen)).all()
        vectors = {identity: vector for identity, _, vector in found if record is None or identity != record.id}
        kept = _matching([(i, fields) for i, fields, _ in found], query) if query else list(vectors)
        scores = {i: (1 + _cosine(wanted, vectors[i])) / 2 for i in kept if i in vectors}
        best = sorted(scores, key=lambda i: (-scores[i], str(i)))[:max_results]
        items = [
            SearchResponseItem(record_id=i, score=scores[i])
            for i in best
            if threshold is None or scores[i] >= threshold
        ]
        return SearchResponses(items=items, total=len(items))

    async def compute_metrics_for(self, metadata_property):
        each = _each(Record.metadata_, metadata_property.name)
        of_dataset = Record.dataset_id == metadata_property.dataset_id
        async with _session() as db:
            if metadata_property.type == MetadataPropertyType.terms:
                counted = select(each.c.value, func.count()).select_from(Record).join(each, true())
                counted = counted.where(of_dataset, each.c.value.is_not(None)).group_by(each.c.value)
                found = (await db.execute(counted)).all()
                values = [TermsMetrics.TermCount(term=str(term), count=n) for term, n in found]
                values.sort(key=lambda v: (-v.count, v.term))
                return TermsMetrics(total=sum(v.count for v in values), values=values)
            value = _one(Record.metadata_, metadata_property.name)
            low, high = (await db.execute(select(func.min(value), func.max(value)).where(of_dataset))).one()
        whole = metadata_property.type == MetadataPropertyType.integer
        return (IntegerMetadataMetrics if whole else FloatMetadataMetrics)(min=low, max=high)


@asynccontextmanager
async def _session():
    async with AsyncSessionLocal() as db:
        yield db


async def _progress(dataset, counted):
    if dataset.is_draft:
        return {}
    async with _session() as db:
        found = {getattr(status, "value", status): n for status, n in (await db.execute(counted)).all()}
    return {"total": sum(found.values()), **found}


def _where(dataset, filter):
    return [Record.dataset_id == dataset.id, *([_condition(filter, dataset)] if filter else [])]


def _condition(filter, dataset):
    if isinstance(filter, AndFilter):
        return and_(true(), *(_condition(one, dataset) for one in filter.filters))
    scope = filter.scope
    if isinstance(scope, ResponseFilterScope):
        return _of_responses(filter, scope)
    if isinstance(scope, SuggestionFilterScope):
        return _of_suggestions(filter, scope, dataset)
    if isinstance(scope, MetadataFilterScope):
        each = _each(Record.metadata_, scope.metadata_property)
        return exists(select(1).select_from(each).where(_taken(filter, each.c.value)))
    return _taken(filter, _column(scope))


def _of_responses(filter, scope):
    mine = [Response.record_id == Record.id, *([Response.user_id == scope.user.id] if scope.user else [])]
    if scope.question:
        each = _each(Response.values, scope.question, "value")
        return exists(select(1).select_from(Response).join(each, true()).where(*mine, _taken(filter, each.c.value)))
    pending = ResponseStatusFilter.pending in filter.values
    given = [value for value in filter.values if value != ResponseStatusFilter.pending]
    ways = []
    if pending:
        ways.append(not_(exists(select(1).select_from(Response).where(*mine))))
    if given:
        ways.append(exists(select(1).select_from(Response).where(*mine, Response.status.in_(_plain(given)))))
    return or_(*ways) if ways else true()


def _of_suggestions(filter, scope, dataset):
    question = select(Question.id).where(Question.dataset_id == dataset.id, Question.name == scope.question)
    mine = [Suggestion.record_id == Record.id, Suggestion.question_id.in_(question)]
    if scope.property in ("value", "score"):
        each = _each(getattr(Suggestion, scope.property))
        return exists(select(1).select_from(Suggestion).join(each, true()).where(*mine, _taken(filter, each.c.value)))
    return exists(select(1).select_from(Suggestion).where(*mine, _taken(filter, getattr(Suggestion, scope.property))))


def _taken(filter, value):
    if isinstance(filter, RangeFilter):
        low = [value >= filter.ge] if filter.ge is not None else []
        high = [value <= filter.le] if filter.le is not None else []
        return and_(true(), *low, *high)
    return value.in_(_plain(filter.values))


def _plain(values):
    return [getattr(value, "value", value) for value in values]


def _order(sort, dataset):
    for order in sort or ():
        value = _sort_value(order.scope, dataset)
        descending = getattr(order.order, "value", order.order) == "desc"
        yield (value.desc() if descending else value.asc()).nulls_last()


def _sort_value(scope, dataset):
    if isinstance(scope, RecordFilterScope):
        return _column(scope)
    if isinstance(scope, MetadataFilterScope):
        return _one(Record.metadata_, scope.metadata_property)
    if isinstance(scope, SuggestionFilterScope):
        column = getattr(Suggestion, scope.property)
        value = _one(column) if scope.property in ("value", "score") else column
        chosen = select(func.max(value)).join(Question, Question.id == Suggestion.question_id)
        chosen = chosen.where(Suggestion.record_id == Record.id, Question.name == scope.question)
        return chosen.correlate(Record).scalar_subquery()
    mine = [Response.record_id == Record.id, *([Response.user_id == scope.user.id] if scope.user else [])]
    value = _one(Response.values, scope.question, "value") if scope.question else getattr(Response, scope.property)
    return select(func.avg(value)).where(*mine).correlate(Record).scalar_subquery()


def _column(scope):
    if scope.property not in ("id", "external_id", "status", "inserted_at", "updated_at"):
        raise ValueError(f"records have no '{scope.property}'")
    return getattr(Record, scope.property)


def _path(*keys):
    return "$" + "".join('."{}"'.format(key.replace('"', '\\"')) for key in keys)


def _each(column, *keys):
    """The values at a place in a JSON column, one a row, as a list may stand there."""
    return func.json_each(column, _path(*keys)).table_valued("value")


def _one(column, *keys):
    return func.json_extract(column, _path(*keys))


def _draw(user_id, identity):
    return hashlib.blake2b(f"{user_id}{identity}".encode(), digest_size=8).digest()


def _cosine(a, b):
    lengths = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(x * x for x in b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / lengths if lengths else 0.0


def _words(value):
    # Texts are held as HTML, as Argilla's pages take them for that: people search for what they see.
    return re.findall(r"\w+", html.unescape(value).casefold())


def _matching(found, query):
    """Ids of the records that hold all that was asked for: words, "phrases", word*, -word, and a | b."""
    asked, field = (query, None) if isinstance(query, str) else (query.q, query.field)
    ways = [
        [(sign == "-", _words(phrase or word), not phrase and word.endswith("*")) for sign, phrase, word in
         re.findall(r'([-+]?)(?:"([^"]*)"|([^\s"|]+))', way)]
        for way in asked.split("|")
    ]  # fmt: skip
    ways = [[term for term in way if term[1]] for way in ways]
    kept = []
    for identity, fields in found:
        texts = [_text(v) for name, v in (fields or {}).items() if field in (None, name)]
        words = [_words(t) for t in texts]
        if any(way and all(_holds(words, term) for term in way) for way in ways) or not any(ways):
            kept.append(identity)
    return kept


def _holds(texts, term):
    absent, wanted, prefix = term
    n = len(wanted)
    found = any(
        words[i : i + n - 1] == wanted[:-1]
        and (words[i + n - 1].startswith(wanted[-1]) if prefix else words[i + n - 1] == wanted[-1])
        for words in texts
        for i in range(len(words) - n + 1)
    )
    return found != absent


def _text(value):
    if isinstance(value, dict):
        return " \n ".join(_text(v) for v in value.values())
    if isinstance(value, list):
        return " \n ".join(_text(v) for v in value)
    return "" if value is None else str(value)
