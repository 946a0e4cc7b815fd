"""Articles to measure with: real ones, samples of them, and as many more as one likes.

More articles are made by recombination: the length, date and outlet of one real article,
and runs of paragraphs drawn from all of them, so that the statistics of words stay natural.
Everything is deterministic by its parameters and kept in the cache folder under them.
"""

from __future__ import annotations

import html
import json
import random
import re
import shutil
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from bench.paths import ARCHIVES, fresh

RECIPE: Final = 1
"""Raised whenever the same parameters give other files."""
MOST_IN_FOLDER: Final = 1000
_LONGEST_PARAGRAPH: Final = 3000
_LONGEST_RUN: Final = 3
_DONE: Final = ".done"

_FRONT_MATTER = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)
_NO_TEXT = re.compile(r"<(script|style|noscript|svg)\b.*?</\1>", re.DOTALL | re.IGNORECASE)
_BREAK = re.compile(
    r"</?(p|div|br|li|ul|ol|h\d|tr|table|section|blockquote)\b[^>]*>", re.IGNORECASE
)
_TAG = re.compile(r"<[^>]*>")
_WHITE = re.compile(r"\s+")
_MARKDOWN = re.compile(r"^[#>\-+*=|`~\s]+|[<>\[\]`\\]")


@dataclass(frozen=True, slots=True)
class Corpus:
    """A folder of article files, all of whose parameters are in its name."""

    name: str
    folder: Path

    def paths(self) -> list[Path]:
        """Return the article files in a stable order."""
        return sorted(self.folder.rglob("*.md"))


@dataclass(frozen=True, slots=True)
class Source:
    """What recombination takes from one real article."""

    title: str
    date: str
    host: str
    tags: str
    paragraphs: tuple[str, ...]


def real(work: Path, archives: Path = ARCHIVES) -> Corpus:
    """Return all real articles, unpacked from ``*.tar.xz`` in ``archives``.

    Raises :class:`FileNotFoundError` where there are none.
    """
    folder = work / "corpora" / "real"
    if not (folder / _DONE).exists():
        packed = sorted(archives.glob("*.tar.xz"))
        if not packed:
            raise FileNotFoundError(f"no *.tar.xz in {archives}: name their folder (--archives)")
        fresh(folder)
        for path in packed:
            with tarfile.open(path) as archive:
                archive.extractall(folder, filter="data")
        (folder / _DONE).touch()
    return Corpus("real", folder)


def of_size(everything: Corpus, size: str, seed: int = 1) -> Corpus:
    """Return ``real``: all real articles, ``realN``: N of them, or ``N``: N recombined ones."""
    if size == "real":
        return everything
    if size.startswith("real"):
        return sample(everything, int(size.removeprefix("real")), seed)
    return recombined(everything, int(size), seed)


def sample(of: Corpus, count: int, seed: int = 1) -> Corpus:
    """Return copies of ``count`` random articles of a corpus, or of all if there are fewer."""
    folder = of.folder.parent / f"{of.name}-{count}-{seed}-{RECIPE}"
    if not (folder / _DONE).exists():
        fresh(folder)
        paths = of.paths()
        chosen = random.Random(seed).sample(paths, min(count, len(paths)))  # noqa: S311
        for path in sorted(chosen):
            copy = folder / path.relative_to(of.folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, copy)
        (folder / _DONE).touch()
    return Corpus(folder.name, folder)


def recombined(of: Corpus, count: int, seed: int = 1) -> Corpus:
    """Return ``count`` articles made of those of ``of``, each with an address of its own."""
    folder = of.folder.parent / f"{of.name}-recombined-{count}-{seed}-{RECIPE}"
    if not (folder / _DONE).exists():
        sources = [source for path in of.paths() if (source := read_source(path))]
        fresh(folder)
        for number, text in enumerate(recombine(sources, count, seed)):
            inner = folder / f"{number // MOST_IN_FOLDER:04}"
            inner.mkdir(exist_ok=True)
            (inner / f"{number:06}.md").write_text(text, "utf-8")
        (folder / _DONE).touch()
    return Corpus(folder.name, folder)


def read_source(path: Path) -> Source | None:
    """Return what recombination needs of a file, or nothing for one without text.

    Deliberately not newsgrep's own reader: the inputs stay the same when that changes.
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
    paragraphs = tuple(line for line in lines if 2 <= len(line) <= _LONGEST_PARAGRAPH)
    host = urlsplit(fields.get("from", "")).hostname
    if not (host and paragraphs):
        return None
    title = _plain(fields.get("title", "").strip("\"' "))
    return Source(title, fields.get("date", ""), host, fields.get("tags", ""), paragraphs)


def _plain(line: str) -> str:
    return _WHITE.sub(" ", _MARKDOWN.sub("", line.strip())).strip()


def recombine(sources: Sequence[Source], count: int, seed: int) -> Iterator[str]:
    """Yield ``count`` Markdown files.

    Each has the length and the outlet of one article, the title of a second, the date of a
    third. Paragraphs come in runs of up to three neighbours, every paragraph of the corpus
    being as likely to begin one, so that long articles give as much of the text as they have.
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
            for paragraph in sources[i].paragraphs[j : j + chance.randint(1, _LONGEST_RUN)]:
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
