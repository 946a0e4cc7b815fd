"""The article that someone means by an id or a path, and where the user's own rules lie."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

import click

from newsgrep.engines.base import Engine
from newsgrep.errors import InputError
from newsgrep.models import Article

_ID: Final = re.compile("[a-z2-7]{12}")
_LARGEST: Final = 2**26


def find_article(engine: Engine, name: str) -> Article | None:
    """Return the indexed article with the id ``name``, or from the file at the path ``name``."""
    if found := engine.get([name]):
        return found[0]
    path = os.path.abspath(name)  # noqa: PTH100  (paths in an index are strings of any bytes)
    known = (stamp.article_id for stamp in engine.stamps() if stamp.path == path)
    article_id = next(known, None)
    return next(iter(engine.get([article_id])), None) if article_id else None


def may_name_article(text: str) -> bool:
    """Return whether ``text`` looks like an id or is the path of a file: no mere words."""
    return bool(_ID.fullmatch(text)) or os.path.lexists(text)


def article_in(path: str) -> Article:
    """Return the article in a file that need not be indexed.

    Raises :class:`InputError` with the reason if there is none, or the file can't be read.
    """
    from newsgrep.archive.prepare import Failed, prepare
    from newsgrep.engines.entry import Entry
    from newsgrep.ingest.find import File
    from newsgrep.ingest.sites import load_sites

    whole = os.path.abspath(path)  # noqa: PTH100  (a string of any bytes)
    made = prepare(File(whole, 0, 0), load_sites(sites_file()), _LARGEST)
    if isinstance(made, Entry):
        return made.article()
    reason = made.reason if isinstance(made, Failed) or made.reason else "there is no article in it"
    raise InputError(f"No article can be taken from {path}: {reason}. Name another file, or an id.")


def sites_file() -> Path | None:
    """Return the user's rules for outlets, if there are any."""
    path = Path(click.get_app_dir("newsgrep")) / "sites.toml"
    return path if path.exists() else None
