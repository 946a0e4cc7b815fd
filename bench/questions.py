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
    """What is asked: all words, any of them, or one literal string; narrowed, sorted, paged."""

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
        """Return the words or the string."""
        return self.all or self.any or (self.quoted,)

    @property
    def is_plain(self) -> bool:
        """Return whether nothing narrows it."""
        return not (self.source or self.since or self.until)

    @property
    def moments(self) -> tuple[float, float] | None:
        """Return the first second asked for and the first one after, since the epoch."""
        if not (self.since and self.until):
            return None
        first = datetime.fromisoformat(self.since).replace(tzinfo=_SHANGHAI)
        last = datetime.fromisoformat(self.until).replace(tzinfo=_SHANGHAI) + timedelta(days=1)
        return first.astimezone(UTC).timestamp(), last.astimezone(UTC).timestamp()


def load_questions(path: Path = QUESTIONS) -> list[Question]:
    """Return the questions in their order; raises :class:`ValueError` for one that is none."""
    told = tomllib.loads(path.read_text("utf-8"))["question"]
    questions = [_question(each) for each in told]
    if len({question.name for question in questions}) < len(questions):
        raise ValueError(f"two questions in {path} have one name")
    return questions


def _question(told: Mapping[str, Any]) -> Question:
    lists = {key: tuple(value) for key, value in told.items() if isinstance(value, list)}
    question = Question(**{**told, **lists})
    if sum(map(bool, (question.all, question.any, question.quoted))) != 1:
        raise ValueError(f"{question.name}: exactly one of all, any, quoted")
    return question
