"""Large files that are written to take much memory or time: each is read within limits.

They nest elements, quotes or brackets, repeat them, or make a parser expand what they contain.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import Cli, clean_environment
from tests.support.stress import trial_count

pytestmark = [pytest.mark.slow, pytest.mark.torture]

SIZE = trial_count(600_000, 2_000_000)
MOST = 330 if SIZE > 600_000 else 220
"""MB that a process that reads all files may take more than after a short one.

Most is a table of 240 KB: 183 MB. Of the files of 600 KB, none takes more than 110.
"""
HANG = 600

READER = """
import json, os, sys
from pathlib import Path

from newsgrep.analysis.document import IndexDocument
from newsgrep.extraction.walk import find_files
from newsgrep.indexing.preparing import PrepareOptions, prepare_files

MB = 1024
options = PrepareOptions(largest=2**26)


def memory(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) // MB


def read(path):
    # The first article in a file, or the first reason why a record has none.
    made = [each for file in find_files([path]) for each in prepare_files([file], options, 1)]
    for each in made:
        if isinstance(each, IndexDocument):
            return "article", each.article().title
    return "rejected", next(filter(None, (getattr(each, "reason", "") for each in made)), "")


folder, short = sys.argv[1:]
read(short)
before = memory("VmRSS")
for name in sorted(os.listdir(folder)):
    Path("/proc/self/clear_refs").write_text("5")  # reset the peak
    outcome = read(os.path.join(folder, name))
    print(json.dumps([name, memory("VmHWM") - before, *outcome]), flush=True)
