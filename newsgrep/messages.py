"""Texts for people in their language: English, or Chinese in simplified or traditional characters.

English texts are the keys of the catalogues in ``locale``, as usual with gettext. Two kinds of
text need two functions:

* :func:`_` returns a text in the user's language, for output that only people read: tables,
  labels, summaries.
* :func:`message` returns a :class:`Message`: an English string that remembers how it was made.
  Errors, warnings and reasons are such strings, because JSON output and Python programs receive
  them in English. :func:`localize` translates one where it is shown.

A text with values is a template of :meth:`str.format`, never an f-string, and a text whose form
depends on a number is a :func:`plural`. ``docs/build_messages.py`` collects all of them: from the
arguments of these functions and of the errors in :mod:`newsgrep.errors`, from help texts, and
from constants that are marked by :func:`mark`.

The language is that of LANGUAGE, LC_ALL, LC_MESSAGES or LANG. Without Chinese in these, no
catalogue is opened.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from gettext import GNUTranslations

_DOMAIN: Final = "newsgrep"
_FOLDER: Final = os.path.join(os.path.dirname(__file__), "locale")  # noqa: PTH118, PTH120  (cheap)
_VARIABLES: Final = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
_TRADITIONAL: Final = frozenset(("tw", "hk", "mo", "hant"))
"""Regions and scripts for which the catalogue in traditional characters is read."""


class Message(str):
    """An English text that can be translated later: ``template`` with ``values`` in it.

    ``template_of_many`` is the template for numbers other than one, ``number`` the number. Two
    messages are equal if their English texts are. Whatever makes a new string of one (slices,
    ``+``, f-strings) returns plain English text.
    """

    __slots__ = ("number", "template", "template_of_many", "values")
    template: str
    values: Mapping[str, object]
    template_of_many: str
    number: int

    def __new__(
        cls, template: str, values: Mapping[str, object], many: str = "", number: int = 1
    ) -> Message:
        """Return the message, in English; without ``values``, ``template`` is the text itself."""
        values = {
            name: str(value) if isinstance(value, BaseException) else value
            for name, value in values.items()
        }
        chosen = many if many and number != 1 else template
        self = super().__new__(cls, chosen.format(**values) if values else chosen)
        self.template, self.values = template, values
        self.template_of_many, self.number = many, number
        return self

    def __str__(self) -> Message:
        """Return the message itself, so that ``str()`` of an error can still be translated."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Workers send errors to the main process."""
        return Message, (self.template, self.values, self.template_of_many, self.number)


def message(template: str, /, **values: object) -> Message:
    """Return ``template`` with ``values``, in English until it is shown.

    >>> message("No index in {path}.", path="./index")
    'No index in ./index.'
    """
    if not values and isinstance(template, Message):
        return template
    return Message(template, values)


def system_reason(exc: Exception) -> Message:
    """Return why the operating system refused something, as a message; for others, their text."""
    return message(getattr(exc, "strerror", None) or str(exc))


def plural(one: str, many: str, count: int, /, **values: object) -> Message:
    """Return a message by its number, which the templates show as ``{count}``.

    >>> plural("{count:,} article was added", "{count:,} articles were added", 1200)
    '1,200 articles were added'
    """
    return Message(one, {"count": count, **values}, many, count)


def mark(text: str) -> str:
    """Return ``text``, a constant that is translated where it is shown.

    The call makes it known to ``docs/build_messages.py``.
    """
    return text


def _(template: str, /, **values: object) -> str:
    """Return ``template`` with ``values`` in the user's language."""
    catalogue = _catalogue()
    if catalogue is None:
        return template.format(**values) if values else template
    return _translate(catalogue, template, values)


def localize(text: str) -> str:
    """Return a message, or a text that a catalogue contains, in the user's language.

    Other texts are returned as they are.
    """
    catalogue = _catalogue()
    if catalogue is None or not text:
        return text
    if not isinstance(text, Message):
        return catalogue.gettext(text)
    if text.template_of_many:
        template = catalogue.ngettext(text.template, text.template_of_many, text.number)
        return template.format(**_localized(text.values))
    return _translate(catalogue, text.template, text.values)


def _translate(catalogue: GNUTranslations, template: str, values: Mapping[str, object]) -> str:
    translated = catalogue.gettext(template) if template else template
    return translated.format(**_localized(values)) if values else translated


def _localized(values: Mapping[str, object]) -> dict[str, object]:
    """Return ``values`` with the messages among them translated; other strings are data."""
    return {
        name: localize(value) if isinstance(value, Message) else value
        for name, value in values.items()
    }


def localize_stored(text: str) -> str:
    """Return a message that was stored in an index, as plain text, in the user's language.

    The template is found by comparison: one whose English texts surround other texts, as they
    do in ``text``.
    """
    catalogue = _catalogue()
    if catalogue is None or isinstance(text, Message):
        return localize(text)
    translated = localize(text)
    if translated != text:
        return translated
    for begin, template in _templates():
        if text.startswith(begin) and (found := _pattern(template).fullmatch(text)):
            plain = re.sub(_PLACEHOLDER, r"{\1}", catalogue.gettext(template))
            return plain.format(**found.groupdict())
    return text


