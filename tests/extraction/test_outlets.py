"""Outlet rules: users can add their own, and mistakes in them are explained."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from newsgrep.errors import UsageError
from newsgrep.extraction.outlets import Outlets, load_outlets
from newsgrep.extraction.pipeline import extract_article
from newsgrep.models import Provenance

OWN = """
[[outlet]]
name = "河口周报"
hosts = ["river.example.org"]
markers = ["河口周报编辑部所有"]
body = ".text"
drop = [".promo"]
captions = [".pic-note"]
byline = ".who"
date = ".when"
title_suffixes = [" — 河口"]
zone = "+09:00"
roles = ["主笔"]
drop_lines = ['本栏由.{1,20}支持']

[[outlet]]
name = "BBC中文"
drop_lines = ["新的规则"]
"""

PAGE = """[堤岸种树 — 河口](https://m.river.example.org/a/1)
------
<div class="text"><div class="who">林晓舟、周野，主笔</div><div class="when">2024-06-10 09:15</div>
<p>堤岸上种了三千棵树。</p><div class="promo">买树苗</div><div class="pic-note">新种的树</div>
<p>本栏由园林局支持</p><p>明年再种。</p></div><p>外面的话</p>"""


@pytest.fixture
def own(tmp_path: Path) -> Outlets:
    path = tmp_path / "outlets.toml"
    path.write_text(OWN, encoding="utf-8")
    return load_outlets(path)


def test_user_rules_are_applied(own: Outlets) -> None:
    article = extract_article("/a.txt", PAGE.encode(), outlets=own, mtime=1_750_000_000.0)
    assert article.title == "堤岸种树"
    assert article.source == "河口周报"
    assert article.authors == ("林晓舟", "周野")
    assert article.published is not None
    assert article.published.iso == "2024-06-10T09:15+09:00"
    assert article.paragraphs == ("堤岸上种了三千棵树。", "明年再种。")
    assert article.captions == ("新种的树",)
    assert article.provenance["authors"] is Provenance.OUTLET_RULE
    assert article.provenance["published"] is Provenance.OUTLET_RULE


def test_marker_identifies_outlet(own: Outlets) -> None:
    text = "树苗\n\n三千棵树已经种下。\n\n版权为河口周报编辑部所有，请勿转载。"
    article = extract_article("/a.txt", text.encode(), outlets=own, mtime=1_750_000_000.0)
    assert article.source == "河口周报"
    assert article.body == "三千棵树已经种下。"


def test_user_table_replaces_only_its_keys(own: Outlets) -> None:
    outlet = own.find("BBC中文")
    assert outlet is not None
    assert outlet.drop_lines == ("新的规则",)
    assert outlet.hosts


def test_outlets_can_be_pickled(own: Outlets) -> None:
    copy = pickle.loads(pickle.dumps(own))  # noqa: S301 - our own pickle of a line ago
    assert copy.find("河口周报") == own.find("河口周报")


def test_load_outlets_without_user_file(tmp_path: Path) -> None:
    assert load_outlets(tmp_path / "absent.toml").find("端传媒")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[site]\n", "not valid TOML"),
        ("[outlet]\nname='x'\n", "[[outlet]] table"),
        ("[[outlet]]\nhosts=['x.example']\n", "has no name"),
        ("[[outlet]]\nname='x'\nhost='x.example'\n", "unknown key 'host'"),
        ("[[outlet]]\nname='x'\nhosts=[1]\n", "list of strings"),
        ("[[outlet]]\nname='x'\nbyline=3\n", "must be a string"),
        ("[[outlet]]\nname='x'\ndrop=['a[']\n", "invalid CSS selector"),
        ("[[outlet]]\nname='x'\ndrop_lines=['(']\n", "invalid regular expression"),
        ("[[outlet]]\nname='x'\nzone='Mars/Base'\n", "unknown time zone"),
    ],
)
def test_load_outlets_explains_mistakes(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "outlets.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        load_outlets(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\xff\xfe", "is not in UTF-8. Correct it"),
        (b"a = " + b"[" * 100_000, "is nested too deeply"),
        (b"a = 1" + b"0" * 9_999, "a number that is too long"),
    ],
)
def test_load_outlets_explains_unreadable_toml(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "outlets.toml"
    path.write_bytes(data)
    with pytest.raises(UsageError, match=message):
        load_outlets(path)


def test_load_outlets_refuses_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(UsageError, match="is not a regular file"):
            load_outlets(path)
