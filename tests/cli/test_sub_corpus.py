"""``newsgrep copy --query``: a sub-corpus, and what it says about itself."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import Cli, write_article
from tests.support.fake_server import FakeServerCli

URL = "https://wugang.example/{}"
REST = "两岸渔民清早到码头送行，渡轮照常往返，海带上市，鱼价平稳，船厂赶工，灯塔夜里重新点亮。"


@pytest.fixture
def archive(cli: Cli) -> Cli:
    """Index three articles on ferries and one on whales; one has an earlier version, one a copy."""
    pages = cli.folder / "n"
    write_article(pages / "a.md", "渡轮停航", f"渡轮今日停航。{REST}", url=URL.format("a"))
    write_article(pages / "b.md", "鲸群", "鲸群路过海湾，学者记录。", source="鹭岛电台")
    write_article(pages / "c.md", "复航", "渡轮复航。", date="2023-01-02", url=URL.format("c"))
    lines = (
        {"title": f"第{number}号", "body": text, "url": URL.format(f"d{number}")}
        for number, text in enumerate(("渡轮下水，船厂庆祝。", "鲸群北上，渔船避让。"))
    )
    dump = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    (pages / "d.jsonl").write_text(dump, "utf-8")
    shutil.copyfile(pages / "c.md", pages / "e.md")
    cli("index", "n")
    write_article(pages / "a.md", "渡轮停航", f"渡轮明日停航。{REST}", url=URL.format("a"))
    cli("index", "n")
    return cli


def ids(cli: Cli, query: str, *options: str | Path) -> set[str]:
    lines = cli("search", query, "--jsonl", "-n", "99", *options).lines
    return {json.loads(line)["id"] for line in lines}


def origin(cli: Cli, index: str) -> Any:
    return json.loads(cli("stats", "--json", "--index", index).out)["origin"]


def test_sub_corpus_contains_matches_and_their_files(archive: Cli) -> None:
    wanted = ids(archive, "渡轮")
    copied = archive("copy", "--query", "渡轮", "--to", "sub")
    assert copied.out.startswith(f"Copied {len(wanted)} of 5 articles")
    assert ids(archive, "*", "--index", "sub") == wanted
    stats = json.loads(archive("stats", "--json", "--index", "sub").out)
    whole = json.loads(archive("stats", "--json").out)
    assert (stats["articles"], stats["files"]["container"]) == (len(wanted), 1)
    assert stats["files"].get("duplicate") == whole["files"].get("duplicate")
    assert archive("doctor", "--deep", "--index", "sub").status == 0
    for each in wanted:
        shown = archive("show", each, "--json", "--index", "sub").out
        assert json.loads(shown) == json.loads(archive("show", each, "--json").out)


def test_sub_corpus_keeps_versions_notes_and_collections(archive: Cli) -> None:
    article = min(ids(archive, "title:停航"))
    other = min(ids(archive, "title:鲸群"))
    archive("collect", "ferries", article, other)
    archive("note", article, "核对时间")
    archive("copy", "--query", "渡轮", "--to", "sub")
    history = archive("history", article, "--json", "--index", "sub").out
    assert json.loads(history) == json.loads(archive("history", article, "--json").out)
    assert ids(archive, "earlier:今日停航", "--index", "sub") == {article}
    assert ids(archive, "in:ferries", "--index", "sub") == {article}
    assert "核对时间" in archive("note", article, "--index", "sub").out


def test_sub_corpus_says_where_it_comes_from(archive: Cli) -> None:
    archive("copy", "--query", "渡轮", "--since", "2024", "--to", "sub")
    archive("copy", "--index", "sub", "--query", "停航", "--to", "smaller")
    first, second = origin(archive, "smaller")
    assert (first["query"], first["parsed"]) == ("渡轮", "渡轮 AND date:2024-01-01..")
    assert (first["index"], first["articles"], second["parsed"]) == ("index", 5, "停航")
    archive("reindex", "--index", "smaller")
    archive("copy", "--index", "smaller", "--to", "moved", "--engine", "tantivy")
    assert origin(archive, "moved") == [first, second] == origin(archive, "smaller")
    assert origin(archive, "index") == []
    assert "articles that match 停航, of" in archive("stats", "--index", "moved").out


def test_filter_alone_makes_sub_corpus(archive: Cli) -> None:
    archive("copy", "--source", "鹭岛", "--to", "sub")
    assert ids(archive, "*", "--index", "sub") == ids(archive, "source:鹭岛")


def test_sub_corpus_is_copied_again_or_replaced(archive: Cli) -> None:
    archive("copy", "--query", "渡轮", "--to", "sub")
    again = archive("copy", "--query", "渡轮", "--to", "sub")
    assert "is a copy already" in again.out
    refused = archive("copy", "--query", "鲸群", "--to", "sub", status=2)
    assert "--replace" in refused.err
    archive("copy", "--to", "sub", status=2)
    archive("copy", "--query", "鲸群", "--to", "sub", "--replace")
    assert ids(archive, "*", "--index", "sub") == ids(archive, "鲸群")


def test_query_without_match_creates_no_index(archive: Cli) -> None:
    result = archive("copy", "--query", "没有这样的词", "--to", "sub", status=1)
    assert "No article matches" in result.err
    assert not (archive.folder / "sub").exists()
    archive("copy", "--query", "AND", "--to", "sub", status=2)


def test_index_refuses_sub_corpus(archive: Cli) -> None:
    archive("copy", "--query", "渡轮", "--to", "sub")
    refused = archive("index", "n", "--index", "sub", status=2)
    assert "sub-corpus" in refused.err
    assert "渡轮" in refused.err
    assert len(ids(archive, "*", "--index", "sub")) == len(ids(archive, "渡轮"))
    archive("index", "--reextract", "--index", "sub", status=None)
    assert len(ids(archive, "*", "--index", "sub")) == len(ids(archive, "渡轮"))


def test_sub_corpus_on_server_and_back(tmp_path: Path) -> None:
    cli = FakeServerCli(tmp_path)
    write_article(cli.folder / "n" / "a.md", "渡轮", "渡轮停航。")
    write_article(cli.folder / "n" / "b.md", "鲸群", "鲸群路过。")
    cli("index", "n")
    server = "opensearch://localhost/ferries"
    cli("copy", "--query", "渡轮", "--to", server)
    assert origin(cli, server)[0]["parsed"] == "渡轮"
    cli("copy", "--index", server, "--to", "back")
    assert origin(cli, "back") == origin(cli, server)
    assert len(ids(cli, "*", "--index", "back")) == 1
