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
from tests.support.cli import Cli

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


def chinese(cli: Cli, *arguments: str, name: str = "zh_CN") -> tuple[str, str]:
    result = cli.process(*arguments, env={"LANG": f"{name}.UTF-8"})
    return result.out, result.err


@pytest.mark.parametrize(("name", "usage"), [("zh_CN", "用法："), ("zh_HK", "用法：")])
def test_help_of_click_is_translated(cli: Cli, name: str, usage: str) -> None:
    out, _ = chinese(cli, "search", "--help", name=name)
    assert out.startswith(usage)
