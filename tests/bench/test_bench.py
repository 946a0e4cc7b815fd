from __future__ import annotations

import lzma
import tarfile
from io import BytesIO
from pathlib import Path
from typing import NoReturn, cast

import pytest

from bench.cleaned import brute_force, clean, read_cleaned
from bench.corpora import MOST_IN_FOLDER, Corpus, read_source, real, recombine, recombined, sample
from bench.derived import correctness
from bench.peers import OURS, make_peer, peer_names
from bench.peers.base import Inputs
from bench.questions import Question, load_questions
from bench.report import main_table, markdown, question_table
from bench.run import measure_corpus
from bench.runner import Settings, Steps
from bench.targets import targets
from tests.support.bench_inputs import MACHINE, post
from tests.support.optional_engines import skip_or_fail


@pytest.fixture(scope="module")
def posts(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("corpora") / "posts"
    folder.mkdir()
    for number in range(50):
        (folder / f"{number:02}.md").write_text(post(number), "utf-8")
    return Corpus("posts", folder)


def texts(corpus: Corpus) -> list[str]:
    return [path.read_text("utf-8") for path in corpus.paths()]


def test_recombined_articles_are_deterministic_and_distinct(posts: Corpus) -> None:
    sources = [source for path in posts.paths() if (source := read_source(path))]
    once, again = list(recombine(sources, 300, 7)), list(recombine(sources, 300, 7))
    assert once == again
    assert once != list(recombine(sources, 300, 8))
    assert len(set(once)) == 300
    corpus = recombined(posts, 300, 7)
    assert texts(corpus) == once
    assert max(len(list(f.iterdir())) for f in corpus.folder.iterdir() if f.is_dir()) <= (
        MOST_IN_FOLDER
    )
    cleaned = clean(corpus, jobs=1)
    assert cleaned.articles == 300
    found = list(read_cleaned(cleaned.path))
    assert len({article.id for article in found}) == 300
    assert {article.published is not None for article in found} == {True}
    assert cleaned.text_bytes == sum(len(f"{a.title}{a.body}".encode()) for a in found)


def test_samples_are_of_the_real_ones(posts: Corpus) -> None:
    chosen = sample(posts, 20, 1)
    assert len(set(texts(chosen))) == 20
    assert set(texts(chosen)) < set(texts(posts))
    assert texts(sample(posts, 20, 1)) == texts(chosen)
    assert len(sample(posts, 1000, 1).paths()) == 50


def test_archives_are_unpacked_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="archives"):
        real(tmp_path / "work", tmp_path)
    packed = BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo("posts/0.md")
        member.size = len(data := post(0).encode())
        archive.addfile(member, BytesIO(data))
    (tmp_path / "posts.tar.xz").write_bytes(lzma.compress(packed.getvalue()))
    corpus = real(tmp_path / "work", tmp_path)
    assert texts(corpus) == [post(0)]
    (tmp_path / "posts.tar.xz").unlink()
    assert texts(real(tmp_path / "work", tmp_path)) == [post(0)]


def test_brute_force_looks_at_every_article_in_any_script(posts: Corpus) -> None:
    truth = brute_force(clean(posts, jobs=1).path, ["聯合聲明", "龘"])
    right = [str(path) for path in posts.paths() if "联合声明" in path.read_text("utf-8")]
    assert right
    assert sorted(truth.holding["聯合聲明"]) == right
    assert truth.holding["龘"] == []


def test_questions_are_well_formed() -> None:
    questions = load_questions()
    groups = {question.group for question in questions}
    assert groups >= {"words", "AND", "OR", "quoted", "single characters", "traditional"}
    assert groups >= {"filters", "sorted", "facets", "paging", "no match"}
    assert any(question.offset == 90 for question in questions)


@pytest.mark.parametrize(
    "name",
    [
        "newsgrep",
        pytest.param("newsgrep-tantivy", marks=pytest.mark.engines),
        "recipe",
        "fts5",
    ],
)
def test_smoke(posts: Corpus, tmp_path: Path, name: str) -> None:
    peer = make_peer(name)
    if reason := peer.available():
        _left_out(name, reason)
    inputs = Inputs(posts, clean(posts, jobs=1))
    peer.index(inputs, tmp_path / "index")
    assert peer.size(tmp_path / "index") > 0
    peer.open(inputs, tmp_path / "index")
    try:
        asked = Question("a string", "quoted", quoted="渔业")
        answer = peer.ask(asked, 10)
        assert answer.total >= len(answer.paths) > 0
        assert all(answer.snippets)
        assert peer.ask(asked, 0).paths == ()
        truth = brute_force(inputs.cleaned.path, ["渔业"])
        given = {"a string": {"paths": peer.all_paths(asked)}}
        told = correctness(given, truth._asdict(), [asked])["a string"]
        if name in OURS.values():
            assert told == {"expected": answer.total, "found": answer.total, "extra": 0}
        month = Question(
            "a month", "filters", all=("经济",), since="2024-05-01", until="2024-05-31"
        )
        assert peer.ask(month, 10).total == 50
    finally:
        peer.close()


def _left_out(name: str, reason: str) -> NoReturn:
    engine = next((engine for engine, ours in OURS.items() if ours == name), None)
    if engine:
        skip_or_fail(engine, reason)
    pytest.skip(reason)


def test_missing_peers_are_named(
    posts: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # neither rg nor recoll is there
    inputs = Inputs(posts, clean(posts, jobs=1))
    steps = cast("Steps", _NoSteps())
    told = measure_corpus(steps, inputs, [], ["recoll", "ripgrep"], {}, Settings())
    assert set(told["missing"]) == set(peer_names())
    table = main_table("posts", told)
    assert len(table.rows) == len(peer_names())
    shown = {row[0]: row[1] for row in table.rows}
    assert "apt-get install ripgrep" in shown[make_peer("ripgrep").title]
    assert "apt-get install recollcmd" in shown[make_peer("recoll").title]
    assert "not asked for" in shown[make_peer("tantivy").title]
    assert question_table("posts", told).rows == ()
    assert {target.holds for target in targets(told)} == {None}
    result = {"name": "x", "machine": {**MACHINE}, "corpora": {"posts": told}}
    assert "apt-get install ripgrep" in markdown(result)


class _NoSteps:
    def cold(self, _peers: object) -> dict[str, object]:
        return {}
