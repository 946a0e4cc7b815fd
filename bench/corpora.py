"""Articles to measure with: real ones, samples of them, and any number of recombined ones.

A recombined article has the length and outlet of one real article, the title and date of
others, and runs of paragraphs from all of them, so that word statistics stay natural.
Everything is determined by its parameters, and kept in the cache folder under a name made of
them.
"""

from __future__ import annotations

import html
import json
import random
import re
import shutil
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from bench.paths import ARCHIVES, fresh

RECIPE: Final = 1
"""Raised whenever the same parameters produce other files."""
MAX_IN_FOLDER: Final = 1000
_MAX_PARAGRAPH: Final = 3000
_MAX_RUN: Final = 3
_DONE: Final = ".done"
_SUFFIX: Final = ".md"
"""Of all article files."""

_FRONT_MATTER = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)
_NO_TEXT = re.compile(r"<(script|style|noscript|svg)\b.*?</\1>", re.DOTALL | re.IGNORECASE)
_BREAK = re.compile(
    r"</?(p|div|br|li|ul|ol|h\d|tr|table|section|blockquote)\b[^>]*>", re.IGNORECASE
)
_TAG = re.compile(r"<[^>]*>")
_SPACE = re.compile(r"\s+")
_MARKDOWN = re.compile(r"^[#>\-+*=|`~\s]+|[<>\[\]`\\]")


@dataclass(frozen=True, slots=True)
class Corpus:
    """A folder of article files; the name states all its parameters."""

    name: str
    folder: Path

    def paths(self) -> list[Path]:
        """Return the article files in a stable order."""
        return sorted(self.folder.rglob(f"*{_SUFFIX}"))


@dataclass(frozen=True, slots=True)
class Source:
    """What recombination takes from one real article."""

    title: str
    date: str
    host: str
    tags: str
    paragraphs: tuple[str, ...]


def _made_once(name: str, folder: Path, make: Callable[[Path], None]) -> Corpus:
    if not (folder / _DONE).exists():
        make(fresh(folder))
        (folder / _DONE).touch()
    return Corpus(name, folder)


def real(work: Path, archives: Path = ARCHIVES) -> Corpus:
    """Return all real articles, unpacked from ``*.tar.xz`` in ``archives``.

    Raises :class:`FileNotFoundError` if there are none.
    """

    def unpack(folder: Path) -> None:
        packed = sorted(archives.glob("*.tar.xz"))
        if not packed:
            raise FileNotFoundError(f"no *.tar.xz in {archives}: name their folder (--archives)")
        for path in packed:
            with tarfile.open(path) as archive:
                # Peers index the folder, so it contains what paths() lists: no pages, no gold data.
                articles = [each for each in archive if each.name.endswith(_SUFFIX)]
                archive.extractall(folder, articles, filter="data")

    return _made_once("real", work / "corpora" / "real", unpack)


def of_size(everything: Corpus, size: str, seed: int = 1) -> Corpus:
    """Return ``real``: all real articles, ``realN``: N of them, or ``N``: N recombined ones."""
    if size == "real":
        return everything
    if size.startswith("real"):
        return sample(everything, int(size.removeprefix("real")), seed)
    return recombined(everything, int(size), seed)


def sample(of: Corpus, count: int, seed: int = 1) -> Corpus:
    """Return copies of ``count`` random articles of a corpus, or of all if there are fewer."""

    def copy(folder: Path) -> None:
        paths = of.paths()
        chosen = random.Random(seed).sample(paths, min(count, len(paths)))  # noqa: S311
        for path in sorted(chosen):
            target = folder / path.relative_to(of.folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)

    name = f"{of.name}-{count}-{seed}-{RECIPE}"
    return _made_once(name, of.folder.parent / name, copy)


def recombined(of: Corpus, count: int, seed: int = 1) -> Corpus:
    """Return ``count`` articles recombined from those of ``of``, each with its own address."""

    def make(folder: Path) -> None:
        sources = [source for path in of.paths() if (source := read_source(path))]
        for number, text in enumerate(recombine(sources, count, seed)):
            inner = folder / f"{number // MAX_IN_FOLDER:04}"
            inner.mkdir(exist_ok=True)
            (inner / f"{number:06}.md").write_text(text, "utf-8")

    name = f"{of.name}-recombined-{count}-{seed}-{RECIPE}"
    return _made_once(name, of.folder.parent / name, make)


def read_source(path: Path) -> Source | None:
    """Return what recombination needs of a file, ``None`` for a file without text.

    Deliberately not newsgrep's own extraction: the inputs stay the same when that changes.
    """
    text = path.read_text("utf-8", "replace").replace("\r\n", "\n")
    header = _FRONT_MATTER.match(text)
    if header is None:
        return None
    fields = {
        key.strip(): value.strip()
        for key, colon, value in (line.partition(":") for line in header[1].splitlines())
        if colon
    }
    body = _BREAK.sub("\n", _NO_TEXT.sub("", text[header.end() :]))
    lines = (_plain(line) for line in html.unescape(_TAG.sub("", body)).splitlines())
    paragraphs = tuple(line for line in lines if 2 <= len(line) <= _MAX_PARAGRAPH)
    host = urlsplit(fields.get("from", "")).hostname
    if not (host and paragraphs):
        return None
    title = _plain(fields.get("title", "").strip("\"' "))
    return Source(title, fields.get("date", ""), host, fields.get("tags", ""), paragraphs)


def _plain(line: str) -> str:
    return _SPACE.sub(" ", _MARKDOWN.sub("", line.strip())).strip()


def recombine(sources: Sequence[Source], count: int, seed: int) -> Iterator[str]:
    """Yield ``count`` Markdown files.

    Each has the length and the outlet of one article, the title of a second, the date of a
    third. Paragraphs come in runs of up to three neighbours. Every paragraph of the corpus is
    equally likely to begin a run, so that long articles contribute as much text as they have.
    """
    chance = random.Random(f"{seed}")  # noqa: S311
    starts = [(i, j) for i, source in enumerate(sources) for j in range(len(source.paragraphs))]
    for number in range(count):
        model, titled, dated = (sources[chance.randrange(len(sources))] for _ in range(3))
        wanted = sum(map(len, model.paragraphs))
        body: list[str] = []
        length = 0
        while length < wanted:
            i, j = starts[chance.randrange(len(starts))]
            for paragraph in sources[i].paragraphs[j : j + chance.randint(1, _MAX_RUN)]:
                body.append(paragraph)
                length += len(paragraph)
                if length >= wanted:
                    break
        tags = f"tags: {model.tags}\n" if model.tags else ""
        yield (
            f"---\ntitle: {json.dumps(titled.title, ensure_ascii=False)}\ndate: {dated.date}\n"
            f"from: https://{model.host}/recombined/{seed}/{number}\n{tags}---\n\n"
            + "\n\n".join(body)
            + "\n"
        )
