"""PDF, Word and EPUB: what is read from them, what is said about the rest, and hostile files."""

from __future__ import annotations

import random
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from newsgrep.errors import NoArticle
from newsgrep.extraction.extraction import Extraction, extract_records
from newsgrep.extraction.outlets import load_outlets
from newsgrep.extraction.records.base import (
    BadRecord,
    MissingPackage,
    ReadOptions,
    bytes_source,
)
from newsgrep.extraction.records.registry import find_format, read_records
from newsgrep.indexing import index_at
from newsgrep.indexing.outcomes import Outcome
from newsgrep.indexing.update import update_index
from newsgrep.models import Article
from tests.support.cli import REPOSITORY
from tests.support.document_files import docx_of, epub_of, pdf_of, zip_of

SAMPLES = REPOSITORY / "tests/fixtures/formats/documents"
OUTLETS = load_outlets()
TEXT = "港务局昨天表示，新码头将在年内完工，渡轮的班次会随之增加。"
FIRST = "石桥渡口的改建工程昨天完工，第一班渡轮在清晨六点靠岸。"
LAST = "他们希望留下那根系缆绳的石柱。"


def extract(name: str, data: bytes) -> list[Extraction]:
    source = bytes_source(f"/{name}", data)
    return list(extract_records(f"/{name}", source, outlets=OUTLETS, mtime=1.9e9))


def articles(name: str, data: bytes) -> list[Article]:
    return [each.article for each in extract(name, data) if each.article]


def article(name: str, data: bytes) -> Article:
    (found,) = articles(name, data)
    return found


def sample(name: str) -> tuple[str, bytes]:
    return name, (SAMPLES / name).read_bytes()


@pytest.mark.parametrize(
    ("name", "source", "published", "url", "authors"),
    [
        ("word.docx", None, "2024-05-17T08:30:00+00:00", None, ("林桥",)),
        ("report.pdf", "江口晚报", "2024-05-17", None, ("林桥",)),
        (
            "chromium.mhtml",
            "江口晚报",
            "2024-05-17T08:30+08:00",
            "http://jiangkou.example/page.html",
            (),
        ),
        (
            "safari.webarchive",
            "江口晚报",
            "2024-05-17T08:30+08:00",
            "https://jiangkou.example/2024/05/17/dukou.html",
            (),
        ),
        ("letter.eml", "江口晚报", "2024-05-18T08:30:00+08:00", None, ()),
    ],
)
def test_samples_of_programs_have_their_article(
    name: str, source: str | None, published: str, url: str | None, authors: tuple[str, ...]
) -> None:
    if name.endswith(".pdf"):
        pytest.importorskip("pypdfium2")
    found = article(*sample(name))
    assert found.title.startswith("石桥渡口改建完工")
    assert (found.source, found.url, found.authors) == (source, url, authors)
    assert found.published
    assert found.published.iso == published
    assert found.body.startswith(FIRST)
    assert found.body.endswith(LAST)
    assert "首页" not in found.body + "".join(each.text for each in found.left_out)


def test_word_document_has_headings_tables_and_notes() -> None:
    assert "\n\n栈桥\n\n" in article(*sample("word.docx")).body
    body = (
        "<w:p><w:r><w:t>渡口</w:t><w:tab/><w:t>石桥</w:t></w:r>"
        "<w:del><w:r><w:t>旧</w:t></w:r></w:del></w:p>"
        f"<w:p><w:r><w:t>{TEXT}</w:t><w:br/><w:t>甲</w:t></w:r></w:p>"
        f'<w:p xmlns:mc="x"><mc:Choice><w:p><w:r><w:t>框。</w:t></w:r></w:p></mc:Choice>'
        "<mc:Fallback><w:p><w:r><w:t>框。</w:t></w:r></w:p></mc:Fallback></w:p>"
    )
    note = '<w:footnotes xmlns:w="x"><w:p><w:r><w:t>注一。</w:t></w:r></w:p></w:footnotes>'
    found = article("a.docx", docx_of(body, {"word/footnotes.xml": note}))
    assert (found.title, found.body) == ("渡口 石桥", f"{TEXT}\n甲\n\n框。\n\n注一。")


def test_metadata_of_programs_is_no_title() -> None:
    core = (
        '<c:p xmlns:c="x" xmlns:dc="y"><dc:title>Microsoft Word - 稿.doc</dc:title>'
        "<dc:creator>Windows 用户</dc:creator></c:p>"
    )
    body = f"<w:p><w:r><w:t>渡口</w:t></w:r></w:p><w:p><w:r><w:t>{TEXT}</w:t></w:r></w:p>"
    found = article("a.docx", docx_of(body, {"docProps/core.xml": core}))
    assert (found.title, found.authors) == ("渡口", ())