_PLACEHOLDER: Final = r"\{(\w+)[^}]*\}"


@cache
def _templates() -> list[tuple[str, str]]:
    """Return the templates of the catalogue, each with its begin, the most specific ones first."""
    catalogue = _catalogue()
    keys = vars(catalogue)["_catalog"] if catalogue else ()
    templates = [key for key in keys if isinstance(key, str) and re.search(_PLACEHOLDER, key)]
    templates.sort(key=lambda key: (-len(re.sub(_PLACEHOLDER, "", key)), key))
    return [(key.partition("{")[0], key) for key in templates]


def _pattern(template: str) -> re.Pattern[str]:
    """Return what matches any text that is made of ``template``."""
    seen: set[str] = set()
    parts = []
    for number, part in enumerate(re.split(_PLACEHOLDER, template)):
        if number % 2 == 0:
            parts.append(re.escape(part))
        else:
            parts.append(f"(?P={part})" if part in seen else f"(?P<{part}>.+?)")
            seen.add(part)
    return re.compile("".join(parts), re.DOTALL)


def alternatives(items: Sequence[str]) -> Message:
    """Return ``items`` as a list whose last two are joined by "or".

    >>> alternatives(["a", "b", "c"])
    'a, b or c'
    """
    if len(items) == 1:
        return Message("{item}", {"item": items[0]})
    return message("{items} or {last}", items=enumeration(items[:-1]), last=items[-1])


def enumeration(items: Sequence[str]) -> Message:
    """Return ``items`` as a list separated by commas, of the form that the language uses.

    >>> enumeration(["a", "b"])
    'a, b'
    """
    if len(items) == 1:
        return Message("{item}", {"item": items[0]})
    return message("{items}, {last}", items=enumeration(items[:-1]), last=items[-1])


def conjunction(first: str, last: str) -> Message:
    """Return two items as a list.

    >>> conjunction("--json", "--csv")
    '--json and --csv'
    """
    return message("{first} and {last}", first=first, last=last)


# The language


def language() -> str:
    """Return the catalogue for the user's locale, ``zh_CN`` or ``zh_TW``, or "" for English."""
    chosen = next((value for name in _VARIABLES if (value := os.environ.get(name))), "")
    return _first_known(chosen.split(":"))


def language_of(accepted: str) -> str:
    """Return the catalogue for the header Accept-Language of a browser, as :func:`language` does.

    >>> language_of("zh-HK,zh;q=0.9,en;q=0.8"), language_of("de,en;q=0.9"), language_of("")
    ('zh_TW', '', '')
    """
    ranked: list[tuple[float, str]] = []
    for part in accepted.split(",")[:20]:
        name, _separator, weight = part.strip().partition(";q=")
        try:
            ranked.append((-float(weight or 1), name))
        except ValueError:
            continue
    return _first_known([name for _weight, name in sorted(ranked, key=lambda each: each[0])])


def _first_known(names: Sequence[str]) -> str:
    for name in names:
        first, *rest = name.partition(".")[0].partition("@")[0].lower().replace("-", "_").split("_")
        if first == "zh":
            return "zh_TW" if _TRADITIONAL.intersection(rest) else "zh_CN"
        if first in {"en", "c", "posix"}:
            return ""
    return ""


_spoken: list[str] = []


@contextmanager
def speaking(name: str) -> Iterator[None]:
    """Use the catalogue ``name``, or English for "", whatever the locale is.

    It is for a process that writes one page after another, each in the language of its reader;
    not for several threads.
    """
    _spoken.append(name)
    try:
        yield
    finally:
        _spoken.pop()


def spoken() -> str:
    """Return the catalogue that is used now: that of :func:`speaking`, else of the locale."""
    return _spoken[-1] if _spoken else _locale()


def _catalogue() -> GNUTranslations | None:
    """Return the catalogue that is used now, or ``None`` for English."""
    return _read(_spoken[-1] if _spoken else _locale())


_locale = cache(language)


@cache
def _read(name: str) -> GNUTranslations | None:
    if not name:
        return None
    from gettext import GNUTranslations

    path = os.path.join(_FOLDER, name, "LC_MESSAGES", f"{_DOMAIN}.mo")  # noqa: PTH118  (cheap)
    with open(path, "rb") as stream:  # noqa: PTH123  (pathlib is not loaded here)
        return GNUTranslations(stream)


def use_for_gettext() -> None:
    """Let libraries that use gettext, as Click does, print their texts in the same language.

    gettext reads the locale itself, and knows nothing of regions: a user of ``zh_HK`` gets
    ``zh_HK:zh_TW``, which is what distributions set for such users.
    """
    name = language()
    if not name:
        return
    import gettext

    gettext.bindtextdomain(_DOMAIN, _FOLDER)
    gettext.textdomain(_DOMAIN)
    chosen = next(os.environ[each] for each in _VARIABLES if os.environ.get(each))
    if name not in chosen.split(":"):
        os.environ["LANGUAGE"] = f"{chosen}:{name}"
