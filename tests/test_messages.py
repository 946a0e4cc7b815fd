"""Messages in the user's language: which language, complete catalogues, what stays English."""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterator
from gettext import GNUTranslations
from pathlib import Path
from string import Formatter

import pytest

from docs import build_messages
from newsgrep import messages
from newsgrep.errors import InputError, UsageError
from newsgrep.messages import alternatives, language, message, plural
from tests.support.cli import Cli, CommandResult

CHINESE = ("zh_CN", "zh_TW")
VARIABLES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")


@pytest.fixture
def locale(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Yield an environment without a locale; catalogues are read again in it, and after it."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    messages._locale.cache_clear()
    yield monkeypatch
    messages._locale.cache_clear()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, ""),
        ({"LANG": "zh_CN.UTF-8"}, "zh_CN"),
        ({"LANG": "zh_TW.UTF-8"}, "zh_TW"),
        ({"LANG": "zh_HK.UTF-8"}, "zh_TW"),
        ({"LANG": "zh_MO"}, "zh_TW"),
        ({"LANG": "zh_SG.UTF-8"}, "zh_CN"),
        ({"LANG": "zh_CN.GB18030"}, "zh_CN"),
        ({"LANG": "zh"}, "zh_CN"),
        ({"LANG": "zh-Hant-HK"}, "zh_TW"),
        ({"LANG": "en_US.UTF-8"}, ""),
        ({"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "en_GB.UTF-8"}, ""),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, ""),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "zh_TW.UTF-8", "LC_MESSAGES": "zh_CN"}, "zh_TW"),
        ({"LANG": "en_US.UTF-8", "LANGUAGE": "fr:zh_HK:en"}, "zh_TW"),
        ({"LANG": "zh_CN.UTF-8", "LANGUAGE": "en:zh_CN"}, ""),
        ({"LANG": "zh_CN.UTF-8", "LANGUAGE": ""}, "zh_CN"),
        ({"LANG": "de_DE.UTF-8"}, ""),
    ],
)
def test_language_follows_the_locale(
    locale: pytest.MonkeyPatch, environment: dict[str, str], expected: str
) -> None:
    for name, value in environment.items():
        locale.setenv(name, value)
    assert language() == expected


# Messages


def test_message_is_english_until_it_is_localized(locale: pytest.MonkeyPatch) -> None:
    locale.setenv("LANG", "zh_CN.UTF-8")
    text = message("{items} or {last}", items="a", last="b")
    assert text == "a or b"
    assert messages.localize(text) == "a 或 b"
    assert messages.localize(alternatives(["a", "b", "c"])) == "a、b 或 c"


def test_error_survives_another_process_untranslated() -> None:
    error = UsageError("{items} or {last}", items="a", last=alternatives(["b", "c"]))
    copied = pickle.loads(pickle.dumps(error))  # noqa: S301  (our own bytes)
    assert str(copied) == str(error) == "a or b or c"
    assert copied.args[0].template == "{items} or {last}"


def test_error_text_with_braces_is_no_template() -> None:
    assert str(InputError("{no} value")) == "{no} value"


def test_localize_leaves_data_as_it_is(locale: pytest.MonkeyPatch) -> None:
    locale.setenv("LANG", "zh_CN.UTF-8")
    inner = message("{items} or {last}", items="a or b", last="Options")
    assert messages.localize(inner) == "a or b 或 Options"
    assert messages.localize("") == ""


@pytest.mark.parametrize(("number", "text"), [(0, "0 files"), (1, "1 file"), (1200, "1,200 files")])
def test_plural_depends_on_the_number(number: int, text: str) -> None:
    assert plural("{count:,} file", "{count:,} files", number) == text


# Catalogues


@pytest.fixture(scope="module")
def texts() -> frozenset[str]:
    return frozenset(text.template for text in build_messages.collect())


@pytest.mark.parametrize("name", CHINESE)
def test_catalogue_has_a_translation_for_each_text(name: str, texts: frozenset[str]) -> None:
    catalog = build_messages.read(name)
    known = {
        entry.id if isinstance(entry.id, str) else entry.id[0] for entry in catalog if entry.id
    }
    assert texts - known == set(), "run: make messages, and translate them"
    assert known - texts == set(), "run: make messages"
    assert [each.id for each in catalog if each.id and not build_messages.text_of(each)] == []


def compiled(name: str) -> dict[object, str]:
    with build_messages.path_of(name, "mo").open("rb") as stream:
        catalog: dict[object, str] = GNUTranslations(stream)._catalog  # type: ignore[attr-defined]
    return {key: text for key, text in catalog.items() if key}


@pytest.mark.parametrize("name", CHINESE)
def test_compiled_catalogue_is_that_of_the_texts(name: str, tmp_path: Path) -> None:
    path = tmp_path / "newsgrep.mo"
    path.write_bytes(build_messages.compile_catalog(build_messages.read(name)))
    with path.open("rb") as stream:
        catalog = GNUTranslations(stream)._catalog  # type: ignore[attr-defined]
    assert {key: text for key, text in catalog.items() if key} == compiled(name), (
        "run: make messages"
    )


