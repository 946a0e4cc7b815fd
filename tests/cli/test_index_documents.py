"""One folder with all kinds of mail, saved pages and documents: its summary adds up."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from tests.support.cli import REPOSITORY, Cli

SAMPLES = REPOSITORY / "tests/fixtures/formats/documents"
FIRST = "石桥渡口的改建工程昨天完工"


@pytest.fixture
def archive(cli: Cli) -> Path:
    pytest.importorskip("pypdfium2")
    folder = cli.folder / "n"
    shutil.copytree(SAMPLES, folder)
    with zipfile.ZipFile(folder / "pages.zip", "w") as packed:
        for name in ("page.html", "word.docx", "letters.mbox", "book.epub", "chromium.mhtml"):
            packed.write(SAMPLES / name, f"k/{name}")
        packed.writestr("k/picture.png", b"\x89PNG")
    return folder


@pytest.mark.usefixtures("archive")
def test_summary_of_all_documents_adds_up(cli: Cli) -> None:
    first = cli.json("index", "n")
    read = first["added"] + first["duplicate"] + first["rejected"]
    assert read == first["seen"]
    assert first["added"] == first["articles"]
    reasons = {Path(each["path"]).name: each["reason"] for each in first["files"]["rejected"]}
    assert reasons == {
        "locked.pdf": "a PDF document that needs a password",
        "picture.png": "newsgrep does not read .png files",
    }
    assert first["others"] == {"table of contents": 2}
    paths = {each.removeprefix(f"{cli.folder}/n/") for each in _paths(cli, FIRST)}
    assert {"word.docx", "report.pdf", "safari.webarchive", "letters.mbox#2", "page.html"} <= paths
    assert "book.epub!/EPUB/text/chapter1.xhtml" in paths
    assert "pages.zip!/k/word.docx" in paths
    again = cli.json("index", "n")
    assert again["unchanged"] + again["duplicate"] + again["rejected"] == first["seen"]
    assert again["added"] + again["updated"] + again["removed"] == 0


def test_changed_documents_are_read_again(cli: Cli, archive: Path) -> None:
    before = cli.json("index", "n")["articles"]
    (archive / "word.docx").write_bytes((archive / "report.pdf").read_bytes())
    (archive / "report.pdf").unlink()
    (archive / "letter.eml").write_bytes(b"From: a\nSubject: b\n\n")
    after = cli.json("index", "n", "--prune")
    assert after["rejected"] == 3
    assert after["articles"] == before - 1
    (docx,) = [each for each in _paths(cli, FIRST) if each.endswith("n/word.docx")]
    assert json.loads(cli("show", docx, "--json").out)["source"] == "江口晚报"


def test_extract_names_a_record_of_a_document(cli: Cli, archive: Path) -> None:
    ran = cli("extract", f"{archive}/letters.mbox#2", "--json")
    (record,) = json.loads(ran.out)["records"]
    assert record["article"]["title"] == "石桥渡口改建完工，汛期不再停航（第2期）"
    ran = cli("extract", f"{archive}/pages.zip!/k/book.epub!/EPUB/text/chapter2.xhtml", "--json")
    (record,) = json.loads(ran.out)["records"]
    assert record["article"]["title"] == "石柱"


def _paths(cli: Cli, query: str) -> list[str]:
    return cli("search", f'"{query}"', "--paths", "--limit", "50").lines
