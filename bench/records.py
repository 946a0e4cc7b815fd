"""Files of many records: records a second and memory, beside what people would use instead.

``python -m bench.records PAGES`` packs the HTML pages in the folder PAGES, as often as it takes,
into a WARC file with a picture after each page, and their articles into a JSON Lines file. Peers
run as processes of the interpreter in $NEWSGREP_BENCH_PEERS, by default this one; a peer whose
packages are missing has no row. ``--largest 1000`` also indexes JSON Lines of 10 MB, 100 MB and
1 GB for their memory; this takes half an hour.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import click

from bench import measure
from bench.paths import RESULTS, default_work, fresh
from newsgrep.errors import NoArticle
from newsgrep.extraction.outlets import load_outlets
from newsgrep.extraction.pipeline import extract_article

_PICTURE_BYTES: Final = 50_000
_HEADING: Final = "| {} | {} | a second | a CPU second | peak MB |\n| --- | --: | --: | --: | --: |"
_NEWSGREP: Final = (sys.executable, "-m", "newsgrep")

_WARCIO: Final = """
import sys, trafilatura
from warcio.archiveiterator import ArchiveIterator
with open(sys.argv[1], "rb") as stream:
    for record in ArchiveIterator(stream):
        headers = record.http_headers
        if record.rec_type == "response" and "html" in (headers.get_header("Content-Type") or ""):
            print(trafilatura.extract(record.content_stream().read(), output_format="json",
                                      with_metadata=True))
"""
_FASTWARC: Final = """
import sys, trafilatura
from fastwarc import ArchiveIterator, WarcRecordType
for record in ArchiveIterator(sys.argv[1], record_types=WarcRecordType.response):
    if "html" in (record.http_content_type or ""):
        print(trafilatura.extract(record.reader.read(), output_format="json", with_metadata=True))
