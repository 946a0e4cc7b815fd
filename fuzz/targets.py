"""Conditions that must be true for any bytes, one function for each part of newsgrep.

Each function takes bytes and returns, or raises :class:`Broken` or an unexpected exception.
"""

from __future__ import annotations

import json
import math
import re
import tempfile
import unicodedata
import zlib
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Final
from unittest.mock import patch

from newsgrep._io import encode_json
from newsgrep.analysis import codec, packed_texts
from newsgrep.analysis.characters import CharKind, fold, kind_of, strip_invisible
from newsgrep.analysis.document import make_document
from newsgrep.analysis.segment import index_terms, query_terms
from newsgrep.analysis.standard_zstd import Frames, StandardFrames, standard_zstd
from newsgrep.analysis.versions import unpack_versions
from newsgrep.engines.base import FACETS, Engine, Order, PutArticle
from newsgrep.engines.registry import open_engine
from newsgrep.errors import NoArticle, QueryError
from newsgrep.extraction.dates import forms, lines, names
from newsgrep.extraction.decode import decode
from newsgrep.extraction.outlets import load_outlets
from newsgrep.extraction.pipeline import extract_article
from newsgrep.extraction.records.base import BadRecord, ReadOptions, bytes_source
from newsgrep.extraction.records.registry import read_records
from newsgrep.models import (
    ARCHIVE_ZONE,
    Article,
    FileRecord,
    LeftOut,
    Precision,
    Published,
    Span,
    Status,
    Version,
)
from newsgrep.query.ast import And, Field, Node, Not, Or, Phrase, Terms, describe, in_all_versions
from newsgrep.query.dates import parse_date_range
from newsgrep.query.lexer import normalize
from newsgrep.query.match import find_literal, find_matches, merge_spans
from newsgrep.query.parser import MAX_DEPTH, Query, parse
from newsgrep.query.verify import LiteralVerifier
from newsgrep.search.diagnose import diagnose
from newsgrep.search.highlight import make_snippets
from newsgrep.search.search import SearchRequest, search
from newsgrep.terminal import sanitize, wrap_rows

Target = Callable[[bytes], None]

_MTIME: Final = 1_750_000_000.0
_CHINA: Final = timezone(timedelta(hours=8))
_OUTLETS: Final = load_outlets()
_ID: Final = re.compile("[a-z2-7]{12}")
_FIRST_STEP: Final = 64
"""Bytes of the first step in which a text is unpacked: few, so that there are many steps."""


class Broken(AssertionError):
    """A promise is broken."""


def _check(condition: object, what: str) -> None:
    if not condition:
        raise Broken(what)


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace")


# The decoder.


def decoder(data: bytes) -> None:
    """Check that bytes become whole characters, UTF-8 unchanged, the same each time."""
    try:
        decoded = decode(data)
    except NoArticle as reason:
        _check(str(reason), "rejected without a reason")
        return
    _check(not any(0xD800 <= ord(c) < 0xE000 for c in set(decoded.text)), "half a character")
    _check("\r" not in decoded.text, "a carriage return")
    _check(decode(data) == decoded, "another text the second time")
    try:
        own = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return
    escapes = "\0", "\x1b", "~{"  # UTF-16, ISO-2022 and colours of terminals, HZ
    if not any(sign in own for sign in escapes) and (own.isascii() or max(own) > "\u07ff"):
        lines = own.replace("\r\n", "\n").replace("\r", "\n")
        _check(decoded.text == lines, "valid UTF-8 is read as something else")


# One file.


def text_file(data: bytes) -> None:
    """Check that a ``.txt`` is an article or a reason."""
    _file(data, "txt")


def markdown_file(data: bytes) -> None:
    """Check that a ``.md`` is an article or a reason."""
    _file(data, "md")


def html_file(data: bytes) -> None:
    """Check that a ``.html`` is an article or a reason."""
    _file(data, "html")


