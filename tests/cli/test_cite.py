"""``newsgrep cite`` and ``newsgrep open``."""

from __future__ import annotations

import json
import os
import re
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from newsgrep.cli.cite import _open_file
from newsgrep.models import Article, Precision, Published
from newsgrep.views.citation import CitationStyle, Cited, cite, to_json
from tests.support.cli import Cli, write_article

ARTICLE = Article(
    id="aaaabbbbcccc",
    title="码头恢复装卸",
    body="",
    path="/archive/a.md",
    source="雾港日报",
    url="https://fog.example/1",
    authors=("麦听潮", "Ann B. Reed"),
    published=Published("2024-05-17", Precision.DAY),
    fetched="2024-06-01T10:00:00Z",
    tags=("港口",),
)
BARE = Article(id="aaaabbbbcccc", title="Fog.", body="", path="/archive/a.md")


def styled(article: Article, style: CitationStyle) -> str:
    return cite(Cited(article, "SHA-256 of the file: 00"), style)


def changed(**values: object) -> Article:
    return ARTICLE._replace(**values)


def test_gbt_of_a_newspaper_article() -> None:
    assert styled(ARTICLE, CitationStyle.GBT) == (
        "麦听潮, Ann B. Reed. 码头恢复装卸[N/OL]. 雾港日报, 2024-05-17[2024-06-01]. "
        "https://fog.example/1."
    )


def test_gbt_states_only_what_is_known() -> None:
    assert styled(BARE, CitationStyle.GBT) == "Fog[N]."
    undated = changed(published=None)
    assert "[EB/OL]. 雾港日报, [2024-06-01]. https://" in styled(undated, CitationStyle.GBT)
    month = changed(published=Published("2024-05", Precision.MONTH), url=None)
    assert styled(month, CitationStyle.GBT).endswith("[N]. 雾港日报, 2024-05.")


def test_gbt_names_three_authors() -> None:
    names = ("甲", "乙", "丙", "丁")
    assert styled(changed(authors=names), CitationStyle.GBT).startswith("甲, 乙, 丙, 等. ")
    names = ("A B", "C D", "E F", "G H")
    assert styled(changed(authors=names), CitationStyle.GBT).startswith("A B, C D, E F, et al. ")


def test_chicago_inverts_latin_names_only() -> None:
    assert styled(ARTICLE, CitationStyle.CHICAGO) == (
        "麦听潮, and Ann B. Reed. “码头恢复装卸.” 雾港日报, May 17, 2024. https://fog.example/1."
    )
    one = changed(authors=("Ann B. Reed",), title="Fog?")
    assert styled(one, CitationStyle.CHICAGO).startswith("Reed, Ann B. “Fog?” 雾港日报, ")
    assert styled(BARE, CitationStyle.CHICAGO) == "“Fog.”"
    undated = changed(published=None)
    assert "雾港日报. Accessed June 1, 2024. https://" in styled(undated, CitationStyle.CHICAGO)


def test_bibtex_escapes_what_tex_would_run() -> None:
    hostile = changed(title=r"}\input{x} 50% & #1_$ ~^", url="https://fog.example/{a}\\b?c=%20")
    entry = styled(hostile, CitationStyle.BIBTEX)
    assert r"{{\}\textbackslash{}input\{x\} 50\% \& \#1\_\$ " in entry
    assert "url = {https://fog.example/%7Ba%7D%5Cb?c=%20}" in entry
    bare = re.sub(r"\\textbackslash\{\}|\\textasci\w+\{\}|\\[{}]", "", entry)
    assert bare.count("{") == bare.count("}")


def test_bibtex_has_fields_of_biblatex() -> None:
    entry = styled(ARTICLE, CitationStyle.BIBTEX)
    assert entry.startswith("@online{aaaabbbbcccc,\n  title = {{码头恢复装卸}},\n")
    assert "  author = {{麦听潮} and {Ann B. Reed}},\n" in entry
    assert "  date = {2024-05-17},\n" in entry
    assert "  urldate = {2024-06-01},\n" in entry


def test_ris_has_one_field_per_line() -> None:
    lines = styled(changed(title="甲\nER  - 乙"), CitationStyle.RIS).split("\n")
    assert lines[0] == "TY  - NEWS"
    assert lines[-1] == "ER  - "
    assert "TI  - 甲 ER  - 乙" in lines
    assert [line for line in lines if line.startswith("AU")] == [
        "AU  - 麦听潮",
        "AU  - Ann B. Reed",
    ]
    assert "DA  - 2024/05/17" in lines
    assert all(re.match("[A-Z][A-Z0-9]  - ", line) for line in lines)


