"""Ways in which a file of a run comes to harm: by a disk, by a copy that was cut short, by an editor, by another
program."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Harm = Callable[[Path, random.Random], None]


def append_byte(path: Path, random: random.Random) -> None:
    path.write_bytes(path.read_bytes() + bytes([random.randrange(256)]))


def cut_short(path: Path, random: random.Random) -> None:
    path.write_bytes(path.read_bytes()[: random.randrange(path.stat().st_size)])


def empty(path: Path, random: random.Random) -> None:
    path.write_bytes(b"")


def zero_some(path: Path, random: random.Random) -> None:
    """A block of zeros, as a file system leaves it after power was lost."""
    content = bytearray(path.read_bytes())
    at = random.randrange(len(content))
    end = min(len(content), at + random.choice([16, 512, 4096]))
    content[at:end] = bytes(end - at)
    path.write_bytes(content)


def flip_bits(path: Path, random: random.Random) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(random.choice([1, 8])):
        content[random.randrange(len(content))] ^= 1 << random.randrange(8)
    path.write_bytes(content)


def noise(path: Path, random: random.Random) -> None:
    path.write_bytes(random.randbytes(path.stat().st_size))


def remove(path: Path, random: random.Random) -> None:
    path.unlink()


def folder_instead(path: Path, random: random.Random) -> None:
    path.unlink()
    path.mkdir()


def link_to_itself(path: Path, random: random.Random) -> None:
    path.unlink()
    path.symlink_to(path.name)


def another_file(path: Path, random: random.Random) -> None:
    """The content of another of the run's files."""
    others = sorted(p for p in path.parent.rglob("*") if p.is_file() and p != path)
    path.write_bytes(random.choice(others).read_bytes() if others else b"{}")


def no_text(path: Path, random: random.Random) -> None:
    content = path.read_bytes()
    at = random.randrange(len(content))
    path.write_bytes(content[:at] + b"\xff\xfe\x00" + content[at:])


EVERYWHERE: tuple[Harm, ...] = (
    append_byte, cut_short, zero_some, flip_bits, empty, noise, remove, folder_instead, link_to_itself, another_file,
)  # fmt: skip

OTHER_VALUES: tuple[Any, ...] = (None, [], {}, "", 0, -1.5, True, [None], {"a": {}}, "x" * 50, 1 << 70, [[["a"]]])


def another_value(path: Path, random: random.Random) -> None:
    """One value of a JSON file, however deep, is of another kind."""
    value = json.loads(path.read_text("utf-8"))
    places = [place for place in _places(value) if place]
    *way, last = random.choice(places)
    at = value
    for key in way:
        at = at[key]
    at[last] = random.choice(OTHER_VALUES)
    path.write_text(json.dumps(value), "utf-8")


def without_key(path: Path, random: random.Random) -> None:
    value = json.loads(path.read_text("utf-8"))
    *way, last = random.choice([place for place in _places(value) if place])
    at = value
    for key in way:
        at = at[key]
    del at[last]
    path.write_text(json.dumps(value), "utf-8")


def another_shape(path: Path, random: random.Random) -> None:
    path.write_text(random.choice(["null", "[]", "7", '"lock"', "{}", "[" * 5000, "NaN"]), "utf-8")


def _places(value: Any) -> Iterator[tuple[Any, ...]]:
    yield ()
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from ((key, *place) for place in _places(inner))


def without_column(path: Path, random: random.Random) -> None:
    table = pq.read_table(path)
    pq.write_table(table.drop_columns([random.choice(table.column_names)]), path)


def column_of_another_type(path: Path, random: random.Random) -> None:
    table = pq.read_table(path)
    i = random.randrange(table.num_columns)
    made = random.choice([pa.array(range(len(table))), pa.nulls(len(table)), pa.array([[b"a"]] * len(table))])
    pq.write_table(table.set_column(i, table.column_names[i], made), path)


def other_values_in_a_column(path: Path, random: random.Random) -> None:
    """Text where something is expected of it: a lineage that is no JSON, an id that is empty."""
    table = pq.read_table(path)
    texts = [i for i, field in enumerate(table.schema) if field.type == pa.string()]
    i = random.choice(texts)
    said = random.choice(["", "{}", "[1]", "{", "null", None, "a\x00b", '{"id": 1}', '{"id": "a", "order": "b"}'])
    pq.write_table(table.set_column(i, table.field(i), pa.array([said] * len(table), pa.string())), path)


def no_rows(path: Path, random: random.Random) -> None:
    pq.write_table(pq.read_table(path).slice(0, 0), path)


def no_columns(path: Path, random: random.Random) -> None:
    pq.write_table(pa.table({}), path)


def another_table(path: Path, random: random.Random) -> None:
    pq.write_table(pa.table({"a": [1, 2], "id": [3, 4]}), path)


BY_SUFFIX: dict[str, tuple[Harm, ...]] = {
    ".parquet": (
        without_column, column_of_another_type, other_values_in_a_column, no_rows, no_columns, another_table,
    ),
    ".json": (another_value, without_key, another_shape, no_text),
    ".jsonl": (no_text,),
    ".yaml": (no_text,),
    ".md": (no_text,),
}  # fmt: skip


@dataclass(frozen=True)
class Damage:
    """One file of a run, harmed in one way."""

    file: str
    harm: Harm
    number: int

    def __str__(self) -> str:
        return f"{self.number}-{self.harm.__name__}-{self.file.replace('/', '-')}"

    def do(self, run: Path) -> None:
        self.harm(run / self.file, random.Random(self.number))


def damages(files: list[str], count: int) -> list[Damage]:
    """`count` damages: each way for each file, again with other draws until there are enough. Rows and lock, from which
    all else is read, are harmed most often."""
    ways = [(file, harm) for file in files for harm in (*EVERYWHERE, *BY_SUFFIX.get(Path(file).suffix, ()))]
    ways += [way for way in ways if way[0].startswith("dataset/")] * 9
    return [Damage(*way, number) for number, way in enumerate(ways[:count])]


def copied(run: Path, to: Path) -> Path:
    """The project around a run, to be harmed."""
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(run, to, symlinks=True)
    return to


def is_sound(folder: Path) -> bool:
    """Nothing half-written lies in a folder: no name of a file that was on its way."""
    return not [name for _, _, names in os.walk(folder) for name in names if name.endswith(".new")]