def test_traditional_catalogue_is_made_from_the_simplified_one() -> None:
    source, made = build_messages.read("zh_CN"), build_messages.read("zh_TW")
    for entry in made:
        if entry.id and build_messages.BY_HAND not in entry.user_comments:
            expected = build_messages.to_taiwan(build_messages.text_of(source.get(entry.id)))
            assert build_messages.text_of(entry) == expected, "run: make messages"


def fields(template: str) -> set[tuple[str, str, str]]:
    """Return name, format and conversion of each placeholder of a template."""
    if re.search(r"%\(\w+\)s", template):  # of Click
        return {(name, "", "%") for name in re.findall(r"%\((\w+)\)s", template)}
    return {
        (name, spec or "", conversion or "")
        for _, name, spec, conversion in Formatter().parse(template)
        if name is not None
    }


@pytest.mark.parametrize("name", CHINESE)
def test_translations_have_the_placeholders_of_their_texts(name: str) -> None:
    for entry in build_messages.read(name):
        if not entry.id:
            continue
        one, many = (entry.id, entry.id) if isinstance(entry.id, str) else entry.id
        if build_messages.is_template(one) or "%(" in one:
            found = fields(build_messages.text_of(entry))
            assert fields(one) & fields(many) <= found <= fields(one) | fields(many), one


# In a process


def run_in(seeds: Cli, locale_name: str, *arguments: str, stdin: bytes = b"") -> CommandResult:
    return seeds.process(*arguments, stdin=stdin, env={"LANG": f"{locale_name}.UTF-8"})


ENGLISH = re.compile(r"(?<![-\w./])[a-z]{2,}(?: [a-z]{2,})+")
"""Two words of English in a row, which are neither an option nor a command of newsgrep."""


_NAMES = ("newsgrep ", "dictionary jieba")  # a command, and a part of a fingerprint


def english_in(text: str) -> list[str]:
    found = (match.group() for match in ENGLISH.finditer(text))
    return [words for words in found if not words.startswith(_NAMES)]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("zh_CN", ("--help",)),
        ("zh_CN", ("search", "--help")),
        ("zh_CN", ("stats",)),
        ("zh_CN", ("doctor",)),
        ("zh_CN", ("search", "联合声明", "-n", "1")),
        ("zh_CN", ("search", "联合声明", "-n", "0", "--facets", "month")),
        ("zh_CN", ("timeline", "渔业")),
        ("zh_CN", ("extract", "seeds/tram-line-4.html", "--explain")),
        ("zh_CN", ("compare", "声明", "--sources", "北河,汀海")),
        ("zh_HK", ("search", "联合声明", "-n", "1")),
        ("zh_HK", ("stats", "--help")),
    ],
)
def test_output_is_in_the_language_of_the_locale(
    seeds: Cli, name: str, arguments: tuple[str, ...]
) -> None:
    ran = run_in(seeds, name, *arguments)
    assert ran.status == 0
    assert re.search("[\u4e00-\u9fff]", ran.out)
    assert english_in(ran.out + ran.err) == []


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("serach", "x"), "未知的命令“serach”。您是不是要运行：newsgrep search？"),
        (("search", "--lmit", "1", "x"), "未知的选项 --lmit。您是不是要写 --limit？"),
        (("search", "-n"), "-n 需要一个值。参见：newsgrep "),
        (("search", "-n", "x", "y"), "--limit 需要不小于 0 的整数，而不是“x”。"),
        (("search", "渔业 AND"), "AND 两边都需要词"),
        (("search", "x", "--index", "none"), "none 没有索引。要创建：newsgrep index PATH"),
        (("index", "nowhere"), "nowhere 没有文件或文件夹"),
        (("show", "zzzzzz"), "没有 id、路径、网址或标题为 zzzzzz 的文章"),
        (("search",), "缺少 QUERY。示例：newsgrep search 联合声明"),
    ],
)
def test_errors_are_in_the_language_of_the_locale(
    seeds: Cli, arguments: tuple[str, ...], expected: str
) -> None:
    ran = run_in(seeds, "zh_CN", *arguments)
    assert ran.status in {1, 2}
    assert expected in ran.err
    assert english_in(ran.err) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("search", "--json", "来源:青石湖 渔业"),
        ("stats", "--json"),
        ("doctor", "--json"),
        ("extract", "seeds/tram-line-4.html", "--explain", "--json"),
        ("list", "--csv"),
        ("timeline", "渔业", "--csv"),
        ("kwic", "渔业", "--jsonl"),
        ("compare", "声明", "--sources", "北河,汀海", "--json"),
    ],
)
def test_data_is_the_same_in_all_locales(seeds: Cli, arguments: tuple[str, ...]) -> None:
    english, chinese = (run_in(seeds, name, *arguments) for name in ("C", "zh_CN"))
    assert english.status == chinese.status
    without_time = re.compile(r'"took_ms": [0-9.]+')
    assert without_time.sub("", chinese.out) == without_time.sub("", english.out)


def test_errors_in_json_are_english_in_all_locales(seeds: Cli) -> None:
    ran = run_in(seeds, "zh_CN", "batch", "-", stdin="渔业 AND\n".encode())
    assert "AND needs a word on both sides" in ran.out