def test_csl_object_leaves_out_what_is_unknown() -> None:
    assert to_json(Cited(BARE)) == {"id": "aaaabbbbcccc", "type": "webpage", "title": "Fog."}
    assert to_json(Cited(ARTICLE))["issued"] == {"date-parts": [[2024, 5, 17]]}


@pytest.fixture
def harbour(cli: Cli) -> Cli:
    write_article(cli.folder / "1.md", "码头恢复装卸", "潮汐表。", url="https://fog.example/1")
    write_article(cli.folder / "2.md", "灯塔换灯", "守望者。\n\n潮汐之外。", date="2024-05-18")
    cli("index", "1.md", "2.md")
    cli("search", "潮汐", "--sort", "date")
    return cli


def test_cite_prints_evidence_of_the_file(harbour: Cli) -> None:
    digest = sha256((harbour.folder / "1.md").read_bytes()).hexdigest()
    items = json.loads(harbour("cite", "1-2", "--format", "csl").stdout)
    assert items[0]["note"] == f"SHA-256 of the file: {digest}"
    assert len(items) == 2
    (harbour.folder / "1.md").write_text("changed")
    changed = harbour("cite", "1", "--to", "ris").out
    assert re.search("N1  - BLAKE2b-128 of the file: [0-9a-f]{32}\n", changed)
    assert "[N/OL]" in harbour("cite", "1").out


def test_cite_names_missing_articles(harbour: Cli) -> None:
    ran = harbour("cite", "1", "nothere", status=1)
    assert "码头恢复装卸" in ran.out
    assert "nothere" in ran.err


def test_export_writes_bibliographies(harbour: Cli) -> None:
    for to, start in (("bibtex", "@online{"), ("ris", "TY  - "), ("csl", '[{"id":')):
        ran = harbour("export", "潮汐", "--to", to)
        assert ran.out.startswith(start)
    assert len(json.loads(ran.stdout)) == 2
    assert harbour("export", "没有这个词", "--to", "csl", status=1).out == "[]\n"


@pytest.mark.skipif(os.name != "posix", reason="the programs are shell scripts")
class TestOpen:
    def program(self, cli: Cli, name: str) -> Path:
        path = cli.folder / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!{sys.executable}\nimport sys\nprint(*sys.argv[1:])\n")
        path.chmod(0o755)
        return path

    def test_browser_gets_the_address(self, harbour: Cli) -> None:
        browser = self.program(harbour, "browser")
        ran = harbour.process("open", "1", env={"BROWSER": str(browser)})
        assert (ran.status, ran.lines[0]) == (0, "https://fog.example/1")

    def test_address_without_a_browser_is_an_error(self, harbour: Cli, tmp_path: Path) -> None:
        env = {"PATH": str(tmp_path), "DISPLAY": None, "WAYLAND_DISPLAY": None, "BROWSER": None}
        ran = harbour.process("open", "1", env=env)
        assert (ran.status, ran.lines[0]) == (2, "https://fog.example/1")
        assert "No browser was found." in ran.err

    def test_editor_begins_at_the_match(self, harbour: Cli) -> None:
        vim = self.program(harbour, "vim")
        ran = harbour.process("open", "2", env={"EDITOR": f"{vim} -R", "VISUAL": None})
        lines = (harbour.folder / "2.md").read_text("utf-8").splitlines()
        line = 1 + next(n for n, text in enumerate(lines) if "潮汐" in text)
        assert ran.out == f"-R +{line} {harbour.folder / '2.md'}\n"

    def test_file_of_an_article_with_address(self, harbour: Cli) -> None:
        other = self.program(harbour, "show-it")
        ran = harbour.process("open", "1", "--file", env={"EDITOR": str(other), "VISUAL": None})
        assert ran.out == f"{harbour.folder / '1.md'}\n"

    def test_missing_file_and_program_are_errors(self, harbour: Cli) -> None:
        env = {"EDITOR": "/nowhere/vi", "VISUAL": None}
        assert "Set EDITOR to another" in harbour.process("open", "2", env=env).err
        (harbour.folder / "2.md").unlink()
        ran = harbour.process("open", "2", env=env)
        assert ran.status == 2
        assert "There is no file" in ran.err

    def test_relative_path_is_no_option(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("EDITOR", str(self.program(Cli(tmp_path), "vim")))
        monkeypatch.delenv("VISUAL", raising=False)
        (tmp_path / "+!true").touch()
        _open_file(Article("a1", "灯塔", "雾散了。", path="+!true"), [])
        assert capfd.readouterr().out == f"{tmp_path / '+!true'}\n"
