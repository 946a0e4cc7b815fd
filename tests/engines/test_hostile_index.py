"""Whoosh indexes that somebody has made up: an error, no code is run, little memory and time.

All checksums are right, as those of an attacker are.
"""

from __future__ import annotations

import os
import pickle
import shutil
import struct
import sys
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from struct import pack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from whoosh.filedb.filetables import OrderedHashWriter
from whoosh.filedb.structfile import StructFile

from newsgrep.engines.base import FACETS, EngineRequest, Order, PutFileRecord
from newsgrep.engines.registry import open_engine, salvage
from newsgrep.engines.whoosh.postings import LISTED_AT, TERM_ROW, read_postings
from newsgrep.engines.whoosh.storage import (
    OWN_FILE,
    CheckedFile,
    CorruptFile,
    Segment,
    checksum_segment,
)
from newsgrep.errors import IndexDamaged
from newsgrep.indexing.folder import FolderIndex
from newsgrep.indexing.maintenance import rebuild_index
from newsgrep.query.ast import MatchAll
from newsgrep.query.parser import parse
from tests.support.factories import engine_with, make_article, make_file_record, upsert
from tests.support.hostile import (
    copy_of,
    last_commit_file,
    read_content,
    reseal,
    run_limited,
    write_content,
)
from tests.support.released_index import FIXTURES

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits memory by /proc")

ARTICLES = [
    make_article(
        f"a{n}",
        f"第{n}号渡轮停航",
        "海面有雾。" * (n % 7 + 1) + "码头贴出联合声明。",
        source=f"雾港{n % 3}报",
        date=f"2024-05-{n % 28 + 1:02}",
        captions=["潮汐表"],
        authors=[f"记者{n % 4}"],
    )
    for n in range(60)
]


@pytest.fixture(scope="module")
def intact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("intact")
    engine_with("whoosh", folder, ARTICLES).close()
    return folder / "whoosh"


@pytest.fixture
def data(intact: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(intact, tmp_path / "whoosh"))


def segment_of(data: Path) -> Segment:
    (described,) = read_content(data)["state"]["segments"]
    return Segment(*described)


def reseal_segment(data: Path) -> None:
    """Make page checksums, sizes and checksums those of the segment's files."""
    segment = segment_of(data)
    (data / segment.sums).unlink()
    list(checksum_segment(data, segment))
    reseal(data)


def change_file(data: Path, ending: str, change: Callable[[bytes], bytes]) -> None:
    path = data / segment_of(data).file(ending)
    path.write_bytes(change(path.read_bytes()))
    reseal_segment(data)


def use(data: Path) -> list[str]:
    """Read an index in all ways, and write to it; return the messages of the errors."""
    return [message for each in USES for message in errors_of(each, data)]


def errors_of(work: Callable[[Path], Any], data: Path) -> Iterable[str]:
    try:
        work(data)
    except IndexDamaged as exc:
        yield str(exc)


def search_all(data: Path) -> None:
    engine = open_engine("whoosh", data)
    try:
        for query in (
            "渡轮",
            '"雾。码头"',
            "-台风",
            "source:雾港1报 date:2024-05",
            "author:记者",
            "渡*",
        ):
            for order in Order:
                root = parse(query).root
                page = engine.search(EngineRequest(root, order, 100, 0, FACETS))
                engine.get(each.id for each in page.candidates)
    finally:
        engine.close()


def read_records(data: Path) -> None:
    engine = open_engine("whoosh", data)
    try:
        list(engine.file_records())
    finally:
        engine.close()


def verify(data: Path) -> None:
    engine = open_engine("whoosh", data)
    try:
        if problems := engine.verify(deep=True):
            raise IndexDamaged(problems[0].sentence)
    finally:
        engine.close()


def write(data: Path) -> None:
    engine = open_engine("whoosh", data)
    try:
        engine.write([upsert(ARTICLES[0]), PutFileRecord(make_file_record(ARTICLES[1], "/other"))])
    finally:
        engine.close()


def salvage_all(data: Path) -> None:
    list(salvage("whoosh", data))


QUERIES = ("渡轮", '"雾。码头"', "-台风", "source:雾港1报 date:2024-05", "author:记者", "渡*")
USES = (search_all, read_records, verify, salvage_all, write)


def test_intact_index_raises_no_error(data: Path) -> None:
    assert run_limited(lambda: use(data)) == []


# Commit files --------------------------------------------------------------------------------


