"""Makes the tiny index that stands for a format in tests/fixtures: python -m tests.released_index.

It is made once for each format that is released, and never again.
"""

from __future__ import annotations

from pathlib import Path

from newsgrep.archive.manifest import FORMAT, confirm_draft
from newsgrep.archive.place import made, make_room
from newsgrep.engines.base import Note
from newsgrep.models import Stamp, Status
from tests.making import article, upsert

FIXTURES = Path(__file__).parent / "fixtures"

ARTICLES = (
    article(
        "a1",
        "雾港灯塔熄灯",
        "守塔人下了岛。\n\n灯塔由雾港海事局接管。",
        source="雾港日报",
        date="2024-05-17",
    ),
    article(
        "a2", "離島渡輪復航", "碼頭貼出聯合聲明，渡輪照常開出。", source="鹭岛电台", date="2023-11"
    ),
    article("a3", "Tide tables", "High water at the lighthouse.", captions=("潮汐表",)),
)
NOTE = Stamp("/archive/again.md", 3, 4, "", Status.DUPLICATE, "a1", "the same article as a1")


def make(folder: Path) -> None:
    """Make the index in ``folder``, in two commits."""
    make_room(folder)
    with made(folder) as engine:
        engine.write([upsert(ARTICLES[0]), upsert(article("a0", "旧闻", "作废。"))])
        confirm_draft(folder)
        engine.write([*map(upsert, ARTICLES), Note(NOTE)])


if __name__ == "__main__":
    make(FIXTURES / f"index-format-{FORMAT}")
