"""HTML: the templates, how texts of articles become markup, and charts.

Every text that a template prints is sanitized and escaped; :func:`marked` is the only function here
that returns markup with a text of an article in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from functools import cache
from hashlib import blake2b
from importlib.resources import files
from typing import Any, Final, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from newsgrep.analysis.characters import fold
from newsgrep.messages import Message, _, localize, mark, plural, spoken
from newsgrep.models import Article, Span
from newsgrep.search.bins import Bin, Interval, bin_number
from newsgrep.terminal import one_line, sanitize
from newsgrep.views.article import display_date, readable_url, web_link

_HAN_FROM, _HAN_TO = "\u4e00", "\u9fff"
_MAX_READ_FOR_SCRIPT: Final = 1000
_TRADITIONAL_SHARE: Final = 0.04
"""A tenth to a third of the characters of a traditional text differ from the simplified ones."""


@cache
def environment() -> Environment:
    """Return the templates; what they print is sanitized and escaped."""
    found = Environment(
        loader=PackageLoader("newsgrep.web", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_sanitized,
    )
    found.filters.update(
        marked=marked,
        n=lambda number: f"{number:,}",
        language=language,
        one_line=one_line,
        web_link=web_link,
        readable_url=readable_url,
        short_path=short_path,
        published=display_date,
    )
    found.globals.update(asset=asset, _=_, label=label, plural=plural, page_language=page_language)
    return found


@cache
def asset(name: str) -> str:
    """Return the address of a static file, which changes with its contents."""
    data = (files("newsgrep.web") / "static" / name).read_bytes()
    return f"/static/{name}?{blake2b(data, digest_size=6).hexdigest()}"


def render(template: str, **values: Any) -> bytes:
    """Return a page as UTF-8."""
    return environment().get_template(template).render(values).encode("utf-8", "replace")


_LABELS: Final = {
    "source": mark("source"),
    "author": mark("author"),
    "tag": mark("tag"),
    "day": mark("day"),
    "week": mark("week"),
    "month": mark("month"),
    "year": mark("year"),
    "title": mark("title"),
    "published": mark("published"),
    "authors": mark("authors"),
}


def label(name: str) -> str:
    """Return the name of a facet, an interval or a field in the language of the page."""
    return _(_LABELS.get(name, name))


_PAGE_LANGUAGES: Final = {"": "en", "zh_CN": "zh-Hans", "zh_TW": "zh-Hant"}


def page_language() -> str:
    """Return the language in which a page is written, as HTML names it."""
    return _PAGE_LANGUAGES[spoken()]


def _sanitized(value: Any) -> Any:
    """Return a value to print without control and direction characters; markup is complete.

    A message is printed in the language of the page.
    """
    if isinstance(value, Message):
        value = localize(value)
    return sanitize(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def marked(text: str, spans: Iterable[Span], numbered_from: int = 0) -> Markup:
    """Return ``text`` as HTML with ``spans`` in ``<mark>``.

    With ``numbered_from`` marks have ids: ``m1``, ``m2`` and so on.

    >>> marked("a <b>", [Span(2, 3)])
    Markup('a <mark>&lt;</mark>b&gt;')
    """
    clean = sanitize(text)
    parts: list[Markup] = []
    at = 0
    for number, span in enumerate(spans, numbered_from):
        start = max(span.start, at)
        parts.append(escape(clean[at:start]))
        label = f' id="m{number}" tabindex="-1"' if numbered_from else ""
        parts.append(Markup(f"<mark{label}>{escape(clean[start : span.end])}</mark>"))  # noqa: S704
        at = max(span.end, at)
    parts.append(escape(clean[at:]))
    return Markup("").join(parts)


def language(text: str) -> Markup:
    """Return the attribute ``lang`` for a text, by which browsers choose glyphs; or nothing.

    >>> language("联合声明"), language("聯合聲明"), language("tram")
    (Markup(' lang="zh-Hans"'), Markup(' lang="zh-Hant"'), Markup(''))
    """
    han = "".join(c for c in text[:_MAX_READ_FOR_SCRIPT] if _HAN_FROM <= c <= _HAN_TO)
    if not han:
        return Markup("")
    differing = sum(a != b for a, b in zip(han, fold(han), strict=True))
    script = "Hant" if differing > len(han) * _TRADITIONAL_SHARE else "Hans"
    return Markup(f' lang="zh-{script}"')  # noqa: S704  (one of two)


def short_path(path: str) -> str:
    """Return the last two parts of a path: where a file is on this machine is nobody's business.

    >>> short_path("/home/me/archive/2024/page.html")
    '2024/page.html'
    """
    return "/".join(one_line(path).rsplit("/", 2)[-2:])


# Articles


class Paragraph(NamedTuple):
    """A paragraph of a body with its matches, the first of which has the number ``first``."""

    text: str
    spans: tuple[Span, ...]
    first: int


def paragraphs(article: Article, spans: Sequence[Span]) -> Iterator[Paragraph]:
    """Yield the paragraphs of the body with the ``spans`` in each, numbered from 1."""
    offset, number, at = 0, 1, 0
    for text in article.paragraphs:
        end = offset + len(text)
        inside = []
        while at < len(spans) and spans[at].start < end:
            span = spans[at]
            inside.append(Span(max(span.start - offset, 0), min(span.end - offset, len(text))))
            if span.end > end:
                break  # continues in the next paragraph
            at += 1
        yield Paragraph(text, tuple(inside), number)
        number += len(inside)
        offset = end + 2


# Charts


class Bar(NamedTuple):
    """A bar of a chart, in percent of its width and height, with a label and an address."""

    x: str
    width: str
    y: str
    height: str
    label: str
    href: str
    partial: bool
    first: str
    last: str


class Chart(NamedTuple):
    """Bars over time, in ``slots`` of equal width; ``labels`` are names with their places."""

    name: str
    bars: tuple[Bar, ...]
    labels: tuple[tuple[str, str], ...]
    most: str
    by: str
    slots: int


_MAX_LABELS: Final = 7
_FEWEST_SLOTS: Final = 12
"""Bars of a chart that is as wide as the page; fewer of them leave space at its end."""

_LABEL_STEPS: Final = {
    Interval.DAY: (1, 2, 7, 14, 28, 56, 91, 182, 364, 728, 1456, 3640),
    Interval.WEEK: (1, 2, 4, 8, 13, 26, 52, 104, 260, 520),
    Interval.MONTH: (1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200),
    Interval.YEAR: (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000),
}
"""Bins between two labels, of which the first that gives few labels is chosen."""


def make_chart(
    name: str,
    bins: Sequence[Bin],
    by: Interval,
    values: Sequence[float],
    label_of: Callable[[int], str],
    address: Callable[[Bin], str],
    *,
    most: float | None = None,
    partial: Callable[[Bin], bool] = lambda _: False,
) -> Chart:
    """Return a chart of ``values``, one for each bin; ``most`` is the value of its full height."""
    top = most or max(values, default=0) or 1
    slots = max(len(bins), _FEWEST_SLOTS)
    step = 100 / slots
    gap = step * 0.14
    bars = []
    for at, (each, value) in enumerate(zip(bins, values, strict=True)):
        height = 100 * min(value / top, 1)
        bars.append(
            Bar(
                f"{at * step + gap / 2:.3f}",
                f"{step - gap:.3f}",
                f"{100 - height:.2f}",
                f"{height:.2f}",
                label_of(at),
                address(each),
                partial(each),
                each.first.isoformat(),
                each.last.isoformat(),
            )
        )
    labels = tuple(_labels(bins, by, step))
    height_of_all = f"{top:,.4g}" if top < 10 else f"{top:,.0f}"
    return Chart(name, tuple(bars), labels, height_of_all, by.value, slots)


def _labels(bins: Sequence[Bin], by: Interval, width: float) -> Iterator[tuple[str, str]]:
    """Yield the names of some bins at round numbers, and where they begin, in percent."""
    if not bins:
        return
    fitting = (step for step in _LABEL_STEPS[by] if len(bins) <= step * _MAX_LABELS)
    step = next(fitting, len(bins))
    first = bin_number(bins[0].first, by)
    offset = first if by in {Interval.DAY, Interval.WEEK} else 0
    for at, each in enumerate(bins):
        if (first + at - offset) % step == 0 and at * width < 94:  # the last would not fit
            name = each.name[:4] if by is Interval.MONTH and step % 12 == 0 else each.name
            yield name, f"{at * width:.2f}"


def day_name(day: date | None) -> str:
    """Return a day as ISO 8601, or nothing."""
    return day.isoformat() if day else ""