def _file(data: bytes, suffix: str) -> None:
    path = f"/a.{suffix}"
    try:
        article = extract_article(path, data, outlets=_OUTLETS, mtime=_MTIME)
    except NoArticle as reason:
        _check(str(reason), "rejected without a reason")
        return
    _check(
        extract_article(path, data, outlets=_OUTLETS, mtime=_MTIME) == article,
        "another article the second time",
    )
    _proper(article)
    record = FileRecord(path, len(data), 1, "00", Status.INDEXED, article.id, version_key=("", 3))
    entry = make_document(article, record)
    _check(entry.article() == article, "another article comes out of the packed one")
    _check(all(entry.counts.values()), "a term without an occurrence")
    packed = codec.pack_file_record(record)
    _check(codec.unpack_file_record(packed, article.id) == record, "another record comes out")
    _check(json.loads(encode_json([article.title, article.body])) == [article.title, article.body],
          "another text comes out of JSON")  # fmt: skip


def _proper(article: Article) -> None:
    _check(_ID.fullmatch(article.id), "an id of other characters")
    _check(article.title and article.title.strip() == article.title, "no proper title")
    _check("\n" not in article.title, "a title of two lines")
    _check(article.body or article.captions, "nothing to read")
    _check(all(p and p.strip() == p for p in article.paragraphs), "an empty paragraph")
    _check(all(article.captions), "an empty caption")
    texts = [article.title, article.body, *article.captions, *article.tags, *article.authors]
    for text in (*texts, article.source or "", article.url or ""):
        _seen(text)
    if article.published:
        _real(article.published)
    if article.fetched:
        _check(datetime.fromisoformat(article.fetched).tzinfo, "a fetch time without an offset")


def _seen(text: str) -> None:
    """Check that every character of ``text`` is visible."""
    for character in set(text):
        category = unicodedata.category(character)
        _check(character == "\n" or category not in {"Cc", "Cs"}, f"{character!a} in {text[:80]!a}")
    if len(text) < 50:  # a longer one may have lost stacked combining marks
        _check(strip_invisible(text) == text, f"invisible characters: {text!a}")


def _real(published: Published) -> None:
    first, last = published.days(ARCHIVE_ZONE)
    _check(date(1799, 12, 31) <= first <= last <= date(9999, 12, 31), f"days of {published}")
    published.sort_key()
    sizes = {Precision.YEAR: 4, Precision.MONTH: 7, Precision.DAY: 10}
    size = sizes.get(published.precision)
    if size:
        _check(len(published.iso) == size and published.iso.isascii(), f"form of {published}")
    else:
        moment = datetime.fromisoformat(published.iso)
        _check(moment.tzinfo, f"no offset in {published}")


# Dates.


def date_reader(data: bytes) -> None:
    """Check that dates found in any text exist."""
    text = _text(data)
    day = date(2024, 5, 17)
    found = [
        forms.parse_date(text),
        names.date_in_url(text),
        names.date_in_path(text),
        names.date_at_edge(text),
        lines.parse_date_line(text),
        *(found.stated for found in forms.find_dates(text)),
        *(line.stated for line in lines.read_line(text)),
    ]
    for moment in found:
        if moment:
            _check(moment.value.year >= forms.EARLIEST_YEAR, f"year of {moment}")
            for zone in (None, UTC, _CHINA):
                _real(moment.in_zone(zone))
    _check(forms.parse_date(text) == found[0], "another date the second time")
    try:
        first, last = parse_date_range(text, day)
    except QueryError as exc:
        _check(str(exc), "an error without a message")
        _check(
            0 <= (exc.position or 0) < max(len(text), 1),
            "an error with a position outside the text",
        )
    else:
        _check(first or last, "a range of all days")
        _check(not (first and last) or first <= last, "a range that ends before it begins")


# Queries.


def query(data: bytes) -> None:
    """Check that any text is a query, or an error with a position in it."""
    for any_word in (False, True):
        parsed = _parsed(_text(data), any_word=any_word)
        if parsed:
            _check(describe(parsed.root), "an empty description")
            _check(_depth(parsed.root) <= 2 * MAX_DEPTH + 2, "nested too deep")


def _parsed(text: str, *, any_word: bool, field: Field = Field.TEXT) -> Query | None:
    try:
        return parse(text, any_word=any_word, field=field)
    except QueryError as exc:
        _check(str(exc), "an error without a message")
        _check(exc.query == text, "an error about another query")
        _check(
            exc.position is not None and 0 <= exc.position <= len(text),
            "a position outside the text",
        )
        return None


def _depth(node: Node) -> int:
    match node:
        case And(children) | Or(children):
            return 1 + max(map(_depth, children))
        case Not(child):
            return 1 + _depth(child)
        case _:
            return 1