def with_state(documents: Any = 60, name: Any = None, deleted: Any = None) -> Any:
    def change(content: dict[str, Any]) -> None:
        (segment,) = content["state"]["segments"]
        content["state"]["segments"] = [[name or segment[0], documents, deleted, *segment[3:]]]

    return change


def rename_file(new: str) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        files = content["files"]
        files[new] = files.pop(next(name for name in files if name.endswith(".trm")))

    return change


def nested(content: dict[str, Any]) -> None:
    value: Any = []
    for _ in range(900):
        value = [value]
    content["state"]["segments"] = value


def many_segments(content: dict[str, Any]) -> None:
    content["state"]["segments"] *= 10_000


COMMITS: dict[str, Callable[[dict[str, Any]], None]] = {
    "a huge number of documents": with_state(10**14),
    "a negative number of documents": with_state(-1),
    "no documents": with_state(0),
    "a fraction of a document": with_state(1.5),
    "a true number of documents": with_state(True),
    "a segment in another folder": with_state(name="../../../../../../x"),
    "a segment that is a number": with_state(name=7),
    "deleted documents in another folder": with_state(deleted="../../x"),
    "deleted documents in a list": with_state(deleted=["x"]),
    "a file in another folder": rename_file("../x.trm"),
    "a file with an absolute path": rename_file("/etc/passwd"),
    "a hidden file": rename_file(".x"),
    "a commit file as a file": rename_file("commit-1.json"),
    "segments that are nested deeply": nested,
    "one segment many times": many_segments,
    "segments that are a text": lambda content: content["state"].update(segments="abc"),
    "no segments": lambda content: content["state"].clear(),
    "a state that is a list": lambda content: content.update(state=[]),
    "files that are a list": lambda content: content.update(files=[]),
    "a huge size": lambda content: content["files"].update(
        {name: [10**14, 0] for name in content["files"]}
    ),
    "another engine": lambda content: content.update(engine="tantivy"),
    "another number": lambda content: content.update(number=10**14),
}


@pytest.mark.parametrize("change", COMMITS.values(), ids=COMMITS)
def test_made_up_commit_is_damage(data: Path, change: Callable[[dict[str, Any]], None]) -> None:
    content = read_content(data)
    change(content)
    write_content(data, content)
    outside = sorted(data.parent.iterdir())
    assert len(run_limited(lambda: use(data))) == len(USES)
    assert sorted(data.parent.iterdir()) == outside


def test_commit_file_that_is_too_large_is_damage(data: Path) -> None:
    path = last_commit_file(data)
    for each in (path, copy_of(path)):
        with each.open("r+b") as stream:
            stream.truncate(10 << 30)  # without taking space
    assert len(run_limited(lambda: use(data))) == len(USES)


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
@pytest.mark.parametrize("which", ["commit-1.json", ".trm", ".id.col", ".sums"])
def test_file_of_another_kind_is_damage(data: Path, kind: str, which: str) -> None:
    (path,) = (each for each in data.iterdir() if each.name.endswith(which))
    kept = path.rename(data.parent / path.name)
    match kind:
        case "link":
            path.symlink_to(kept)
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
    assert run_limited(lambda: use(data))


# Pickles -------------------------------------------------------------------------------------


