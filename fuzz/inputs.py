"""The inputs that mutation starts from, and unguided mutation for use without atheris."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

# ruff: noqa: E501 - pieces of one kind stay on one line


ROOT: Final = Path(__file__).parent.parent
_LARGEST: Final = 20_000
"""Bytes of a seed: of larger files only the beginning is used."""

_TEXTS: Final = (
        "<", ">", "</div>", "<p>", "<br>", "<ul><li><a href='/'>", "<!--", "-->", "<![CDATA[", "<?xml?>",
        "<article>", "<figure><figcaption>", "<time datetime='2024-05-17'>", "<h1>", "<table><tr><td>",
        "<meta property='og:title' content='题'>", "<script type='application/ld+json'>", "<html><body>",
        '{"@type":"Article","datePublished":"2024-05-17"}', "</script>", "&#0;", "&#xD800;", "&amp;#",
        "---\n", "\n---\n", "title: ", "date: ", "tags: [a, b]\n", "!!bool ", "!!int ", "!!float ", "&a *a",
        "from: https://example.org/2024/05/17/a\n", "<!--1718000000000-->", "[a](https://example.org/a)\n---\n",
        "# ", "**", "](", "![", "```", "> ", "- ", "1. ", "| a | b |\n|---|---|\n", "[^1]: ", "\n\n", "\r\n", "\r",
        "\0", "\x1f", "\x1e", "\ufeff", "\u200b", "\u202e", "\ud800", "\u3000", "\xa0", "\u2028", "\u0301\u0316",
        "作者：", "摄：", "图／", "来源：", "2024年5月17日", "二〇二四年五月十七日", "民國113年", "下午3:05", "+08:00",
        "17 May 2024 18:25:08 +0200", "20240517T123456", "2024-05-17T10:50:43Z", "24:00", "²", "٣", "9999",
        "title:", "source:", "date:2024..", "since:", " OR ", " AND ", "NOT ", " -", "(", "）", '"', "“", "」", "：",
        "两岸渔业声明", "聯合聲明", "ＧＰＴ", "gpt", "İ", "ß", "ﬃ", "㎡", "𠮷", "é", "。", "，", "a", "水", "😀",
        "charset=gb2312", "encoding='big5'", "charset=utf-16",
)  # fmt: skip
_BYTES: Final = (
    b"\xff\xfe",
    b"\xfe\xff",
    b"\xa4\xa4\xa4\xe5",
    b"\xd6\xd0\xce\xc4",
    b"\x81\x30\x81\x30",
    b"\xff",
)
PIECES: Final = (*(piece.encode("utf-8", "surrogatepass") for piece in _TEXTS), *_BYTES)

_QUERIES: Final = (
    '渔业 OR "联合 声明" -台风', "title:渔业 (body:“声明” caption:水) NOT source:BBC", "date:2024-05..2024-06 gpt",
    "「左右逢源」 AND since:2024 until:2024-05-17", "-水", "a.b-c_d ＧＰＴ", "…——", "啊 “", "NOT NOT 水",
    'leftout:转载 everything:("联合 声明" OR 水)',
)  # fmt: skip
_DATES: Final = (
    "2024-05-17T10:50:43.123+08:00", "Thu, 16 May 2024 18:25:08 GMT", "2024年5月17日（星期五）下午3:05 北京时间",
    "民國一一三年五月十七日", "May 17th, 2024 at 3:05 PM", "/2024/05/17/", "20240517123456", "1715913043000",
    "发布时间：2024-05-17 10:50", "2024-05..2024-06", "..2021",
)  # fmt: skip


def seeds_for(target: str, more: Sequence[Path] = ()) -> list[bytes]:
    """Return the inputs that mutation of ``target`` starts from; ``more`` are folders of files."""
    if target in {"query", "engines"}:
        return [query.encode() for query in _QUERIES]
    if target == "dates":
        return [stated.encode() for stated in _DATES]
    if target == "packed":
        return _packed()
    folders = [ROOT / "seeds", ROOT / "tests" / "fixtures", *more]
    if target == "records":
        folders = [ROOT / "tests" / "fixtures" / "formats", *more]
    files = sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())
    own = [path for path in files if path.suffix == f".{target}"] or files
    random.Random(1).shuffle(own)  # noqa: S311 - seeded, for sampling
    read = [path.read_bytes()[:_LARGEST] for path in own[:400]]
    return [b"\0".join((data[:500], data[60:70])) for data in read] if target == "texts" else read


def _packed() -> list[bytes]:
    from newsgrep.analysis.codec import pack_file_record
    from newsgrep.analysis.packed_texts import pack_folded
    from newsgrep.models import FileRecord, Status

    head = '["，",[1,3],"abc","报",null,["甲"],["2024-05","month"],null,[],{"title":"heading"},[]]'
    rest = head.encode("gb18030")
    record = pack_file_record(
        FileRecord("/a.md", 1, 2, "00ff", Status.REJECTED, None, "因为", ("2024", 2))
    )
    body = "渔场联合声明，两岸七年渔权之争。水库\n\n" * 400  # more than one block of Zstandard
    frames = [pack_folded("题", each, "图\n图")[8:] for each in (body[:20], body[:300], body)]
    return [
        *(b"f" + frame for frame in frames),
        *(
            b"z" + each.encode("gb18030")
            for each in ("题\x1e正文。\x1e图\n图", f"题\x1e{body}\x1e")
        ),
        "d题\x1e正文。\x1e图\n图".encode("gb18030"),
        b"r" + len(rest).to_bytes(4, "big") + rest + bytes(4 * 6),
        b"s" + record,
    ]


def mutated(seeds: Sequence[bytes], number: int, seed: int) -> Iterator[bytes]:
    """Yield ``number`` inputs, the same for the same ``seed``: seeds with a few changes each."""
    rng = random.Random(seed)  # noqa: S311 - seeded, so that tests can be repeated
    for _ in range(number):
        data = rng.choice(seeds)
        for _ in range(rng.choice((1, 2, 4, 8))):
            data = _changed(data, seeds, rng)
        yield data


def _changed(data: bytes, seeds: Sequence[bytes], rng: random.Random) -> bytes:
    start, end = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    end = min(end, start + rng.choice((1, 8, 200)))
    match rng.randrange(8):
        case 0 | 1 | 2:
            return data[:start] + rng.choice(PIECES) + data[start:]
        case 3:
            return data[:start] + rng.choice(PIECES) + data[end:]
        case 4:
            return data[:start] + data[end:]
        case 5:
            return data[:start] + data[start:end] * rng.choice((2, 3, 30)) + data[end:]
        case 6:
            other = rng.choice(seeds)
            at = rng.randrange(len(other) + 1)
            return data[:start] + other[at : at + rng.choice((8, 100, 1000))] + data[end:]
        case _:
            return data[:start] + rng.randbytes(rng.choice((1, 2, 4))) + data[start + 1 :]
