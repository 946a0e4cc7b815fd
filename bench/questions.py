"""The questions of ``questions.toml`` as values, in no peer's own language."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

QUESTIONS: Final = Path(__file__).with_name("questions.toml")
_SHANGHAI: Final = timezone(timedelta(hours=8))


@dataclass(frozen=True, slots=True)
class Question:
    """All words, any of them, or one literal string; with filters, an order, facets, an offset."""

    name: str
    group: str
    all: tuple[str, ...] = ()
    any: tuple[str, ...] = ()
    quoted: str = ""
    source: str = ""
    since: str = ""
    until: str = ""
    sort: str = ""
    facets: tuple[str, ...] = ()
    offset: int = 0

    @property
    def texts(self) -> tuple[str, ...]:
        """The words or the string."""
        return self.all or self.any or (self.quoted,)

    @property
    def is_plain(self) -> bool:
        """Whether it has no filter."""
        return not (self.source or self.since or self.until)

    @property
    def is_checked(self) -> bool:
        """Whether brute force says which articles are right."""
        return bool(self.quoted) and self.is_plain

    @property
    def moments(self) -> tuple[float, float] | None:
        """The first second of its dates and the first one after, since the epoch."""
        if not (self.since and self.until):
            return None
        first = datetime.fromisoformat(self.since).replace(tzinfo=_SHANGHAI)
        last = datetime.fromisoformat(self.until).replace(tzinfo=_SHANGHAI) + timedelta(days=1)
        return first.astimezone(UTC).timestamp(), last.astimezone(UTC).timestamp()


def load_questions(path: Path = QUESTIONS) -> list[Question]:
    """Return the questions in their order; raises :class:`ValueError` for an invalid one."""
    tables = tomllib.loads(path.read_text("utf-8"))["question"]
    questions = [_question(each) for each in tables]
    if len({question.name for question in questions}) < len(questions):
        raise ValueError(f"two questions in {path} have one name")
    return questions


def _question(table: Mapping[str, Any]) -> Question:
    lists = {key: tuple(value) for key, value in table.items() if isinstance(value, list)}
    question = Question(**{**table, **lists})
    if sum(map(bool, (question.all, question.any, question.quoted))) != 1:
        raise ValueError(f"{question.name}: exactly one of all, any, quoted")
    return question