"""


class Job(NamedTuple):
    """A command that reads all records of a file, and what a reader should know about it."""

    name: str
    command: Sequence[str]


def pages_in(folder: Path) -> list[bytes]:
    """Return the pages under ``folder`` that are articles for newsgrep."""
    outlets = load_outlets()
    found = []
    for path in sorted(folder.rglob("*.html")):
        data = path.read_bytes()
        try:
            extract_article(str(path), data, outlets=outlets, mtime=path.stat().st_mtime)
        except NoArticle:
            continue
        found.append(data)
    return found


def _repeated(pages: Sequence[bytes], count: int) -> Iterator[tuple[str, bytes]]:
    """Yield addresses and pages; each repetition has a text of its own."""
    for number in range(count):
        page = pages[number % len(pages)]
        mark = f"<body><p>{number}</p>".encode()
        yield f"https://bench.example/{number}.html", page.replace(b"<body>", mark, 1)


def write_warc(path: Path, pages: Sequence[bytes], count: int) -> None:
    """Write a WARC file of ``count`` pages, each followed by a picture."""
    picture = os.urandom(_PICTURE_BYTES)
    with path.open("wb") as stream:
        for url, page in _repeated(pages, count):
            for address, kind, body in (
                (url, "text/html", page),
                (f"{url}.png", "image/png", picture),
            ):
                content = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n\r\n".encode() + body
                head = (
                    f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: {address}\r\n"
                    "WARC-Date: 2026-01-02T03:04:05Z\r\nContent-Type: application/http; "
                    f"msgtype=response\r\nContent-Length: {len(content)}\r\n\r\n"
                )
                stream.write(gzip.compress(head.encode() + content + b"\r\n\r\n", 6))


def write_json_lines(path: Path, pages: Sequence[bytes], size: int) -> int:
    """Write articles into a file of ``size`` bytes, and return their number."""
    outlets = load_outlets()
    articles = [extract_article("/page.html", page, outlets=outlets, mtime=1.8e9) for page in pages]
    count = written = 0
    with path.open("w", encoding="utf-8") as stream:
        while written < size:
            article = articles[count % len(articles)]
            row = {
                "title": article.title,
                "url": f"https://bench.example/{count}",
                "text": f"{count} {article.body}",
            }
            written += stream.write(json.dumps(row) + "\n")
            count += 1
    return count


def _row(job: Job, count: int, run: measure.Run) -> str:
    return (
        f"| {job.name} | {count:,} | {count / run.seconds:,.0f} | {count / run.cpu_seconds:,.0f} "
        f"| {run.peak_bytes / 2**20:,.0f} |"
    )


def _measure(jobs: Sequence[Job], count: int) -> Iterator[str]:
    for job in jobs:
        try:
            yield _row(job, count, measure.run(job.command))
        except (measure.CommandFailed, FileNotFoundError) as exc:
            click.echo(f"{job.name}: {exc}", err=True)


def _index(work: Path, name: str, file: Path, jobs: int) -> Job:
    index = fresh(work / f"{name}-{jobs}.index")
    command = (*_NEWSGREP, "index", str(file), "--index", str(index / "i"), "--jobs", str(jobs))
    return Job(f"newsgrep index --jobs {jobs}", command)


def _index_again(work: Path, name: str, file: Path) -> Sequence[str]:
    """Return the command that finds ``file`` unchanged, after :func:`_index` with one job."""
    return (*_NEWSGREP, "index", str(file), "--index", str(work / f"{name}-1.index" / "i"))


def _crawl_jobs(work: Path, file: Path, peers: str) -> list[Job]:
    return [
        Job("newsgrep extract --jsonl", (*_NEWSGREP, "extract", "--jsonl", str(file))),
        *(_index(work, "warc", file, jobs) for jobs in (1, 2)),
        Job("warcio, trafilatura", (peers, "-c", _WARCIO, str(file))),
        Job("fastwarc, trafilatura", (peers, "-c", _FASTWARC, str(file))),
    ]


def _dump_jobs(work: Path, file: Path) -> list[Job]:
    return [
        Job("newsgrep extract --jsonl", (*_NEWSGREP, "extract", "--jsonl", str(file))),
        *(_index(work, "dump", file, jobs) for jobs in (1, 2)),
        Job("jq -c '{title, url, text}'", ("jq", "-c", "{title, url, text}", str(file))),
    ]


def _memory_rows(work: Path, pages: Sequence[bytes], largest: int) -> Iterator[str]:
    """Yield the peak memory of indexing a file of ``largest`` MB, and two smaller ones."""
    for size in (largest // 100, largest // 10, largest):
        dump = work / f"{size}.jsonl"
        count = write_json_lines(dump, pages, size * 10**6)
        run = measure.run(_index(work, f"memory {size}", dump, 1).command)
        again = measure.run(_index_again(work, f"memory {size}", dump))
        dump.unlink()
        yield (
            f"| {size:,} | {count:,} | {run.peak_bytes / 2**20:,.0f} | {count / run.seconds:,.0f} "
            f"| {again.peak_bytes / 2**20:,.0f} | {again.seconds:,.1f} |"
        )


_MEMORY_HEADING: Final = (
    "| JSON Lines, MB | articles | index: peak MB | a second | unchanged: peak MB | seconds |\n"
    "| --: | --: | --: | --: | --: | --: |"
)


@click.command()
@click.argument("pages", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--count", default=2000, show_default=True, help="Pages in the WARC file.")
@click.option("--megabytes", default=100, show_default=True, help="Size of the JSON Lines file.")
@click.option("--largest", default=0, help="Measure the memory for a file of so many MB, too.")
@click.option("--write", is_flag=True, help="Update the checked-in results.")
def main(pages: Path, count: int, megabytes: int, largest: int, write: bool) -> None:
    """Measure how fast records are read, beside other tools."""
    found = pages_in(pages)
    if not found:
        raise click.ClickException(f"No articles in {pages}. Name a folder of HTML pages.")
    work = fresh(default_work() / "records")
    peers = os.environ.get("NEWSGREP_BENCH_PEERS", sys.executable)
    warc, dump = work / "pages.warc.gz", work / "dump.jsonl"
    write_warc(warc, found, count)
    rows = write_json_lines(dump, found, megabytes * 10**6)
    sizes = [f"{path.stat().st_size / 1e6:,.0f} MB" for path in (warc, dump)]
    intro = (
        f"# Files of many records\n\nThe WARC file has {count:,} pages and as many pictures, "
        f"{sizes[0]}; the JSON Lines file has {rows:,} articles, {sizes[1]}. Each row is one "
        "process with its start. Other programs that run on the machine change the records a "
        "second, not those a CPU second.\n"
    )
    text = "\n".join(
        (
            intro,
            _HEADING.format("WARC", "pages"),
            *_measure(_crawl_jobs(work, warc, peers), count),
            "\n" + _HEADING.format("JSON Lines", "articles"),
            *_measure(_dump_jobs(work, dump), rows),
            *(["\n" + _MEMORY_HEADING] if largest else []),
            *(_memory_rows(work, found, largest) if largest else ()),
        )
    )
    click.echo(text)
    if write:
        (RESULTS / "records.md").write_text(text + "\n", "utf-8")
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
