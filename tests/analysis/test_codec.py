"""Packed articles and file records are unpacked unchanged, and damage is detected."""

from __future__ import annotations

import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from itertools import product
from typing import cast

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from newsgrep.analysis import codec, packed_texts
from newsgrep.analysis.characters import fold
from newsgrep.analysis.codec import (
    pack_article,
    pack_file_record,
    pack_left_out,
    unpack_article,
    unpack_file_record,
    unpack_left_out,
)
from newsgrep.analysis.packed_texts import (
    MAX_TEXT_CHARACTERS,
    TEXT_ENCODING,
    DamagedData,
    FastFrames,
    at_least_units,
    deflate,
    encode,
    new_compressor,
    pack_folded,
    unpack_folded,
)
from newsgrep.analysis.standard_zstd import Frames, StandardFrames
from newsgrep.models import Article, FileRecord, LeftOut, Precision, Provenance, Published, Status
from newsgrep.query.match import distance_unit

# Everything but control characters and lone surrogates, which cleaning takes out.
_CHARACTERS = st.one_of(
    st.sampled_from("聲声聯合联合，,：:。！!ＡaAİß㎡𠮷𝐀é\n(（)）“"),
    st.characters(exclude_categories=["Cc", "Cs"]),
)


_TEXTS = st.text(_CHARACTERS, max_size=60)


_ARTICLES = st.builds(
    Article,
    id=st.just("abc"),
    title=_TEXTS,
    body=_TEXTS,
    path=st.just("/a.md"),
    source=st.none() | _TEXTS,
    url=st.none() | _TEXTS,
    authors=st.lists(_TEXTS, max_size=2).map(tuple),
    published=st.none() | st.just(Published("2024-05", Precision.MONTH)),
    fetched=st.none() | _TEXTS,
    tags=st.lists(_TEXTS, max_size=2).map(tuple),
    captions=st.lists(_TEXTS, max_size=3).map(tuple),
    provenance=st.dictionaries(st.sampled_from(["title", "source"]), st.sampled_from(Provenance)),
    notes=st.lists(_TEXTS, max_size=2).map(tuple),
    file_time=st.none() | st.just("2024-05-16T10:00:00+00:00"),
)
_PASSAGES = st.lists(st.builds(LeftOut, _TEXTS, st.sampled_from(["notice", "hidden"])))


def pack(article: Article) -> tuple[bytes, bytes]:
    folded = (fold(article.title), fold(article.body), fold("\n".join(article.captions)))
    return pack_folded(*folded), pack_article(article, folded)