def test_chapters_of_a_book_are_records() -> None:
    found = extract(*sample("book.epub"))
    assert [each.locator for each in found] == [
        "!/EPUB/text/chapter1.xhtml",
        "!/EPUB/text/chapter2.xhtml",
    ]
    first, second = (each.article for each in found)
    assert first
    assert second
    assert (first.title, second.title) == ("石桥渡口改建完工", "石柱")
    assert (first.source, first.authors, first.tags) == ("江口出版社", ("林桥",), ("渡口纪事",))
    assert second.body.endswith(LAST)


def test_issue_of_a_periodical_is_the_source() -> None:
    metadata = (
        "<dc:title>鹭湾日报 [周五, 17 5月 2024]</dc:title><dc:creator>calibre</dc:creator>"
        "<dc:date>2024-05-17T08:00:00+08:00</dc:date><dc:publisher>calibre</dc:publisher>"
        '<meta name="calibre:publication_type" content="periodical:unknown:鹭湾日报"/>'
    )
    page = (
        f"<html><body><h2>渡口</h2><p>{TEXT}</p><p>{TEXT}</p><div>This article was downloaded by "
        '<strong>calibre</strong> from <a rel="calibre-downloaded-from" '
        'href="https://luwan.example/1">https://luwan.example/1</a></div></body></html>'
    )
    found = article("a.epub", epub_of({"feed_0/article_0/index.html": page}, metadata))
    assert (found.title, found.source, found.url) == ("渡口", "鹭湾日报", "https://luwan.example/1")
    assert found.authors == ()


def test_bad_chapters_of_a_book_are_listed() -> None:
    page = f"<html><body><h1>甲</h1><p>{TEXT}</p></body></html>"
    locked = '<encryption><CipherData><CipherReference URI="b/2.html"/></CipherData></encryption>'
    chapters = {
        "1.html": page,
        "2.html": page,
        "../../../etc/passwd": "",
        "4.html": "\0" * 2_000_000,
    }
    found = extract("a.epub", epub_of(chapters, others={"META-INF/encryption.xml": locked}))
    assert [each.reason for each in found] == [
        None,
        "encrypted (DRM)",
        "etc/passwd is missing in it",
        "b/4.html in it is more than 250 times its compressed size",
    ]


def test_archive_with_a_document_is_an_archive() -> None:
    document = docx_of(f"<w:p><w:r><w:t>{TEXT}</w:t></w:r></w:p>")
    found = extract("a.zip", zip_of({"k/a.docx": document, "b.epub": epub_of({"1.html": TEXT})}))
    assert [each.locator for each in found] == ["!/k/a.docx", "!/b.epub!/b/1.html"]


ENTITIES = (
    '<!DOCTYPE x [<!ENTITY a "甲甲甲甲甲甲甲甲"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    "<w:document><w:p><w:t>&b;</w:t></w:p></w:document>"
)


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (ENTITIES, "its XML declares entities"),
        ("<w:p>" * 5000, "its XML is nested too deeply"),
        (" " * 3_000_000, "word/document.xml in it is more than 250 times its compressed size"),
        ("<w:document/>", "without text"),
    ],
)
def test_hostile_xml_is_refused(document: str, reason: str) -> None:
    data = zip_of({"[Content_Types].xml": "<Types/>", "word/document.xml": document})
    with pytest.raises(NoArticle, match=reason):
        extract("a.docx", data)


