"""``newsgrep extract``: what newsgrep takes from a file, without an index."""

from __future__ import annotations

import errno
import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

from newsgrep.extraction.formats import RECORD_FORMATS, format_names
from newsgrep.terminal import display_width
from tests.support.cli import Cli
from tests.support.schemas import load_schema, validator

VALID = validator("extract")

PAGE = """<!doctype html><html><head><meta charset="utf-8">
<title>山谷小学新校舍启用 - 松坡新闻</title>
<meta property="og:title" content="山谷小学新校舍启用">
<meta name="pubdate" content="2023-04-07">
<meta name="author" content="admin">
</head><body>
<nav><a href="/">首页</a><a href="/local">本地</a></nav>
<article><h1 class="headline">山谷小学新校舍正式启用</h1>
<p class="info">发布时间：2023-04-06 09:30</p>
<p>山谷小学的新校舍昨天启用，三百多名学生第一次走进有暖气的教室，家长们在门口排起了长队。</p>
<p>校长说，旧校舍的木窗会捐给村里的图书室，操场的石阶则保留原样，供学生上体育课时使用。</p>
<figure><img src="1.jpg"><figcaption>学生在新教室里上第一节课。</figcaption></figure>
</article>
<footer>松坡新闻 版权所有</footer></body></html>
"""


@pytest.fixture
def page(cli: Cli) -> Path:
    path = cli.folder / "page.html"
    path.write_text(PAGE, "utf-8")
    return path


def records(cli: Cli, *args: str, status: int = 0, stdin: bytes = b"") -> list[dict[str, Any]]:
    result = json.loads(cli("extract", *args, "--json", status=status, stdin=stdin).stdout)
    VALID.validate(result)
    found: list[dict[str, Any]] = result["records"]
    return found


def field(lines: list[str], name: str) -> str:
    return next(line for line in lines if line.startswith(name)).removeprefix(name).strip()


def test_json_of_records_is_valid(cli: Cli) -> None:
    (cli.folder / "a.jsonl").write_text('{"title": "题", "text": "渡轮照常。"}\n{bad\n', "utf-8")
    (cli.folder / "b.json").write_text('[7, {"title": "题", "text": "渡轮照常。"}]', "utf-8")
    result = cli.json("extract", "a.jsonl", "b.json")
    VALID.validate(result)
    found = [
        (each["locator"], each["format"], each["reason"] is None) for each in result["records"]
    ]
    assert found == [
        (":1", "fields", True),
        (":2", "fields", False),
        ("#1", "", False),
        ("#2", "fields", True),
    ]


def test_schema_describes_every_property() -> None:
    schema = load_schema("extract")
    stated = schema["$defs"]["record"]["properties"]["format"]["enum"]
    assert stated == [*format_names(), *RECORD_FORMATS, ""]
    for each in schema["$defs"].values():
        assert set(each["required"]) == set(each["properties"])


def test_extract_prints_fields_and_body(cli: Cli, page: Path) -> None:
    ran = cli("extract", page.name)
    assert field(ran.lines, "title").startswith("山谷小学新校舍")
    assert "2023-04-0" in field(ran.lines, "published")
    assert field(ran.lines, "file") == "page.html  [html, utf-8]"
    assert "校长说，旧校舍的木窗会捐给村里的图书室" in ran.out
    assert "caption: 学生在新教室里上第一节课。" in ran.out
    assert "\x1b" not in ran.out


def test_extract_prints_what_index_stores(seeds: Cli) -> None:
    (record,) = records(seeds, "seeds/tram-line-4.html")
    shown = seeds.json("show", "seeds/tram-line-4.html")
    assert record["article"] == {key: shown[key] for key in record["article"]}
    assert record["locator"] is None
    assert record["reason"] is None


