"""Files of documents with any content, as small as readers accept them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence


def pdf_of(pages: Sequence[Sequence[str]], title: str = "", created: str = "") -> bytes:
    """Return a PDF with these lines on its pages, in a font that needs no file."""
    font = (
        b"<< /Type /Font /Subtype /Type0 /BaseFont /STSong-Light /Encoding /UniGB-UCS2-H "
        b"/DescendantFonts [4 0 R] >>"
    )
    descendant = (
        b"<< /Type /Font /Subtype /CIDFontType0 /BaseFont /STSong-Light /DW 1000 /CIDSystemInfo "
        b"<< /Registry (Adobe) /Ordering (GB1) /Supplement 0 >> >>"
    )
    numbers = range(6, 6 + 2 * len(pages), 2)
    kids = b" ".join(b"%d 0 R" % number for number in numbers)
    objects = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, len(pages)),
        3: font,
        4: descendant,
        5: b"<< /Title <feff%s> /CreationDate (%s) >>"
        % (title.encode("utf-16-be").hex().encode(), created.encode()),
    }
    for number, lines in zip(numbers, pages, strict=True):
        shown = b"".join(
            b"<%s> Tj T*\n" % line.encode("utf-16-be").hex().encode() for line in lines
        )
        content = b"BT /F1 12 Tf 72 800 Td 16 TL\n%sET" % shown
        objects[number] = (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R "
            b"/Resources << /Font << /F1 3 0 R >> >> >>" % (number + 1)
        )
        objects[number + 1] = b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content)
    data, offsets = b"%PDF-1.4\n", []
    for number in sorted(objects):
        offsets.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, objects[number])
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(offsets) + 1
    return data + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer << /Size %d /Root 1 0 R /Info 5 0 R >>\n"
        b"startxref\n%d\n%%%%EOF" % (size, table, size, len(data))
    )


def docx_of(body: str, others: Mapping[str, str | bytes] = {}) -> bytes:
    """Return a Word document with the XML ``body``, and other members."""
    names = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    document = f'<w:document xmlns:w="{names}"><w:body>{body}</w:body></w:document>'
    return zip_of({"[Content_Types].xml": "<Types/>", "word/document.xml": document, **others})


def epub_of(
    chapters: Mapping[str, str | bytes], metadata: str = "", others: Mapping[str, str | bytes] = {}
) -> bytes:
    """Return an EPUB whose spine has all ``chapters``; those that are empty are missing."""
    items = "".join(
        f'<item id="i{number}" href="{name}" media-type="application/xhtml+xml"/>'
        for number, name in enumerate(chapters)
    )
    spine = "".join(f'<itemref idref="i{number}"/>' for number in range(len(chapters)))
    opf = (
        '<package xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<metadata>{metadata}</metadata><manifest>{items}</manifest><spine>{spine}</spine></package>"
    )
    container = '<container><rootfiles><rootfile full-path="b/c.opf"/></rootfiles></container>'
    members = {"mimetype": "application/epub+zip", "META-INF/container.xml": container}
    texts = {f"b/{name}": text for name, text in chapters.items() if text}
    return zip_of({**members, "b/c.opf": opf, **texts, **others})


def zip_of(members: Mapping[str, str | bytes]) -> bytes:
    """Return a ZIP archive."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            method = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
            archive.writestr(name, data, method)
    return stream.getvalue()
