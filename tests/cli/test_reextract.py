"""``newsgrep index --reextract``, and what a run says about older rules and undated articles."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

from newsgrep.extraction import pipeline, version
from newsgrep.extraction.identity import article_id
from tests.support.cli import Cli, write_article


@pytest.fixture
def harbour(cli: Cli) -> Cli:
    folder = cli.folder / "n"
    write_article(folder / "a.md", "渡轮改点", "渡轮清晨六点开船。", source="雾港日报")
    write_article(folder / "b.md", "灯塔修好", "守塔人换了灯泡。", source="鹭岛电台")
    url = "https://fog.example/20240517-1.html"
    body = "潮汐表贴在码头的墙上，来看的人比平时多一倍，都是问涨潮的时间。"
    write_article(folder / "c.md", "潮汐表", body, url=url)
    write_article(folder / "d.md", "潮汐表", body + "又一张。", url=url)
    (folder / "empty.txt").write_bytes(b"")
    cli("index", "n")
    return cli


def new_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(version, "EXTRACTION_VERSION", version.EXTRACTION_VERSION + 1)
    version.extraction_version.cache_clear()


def ids(cli: Cli) -> dict[str, str]:
    hits = cli.json("search", "date:2024", "-n", "99")["hits"]
    return {Path(hit["path"]).name: hit["id"] for hit in hits}


def outcomes(result: dict[str, Any]) -> dict[str, int]:
    names = ("added", "updated", "unchanged", "duplicate", "rejected", "failed", "removed", "kept")
    return {name: result[name] for name in names if result[name]}


def test_index_counts_articles_of_older_rules(
    harbour: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert harbour.json("index", "n")["older_rules"] == {"articles": 0, "others": 0}
    assert "older rules" not in harbour("index", "n").err
    new_rules(monkeypatch)
    ran = harbour("index", "n")
    assert ran.lines[0].startswith("5 files seen: 3 unchanged, 1 duplicate, 1 without article text")
    assert (
        "3 articles were extracted by older rules: newsgrep index --reextract reads them again\n"
        in ran.err
    )
    assert harbour.json("index", "n")["older_rules"] == {"articles": 3, "others": 2}


def test_reextract_reads_only_what_older_rules_have_read(
    harbour: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = ids(harbour)
    new_rules(monkeypatch)
    write_article(harbour.folder / "n" / "e.md", "开渔", "第一网全是鲳鱼。", source="雾港日报")
    assert outcomes(harbour.json("index", "n"))["added"] == 1
    ran = harbour("index", "--reextract")
    assert ran.lines[0].startswith(
        "5 files read again: 3 updated, 1 duplicate, 1 without article text; 4 articles in "
    )
    assert ids(harbour).items() >= before.items()
    assert harbour.json("index", "n")["older_rules"] == {"articles": 0, "others": 0}
    ran = harbour("index", "--reextract")
    assert ran.lines[0].startswith("0 files read again: nothing to read again; 4 ")


def test_reextract_one_source_or_folder(harbour: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    write_article(harbour.folder / "m" / "f.md", "休渔", "渔船靠岸三个月。", source="雾港日报")
    harbour("index", "m")
    new_rules(monkeypatch)
    result = harbour.json("index", "--reextract", "--source", "电台")
    assert outcomes(result) == {"updated": 1}
    assert result["older_rules"] == {"articles": 3, "others": 2}
    assert outcomes(harbour.json("index", "--reextract", "m")) == {"updated": 1}
    assert outcomes(harbour.json("index", "--reextract", "--source", "没有")) == {}
    result = harbour.json("index", "--reextract", "--source", "雾港", "--source", "电台")
    assert outcomes(result) == {"updated": 2, "duplicate": 1}


def test_reextract_keeps_articles_without_files(
    harbour: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_rules(monkeypatch)
    for name in ("a.md", "c.md", "d.md"):
        (harbour.folder / "n" / name).unlink()
    ran = harbour("index", "--reextract")
    assert ran.lines[0].startswith(
        "2 files read again: 1 updated, 1 without article text; 2 articles kept without a file; 3 "
    )
    assert len(ids(harbour)) == 3
    assert "2 articles were extracted by older rules" in ran.err


def test_articles_keep_their_ids_if_newer_rules_take_another_address(
    harbour: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    harbour("saved", "add", "all", "date:2024")
    harbour("new", status=1)
    before = ids(harbour)
    new_rules(monkeypatch)
    monkeypatch.setattr(
        pipeline,
        "article_id",
        lambda url, path: article_id(f"https://new.example/{url or path}", ""),
    )
    assert outcomes(harbour.json("index", "--reextract"))["updated"] == 3
    assert ids(harbour) == before
    assert harbour("new", status=1).out == ""
    assert outcomes(harbour.json("index", "n")) == {"unchanged": 3, "duplicate": 1, "rejected": 1}
    url = "https://fog.example/20240517-2.html"
    write_article(harbour.folder / "n" / "g.md", "开渔", "第一网全是鲳鱼。", url=url)
    assert outcomes(harbour.json("index", "n"))["added"] == 1
    assert len(set(ids(harbour).values())) == 4


def test_outlet_rules_of_the_user_count(harbour: Cli) -> None:
    rules = harbour.folder / "home" / ".config" / "newsgrep" / "outlets.toml"
    rules.parent.mkdir(parents=True)
    rules.write_text(
        '[[outlet]]\nname = "雾港日报"\nhosts = ["fog.example"]\ndrop_lines = ["又一张。"]\n',
        "utf-8",
    )
    env = {"HOME": str(harbour.folder / "home"), "XDG_CONFIG_HOME": None}
    assert "3 articles were extracted by older rules" in harbour("index", "n", env=env).err
    assert "older rules" not in harbour("index", "n").err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["n", "--source", "雾港"], "--reextract"),
        (["--reextract", "--prune"], "--prune"),
        ([], "PATH"),
        (["--reextract", "--index", "nowhere"], "newsgrep index PATH"),
    ],
)
def test_impossible_options_are_refused(harbour: Cli, arguments: list[str], expected: str) -> None:
    assert expected in harbour("index", *arguments, status=2).err


def test_summary_says_first_why_an_index_is_empty(cli: Cli) -> None:
    (cli.folder / "n").mkdir()
    for number in range(12):
        (cli.folder / "n" / f"{number}.css").write_text("a { color: red }")
    (cli.folder / "n" / "x.js").write_text("")
    ran = cli("index", "n", status=1)
    (line,) = ran.lines
    assert line.startswith(
        "0 articles in index; 12 files have the suffix .css, which newsgrep does not read. "
        "newsgrep reads HTML, "
    )
    assert {"Markdown,", "JSON,", "PDF,", ".zip"} < set(line.split())
    assert ran.err == "skipped: n/x.js: newsgrep does not read .js files\n"
    assert len(cli.json("index", "n", status=1)["skipped"]["format"]) == 13


def test_summary_groups_reasons_by_number(cli: Cli) -> None:
    folder = cli.folder / "n"
    write_article(folder / "a.md", "渡轮改点", "渡轮清晨六点开船。")
    for number in range(30):
        (folder / f"{number:02}.jpg").write_bytes(b"x")
        (folder / f"{number:02}.txt").write_bytes(b"")
    for number in range(6):
        (folder / f"{number}.mp4").write_bytes(b"x")
    err = cli("index", "n").err.splitlines()
    more = "and 27 more; --json lists all"
    assert len(err) == 3
    assert re.fullmatch(rf"rejected: 30 files: [^:]+: n/00.txt, n/01.txt, n/02.txt {more}", err[0])
    assert err[1] == (
        "skipped: 30 files have the suffix .jpg, which newsgrep does not read: "
        f"n/00.jpg, n/01.jpg, n/02.jpg {more}"
    )
    assert err[2].startswith("skipped: 6 files have the suffix .mp4, ")


def test_index_in_its_own_archive_is_not_listed(cli: Cli) -> None:
    write_article(cli.folder / "a.md", "渡轮改点", "渡轮清晨六点开船。")
    (cli.folder / "b.jpg").write_bytes(b"x")
    cli("index", ".")
    cli("saved", "add", "a", "渡轮")
    cli("new", status=1)
    assert cli("index", ".").err == "skipped: b.jpg: newsgrep does not read .jpg files\n"


def test_summary_names_addresses_with_several_articles(cli: Cli) -> None:
    folder = cli.folder / "n"
    for number, title in enumerate(("渡轮改点", "灯塔修好")):
        write_article(folder / f"{number}.md", title, f"{title}。" * 3, url="https://fog.example/")
    assert cli("index", "n").err.splitlines() == [
        "1 address is given by several different articles:",
        "  https://fog.example/: n/0.md, n/1.md",
    ]
    assert cli("index", "n").err == ""
    assert cli.json("index", "n")["shared_addresses"] == [
        {
            "url": "https://fog.example/",
            "paths": [str(folder / "0.md"), str(folder / "1.md")],
            "known": True,
        }
    ]


def test_summary_counts_undated_articles(cli: Cli) -> None:
    folder = cli.folder / "n"
    write_article(folder / "a.md", "渡轮改点", "渡轮清晨六点开船。")
    (folder / "b.txt").write_text("灯塔修好\n\n守塔人换了灯泡。\n", "utf-8")
    os.utime(folder / "b.txt", (1_600_000_000, 1_600_000_000))
    assert cli("index", "n").err == (
        "1 article has no date of publication: newsgrep extract n/b.txt --explain shows why\n"
    )
    assert cli.json("index", "n")["undated"] == 1
    assert cli("index", "n").err == ""
