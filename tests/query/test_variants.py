"""Regional spellings: the table, the alternatives in a query, and what they match."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from docs.build_variants import TABLE, build, groups
from newsgrep.analysis.characters import fold
from newsgrep.analysis.segment import query_terms
from newsgrep.engines.base import Engine, EngineRequest
from newsgrep.errors import UsageError
from newsgrep.query.ast import Node, describe
from newsgrep.query.parser import parse
from newsgrep.query.variants import Spellings, Variants, regional_spellings, with_variants
from newsgrep.query.warnings import may_have_variants
from tests.support.factories import engine_with, make_article


def test_table_is_what_the_script_writes() -> None:
    assert TABLE.read_text("utf-8") == build()


def test_groups_are_folded_and_without_repetitions() -> None:
    named = ["软件 軟體 軟件", "奧巴馬 歐巴馬", "美国 美國", "宏 巨集", ""]
    assert groups(named, [("软件", "软体"), ("奥巴马", "阿宝")]) == {
        "软件": ["软体"],
        "奥巴马": ["欧巴马", "阿宝"],
    }


def test_table_is_symmetric_and_folded() -> None:
    table = regional_spellings()
    assert len(table) > 600
    for word, others in table.items():
        assert fold(word) == word
        assert min(map(len, (word, *others))) > 1
        assert word not in others
        assert all(word in table[other] for other in others)


@pytest.mark.parametrize(
    ("typed", "words", "strings"),
    [
        ("特朗普", "特朗普 OR \"川普\"", None),
        ("川普", "(川 AND 普) OR 特朗普", None),
        ("資訊", "资讯 OR 信息", None),
        ("特朗普关税", "关税 AND (特朗普 OR \"川普\")", None),
        ("title:紐西蘭 羊毛", "(title:纽西兰 OR title:新西兰) AND 羊毛", None),
        ("羊毛 -软件", "羊毛 AND NOT (软件 OR 软体)", None),
        ('"软件公司"', '"软件公司"', '"软件公司" OR "软体公司"'),
        (
            "软件 ADJ/3 公司",
            '"软件" ADJ/3 "公司"',
            '("软件" ADJ/3 "公司") OR ("软体" ADJ/3 "公司")',
        ),
        ("软?件 source:软件", "软?件 AND source:\"软件\"", None),
        ("羊毛 OR 声明", "羊毛 OR 声明", None),
    ],
)  # fmt: skip
def test_with_variants_adds_alternatives(typed: str, words: str, strings: str | None) -> None:
    root = parse(typed).root
    assert describe(with_variants(parse(typed), Variants.OFF).root) == describe(root)
    assert describe(with_variants(parse(typed), Variants.WORDS).root) == words
    assert describe(with_variants(parse(typed), Variants.ALL).root) == (strings or words)


def test_with_variants_keeps_any_word() -> None:
    query = with_variants(parse("软件公司", any_word=True), Variants.WORDS)
    assert describe(query.root) == "(软件 OR 公司) OR 软体"


def test_with_variants_names_what_it_added() -> None:
    query = with_variants(parse("软件 羊毛 软件"), Variants.WORDS)
    assert query.variants == (Spellings("软件", ("软体",)),)
    assert with_variants(parse("羊毛"), Variants.ALL).variants == ()


def test_with_variants_replaces_whole_words_only() -> None:
    assert regional_spellings()["加纳"] == ("迦纳",)
    assert describe(with_variants(parse("参加纳税"), Variants.WORDS).root) == "(参加 AND 纳税)"


@pytest.mark.parametrize("typed", ['"{}"', "{} NEAR {}"])
def test_with_variants_refuses_too_many_spellings(typed: str) -> None:
    many = "出租车宇航员自行车方便面转基因克林顿特朗普" * 2
    query = parse(typed.format(many, many))
    assert with_variants(query, Variants.WORDS).root == query.root
    with pytest.raises(UsageError, match="more than 64 spellings"):
        with_variants(query, Variants.ALL)


def test_hint_sees_every_word_with_variants() -> None:
    for word in regional_spellings():
        assert may_have_variants(parse(f"羊毛{word}").root)
    assert not may_have_variants(parse('羊毛 "软件" 软件*').root)


SPELLINGS = [("特朗普", "川普"), ("软件", "软体"), ("新西兰", "纽西兰"), ("羊毛",), ("声明",)]


def make_archive(chance: random.Random) -> dict[str, str]:
    words = [word for group in SPELLINGS for word in group]
    return {str(n): "，".join(chance.sample(words, chance.randint(0, 4))) for n in range(60)}


def matching(engine: Engine, root: Node) -> set[str]:
    found = engine.search(EngineRequest(root, limit=1000)).candidates
    return {each.id for each in found}


def as_words(text: str, group: tuple[str, ...], typed: str) -> bool:
    """Whether a text contains a spelling, or the characters of the word that was typed."""
    return any(word in text for word in group) or all(term in text for term in query_terms(typed))


def as_string(text: str, group: tuple[str, ...], _: str) -> bool:
    return any(word in text for word in group)


@pytest.mark.parametrize("name", ["memory", "whoosh", "tantivy"])
@pytest.mark.parametrize(
    ("form", "variants", "contains"),
    [("{}", Variants.WORDS, as_words), ('"{}"', Variants.ALL, as_string)],
    ids=["words", "strings"],
)
def test_variants_equal_brute_force(
    tmp_path: Path,
    name: str,
    form: str,
    variants: Variants,
    contains: Callable[[str, tuple[str, ...], str], bool],
) -> None:
    chance = random.Random(18)
    texts = make_archive(chance)
    engine = engine_with(name, tmp_path, [make_article(i, "要闻", t) for i, t in texts.items()])
    gained = 0
    for _ in range(80):
        chosen = [(group, chance.choice(group)) for group in chance.sample(SPELLINGS, 2)]
        query = parse(" ".join(form.format(typed) for _, typed in chosen))
        found = matching(engine, with_variants(query, variants).root)
        expected = {
            article_id
            for article_id, text in texts.items()
            if all(contains(text, group, typed) for group, typed in chosen)
        }
        assert found == expected
        gained += len(found - matching(engine, query.root))
        assert found >= matching(engine, query.root)
    engine.close()
    assert gained > 20
