"""Collect the texts of newsgrep that are translated, and write the catalogues: ``make messages``.

``newsgrep/locale`` has a ``.po`` file for each language, which translators edit, and the ``.mo``
file made of it, which newsgrep reads. Texts that are new in the code are added to the ``.po``
files without a translation, and those that are gone are removed. OpenCC then fills
``zh_TW`` from ``zh_CN``; where its words are not those of programs in Taiwan, :data:`TAIWAN`
corrects them, and a text with the comment ``by hand`` is left as it is.
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from inspect import cleandoc
from io import BytesIO
from pathlib import Path
from pkgutil import walk_packages
from string import Formatter
from typing import Final, NamedTuple

import click
from babel.messages.catalog import Catalog
from babel.messages.catalog import Message as Entry
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from jinja2 import Environment, nodes
from opencc import OpenCC

from newsgrep import errors
from newsgrep.cli.error_messages import SYSTEM_ADVICE
from newsgrep.cli.main import group
from newsgrep.engines.base import FACETS
from newsgrep.extraction.claims import BlockKind, ClaimField, Rule
from newsgrep.indexing.outcomes import Outcome
from newsgrep.messages import _DOMAIN, _FOLDER
from newsgrep.models import Provenance, Status
from newsgrep.query.ast import Field
from newsgrep.search.bins import Interval
from newsgrep.search.rerank import RerankFeatures

PACKAGE: Final = Path(errors.__file__).parent
LOCALES: Final = Path(_FOLDER)
LANGUAGES: Final = ("zh_CN", "zh_TW")
BY_HAND: Final = "by hand"
_DATE: Final = datetime(2026, 11, 27, tzinfo=UTC)
"""In the headers: a catalogue changes only when its texts do."""

_UNUSED_HEADERS: Final = (
    b'"Project-Id-Version',
    b'"Report-Msgid-Bugs-To',
    b'"Last-Translator',
    b'"Language-Team',
    b'"Generated-By',
)

TAIWAN: Final = (
    ("宣告", "聲明"),
    ("這隻能", "這只能"),
    ("訪問許可權", "存取權限"),
    ("許可權", "權限"),
    ("引數", "參數"),
    ("憑據", "認證資訊"),
    ("證書", "憑證"),
    ("令牌", "權杖"),
    ("回滾", "回復"),
    ("軟體包", "套件"),
    ("響應", "回應"),
    ("超時", "逾時"),
    ("二進位制檔案", "二進位檔"),
    ("計算機", "電腦"),
    ("配置檔案", "設定檔"),
    ("配置", "設定"),
    ("校驗和", "總和檢查碼"),
    ("套接字", "通訊端"),
    ("命名管道", "具名管道"),
    ("普通檔案", "一般檔案"),
    ("地址", "位址"),
    ("埠", "連接埠"),
    ("字首", "前置"),
    ("頭欄位", "標頭"),
    ("迴環", "回送"),
    ("空閒", "閒置"),
    ("運行", "執行"),
    ("聲明瞭", "聲明了"),
    ("只讀檔案系統", "唯讀檔案系統"),
    ("設為只讀", "設為唯讀"),
    ("訪問", "存取"),
    ("後綴", "副檔名"),
    ("字尾", "副檔名"),
    ("匹配", "符合"),
    ("報道", "報導"),
    ("周", "週"),
    ("示例", "範例"),
    ("終端", "終端機"),
    ("重定向", "重新導向"),
    ("頭部", "標頭"),
    ("csv 的列", "csv 的欄"),
    ("Lines 的列", "Lines 的欄"),
    ("列有 id", "欄有 id"),
    ("未知的列", "未知的欄"),
    ("各列的名稱", "各欄的名稱"),
    ("沒有列。", "沒有欄。"),
    ("指明列", "指明欄"),
    ("段的列", "段的欄"),
    ("列的大小", "欄的大小"),
    ("每列 {", "每欄 {"),
    ("對齊在一列", "對齊在一欄"),
    ("行數多於", "列數多於"),
)
"""What OpenCC writes, and the word of programs in Taiwan, in the order of replacement."""

_MARKING: Final = frozenset(("_", "message", "mark", "gettext"))
_COUNTING: Final = frozenset(("plural", "ngettext"))
_ENUMERATIONS: Final = (Interval, BlockKind, ClaimField, Rule, Provenance, Status, Outcome)
"""Names of values that are also shown to people."""

_LABELS: Final = ("loop", "missing", "outside", "special", "skipped")
"""Kinds of files that are not read, see :class:`newsgrep.extraction.walk.Skipped`."""

_NOUN: Final = "count_noun"
_OTHER_ARGUMENTS: Final = {"check_limit": 2}
"""Functions with a text as another argument than the first one, and its position."""


class Text(NamedTuple):
    """A text to be translated: its English template, and the one for other numbers than one."""

    template: str
    plural: str = ""


# Collecting


def collect() -> set[Text]:
    """Return all texts of newsgrep and of Click that are translated."""
    texts = {*_help_texts(group), *map(Text, map(os.strerror, SYSTEM_ADVICE))}
    texts |= {Text(value) for kind in _ENUMERATIONS for value in kind}
    texts |= {Text(field.label) for field in Field}
    texts |= {Text(name.replace("_", " ")) for name in (*FACETS, *RerankFeatures._fields, *_LABELS)}
    for folder in (PACKAGE, Path(click.__file__).parent):
        for path in folder.rglob("*.py"):
            texts.update(_texts_in(ast.parse(path.read_text("utf-8"))))
    texts.update(_texts_of_pages())
    plurals = {text.template for text in texts if text.plural}
    return {text for text in texts if text.plural or text.template not in plurals}


def _texts_of_pages() -> Iterator[Text]:
    """Yield the texts of the templates of HTML: the arguments of ``_`` and ``plural``."""
    for path in sorted((PACKAGE / "web" / "templates").iterdir()):
        page = Environment(autoescape=True).parse(path.read_text("utf-8"))
        for call in page.find_all(nodes.Call):
            name = getattr(call.node, "name", "")
            given = [each.value for each in call.args if isinstance(each, nodes.Const)]
            if name in _MARKING and given:
                yield Text(given[0])
            elif name in _COUNTING and len(given) > 1:
                yield Text(given[0], given[1])


@cache
def error_names() -> frozenset[str]:
    """Return the names of all errors whose first argument is a message."""
    for module in walk_packages([str(PACKAGE)], "newsgrep."):
        if module.name != "newsgrep.__main__":
            import_module(module.name)  # its errors are subclasses then
    found = [errors.NewsgrepError]
    for each in found:
        found.extend(each.__subclasses__())
    return frozenset(each.__name__ for each in found)


def _texts_in(tree: ast.Module) -> Iterator[Text]:
    names = _MARKING | error_names()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if name in names:
            yield from (Text(each) for each in _constants(node.args[0]))
        elif name in _COUNTING:
            pair = [each for arg in node.args[:2] for each in _constants(arg)]
            if len(pair) == len(("one", "many")):
                yield Text(*pair)
        elif name in _OTHER_ARGUMENTS:
            yield from map(Text, _constants(node.args[_OTHER_ARGUMENTS[name]]))
        elif name == _NOUN:
            nouns = [each for arg in node.args[1:] for each in _constants(arg)]
            if nouns:
                many = nouns[1] if len(nouns) > 1 else f"{nouns[0]}s"
                yield Text(f"{{count:,}} {nouns[0]}", f"{{count:,}} {many}")


def _constants(node: ast.expr) -> Iterator[str]:
    """Yield the strings that an argument may be: ``"one" if … else "other"`` has two."""
    match node:
        case ast.Constant(value=str(text)) if text.strip():
            yield text
        case ast.IfExp():
            yield from _constants(node.body)
            yield from _constants(node.orelse)
        case ast.BoolOp():
            for each in node.values:
                yield from _constants(each)
        case _:
            return


def _help_texts(command: click.Command) -> Iterator[Text]:
    """Yield the help texts of a command, its options and its commands."""
    for text in (command.help, command.short_help, command.epilog):
        if text:
            yield Text(cleandoc(text))
    for param in command.params:
        if isinstance(param, click.Option):
            if param.help and not param.hidden:
                yield Text(param.help)
            if isinstance(param.show_default, str):
                yield Text(param.show_default)
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            if each := command.get_command(context, name):
                yield from _help_texts(each)


# Catalogues


def path_of(language: str, suffix: str = "po") -> Path:
    """Return the path of the catalogue of ``language``."""
    return LOCALES / language / "LC_MESSAGES" / f"{_DOMAIN}.{suffix}"


def read(language: str) -> Catalog:
    """Return the checked-in catalogue of ``language``."""
    with path_of(language).open("rb") as stream:
        return read_po(stream, locale=language)


def build(texts: set[Text], language: str, source: Catalog | None = None) -> Catalog:
    """Return the catalogue of ``language`` for ``texts``, with the translations that it has.

    With ``source``, translations are those of this catalogue in the words of Taiwan.
    """
    known = read(language) if path_of(language).exists() else Catalog(language)
    catalog = Catalog(language, project="newsgrep", charset="utf-8", fuzzy=False)
    catalog.creation_date = catalog.revision_date = _DATE
    catalog.header_comment = f"# Messages of newsgrep, {language}."
    for text in sorted(texts):
        old = known.get(text.template)
        comments = old.user_comments if old else []
        translation = text_of(old)
        if source and BY_HAND not in comments:
            translation = to_taiwan(text_of(source.get(text.template)))
        strings = (translation,) if text.plural else translation
        key = (text.template, text.plural) if text.plural else text.template
        catalog.add(key, strings, user_comments=comments)
    return catalog


def is_template(text: str) -> bool:
    """Return whether a text has placeholders, and not just braces in an example."""
    try:
        names = [name for _, name, _, _ in Formatter().parse(text) if name is not None]
    except ValueError:
        return False
    return bool(names) and all(name.isidentifier() for name in names)


def text_of(entry: Entry | None) -> str:
    """Return the translation of an entry, or an empty string."""
    if entry is None or not entry.string:
        return ""
    return entry.string if isinstance(entry.string, str) else entry.string[0]


@cache
def _converter() -> OpenCC:
    return OpenCC("s2twp")


def to_taiwan(text: str) -> str:
    """Return a text in the characters and the words of programs in Taiwan."""
    # OpenCC takes 查找 for the word for a query.
    text = _converter().convert(text.replace("查找", "寻找"))
    for found, word in (("“", "「"), ("”", "」"), *TAIWAN):
        text = text.replace(found, word)
    return text


def compile_catalog(catalog: Catalog) -> bytes:
    """Return the ``.mo`` file of ``catalog``."""
    stream = BytesIO()
    write_mo(stream, catalog)
    return stream.getvalue()


def po_text(catalog: Catalog) -> bytes:
    """Return the ``.po`` file of ``catalog``, without the places of texts, which change often."""
    stream = BytesIO()
    write_po(stream, catalog, width=100, no_location=True, sort_output=True)
    lines = stream.getvalue().splitlines(keepends=True)
    return b"".join(line for line in lines if not line.startswith(_UNUSED_HEADERS))


def main() -> int:
    """Write all catalogues; return 1 if a translation is missing."""
    texts = collect()
    source = None
    missing: list[str] = []
    for language in LANGUAGES:
        catalog = build(texts, language, source)
        path_of(language).parent.mkdir(parents=True, exist_ok=True)
        path_of(language).write_bytes(po_text(catalog))
        path_of(language, "mo").write_bytes(compile_catalog(catalog))
        missing += [f"{language}: {each.id}" for each in catalog if each.id and not text_of(each)]
        source = source or catalog
    for each in missing:
        print("no translation:", each, file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
