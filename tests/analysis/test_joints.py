"""Signatures of joints: no text that contains a string lacks a bit of it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from newsgrep.analysis.joints import (
    MOST_BYTES,
    joint_signature,
    joints_of,
    signature_bit,
)
from newsgrep.analysis.segment import term_counts

_TEXTS = st.text(
    st.one_of(
        st.sampled_from("中国经济发展联合声明人民共和的了是水着 0129azé，。：\n"),
        st.characters(categories=["Lo", "Nd", "Po"]),
        st.sampled_from("𠀀𠀁😀\ud83d"),
    ),
    max_size=60,
)


def may_contain(signature: bytes, terms: dict[str, int], string: str) -> bool:
    words, others = joints_of(string)
    hashes = [*others, *(words[word] for word in words if word not in terms)]
    bits = int.from_bytes(signature, "little")
    return all(bits >> signature_bit(each, len(signature)) & 1 for each in hashes)


@settings(max_examples=200, deadline=None)
@given(_TEXTS, st.data())
def test_signature_has_every_joint_of_every_part(text: str, data: st.DataObject) -> None:
    text = text.encode("utf-8", "replace").decode()
    terms = term_counts(text)
    start = data.draw(st.integers(0, len(text)))
    part = text[start : data.draw(st.integers(start, len(text)))]
    assert may_contain(joint_signature(text, terms), terms, part)


def test_words_are_no_joints() -> None:
    assert joint_signature("中国", ["中国", "中", "国"]) == b""
    words, others = joints_of("中国经济")
    assert [*words, *others] == ["中国", "国经", "经济"]


def test_letters_and_digits_are_joints_although_they_are_terms() -> None:
    # "20" is a term of one text, and inside of the term "2024" of another one.
    words, others = joints_of("20")
    assert (words, len(others)) == ({}, 1)
    assert may_contain(joint_signature("20", ["20"]), {}, "20")


def test_signature_lacks_most_other_joints() -> None:
    text = "".join(map(chr, range(0x5000, 0x5400)))
    others = ["".join(map(chr, (n, n + 2))) for n in range(0x6000, 0x6400)]
    signature = joint_signature(text, ())
    assert sum(may_contain(signature, {}, other) for other in others) < len(others) / 8


def test_signature_has_a_limited_size() -> None:
    text = "".join(chr(0x4E00 + n) + chr(0x9000 - n // 7) for n in range(20_000))
    assert len(joint_signature(text, ())) == MOST_BYTES
    assert len(joint_signature("水", ())) == 0
