"""A document that was taken out of its file: a JSON object of its text and its metadata.

The keys are those of front matter, such as ``title`` and ``created``, and one of ``text`` and
``html``; ``identity`` identifies a document without an address.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from newsgrep.extraction.decode import MAX_CHARACTERS, check_limit
from newsgrep.extraction.formats.base import DecodedFile, Format, RawArticle, RawFile
from newsgrep.extraction.formats.fields import parse_object
from newsgrep.extraction.formats.html import extract_html
from newsgrep.extraction.formats.text import extract_plain_text
from newsgrep.extraction.frontmatter.savers import read_saved
from newsgrep.extraction.frontmatter.split import FrontMatter, squashed
from newsgrep.extraction.whitespace import collapse_whitespace

_CONTENT: Final = ("text", "html", "identity")


def _read(raw: RawFile) -> RawArticle:
    values = parse_object(raw.data)
    text = str(values.get("html") or values.get("text") or "")
    check_limit(len(text), MAX_CHARACTERS, "characters of text")
    fields = {
        squashed(key): texts
        for key, value in values.items()
        if key not in _CONTENT and (texts := _texts(value))
    }
    saved = read_saved(text)
    url = raw.url or next(iter(fields.get("url", ())), None) or saved.url
    file = DecodedFile(
        replace(raw, data=text.encode("utf-8", "replace")),
        FrontMatter(fields),
        text,
        "utf-8",
        raw.outlets.for_url(url) or raw.outlets.for_text(text),
        (),
        saved,
        url,
    )
    found = extract_html(file, text) if values.get("html") else extract_plain_text(file)
    return replace(found, identity=str(values.get("identity") or ""))


def _texts(value: object) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    return tuple(filter(None, (collapse_whitespace(str(each)) for each in values if each)))


FORMAT = Format("document", _read)
