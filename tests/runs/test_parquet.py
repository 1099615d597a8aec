import pyarrow as pa
import pytest

from bezoar_data.runs.parquet import starting

WORDS = ["", "ab", None, "b", "abb", "", "ba", "a", "bab"]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
@pytest.mark.parametrize("start", ["a", "ab", "b", "bb", "bab", "abba"])
@pytest.mark.parametrize(("first", "count"), [(0, 9), (2, 5), (8, 1), (3, 0)])
def test_texts_are_found_by_their_first_letters(kind: pa.DataType, start: str, first: int, count: int) -> None:
    values = pa.array(WORDS, kind).slice(first, count)
    expected = [n for n, word in enumerate(values.to_pylist()) if word is not None and word.startswith(start)]
    assert list(starting(values, start)) == expected