def test_explain_prints_claims_with_rank_place_and_reason(cli: Cli, page: Path) -> None:
    lines = cli("extract", page.name, "--explain").lines
    titles = lines[lines.index("title") + 1 :][:3]
    assert titles[0].startswith("  + ")
    assert "[heading h1.headline]" in titles[0]
    assert "[meta tag og:title, line 3]  weaker than the heading" in "\n".join(titles)
    authors = lines[lines.index("authors") + 1]
    assert authors.startswith("  - ")
    assert authors.endswith("admin  [meta tag author, line 5]  a placeholder")
    assert any(line.startswith("  + 校长说") for line in lines)


def test_json_claims_have_one_winner_for_each_field(cli: Cli, page: Path) -> None:
    (record,) = records(cli, page.name)
    for name in ("title", "published", "source"):
        claims = [each for each in record["claims"] if each["field"] == name]
        assert [each["lost"] for each in claims].count(None) == 1
        assert claims[0]["lost"] is None
    (author,) = [each for each in record["claims"] if each["field"] == "authors"]
    assert author["lost"] == "a placeholder"
    assert record["article"]["authors"] == []
    kept = [each["text"] for each in record["blocks"] if each["rule"] is None]
    assert set(record["article"]["body"].split("\n\n")) <= set(kept)


def test_explain_names_elements_menus_and_the_place_of_the_body(cli: Cli, page: Path) -> None:
    lines = cli("extract", page.name, "--explain").lines
    body = lines[lines.index("body") + 1]
    assert body.startswith("  +    0  山谷小学的新校舍昨天启用")
    assert body.endswith("[main content article]")
    text = lines[lines.index("text") + 2 :]
    assert "  - 首页 · 本地  [navigation nav]" in text or any("首页" in line for line in text)
    assert any(line.startswith("  = 山谷小学新校舍正式启用  [title, heading") for line in text)
    assert any(line.endswith("[article > p]") for line in text)
    assert not any(line.startswith("  +") and "版权所有" in line for line in text)


def test_url_gives_the_address(cli: Cli, page: Path) -> None:
    url = "https://songpo.example/local/8.html"
    (record,) = records(cli, page.name, "--url", url)
    assert record["article"]["url"] == url
    claim = next(each for each in record["claims"] if each["field"] == "url")
    assert claim["provenance"] == "given address"
    assert claim["lost"] is None


def test_standard_input_is_read_as_html_or_text(cli: Cli) -> None:
    (record,) = records(cli, "-", stdin=PAGE.encode())
    assert record["path"] == "-"
    assert record["article"]["title"].startswith("山谷小学")
    text = (
        "河堤加固工程完工\n\n河堤加固工程昨天完工，比计划早了两周，沿岸的三个村子不再需要沙袋。\n"
    )
    (record,) = records(cli, "-", stdin=text.encode())
    assert record["article"]["title"] == "河堤加固工程完工"
    marked = "## 河堤\n\n- 加固工程**昨天**完工，比计划早了两周，沿岸的三个村子不再需要沙袋。\n"
    (record,) = records(cli, "-", "--format", "markdown", stdin=marked.encode())
    assert record["format"] == "markdown"
    assert "**" not in record["article"]["body"]


def test_outlets_option_replaces_the_rules(cli: Cli, page: Path) -> None:
    rules = cli.folder / "draft.toml"
    rules.write_text(
        '[[outlet]]\nname = "松坡新闻"\nhosts = ["songpo.example"]\n'
        'date = "p.info"\ndrop = ["figure"]\n',
        "utf-8",
    )
    url = "https://songpo.example/local/8.html"
    (record,) = records(cli, page.name, "--url", url, "--outlets", str(rules))
    assert record["outlet_rules"] == "松坡新闻"
    assert record["article"]["published"] == "2023-04-06T09:30+08:00"
    assert record["article"]["captions"] == []
    winner = next(each for each in record["claims"] if each["field"] == "published")
    assert (winner["provenance"], winner["locator"]) == ("outlet rule", "date")