class Payload:
    """An object whose pickle creates a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("which", ["commit-1.json", ".trm", ".pst", ".id.col", ".sums"])
def test_pickle_is_never_loaded(data: Path, which: str) -> None:
    made = data.parent / "made by a pickle"
    (path,) = (each for each in data.iterdir() if each.name.endswith(which))
    path.write_bytes(pickle.dumps(Payload(made)))
    if which == ".sums":
        reseal(data)
    elif which != "commit-1.json":
        reseal_segment(data)
    assert run_limited(lambda: use(data))
    assert not made.exists()


def old_table(pickled: bytes) -> bytes:
    """Return a table of contents of format 5 with this pickle of segments."""
    head = b"\x04\x08\x04" + pack("!ii", -12345, -111) + b"\x03\x36\x00" + b"\x00"
    content = head + pack("!ii", 1, 0) + pickled
    return content + zlib.crc32(content).to_bytes(4, "big")


def old_index(folder: Path, pickled: bytes) -> FolderIndex:
    shutil.copytree(FIXTURES / "index-format-5", folder)
    for path in (folder / "whoosh").glob("_*"):
        path.write_bytes(old_table(pickled))
    return FolderIndex(folder)


PICKLES: dict[str, Callable[[Path], bytes]] = {
    "code": lambda path: pickle.dumps([Payload(path)]),
    "code of an old protocol": lambda path: pickle.dumps([Payload(path)], 0),
    "an extension": lambda _: b"\x80\x04\x82\x01.",
    "a huge byte array": lambda _: b"\x80\x05\x96" + pack("<Q", 1 << 60) + b".",
    "a huge text": lambda _: b"\x80\x05\x8d" + pack("<Q", 1 << 60) + b".",
    "a huge frame": lambda _: b"\x80\x05\x95" + pack("<Q", 1 << 60) + b"].",
    "a huge memo": lambda _: b"\x80\x04]r\xff\xff\xff\x7f.",
    "a list in itself": lambda _: b"\x80\x04]\x94h\x00a.",
    "lists that are nested deeply": lambda _: b"\x80\x04" + b"]" * 100_000 + b"a" * 99_999 + b".",
    "nothing": lambda _: b"",
}


@pytest.mark.parametrize("pickled", PICKLES.values(), ids=PICKLES)
def test_pickle_of_old_format_is_damage(tmp_path: Path, pickled: Callable[[Path], bytes]) -> None:
    made = tmp_path / "made by a pickle"
    index = old_index(tmp_path / "index", pickled(made))
    (message,) = run_limited(lambda: list(errors_of(lambda _: rebuild_index(index), tmp_path)))
    assert "Nothing can be recovered" in message
    assert not made.exists()


# Tables of terms and postings ----------------------------------------------------------------

DIRECTORY_BYTES = 256 * 12


def change_directory(entry: bytes) -> Callable[[bytes], bytes]:
    """Return a change of all entries of the directory of hash tables: positions and sizes."""

    def change(content: bytes) -> bytes:
        end = len(content) - 4 - int.from_bytes(content[-4:], "big")
        return content[: end - DIRECTORY_BYTES] + entry * 256 + content[end:]

    return change


def change_slots(slot: bytes) -> Callable[[bytes], bytes]:
    """Return a change of all slots of all hash tables: hashes and positions of rows."""

    def change(content: bytes) -> bytes:
        end = len(content) - 4 - int.from_bytes(content[-4:], "big") - DIRECTORY_BYTES
        start = int.from_bytes(content[end : end + 8], "big")
        return content[:start] + slot * ((end - start) // 12) + content[end:]

    return change


TABLES: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda _: b"",
    "zeros": lambda content: bytes(len(content)),
    "another kind of table": lambda content: b"HSH2" + content[4:],
    "a huge end": lambda content: content[:-4] + b"\x7f\xff\xff\xff",
    "a negative end": lambda content: content[:-4] + b"\xff\xff\xff\xff",
    "tables after the end": change_directory(pack(">qi", 1 << 62, 9)),
    "tables before the beginning": change_directory(pack(">qi", -1, 9)),
    "tables of huge sizes": change_directory(pack(">qi", 13, 0x7FFFFFFF)),
    "tables of negative sizes": change_directory(pack(">qi", 1000, -5)),
    "a long key": lambda content: content[:13] + b"\x7f\xff\xff\xff" + content[17:],
    "a key of negative length": lambda content: content[:13] + b"\xff" * 4 + content[17:],
    "rows without keys": lambda content: content[:13] + bytes(2000) + content[2013:],
    "positions outside": lambda content: content[:-604] + b"\xff" * 600 + content[-4:],
}


@pytest.mark.parametrize("change", TABLES.values(), ids=TABLES)
def test_made_up_table_of_terms_is_damage(data: Path, change: Callable[[bytes], bytes]) -> None:
    change_file(data, "trm", change)
    assert run_limited(lambda: use(data))


def test_full_hash_tables_find_nothing(data: Path) -> None:
    change_file(data, "trm", change_slots(pack(">Iq", 7, 13)))
    engine = open_engine("whoosh", data)
    assert run_limited(lambda: engine.document_frequencies(["渡轮"])) == {"渡轮": 0}
    engine.close()
    run_limited(lambda: use(data))


@pytest.mark.parametrize(
    ("fields", "code", "terms"),
    [
        (["text"], "I", 10**14),
        (["text"], "I", -1),
        (["text"], "d", 10),
        (["text"], "I", 1.5),
        (["text"] * 100_000, "H", 5),
        ([["text"]], "H", 5),
        ("text", "H", 5),
        (None, "H", 5),
        ([], "H", 0),
    ],
    ids=str,
)
def test_made_up_description_of_terms_is_damage(
    data: Path, fields: Any, code: Any, terms: Any
) -> None:
    content = read_content(data)
    (segment,) = content["state"]["segments"]
    segment[3:] = [fields, code, terms]
    write_content(data, content)
    assert run_limited(lambda: use(data))


def write_terms(data: Path, rows: Iterable[tuple[str, bytes]]) -> None:
    """Replace the table of terms by one of these terms in one field, with these rows."""
    segment = segment_of(data)
    path = data / segment.file("trm")
    table = OrderedHashWriter(StructFile(path.open("wb")))
    for term, row in rows:
        table.add(b"\0\0" + term.encode(), row)
    table.close()
    content = read_content(data)
    content["state"]["segments"][0][3:] = [["text"], table.index.typecode, len(table.index)]
    write_content(data, content)


def row_of(count: int, after: bytes, *, are_inlined: bool = False) -> bytes:
    return TERM_ROW.pack(are_inlined, 0, count, 0, 0, 0, 0, 0) + after


ROWS: dict[str, bytes] = {
    "postings after the end": row_of(60, LISTED_AT.pack(1 << 60, 100)),
    "postings before the beginning": row_of(60, LISTED_AT.pack(-1, 100)),
    "a list that is too long": row_of(60, LISTED_AT.pack(0, 0x7FFFFFFF)),
    "a list of negative length": row_of(60, LISTED_AT.pack(0, -1)),
    "a huge number of postings": row_of(0xFFFFFFFF, LISTED_AT.pack(0, 100)),
    "a row that is cut off": b"\0\0\0",
    "postings that are cut off": row_of(5, b"\x80\x03(K", are_inlined=True),
    "a number of inlined postings that is huge": row_of(
        0xFFFFFFFF, b"\x80\x03K\x05\x85K\x01\x85)\x87.", are_inlined=True
    ),
    "documents that do not exist": row_of(
        1, b"\x80\x03J\xff\xff\xff\x7f\x85K\x01\x85)\x87.", are_inlined=True
    ),
    "a weight that is no number": row_of(
        1, b"\x80\x03K\x05\x85G\x7f\xf8\0\0\0\0\0\0\x85)\x87.", are_inlined=True
    ),
    "code": row_of(1, pickle.dumps(Payload(Path("made"))), are_inlined=True),
    "no postings": row_of(0, b"\x80\x03))N\x87.", are_inlined=True),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_made_up_row_is_damage(data: Path, row: bytes) -> None:
    write_terms(data, [("渡轮", row)])
    reseal_segment(data)
    assert any("damaged" in message for message in run_limited(lambda: use(data)))


def block(count: int, body: bytes, *, compressed: int = 0, length: int | None = None) -> bytes:
    """Return the only block of a list."""
    info = pickle.dumps((count, 59, 1, compressed, 0, 0), 3)
    size = len(info) + len(body)
    return b"W3Bl" + pack(">i", -size if length is None else length) + info + body


def numbers(*values: int) -> bytes:
    return pickle.dumps((values, None, None), 3)


SIXTY = (0, *[1] * 59)

LISTS: dict[str, bytes] = {
    "zeros": bytes(2000),
    "a number of postings that is too large": block(0x7FFFFFFF, numbers(*SIXTY)),
    "a negative number of postings": block(-1, numbers(*SIXTY)),
    "a block that unpacks to much more": block(
        60, zlib.compress(bytes(200 << 20), 9), compressed=6
    ),
    "a block that is not packed": block(60, numbers(*SIXTY), compressed=6),
    "blocks of one posting": block(1, numbers(5), length=41) * 60,
    "a block without an end": block(1, numbers(5), length=0) * 60,
    "documents that are too large": block(60, numbers(*[0x7FFFFFFF] * 60)),
    "documents that are texts": block(60, pickle.dumps((("x",) * 60, None, None), 3)),
    "documents in lists": block(60, pickle.dumps(([0] * 60, None, None), 3)),
    "documents in themselves": block(60, b"\x80\x03]q\x00h\x00a.", compressed=0),
    "a length that is too large": block(60, numbers(*SIXTY), length=0x7FFFFFFF),
    "code": block(60, pickle.dumps(Payload(Path("made")), 3)),
    "code in the description": b"W3Bl" + pack(">i", -99) + pickle.dumps(Payload(Path("made")), 3),
}


@pytest.mark.parametrize("postings", LISTS.values(), ids=LISTS)
def test_made_up_postings_are_damage(data: Path, postings: bytes) -> None:
    write_terms(data, [("渡轮", row_of(60, LISTED_AT.pack(0, len(postings))))])
    change_file(data, "pst", lambda _: postings)
    assert any("damaged" in message for message in run_limited(lambda: use(data)))
    assert not Path("made").exists()


@given(data=st.data())
def test_mutated_postings_are_an_error_or_postings(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    first, *gaps = data.draw(st.lists(st.integers(1, 70_000), min_size=9, max_size=60))
    compressed = data.draw(st.booleans())
    body = numbers(first, *gaps)
    content = bytearray(
        block(1 + len(gaps), zlib.compress(body), compressed=6)
        if compressed
        else block(1 + len(gaps), body)
    )
    for at, byte in data.draw(st.lists(st.tuples(st.integers(0), st.integers(0, 255)))):
        content[at % len(content)] = byte
    path = tmp_path_factory.mktemp("list") / "list"
    path.write_bytes(content)
    file = CheckedFile(path, len(content), None)
    row = row_of(1 + len(gaps), LISTED_AT.pack(0, len(content)))
    try:
        found, counts = read_postings(row, file, 5_000_000)
    except (CorruptFile, struct.error, zlib.error, LookupError, ValueError):
        return
    finally:
        file.close()
    assert len(found) == len(counts) == 1 + len(gaps)
    assert 0 <= min(found) <= max(found) < 5_000_000


def test_lists_that_overlap_are_damage(data: Path) -> None:
    postings = block(60, numbers(*SIXTY))
    row = row_of(60, LISTED_AT.pack(0, len(postings)))
    write_terms(data, [(chr(0x4E00 + n), row) for n in range(20_000)])
    change_file(data, "pst", lambda _: postings)
    messages = run_limited(lambda: use(data))
    assert any("overlap" in message for message in messages)


# Columns -------------------------------------------------------------------------------------


COLUMNS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "lengths of an unknown type": ("id.col", lambda content: content[:-1] + b"Z"),
    "lengths that are fractions": ("id.col", lambda content: content[:-1] + b"d"),
    "lengths of a larger type": ("id.col", lambda content: content[:-1] + b"I"),
    "positions that are missing": ("id.col", lambda content: content[:-1] + b"X"),
    "lengths that are too large": (
        "folded.col",
        lambda content: content[:-121] + b"\xff" * 120 + b"H",
    ),
    "values that overlap": (
        "folded.col",
        lambda _: bytes(1000) + pack(">60I", *[900] * 60) + pack(">60I", *[0] * 60) + b"IIX",
    ),
    "texts that are not packed": ("folded.col", lambda content: b"\xff" * 500 + content[500:]),
    "records that are not packed": ("file_record.col", lambda content: b"\xff" * 99 + content[99:]),
    "numbers of more documents": ("first_day.col", lambda content: content * 100),
    "a part of a number": ("timestamp.col", lambda content: content[:-1]),
    "days that do not exist": ("first_day.col", lambda content: b"\x7f" * len(content)),
    "values that do not exist": ("source.col", lambda content: b"\xff" * 60 + content[60:]),
    "a huge number of values": (
        "source.col",
        lambda content: content[:60] + b"\xff" * 99 + b"\x01B",
    ),
    "a number without end": ("source.col", lambda content: content[:60] + b"\xff" * 2**20 + b"B"),
    "values that are not text": ("source.col", lambda content: content[:60] + b"\1\2\xff\xffB"),
}


@pytest.mark.parametrize(("ending", "change"), COLUMNS.values(), ids=COLUMNS)
def test_made_up_column_is_damage(
    data: Path, ending: str, change: Callable[[bytes], bytes]
) -> None:
    change_file(data, ending, change)
    assert run_limited(lambda: use(data))


def test_deleted_documents_that_do_not_exist_are_damage(data: Path) -> None:
    segment = segment_of(data)
    name = segment.file("9.del")
    assert OWN_FILE.fullmatch(name)
    content = read_content(data)
    content["files"][name] = [0, 0]
    content["state"]["segments"] = [segment._replace(deleted=name)]
    write_content(data, content)
    for numbers in (b"\xff\xff\xff\xff", b"abc", b"\0\0\0\x3c"):
        (data / name).write_bytes(numbers)
        reseal(data)
        assert len(run_limited(lambda: use(data))) >= len(USES) - 1
    (data / name).write_bytes(b"\0\0\0\x3b")
    reseal(data)
    assert run_limited(lambda: use(data)) == []


def test_match_all_counts_living_documents(data: Path) -> None:
    engine = open_engine("whoosh", data)
    assert engine.search(EngineRequest(MatchAll(), limit=0)).total == len(ARTICLES)
    engine.close()
