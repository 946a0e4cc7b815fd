"""What newsgrep takes from a file, as text and as JSON: fields, claims, and blocks of text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, Final

from newsgrep.extraction.claims import Block, BlockKind, ClaimField, Rule
from newsgrep.extraction.extraction import Extraction
from newsgrep.extraction.trace import ClaimOutcome
from newsgrep.messages import _, localize, mark, plural
from newsgrep.models import Article
from newsgrep.terminal import (
    Screen,
    StyledLine,
    StyledText,
    count_noun,
    display_width,
    fitting_prefix,
    one_line,
)
from newsgrep.views import SCHEMA_VERSION
from newsgrep.views.article import (
    display_date,
    display_file_date,
    display_path,
    web_link,
)

_FIELD_INDENT: Final = 11
_CLAIM_INDENT: Final = 10
_BLOCK_INDENT: Final = 4
_KEPT, _TAKEN, _LEFT_OUT = "+", "=", "-"
"""Marks of blocks in the body, in another field, and in none; of claims the first and the last."""
_MAX_SHOWN: Final = 120
"""Cells of a claim or a kept block in an explanation; without one the body is printed in full."""


_MAX_MENU_ITEM: Final = 40
"""Cells of a text that is joined with its neighbours if one rule leaves out all of them."""
_LEGEND_OF_CLAIMS: Final = mark(
    "Claims: + believed, - not; rank (smaller is better evidence), value, [place], reason"
)
_LEGEND_OF_BLOCKS: Final = mark("+ in the body, = in a field, - left out; [rule, kind, element]")


def to_text(
    extractions: Iterable[Extraction], _screen: Screen, *, explain: bool = False
) -> Iterator[StyledLine]:
    """Yield the fields of each article and its body; with ``explain`` claims and blocks instead."""
    for number, extraction in enumerate(extractions):
        if number:
            yield StyledLine()
            yield StyledLine()
        yield from _file_text(extraction, explain=explain)


def _file_text(extraction: Extraction, *, explain: bool) -> Iterator[StyledLine]:
    article = extraction.article
    if article:
        yield from _field_lines(article, extraction)
    yield from _file_lines(extraction, explain=explain)
    if explain:
        yield from _claim_lines(extraction.claims)
        yield from _block_lines(extraction.blocks)
    elif article:
        yield StyledLine()
        for line in article.body.split("\n"):
            yield StyledLine([StyledText(one_line(line))])
        if article.captions:
            yield StyledLine()
            for caption in article.captions:
                yield StyledLine(
                    [
                        StyledText(_("{label}: ", label=_("caption")), "dim"),
                        StyledText(one_line(caption)),
                    ]
                )


def _field_lines(article: Article, extraction: Extraction) -> Iterator[StyledLine]:
    url = article.url
    for name, value, style in (
        (ClaimField.TITLE, article.title, "title"),
        (ClaimField.SOURCE, article.source, "source"),
        (ClaimField.PUBLISHED, display_date(article) if article.published else None, ""),
        (ClaimField.AUTHORS, "、".join(article.authors), ""),
        (ClaimField.URL, url, ""),
    ):
        believed = [
            each for each in extraction.claims if each.claim.field is name and each.loss is None
        ]
        link = web_link(url) if name is ClaimField.URL else None
        pieces = [
            StyledText(one_line(value) if value else _("(none)"), style if value else "dim", link)
        ]
        if value and believed:
            pieces.append(StyledText(f"  [{_place(believed[0])}]", "dim"))
        elif name is ClaimField.PUBLISHED and (known := display_file_date(article)):
            pieces.append(StyledText(f"  [{localize(known)}]", "dim"))
        yield _labelled(name, pieces)
    if article.tags:
        yield _labelled(mark("tags"), [StyledText(one_line("、".join(article.tags)))])


def _file_lines(extraction: Extraction, *, explain: bool) -> Iterator[StyledLine]:
    read_as = ", ".join(filter(None, (extraction.format, extraction.encoding)))
    yield _labelled(
        mark("file"),
        [
            StyledText(display_path(extraction.path + (extraction.locator or ""))),
            StyledText(f"  [{read_as}]" if read_as else "", "dim"),
        ],
    )
    yield _labelled(
        mark("rules"), [StyledText(one_line(extraction.outlet or _("general rules only")))]
    )
    if extraction.reason:
        yield _labelled(
            mark("no article"), [StyledText(one_line(localize(extraction.reason)), "mark")]
        )
    for note in extraction.notes:
        yield _labelled(mark("note"), [StyledText(one_line(localize(note)))])
    if counted := _count_left_out(extraction):
        hint = "" if explain else _("; --explain shows them")
        yield _labelled(mark("left out"), [StyledText(counted + hint)])


def _count_left_out(extraction: Extraction) -> str:
    """Return how many passages were left out by which rules, and how many short texts."""
    rules = Counter(each.reason for each in extraction.left_out)
    parts = []
    if rules:
        by_rule = _(", ").join(
            _("{count:,} {name}", count=count, name=one_line(_(rule)))
            for rule, count in rules.most_common()
        )
        parts.append(
            _(
                "{passages} ({rules})",
                passages=count_noun(rules.total(), "passage"),
                rules=by_rule,
            )
        )
    short = sum(map(_is_left_out, extraction.blocks)) - rules.total()
    if short > 0:
        parts.append(
            localize(
                plural(
                    "{count:,} short text of menus and the like",
                    "{count:,} short texts of menus and the like",
                    short,
                )
            )
        )
    return _(", ").join(parts)


def _claim_lines(outcomes: Iterable[ClaimOutcome]) -> Iterator[StyledLine]:
    yield StyledLine()
    yield StyledLine([StyledText(_(_LEGEND_OF_CLAIMS), "dim")])
    stated = list(outcomes)
    for field in ClaimField:
        about = [each for each in stated if each.claim.field is field]
        if not about and field is ClaimField.BODY:
            continue
        yield StyledLine()
        none = [] if about else [StyledText(_("  (no claim)"), "dim")]
        yield StyledLine([StyledText(_(field), "title"), *none])
        for each in about:
            yield _claim_line(each)


def _claim_line(outcome: ClaimOutcome) -> StyledLine:
    claim = outcome.claim
    pieces = [
        StyledText(_shorten(one_line(claim.value)), "dim" if outcome.loss else ""),
        StyledText(f"  [{_place(outcome)}]", "dim"),
    ]
    if outcome.reason:
        pieces.append(StyledText(f"  {localize(outcome.reason)}", "source"))
    mark = _LEFT_OUT if outcome.loss else _KEPT
    return StyledLine(pieces, _CLAIM_INDENT, f"  {mark} {claim.rank:4}")


def _block_lines(blocks: Iterable[Block]) -> Iterator[StyledLine]:
    yield StyledLine()
    yield StyledLine([StyledText(_("text"), "title")])
    yield StyledLine([StyledText(_(_LEGEND_OF_BLOCKS), "dim")])
    for block in _with_joined_menus(blocks):
        text = one_line(block.text)
        if block.rule is None:
            text = _shorten(text)
        what = _(", ").join(map(_, dict.fromkeys(filter(None, (block.rule, _kind(block))))))
        place = f"{what} {one_line(block.locator)}".strip()
        pieces = [StyledText(text, "dim" if _is_left_out(block) else "")]
        if place:
            pieces.append(StyledText(f"  [{place}]", "source" if block.rule else "dim"))
        mark = _KEPT if block.rule is None else _LEFT_OUT if _is_left_out(block) else _TAKEN
        yield StyledLine(pieces, _BLOCK_INDENT, f"  {mark}")


def _with_joined_menus(blocks: Iterable[Block]) -> Iterator[Block]:
    """Yield ``blocks`` with neighbouring short ones that one rule left out as one block."""
    for (rule, short), group in groupby(blocks, key=lambda each: (each.rule, _is_short(each))):
        members = list(group)
        if rule is None or rule in _IN_FIELDS or not short or len(members) == 1:
            yield from members
        else:
            text = " · ".join(each.text for each in members)
            locators = {each.locator for each in members}
            yield Block(text, rule=rule, locator=locators.pop() if len(locators) == 1 else "")


def _is_short(block: Block) -> bool:
    return display_width(block.text) <= _MAX_MENU_ITEM and block.kind is not BlockKind.CAPTION


def _kind(block: Block) -> str:
    return "" if block.kind is BlockKind.TEXT else block.kind


_IN_FIELDS: Final = frozenset((Rule.TITLE, Rule.DATE, Rule.BYLINE, Rule.TAGS, Rule.CAPTION))
"""Blocks that are not in the body because they are fields of the article."""


def _is_left_out(block: Block) -> bool:
    return block.rule is not None and block.rule not in _IN_FIELDS


def _shorten(text: str) -> str:
    if display_width(text) <= _MAX_SHOWN:
        return text
    return _(
        "{text}… ({count:,} characters)", text=fitting_prefix(text, _MAX_SHOWN), count=len(text)
    )


def _place(outcome: ClaimOutcome) -> str:
    claim = outcome.claim
    place = f"{_(claim.provenance)} {one_line(claim.locator)}".rstrip()
    return _("{place}, line {line}", place=place, line=outcome.line) if outcome.line else place


def _labelled(label: str, pieces: list[StyledText]) -> StyledLine:
    return StyledLine(pieces, _FIELD_INDENT, _(label))


def to_json(extractions: Iterable[Extraction]) -> dict[str, Any]:
    """Return an object with a record for each of ``extractions``."""
    return {"version": SCHEMA_VERSION, "records": [each.to_dict() for each in extractions]}


def to_jsonl(extractions: Iterable[Extraction]) -> Iterator[dict[str, Any]]:
    """Yield an object for each of ``extractions``: its article, or the reason why it has none."""
    for each in extractions:
        article = each.article
        named = {"path": each.path + (each.locator or "")} if article is None else {}
        yield {
            "version": SCHEMA_VERSION,
            **named,
            "locator": each.locator,
            "reason": each.reason,
            **(article.to_dict() if article else {}),
        }
