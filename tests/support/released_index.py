"""Creates the tiny indexes of the current format in ``tests/fixtures``.

Run as ``python -m tests.support.released_index``, once for each released format and never again.
"""

from __future__ import annotations

from pathlib import Path

from newsgrep.engines.base import PutFileRecord
from newsgrep.indexing.folder import FolderIndex
from newsgrep.indexing.manifest import INDEX_FORMAT, confirm_draft
from newsgrep.models import Article, FileRecord, Status
from tests.support.factories import make_article, upsert

FIXTURES = Path(__file__).parents[1] / "fixtures"

ARTICLES = (
    make_article(
        "a1",
        "雾港灯塔熄灯",
        "守塔人下了岛。\n\n灯塔由雾港海事局接管。",
        source="雾港日报",
        date="2024-05-17",
        fetched="2024-05-20T03:00:00+00:00",
        versions=[("2024-05-17T04:00:00+00:00", "霧港燈塔熄燈", "守塔人仍在岛上。")],
    ),
    make_article(
        "a2", "離島渡輪復航", "碼頭貼出聯合聲明，渡輪照常開出。", source="鹭岛电台", date="2023-11"
    ),
    make_article(
        "a3",
        "Tide tables",
        "High water at the lighthouse.",
        captions=("潮汐表",),
        left_out=[("轉載須經書面同意。", "notice")],
    )._replace(
        file_time="2024-05-17T02:50:43+00:00",
    ),
)
DUPLICATE = FileRecord(
    "/archive/again.md",
    3,
    4,
    "",
    Status.DUPLICATE,
    "a1",
    "the same article as a1",
    extractor="1",
    sketch=b"\0\1\2",
    address="a4",
)


def in_format(number: int) -> tuple[tuple[Article, ...], FileRecord]:
    """Return the articles, and the record of the duplicate, as far as this format stores them."""
    if number >= 7:
        return ARTICLES, DUPLICATE
    if number >= 5:
        return tuple(map(_before_format_7, ARTICLES)), DUPLICATE
    articles = (each._replace(left_out=(), file_time=None) for each in ARTICLES)
    return tuple(map(_before_format_7, articles)), DUPLICATE._replace(
        extractor="", sketch=b"", address=""
    )


def _before_format_7(article: Article) -> Article:
    """Return ``article`` without its versions and the time of its capture."""
    return article._replace(versions=(), fetched=None)


def make_released_index(folder: Path, engine_name: str = "whoosh") -> None:
    """Create the index in ``folder``, in two commits."""
    FolderIndex(folder).prepare()
    with FolderIndex(folder).create(engine_name) as engine:
        engine.write([upsert(ARTICLES[0]), upsert(make_article("a0", "旧闻", "作废。"))])
        confirm_draft(folder)
        engine.write([*map(upsert, ARTICLES), PutFileRecord(DUPLICATE)])


if __name__ == "__main__":
    make_released_index(FIXTURES / f"index-format-{INDEX_FORMAT}")
    make_released_index(FIXTURES / f"index-format-{INDEX_FORMAT}-tantivy", "tantivy")