@pytest.mark.parametrize("length", [65_533, 65_534, 65_535, 200_000])
def test_unpack_long_article(length: int) -> None:
    body = ("聲明，ＡaB𠮷。：" * (length // 9 + 1))[:length]
    article = Article(id="abc", title="題", body=body, path="/a.md", captions=("圖",))
    assert unpack_article(*pack(article), article.path) == article


@given(article=_ARTICLES)
def test_unpack_article(article: Article) -> None:
    folded, rest = pack(article)
    assert unpack_article(folded, rest, article.path) == article
    assert unpack_folded(folded)[1] == fold(article.body)


def test_unpack_repetitive_article() -> None:
    body = "聯合聲明，渔场：" * 20_000 + "完"
    article = Article("abc", "題目", body, "/a.md", captions=("圖\n一", ""))
    folded, rest = pack(article)
    assert unpack_article(folded, rest, "/a.md") == article
    assert len(rest) < len(body) // 20


@given(article=_ARTICLES, at=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_flipped_bit_is_damage(article: Article, at: int, bit: int) -> None:
    for part in pack(article):
        changed = bytearray(part)
        changed[at % len(part)] ^= 1 << bit
        folded, rest = pack(article)
        pair = (bytes(changed), rest) if part == folded else (folded, bytes(changed))
        with pytest.raises(DamagedData):
            unpack_article(*pair, article.path)


@given(passages=_PASSAGES.map(tuple), at=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_left_out_text_round_trip(passages: tuple[LeftOut, ...], at: int, bit: int) -> None:
    packed = pack_left_out(passages)
    assert unpack_left_out(packed) == passages
    assert bool(packed) == bool(passages)
    if packed:
        changed = bytearray(packed)
        changed[at % len(packed)] ^= 1 << bit
        with pytest.raises(DamagedData):
            unpack_left_out(bytes(changed))


def packed_rest(head: str, text: str) -> bytes:
    """Return metadata packed with a right checksum, for a text that folding does not change."""
    encoded = head.encode("gb18030")
    parts = (len(encoded).to_bytes(4, "big"), encoded, bytes(4 * len(text)))
    return deflate(new_compressor(codec._rest_dictionary()), parts)


def metadata(lengths: str, wide: str = "") -> str:
    return f'["{wide}",{lengths},"abc",null,null,[],null,null,[],{{}},[],null]'


def test_text_at_the_limit_can_be_unpacked() -> None:
    body = "𠮷" * (MAX_TEXT_CHARACTERS - 2)
    assert unpack_folded(pack_folded("", body, ""))[1] == body
    with pytest.raises(ValueError, match="more than 16,777,214 characters"):
        pack_folded("", body, "a")


HOSTILE_HEADS = {
    "negative length": metadata("[3,-3,4]"),
    "longer than the text": metadata("[3,3]"),
    "many lengths": metadata(f"[3,0{',0' * 1000}]"),
    "punctuation repeated": metadata("[1,2]", wide="," * 1000),
    "many values": metadata(f"[1,2,[{'[],' * (1 << 21)}1]]"),
    "deep": metadata("[" * 100_000 + "]" * 100_000),
}


@pytest.mark.parametrize("head", HOSTILE_HEADS.values(), ids=HOSTILE_HEADS)
def test_hostile_metadata_is_damage(head: str) -> None:
    folded, text = pack_folded("a", "bc", ""), "a\x1ebc\x1e"
    assert unpack_article(folded, packed_rest(metadata("[1,2,0]"), text), "/a").body == "bc"
    with pytest.raises(DamagedData):
        unpack_article(folded, packed_rest(head, text), "/a")


@pytest.mark.parametrize(
    "listed",
    [
        *("", "[", "[]", "[1]", '[["a"]]', '[["a","b","c"]]', '[["a",1]]', '[["a","b"],]'),
        *('[["a","b"]', '[["a","b"]]]', '[["a","b"] ]', '[["a",["b"]]]', '[["', "[" * 100_000),
    ],
)
def test_hostile_left_out_text_is_damage(listed: str) -> None:
    packer = new_compressor(codec._left_out_dictionary())
    assert unpack_left_out(deflate(packer, [b'[["a","b\\n"]]'])) == (LeftOut("b\n", "a"),)
    with pytest.raises(DamagedData):
        unpack_left_out(deflate(packer, [listed.encode()]))


@pytest.fixture(params=[FastFrames, StandardFrames])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Frames:
    """Pack and unpack texts by each of the two libraries in turn."""
    chosen: Frames = request.param(packed_texts._ENTROPY_TABLES + packed_texts.text_dictionary())
    monkeypatch.setattr(packed_texts, "_frames", lambda: chosen)
    return chosen


def deflated(texts: bytes) -> bytes:
    """Return folded texts packed as in format 7."""
    return deflate(new_compressor(packed_texts.text_dictionary()), [texts])


def framed(texts: bytes, *, sized: bool = True) -> bytes:
    """Return folded texts in a frame with a right checksum."""
    frame = zstandard.ZstdCompressor(write_content_size=sized).compress(texts)
    return zlib.crc32(frame).to_bytes(4, "big") + frame


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("length", [1, 4094, 4095, 4096, 20_000])
def test_inflate_in_steps_ends_with_everything(length: int) -> None:
    body = "".join(map(chr, range(0x4E00, 0x4E00 + length)))
    for packed in (pack_folded("题", body, ""), deflated(f"题\x1e{body}\x1e".encode("gb18030"))):
        whole = packed_texts.inflate_folded(packed)
        *beginnings, last = packed_texts.inflate_in_steps(packed, 2048)
        assert last == (whole, True)
        for number, (data, is_whole) in enumerate(beginnings):
            assert (len(data), is_whole) == (2048 << number, False)
            assert whole.startswith(data)


@pytest.mark.usefixtures("library")
def test_texts_of_format_7_are_unpacked() -> None:
    texts = ("联合声明", "渔场，水。" * 900, "图")
    packed = deflated("\x1e".join(texts).encode("gb18030"))
    assert unpack_folded(packed) == unpack_folded(pack_folded(*texts)) == texts


def _with_checksum(frame: bytes) -> bytes:
    return zlib.crc32(frame).to_bytes(4, "big") + frame


HOSTILE_FRAMES = {
    "no size": framed(b"a\x1eb\x1e" * 2, sized=False),
    "huge size": _with_checksum(b"\x28\xb5\x2f\xfd\xe0" + (1 << 40).to_bytes(8, "little") + b"x"),
    "cut off": _with_checksum(pack_folded("题", "水渔场" * 3000, "")[4:-20]),
    "bytes after it": _with_checksum(pack_folded("题", "水", "")[4:] + b"after"),
    "a frame after it": _with_checksum(pack_folded("题", "水渔场" * 3000, "")[4:] * 2),
    "no content": framed(b""),
    "bytes after no content": _with_checksum(framed(b"")[4:] + b"after" * 500),
    "only a header": _with_checksum(b"\x28\xb5\x2f\xfd"),
    "longer than its size": _with_checksum(
        framed(b"\x1e" * 300)[4:].replace((300 - 256).to_bytes(2, "little"), b"\1\0", 1)
    ),
}


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("packed", HOSTILE_FRAMES.values(), ids=HOSTILE_FRAMES)
def test_hostile_frame_is_damage(packed: bytes) -> None:
    with pytest.raises(DamagedData):
        unpack_folded(packed)
    with pytest.raises(DamagedData):
        list(packed_texts.inflate_in_steps(packed, 2048))


@pytest.mark.usefixtures("library")
def test_threads_unpack_texts_at_once() -> None:
    bodies = [f"联合声明{number}，" * 2000 for number in range(16)]
    packed = [pack_folded("题", body, "") for body in bodies]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda each: unpack_folded(each)[1], packed * 20)) == bodies * 20


@pytest.mark.parametrize("length", [0, 1, 4095, 4096, 4097, 8192, 8193, 30_000])
def test_libraries_write_equal_frames(length: int) -> None:
    data = ("两岸代表在渔业谈判后签署联合声明，" * 2000).encode("gb18030")[:length]
    dictionary = packed_texts._ENTROPY_TABLES + packed_texts.text_dictionary()
    fast, standard = FastFrames(dictionary), StandardFrames(dictionary)
    frame = memoryview(fast.compress(data))
    assert standard.compress(data) == frame
    for library in (fast, standard):
        assert library.content_size(frame) == length
        assert library.decompress(frame, length) == data
        read = library.in_steps(frame)
        assert read(50) + read(length) == data


def test_text_is_unpacked_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = pack_folded("题", "渔业谈判" * 3000, "图")
    monkeypatch.setitem(sys.modules, "zstandard", None)
    standard = packed_texts._frames.__wrapped__()
    assert isinstance(standard, StandardFrames)
    monkeypatch.setattr(packed_texts, "_frames", lambda: standard)
    assert unpack_folded(packed) == ("题", "渔业谈判" * 3000, "图")
    assert pack_folded("题", "渔业谈判" * 3000, "图") == packed


HUGE = r"""
import resource, sys
from newsgrep.analysis import codec, packed_texts
def packed(data, dictionary):
    return packed_texts.deflate(packed_texts.new_compressor(dictionary), [data])
n = 1 << 26
texts = packed(b"a" * (n - 3) + b"\x1e\x1e", packed_texts.text_dictionary())
han = packed(b"\x1e\xcb\xae" * (n // 3 - 1), packed_texts.text_dictionary())
listed = packed(b"[" + b"[[],[]]," * (n // 8 - 1), codec._left_out_dictionary())
pairs = packed(b"[" + b'["",""],' * (n // 8 - 1), codec._left_out_dictionary())
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for unpack, data in (
    (packed_texts.unpack_folded, texts), (packed_texts.unpack_folded, han),
    (codec.unpack_left_out, listed), (codec.unpack_left_out, pairs),
):
    try:
        unpack(data)
    except packed_texts.DamagedData:
        pass
    else:
        sys.exit(1)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_hostile_text_takes_bounded_memory() -> None:
    run = [sys.executable, "-c", HUGE]
    taken = int(subprocess.run(run, capture_output=True, check=True, text=True).stdout)
    assert taken < 250, f"{taken} MB"


@pytest.mark.parametrize(
    ("found_in", "iso", "file_time"),
    [
        ("file time", "2024-05-16T10:00:00+00:00", "2024-05-16T10:00:00+00:00"),
        ("fetch time", "2024-05-16T10:00:00+00:00", None),
    ],
)
def test_guessed_date_of_format_4_is_no_date(
    found_in: str, iso: str, file_time: str | None
) -> None:
    article = Article("abc", "题", "文。", "/a.md", published=Published(iso, Precision.SECOND))
    provenance = {"published": found_in, "source": "site rule"}
    old = article._replace(provenance=cast("dict[str, Provenance]", provenance))
    assert unpack_article(*pack(old), "/a.md") == article._replace(
        published=None,
        file_time=file_time,
        provenance={"source": Provenance.OUTLET_RULE},
    )


@pytest.mark.parametrize("status", Status)
def test_file_record_round_trip(status: Status) -> None:
    shown = "abc" if status is Status.INDEXED else ""
    record = FileRecord(
        path="/archive/\udcff,文.md",
        size=2**40,
        mtime_ns=-5,
        digest="00ff" * 8,
        status=status,
        article_id="abc",
        reason=None if shown else "因为",
        version_key=("2024-05-16T10:00:00+08:00", 12),
    )
    assert unpack_file_record(pack_file_record(record), shown) == record
    bare = record._replace(digest="", version_key=("", 0), reason=None)
    assert unpack_file_record(pack_file_record(bare), shown) == bare
    for sketch in (b"\0", bytes(range(255))):
        known = bare._replace(sketch=sketch, extractor="2 a1b2", address="def")
        assert unpack_file_record(pack_file_record(known), shown) == known
        whole = record._replace(sketch=sketch)
        assert unpack_file_record(pack_file_record(whole), shown) == whole


def test_frequent_words_file_is_up_to_date(
    dictionary: dict[str, int],
) -> None:
    lines = resources.files("newsgrep.analysis").joinpath("frequent_words.txt").read_text("utf-8")
    listed = "".join(line for line in lines.splitlines() if not line.startswith("#"))
    words = sorted(
        (word for word in dictionary if len(word) > 1 and fold(word) == word),
        key=lambda word: (-dictionary[word], word),
    )
    expected = ""
    for word in words:
        if word not in expected:
            expected = word + expected
        if len(expected) >= 16_000:
            break
    assert listed == expected


def test_units_of_encoded_text_are_units_of_its_characters() -> None:
    # All characters of two bytes, alone and between others.
    for lead, trail in product(range(0x81, 0xFF), range(0x40, 0xFF)):
        try:
            character = bytes((lead, trail)).decode(TEXT_ENCODING)
        except UnicodeDecodeError:
            continue
        for text in (character, f"{character}，", f"a{character}b。"):
            units = len(distance_unit().findall(text))
            assert not at_least_units(units + 1).match(encode(text)), text


@given(st.text("水渔かカ한é𠀀ab01_ ，。,\n…", max_size=40), st.integers(1, 12))
def test_texts_with_few_units_are_not_taken_for_more(text: str, units: int) -> None:
    count = len(distance_unit().findall(text))
    found = at_least_units(units).match(encode(text)) is not None
    assert not found or count >= units
    if all(each in "水渔かカ，。,\n…" for each in text):
        assert found == (count >= units)