def test_several_files_are_several_records(cli: Cli, page: Path) -> None:
    other = cli.folder / "other.txt"
    other.write_text(
        "堤坝\n\n" + "堤坝的第二期工程本月开工，预计明年春天完成，耗资两百万元。" * 3, "utf-8"
    )
    both = records(cli, page.name, other.name)
    assert [Path(each["path"]).name for each in both] == ["page.html", "other.txt"]
    text = cli("extract", page.name, other.name).out
    assert text.count("\nfile ") == 2


def test_file_without_article_is_explained(cli: Cli) -> None:
    (cli.folder / "menu.html").write_text(
        "<html><body><nav><a href='/'>首页</a></nav></body></html>", "utf-8"
    )
    ran = cli("extract", "menu.html", status=1)
    assert "no article" in ran.err.lower()
    assert "--explain" in ran.err
    (record,) = records(cli, "menu.html", status=1)
    assert record["article"] is None
    assert record["reason"]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["missing.html"], "No file missing.html. Name an existing file"),
        (["."], "is a folder. Name files in it"),
        (["paper.swf"], "does not read .swf files. Name its format with --format"),
        (["bytes.html"], "binary. Name a file with articles"),
        (["page.html", "--outlets", "none.toml"], "No outlet rules in none.toml"),
        (["page.html", "--url", "songpo.example"], "Begin it with https://"),
        (["page.html", "bytes.html", "--url", "https://a.example/"], "Name one FILE"),
        (["-", "-"], "Name - once"),
        (["-"], "Cannot read standard input: the file is empty"),
    ],
)
def test_wrong_input_is_an_error_with_the_next_step(
    cli: Cli, page: Path, args: list[str], message: str
) -> None:
    (page.parent / "paper.swf").write_bytes(b"CWS")
    (page.parent / "bytes.html").write_bytes(bytes(range(256)) * 40)
    assert message in cli("extract", *args, status=2).err


def test_one_wrong_file_does_not_hide_the_others(cli: Cli, page: Path) -> None:
    ran = cli("extract", "missing.html", page.name, status=2)
    assert "No file missing.html" in ran.err
    assert "校长说" in ran.out


def test_hostile_text_is_neutralised(cli: Cli) -> None:
    (cli.folder / "bad.html").write_text(
        PAGE.replace('class="headline"', 'class="a\x1b[2Jb headline"').replace(
            "校长", "\x1b]0;x\x07校长"
        ),
        "utf-8",
    )
    out = cli("extract", "bad.html", "--explain").out
    assert "\x1b" not in out
    assert "\x07" not in out


def test_terminal_output_is_paged_and_wrapped(cli: Cli, page: Path) -> None:
    env = {"PAGER": "sed s/^/@/"}
    status, shown = cli.on_terminal("extract", page.name, "--explain", env=env, columns=40)
    assert status == 0
    assert "@" in shown
    plain = re.sub(r"\x1b\][^\x1b]*\x1b\\|\x1b\[[0-9;]*m", "", shown)
    assert max(map(display_width, plain.replace("\r", "").split("\n"))) <= 41
    env = {"PAGER": "false", "NO_COLOR": "1"}
    status, shown = cli.on_terminal("extract", page.name, "--no-pager", env=env)
    assert "title" in shown
    assert "\x1b[" not in shown


def test_long_standard_input_is_read_from_a_temporary_file(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("newsgrep.extraction.records.base.MAX_RECORD_BYTES", 1000)
    texts = [f"第{number}班渡轮今天照常开航，沿岸的村子不再需要沙袋。" for number in range(60)]
    lines = "".join(f'{{"title": "{text[:4]}", "text": "{text}"}}\n' for text in texts).encode()
    for data in (lines, gzip.compress(lines)):
        found = records(cli, "-", stdin=data)
        assert [each["article"]["body"] for each in found] == texts


def test_long_standard_input_on_a_full_disk_is_an_error(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("newsgrep.extraction.records.base.MAX_RECORD_BYTES", 1000)
    monkeypatch.setattr("tempfile.TemporaryFile", fail)
    result = cli("extract", "-", status=2, stdin=b"a" * 2000)
    assert "standard input: No space left on device. Save it as a file" in result.stderr.decode()