"""

HEAD = "长行\n\n开头的一段话，".encode()
END = "中文的一段话。".encode()


def filled(unit: str | bytes, head: bytes = b"", tail: bytes = b"", size: int = SIZE) -> bytes:
    unit = unit.encode() if isinstance(unit, str) else unit
    return head + unit * (size // len(unit)) + tail


def yaml_bomb() -> bytes:
    lines = ["a0: &a0 [lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 60)]
    lines += ["title: *a59", "tags: *a59", "<<: *a59"]
    return "\n".join(("---", *lines, "---", "题目", "", "正文在这里。")).encode()


def laughs() -> bytes:
    entities = '<!ENTITY l0 "lol">' + "".join(
        f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12)
    )
    head = f'<?xml version="1.0"?><!DOCTYPE html [{entities}]><html><body><p>笑声'
    return filled("&l11;", head.encode(), b"</p></body></html>")


def json_ld(data: bytes) -> bytes:
    head = b"<html><head><script type='application/ld+json'>"
    return head + data + "</script></head><body><p>渡轮照常往返。</p></body></html>".encode()


def bombs() -> Mapping[str, bytes]:
    """Return hostile files by name."""
    lines = {
        "one-line": filled("渡轮照常往返码头没有排队", HEAD),
        "letters": filled("a", HEAD),
        "words": filled("lorem ipsum ", HEAD),
        "all-words-differ": HEAD + " ".join(f"{n:x}" for n in range(SIZE // 7)).encode(),
        "short-lines": filled("渡\n", HEAD),
        "rule": filled("-", b"x\n"),
        "rule-of-front-matter": filled("-", b"---\n"),
        "hashtags": filled("#a "),
        "comments": filled("<!---->"),
        "instructions": filled("<?", b"<p>x</p>"),
        "images-without-end": filled("![](", HEAD),
        "marks": filled("\u0301\u0316", HEAD + b"a"),
        "dates": filled("2024年5月17日 10:50 ", HEAD),
        "front-matter": filled("a: b\n", b"---\ntitle: x\n", b"---\n" + HEAD),
        "front-matter-without-end": filled("k: v\n", b"---\n"),
        "surrogates": filled(b"\xed\xa0\x80", HEAD * 20),
        "overlong": filled(b"\xc0\xaf\xe0\x80\xaf", HEAD * 20),
        "nuls": filled(b"\xe6\xb8\xa1\x00", HEAD * 20),
        "utf16-odd": "渡轮照常往返。".encode("utf-16-le").join((b"\xff\xfe", b"x"))
        + filled("渡轮照常往返。".encode("utf-16-le"), size=SIZE // 2)
        + b"x",
        "utf32-odd": filled("渡轮照常。".encode("utf-32-le"), b"\xff\xfe\0\0", b"xyz"),
        "gzip": filled(b"\x1f\x8b\x08\0"),
        "data-uri": filled("QUJD", b'<p><img src="data:image/png;base64,', b'">' + END),
    }
    pages = {
        "div": filled("<div>", tail=END),
        "b": filled("<b>", tail=END),
        "table": filled("<table><tr><td>", tail=END),
        "time": filled("<p><time>", tail=END),
        "small": filled("<figure><small>", tail=END),
        "list": filled("<ul><li><a href=/x>字", tail=END),
        "caption": filled("<div class='wp-caption'>", tail=END),
        "br": filled("渡轮<br>", b"<html><body><p>"),
        "entities": filled("&amp;&#20013;", b"<p>"),
        "laughs": laughs(),
        "alt": filled("a b ", "<p>字</p><img alt='".encode(), b"'>" + END),
        "meta": filled("a b ", b"<meta property='og:title' content='", b"'><p>" + END),
        "json-deep": json_ld(b"[" * (SIZE // 2) + b"]" * (SIZE // 2)),
        "json-objects": json_ld(b'{"author":' * 100_000 + b"1" + b"}" * 100_000),
        "json-many": json_ld(filled('{"@type":"Article"},', b"[", b"{}]")),
        "comments-without-end": filled("<!--", "<p>字</p>".encode(), size=12_000_000),
        "cdata": filled("<![CDATA[x]]>", "<p>字</p>".encode()),
    }
    marks = {
        "quotes": "> ",
        "lists": "- ",
        "brackets": "[",
        "images": "![",
        "links": "[a](<",
        "quote-lines": "> a\nb\n",
        "rows": "|a|\n|-|\n",
        "lazy": "a\n=\n",
    }
    notes = {name: filled(unit, "题目\n\n".encode(), size=240_000) for name, unit in marks.items()}
    references = b"[a]: /" + b"x" * 100_000 + b"\n\n" + b"[a] " * 30_000
    return {
        **{f"{name}.txt": data for name, data in lines.items()},
        **{f"{name}.html": data for name, data in lines.items()},
        **{f"nested-{name}.html": data for name, data in pages.items()},
        **{f"{name}.md": data for name, data in notes.items()},
        "nested-quotes-of-a-million.md": filled("> ", size=2_000_000),
        "nested-yaml.md": b"---\na: " + b"[" * 1_000_000 + b"\n---\n" + HEAD,
        "yaml-bomb.md": yaml_bomb(),
        "references.md": references,
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bombs")
    for name, data in bombs().items():
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture(scope="module")
def readings(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[int, str, str]]:
    short = tmp_path_factory.mktemp("short") / "a.html"
    short.write_bytes(HEAD)
    done = subprocess.run(
        [sys.executable, "-c", READER, folder, short],
        env=clean_environment(folder),
        capture_output=True,
        timeout=HANG,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    rows = map(json.loads, done.stdout.splitlines())
    return {name: (grown, outcome, text) for name, grown, outcome, text in rows}


@pytest.mark.skipif(
    not os.access("/proc/self/clear_refs", os.W_OK), reason="only Linux reports peaks"
)
def test_hostile_files_take_bounded_memory(
    readings: dict[str, tuple[int, str, str]],
) -> None:
    assert set(readings) == set(bombs())
    assert {name: row for name, row in readings.items() if row[0] > MOST} == {}
    assert {row[1] for row in readings.values()} == {"article", "rejected"}
    assert all(row[2] for row in readings.values())


def test_index_lists_every_hostile_file(folder: Path, cli: Cli) -> None:
    files = sorted(folder.iterdir())[::6]
    ran = subprocess.run(
        ["newsgrep", "index", *files, "--json", "--index", cli.index],
        env=clean_environment(cli.folder, {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}),
        capture_output=True,
        timeout=HANG,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr.decode()
    report: dict[str, Any] = json.loads(ran.stdout)
    assert report["seen"] == report["added"] + report["rejected"] == len(files)
    assert len(report["files"]["rejected"]) == report["rejected"]
    assert all(item["reason"] for item in report["files"]["rejected"])
    assert cli.json("search", "一段话")["total"] >= 1
    assert cli("doctor").status == 0