@cache
def _engines() -> tuple[Engine, Engine]:
    """Return two engines with the same few articles."""
    folder = Path(tempfile.mkdtemp(prefix="newsgrep-fuzz-"))
    memory, whoosh = (
        open_engine(name, folder / name, create=True) for name in ("memory", "whoosh")
    )
    changes = [PutArticle(make_document(each, _file_record(each))) for each in _articles()]
    for engine in (memory, whoosh):
        engine.write(changes)
    return memory, whoosh


def _file_record(article: Article) -> FileRecord:
    return FileRecord(article.path, 1, 2, "00", Status.INDEXED, article.id)


_WORDS: Final = (
    "两岸渔业联合声明", "聯合聲明", "北京大学生", "GPT-4 写的", "ＧＰＴ", "台风“海燕”",
    "「左右逢源」",
    "naïve café", "2024年5月17日", "水", "啊啊啊", "😀🇨🇳", "https://example.org/a?b=c", "a.b-c_d",
    "…——", "ほんとう", "한국어 기사", "ภาษาไทย", "𠮷野家", "著名著者", "NOT OR AND", "(title:x)",
)  # fmt: skip


def _articles() -> Iterable[Article]:
    moments = (
        None, Published("2024", Precision.YEAR), Published("2024-05", Precision.MONTH),
        Published("2024-05-17", Precision.DAY),
        Published("2024-05-17T23:50:43-05:00", Precision.SECOND),
    )  # fmt: skip
    for number in range(40):
        words = [_WORDS[(number * step + step) % len(_WORDS)] for step in (1, 3, 5, 7)]
        body = "\n\n".join("，".join(words[at:] + words[:at]) + "。" for at in range(number % 4))
        yield Article(
            id=f"id{number:02}",
            title=words[0],
            body=body,
            path=f"/{number}.md",
            source=(None, "雾港日报", "Harbour Post", "BBC 中文網")[number % 4],
            published=moments[number % len(moments)],
            captions=tuple(words[1 : 1 + number % 3]),
            left_out=tuple(LeftOut(f"{word}，转载", "notice") for word in words[: number % 3]),
            fetched=f"2024-0{1 + number % 9}-17T20:00:00+00:00",
            versions=tuple(
                Version(
                    f"{2020 + at}-05-17T02:00:00+00:00", word, f"{body}\n\n{word}，更正", "/a", "00"
                )
                for at, word in enumerate(words[: number % 5])
            ),
        )


def engines(data: bytes) -> None:
    """Check that both engines give the same result, with spans inside the texts."""
    memory, whoosh = _engines()
    order = tuple(Order)[data[0] % len(Order)] if data else Order.RELEVANCE
    flags = data[0] if data else 0
    field = Field.EVERYTHING if flags & 16 else Field.TEXT
    parsed = _parsed(_text(data), any_word=bool(flags & 8), field=field)
    if parsed is None or len(data) > 2000:  # brute force is slow
        return
    if flags & 32:
        parsed = parsed._replace(root=in_all_versions(parsed.root))
    request = SearchRequest(parsed, order, limit=50, facets=FACETS)
    by_force, found = search(memory, request), search(whoosh, request)
    _check(by_force.total == found.total, f"{by_force.total} and {found.total} articles")
    _check(by_force.facets == found.facets, "other facets")
    for one, other in zip(by_force.hits, found.hits, strict=True):
        _check(one.article == other.article, "another order")
        _check(math.isclose(one.score, other.score, rel_tol=1e-9), "another score")
        _check(one.snippets == other.snippets, "other snippets")
        _inside(one.title_spans, one.article.title)
    if not found.total:
        whys = (diagnose(engine, parsed.root) for engine in (memory, whoosh))
        _check(next(whys) == next(whys), "another diagnosis")


# Texts.