def test_damaged_document_keeps_what_comes_before() -> None:
    body = f"<w:p><w:r><w:t>{TEXT}</w:t></w:r></w:p><w:p></w:oops>"
    (found,) = extract("a.docx", docx_of(body))
    assert found.article
    assert found.article.body == TEXT
    assert found.notes == ("the document is damaged: text at its end is missing",)


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.docx", b"", "the file is empty"),
        ("a.docx", b"\xd0\xcf\x11\xe0" * 9, r"a \.docx file that is not a Word document"),
        ("a.zip", b"PK", r"a \.zip file that is not an archive of this kind"),
        ("a.gz", b"hello", r"a \.gz file that is not compressed in this way"),
        ("a.epub", b"PK", r"a \.epub file that is not an EPUB"),
        ("a.pdf", b"", "the file is empty"),
        ("a.pdf", b"hello", r"a \.pdf file that is not a PDF"),
        ("a.docx", sample("word.docx")[1][:20_000], "a Word document that is damaged or cut off"),
        ("a.epub", sample("book.epub")[1][:2000], "an EPUB that is damaged or cut off"),
        ("a.pdf", sample("report.pdf")[1][:300], "a PDF document that is damaged or cut off"),
        ("a.pdf", sample("locked.pdf")[1], "a PDF document that needs a password"),
        ("a.pdf", pdf_of([[], []]), "without text: its 2 pages are pictures"),
    ],
)
def test_unreadable_document_has_its_reason(name: str, data: bytes, reason: str) -> None:
    if name == "a.pdf":
        pytest.importorskip("pypdfium2")
    with pytest.raises(NoArticle, match=reason):
        extract(name, data)


def test_pages_without_text_and_their_edges_are_noted() -> None:
    pytest.importorskip("pypdfium2")
    (found,) = extract(*sample("report.pdf"))
    assert found.notes == (
        "no text on page 3, which may be scanned",
        "left out at the edges of pages: 江口晚报 2024年5月17日 地方版",
    )


def test_repeated_edges_of_pages_are_left_out() -> None:
    pytest.importorskip("pypdfium2")
    pages = [
        [
            f"鹭湾日报 第{number}版",
            f"第{number}天，渡轮把{number}百名乘客送到了对岸的集市。",
            f"{sign}的船长说，风浪比往年小。",
            f"- {number} -",
        ]
        for number, sign in enumerate("甲乙丙丁", 1)
    ]
    body = article("a.pdf", pdf_of(pages, "渡轮")).body
    assert "鹭湾日报" not in body
    assert "- 2 -" not in body
    assert all(line in body for page in pages for line in page[1:3])


def test_divided_words_are_joined_again() -> None:
    pytest.importorskip("pypdfium2")
    lines = ["The ferry is late", "It leaves the har-", "bour at seven and arrives at eight."]
    assert "the harbour at seven" in article("a.pdf", pdf_of([lines])).body


def test_creation_of_a_file_is_weak_evidence() -> None:
    pytest.importorskip("pypdfium2")
    made = "D:20240601120000+08'00'"
    dated = article("a.pdf", pdf_of([["渡口", "2008年5月12日", TEXT]], created=made))
    undated = article("a.pdf", pdf_of([["渡口", TEXT]], created=made))
    assert dated.published
    assert dated.published.iso == "2008-05-12"
    assert undated.published
    assert undated.published.iso == "2024-06-01T12:00:00+08:00"


def test_missing_package_is_named_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pypdfium2")
    (tmp_path / "a.pdf").write_bytes(sample("report.pdf")[1])
    index = index_at(tmp_path / "index")
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "pypdfium2", None)
        with pytest.raises(MissingPackage, match=r'pip install "newsgrep\[pdf\]"'):
            list(read_records(bytes_source("a.pdf", b"%PDF-1.4"), ReadOptions()))
        assert update_index(index, [str(tmp_path)]).counts[Outcome.REJECTED] == 1
    assert update_index(index, [str(tmp_path)]).articles == 1


@pytest.mark.parametrize("path", sorted(SAMPLES.iterdir()), ids=lambda path: path.name)
def test_damaged_samples_have_an_article_or_a_reason(path: Path) -> None:
    if path.suffix == ".pdf":
        pytest.importorskip("pypdfium2")
    data = path.read_bytes()
    chance = random.Random(path.name)
    for _ in range(40):
        damaged = bytearray(data[: chance.randrange(len(data))] if chance.random() < 0.5 else data)
        for _ in range(chance.randrange(1, 30)):
            if damaged:
                damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        with suppress(NoArticle):
            assert all(each.article or each.reason for each in extract(path.name, bytes(damaged)))


def test_documents_are_recognised_by_content() -> None:
    for path in SAMPLES.iterdir():
        if path.suffix != ".html":
            found = find_format("a", path.read_bytes())
            assert found
            assert f".{found.name}" in (path.suffix, ".docx")
    assert find_format("a.txt", b"From: a\nDate: b\n\nfrom the editor") is None


def test_bad_record_of_a_document_has_no_locator() -> None:
    record = next(read_records(bytes_source("a.zip", zip_of({"a.pdf": b"%PDF-1"})), ReadOptions()))
    assert isinstance(record, BadRecord)
    assert record.locator == "!/a.pdf"
