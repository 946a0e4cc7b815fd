"""Creates the tiny index of the current format in ``tests/fixtures``.

Run as ``python -m tests.support.released_index``, once for each released format and never again.
"""

from __future__ import annotations

from pathlib import Path

from newsgrep.engines.base import PutFileRecord
from newsgrep.index.manifest import INDEX_FORMAT, confirm_draft
from newsgrep.index.store import FolderIndex
from newsgrep.models import FileRecord, Status
from tests.support.factories import make_article, upsert

FIXTURES = Path(__file__).parents[1] / "fixtures"

ARTICLES = (
    make_article(
        "a1",
        "雾港灯塔熄灯",
        "守塔人下了岛。\n\n灯塔由雾港海事局接管。",
        source="雾港日报",
        date="2024-05-17",
    ),
    make_article(
        "a2", "離島渡輪復航", "碼頭貼出聯合聲明，渡輪照常開出。", source="鹭岛电台", date="2023-11"
    ),
    make_article("a3", "Tide tables", "High water at the lighthouse.", captions=("潮汐表",)),
)
DUPLICATE = FileRecord(
    "/archive/again.md", 3, 4, "", Status.DUPLICATE, "a1", "the same article as a1"
)


def make_released_index(folder: Path) -> None:
    """Create the index in ``folder``, in two commits."""
    FolderIndex(folder).prepare()
    with FolderIndex(folder).create() as engine:
        engine.write([upsert(ARTICLES[0]), upsert(make_article("a0", "旧闻", "作废。"))])
        confirm_draft(folder)
        engine.write([*map(upsert, ARTICLES), PutFileRecord(DUPLICATE)])


if __name__ == "__main__":
    make_released_index(FIXTURES / f"index-format-{INDEX_FORMAT}")