def texts(data: bytes) -> None:
    """Check that folding keeps lengths, and that literals are found where they occur."""
    raw, _, wanted = _text(data).partition("\x00")
    text = strip_invisible(raw)
    folded = fold(text)
    literal = fold(normalize(wanted) or normalize(text[len(text) // 2 :][:3]))
    _check(len(folded) == len(text) == len(sanitize(text)), "another length")
    _check(fold(folded) == folded, "folded twice is another text")
    half = len(text) // 2
    _check(fold(text[:half]) + fold(text[half:]) == folded, "a part is folded to something else")
    spans = list(find_literal(folded, literal))
    _check(spans == list(_brute_force(folded, literal)), "a literal is found elsewhere")
    if spans:
        terms = set(index_terms(folded))
        _check(
            terms.issuperset(query_terms(literal)),
            "a text lacks a term of a string that it contains",
        )
    matches = find_matches(
        folded,
        [Terms(literal, query_terms(literal)), Phrase(folded[:1], ())],
        Field.BODY,
    )
    _inside(merge_spans(matches), text)
    body = "\n\n".join(filter(None, (p.strip() for p in text.split("\n\n"))))
    matches = find_matches(fold(body), [Terms(literal, query_terms(literal))], Field.BODY)
    shown = make_snippets(body, fold(body), matches, width=30)
    _check(bool(shown) == bool(body), "no snippet")
    for snippet in shown:
        there = body[snippet.offset : snippet.offset + len(snippet.text)]
        _check(snippet.text == there, "a snippet of another text")
        _check("\n\n" not in snippet.text.strip("\n"), "a snippet of two paragraphs")
        _inside(snippet.spans, snippet.text)
    rows = wrap_rows(body, 20)
    ends = [0, *(end for _, end in rows)]
    _check([start for start, _ in rows] == ends[:-1], "rows with a gap")
    _check(ends[-1] == len(body), "rows that leave text out")
    packed = packed_texts.pack_folded("", folded.replace("\x1e", ""), "")
    if literal and "\n" not in folded:
        contained = LiteralVerifier(Phrase(literal, (), Field.BODY))(packed)
        _check(contained == bool(spans), "packed bytes disagree")


def _brute_force(folded: str, literal: str) -> Iterable[tuple[int, int]]:
    def word(at: int) -> bool:
        return 0 <= at < len(folded) and kind_of(folded[at]) is CharKind.WORD

    at = 0
    while literal and at < len(folded):
        end = at + len(literal)
        if (
            folded.startswith(literal, at)
            and not (word(at) and word(at - 1))
            and not (word(end - 1) and word(end))
        ):
            yield at, end
            at = end
        else:
            at += 1


def _inside(spans: Iterable[Span], text: str) -> None:
    end = -1
    for span in spans:
        _check(end < span.start < span.end <= len(text), f"{span} of {len(text)} characters")
        end = span.end


# Stored records.


def packed(data: bytes) -> None:
    """Check that any bytes are unpacked or reported as damaged, also with a valid checksum.

    The first byte says what the others are: ``z`` texts, which are packed as in the current format,
    ``f`` a frame of Zstandard without its first bytes, ``d`` texts as they were packed up to
    format 7, ``r`` the rest of an article.
    """
    kind, rest = data[:1], data[1:]
    inner = {
        b"z": lambda: _framed(rest),
        b"f": lambda: _summed(packed_texts._ZSTD_MAGIC + rest),  # noqa: SLF001
        b"d": lambda: _deflated(rest, text=True),
        b"r": lambda: _deflated(rest, text=False),
    }.get(kind, lambda: _summed(rest))()
    sound = packed_texts.pack_folded("题", "正文。", "")
    for folded in (rest, inner):
        _texts_or_damage(folded)
    for folded, other in ((rest, rest), (_summed(rest), inner), (inner, inner), (sound, inner)):
        try:
            article = codec.unpack_article(folded, other, "/a.md")
            _check((article.title + article.body).encode("utf-8", "surrogatepass") is not None, "-")
        except packed_texts.DamagedData as exc:
            _check(str(exc), "damaged without a message")
    for left_out in (rest, inner):
        try:
            passages = codec.unpack_left_out(left_out)
        except packed_texts.DamagedData as exc:
            _check(str(exc), "damaged without a message")
        else:
            again = codec.unpack_left_out(codec.pack_left_out(passages))
            _check(again == passages, "other left-out text comes out")
    head = _deflated(rest, text=True)
    newest = Article("a", "题", "正文。\n\n第二段。", "/a.md")
    for versions in (rest, len(head).to_bytes(4, "big") + head + inner):
        try:
            for version in unpack_versions(versions, newest):
                _check(version.title is not None, "a version without a title")
        except packed_texts.DamagedData as exc:
            _check(str(exc), "damaged without a message")
    try:
        record = codec.unpack_file_record(rest, "")
    except packed_texts.DamagedData as exc:
        _check(str(exc), "damaged without a message")
    else:
        known = codec.unpack_file_record(codec.pack_file_record(record), "")
        _check(
            known.path == record.path
            and known.version_key == record.version_key
            and known.sketch == record.sketch,
            "another record comes out",
        )


def _texts_or_damage(folded: bytes) -> None:
    """Check that both libraries, at once and in steps, return the same texts or report damage."""
    inflated = set()
    for library in _libraries():
        with patch.object(packed_texts, "_frames", lambda library=library: library):
            inflated.add(_inflated(folded))
            try:
                texts = packed_texts.unpack_folded(folded)
                _check(
                    packed_texts.unpack_folded(packed_texts.pack_folded(*texts)) == texts,
                    "other texts",
                )
            except packed_texts.DamagedData as exc:
                _check(str(exc), "damaged without a message")
            for phrase in ("正文", "“", "a"):
                try:
                    LiteralVerifier(Phrase(phrase, (), Field.BODY))(folded)
                except packed_texts.DamagedData as exc:
                    _check(str(exc), "damaged without a message")
    _check(len(inflated) == 1, "the libraries disagree")


def _inflated(folded: bytes) -> bytes | None:
    """Return the encoded texts in ``folded``, or nothing if they are damaged."""
    try:
        whole = packed_texts.inflate_folded(folded)
    except packed_texts.DamagedData as exc:
        _check(str(exc), "damaged without a message")
        whole = None
    last = None
    try:
        for data, is_whole in packed_texts.inflate_in_steps(folded, _FIRST_STEP):
            _check(whole is None or whole.startswith(data), "a step has other bytes")
            last = data if is_whole else None
    except packed_texts.DamagedData as exc:
        _check(str(exc), "damaged without a message")
    _check(last == whole or _has_bytes_after_frame(folded), "steps end with something else")
    return whole


def _has_bytes_after_frame(folded: bytes) -> bool:
    """Return whether there are bytes that are damage, but that steps need not read."""
    frame = folded[4:]
    try:
        return int(standard_zstd().get_frame_size(frame)) < len(frame)
    except standard_zstd().ZstdError:
        return False


@cache
def _libraries() -> tuple[Frames, ...]:
    """Return each library that reads frames, with the dictionary of an index."""
    dictionary = packed_texts._ENTROPY_TABLES + packed_texts.text_dictionary()  # noqa: SLF001
    return packed_texts.FastFrames(dictionary), StandardFrames(dictionary)


def _framed(data: bytes) -> bytes:
    """Return ``data`` packed as the texts of an article are, whatever it is."""
    return _summed(_libraries()[0].compress(data))


def _summed(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(4, "big") + data


def _deflated(data: bytes, *, text: bool) -> bytes:
    """Return ``data`` packed as the rest of an article is, or as texts were up to format 7."""
    known = packed_texts.text_dictionary()
    usual = b"" if text else codec._COMMON_METADATA.encode("gb18030")  # noqa: SLF001  (of the rest)
    packer = zlib.compressobj(1, zlib.DEFLATED, -15, zdict=known + usual)
    return _summed(packer.compress(data) + packer.flush())


_SUFFIXES: Final = [
    "", ".warc.gz", ".warc", ".jsonl", ".json", ".csv", ".mbox", ".zip", ".db", ".eml", ".mht",
]  # fmt: skip


def records(data: bytes) -> None:
    """Divide a file of any bytes into records: each has a locator of its own."""
    source = bytes_source(f"a{_SUFFIXES[len(data) % len(_SUFFIXES)]}", data)
    seen: set[str] = set()
    try:
        for each in read_records(source, ReadOptions()):
            _check(each.locator not in seen, f"two records at {each.locator}")
            seen.add(each.locator)
            if isinstance(each, BadRecord):
                _check(each.reason and each.reason.isprintable(), f"the reason {each.reason!r}")
            else:
                _check(isinstance(each.data, bytes), "a record without bytes")
    except NoArticle as exc:
        _check(str(exc).isprintable(), f"the reason {exc}")


TARGETS: Final[dict[str, Target]] = {
    "decoder": decoder,
    "txt": text_file,
    "md": markdown_file,
    "html": html_file,
    "dates": date_reader,
    "query": query,
    "engines": engines,
    "texts": texts,
    "packed": packed,
    "records": records,
}
