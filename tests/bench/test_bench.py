from __future__ import annotations

import json
import lzma
import sys
import tarfile
import xml.etree.ElementTree as ET
from io import BytesIO
from pathlib import Path
from typing import Any, NoReturn

import pytest

from bench.cleaned import brute_force, clean, read_cleaned
from bench.corpora import MAX_IN_FOLDER, Corpus, read_source, real, recombine, recombined, sample
from bench.curves import draw
from bench.derived import correctness
from bench.growth import FIGURES, exponent, grow
from bench.growth import markdown as growth_markdown
from bench.measure import CommandFailed, run
from bench.peers import OURS, make_peer, peer_names
from bench.peers.base import Inputs
from bench.questions import Question, load_questions
from bench.report import goals, main_table, markdown, question_table, save, tables
from bench.run import measure_corpus
from bench.runner import COLD, WHOOSH_BASELINE, Runner, Settings
from tests.support.optional_engines import skip_or_fail

TOPICS = ("渔业", "联合声明", "气候变化", "经济发展", "粮食价格", "人工智能", "台风")


def post(number: int) -> str:
    topic, other = TOPICS[number % len(TOPICS)], TOPICS[number // 3 % len(TOPICS)]
    return (
        f'---\nlayout: post\ntitle: "第{number}条：{topic}"\ndate: 2024-05-{number % 28 + 1:02}\n'
        f"from: https://news{number % 3}.example.org/{number}\ntags: [ 试验 ]\n---\n\n"
        f"<article><p>记者报道，{topic}与{other}有关，编号{number}。</p>\n"
        f"<p>各地继续推进{other}，中国经济稳中向好。</p><p>这一段来自第{number}篇。</p></article>\n"
    )


MACHINE = {
    "date": "2026-01-01",
    "processor": "x",
    "cores": 2,
    "memory_gb": 4,
    "system": "x",
    "python": "3.11",
    "newsgrep": "0",
    "commit": "x",
    "packages": {},
}


@pytest.fixture(scope="module")
def posts(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("corpora") / "posts"
    folder.mkdir()
    for number in range(50):
        (folder / f"{number:02}.md").write_text(post(number), "utf-8")
    return Corpus("posts", folder)


def texts(corpus: Corpus) -> list[str]:
    return [path.read_text("utf-8") for path in corpus.paths()]


def test_recombine_is_deterministic_and_distinct(posts: Corpus) -> None:
    sources = [source for path in posts.paths() if (source := read_source(path))]
    once, again = list(recombine(sources, 300, 7)), list(recombine(sources, 300, 7))
    assert once == again
    assert once != list(recombine(sources, 300, 8))
    assert len(set(once)) == 300
    corpus = recombined(posts, 300, 7)
    assert texts(corpus) == once
    assert max(len(list(f.iterdir())) for f in corpus.folder.iterdir() if f.is_dir()) <= (
        MAX_IN_FOLDER
    )
    cleaned = clean(corpus, jobs=1)
    assert cleaned.articles == 300
    found = list(read_cleaned(cleaned.path))
    assert len({article.id for article in found}) == 300
    assert {article.published is not None for article in found} == {True}
    assert cleaned.text_bytes == sum(len(f"{a.title}{a.body}".encode()) for a in found)


def test_sample_copies_real_articles(posts: Corpus) -> None:
    chosen = sample(posts, 20, 1)
    assert len(set(texts(chosen))) == 20
    assert set(texts(chosen)) < set(texts(posts))
    assert texts(sample(posts, 20, 1)) == texts(chosen)
    assert len(sample(posts, 1000, 1).paths()) == 50


def test_real_unpacks_archives_once(tmp_path: Path) -> None:
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


def test_brute_force_searches_every_article_in_both_scripts(posts: Corpus) -> None:
    truth = brute_force(clean(posts, jobs=1).path, ["聯合聲明", "龘"])
    right = [str(path) for path in posts.paths() if "联合声明" in path.read_text("utf-8")]
    assert right
    assert sorted(truth.containing["聯合聲明"]) == right
    assert truth.containing["龘"] == []


def test_load_questions() -> None:
    questions = load_questions()
    groups = {question.group for question in questions}
    assert groups >= {"words", "AND", "OR", "quoted", "single characters", "traditional"}
    assert groups >= {"filters", "sorted", "facets", "paging", "no match"}
    assert any(question.offset == 90 for question in questions)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "newsgrep",
        pytest.param("newsgrep-tantivy", marks=pytest.mark.engines),
        "recipe",
        "fts5",
    ],
)
def test_peer_indexes_and_answers(posts: Corpus, tmp_path: Path, name: str) -> None:
    peer = make_peer(name)
    if reason := peer.available():
        _skip(name, reason)
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
        counts = correctness(given, truth._asdict(), [asked])["a string"]
        if name in OURS.values():
            assert counts == [answer.total, answer.total, 0]
        month = Question(
            "a month", "filters", all=("经济",), since="2024-05-01", until="2024-05-31"
        )
        assert peer.ask(month, 10).total == 50
    finally:
        peer.close()


def _skip(name: str, reason: str) -> NoReturn:
    engine = next((engine for engine, ours in OURS.items() if ours == name), None)
    if engine:
        skip_or_fail(engine, reason)
    pytest.skip(reason)


ONCE = Settings(index_runs=1, add_runs=1, cold_rounds=1, warm_rounds=1)


def test_measure_corpus_names_missing_peers(
    posts: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # neither rg nor recoll is there
    monkeypatch.delenv("NEWSGREP_BENCH_OPENSEARCH", raising=False)
    inputs = Inputs(posts, clean(posts, jobs=1))
    runner = Runner(tmp_path, inputs, inputs, ONCE, print)
    chosen = ["recoll", "ripgrep", "newsgrep-opensearch"]
    measured = measure_corpus(runner, inputs, [], chosen, {}, ONCE)
    assert set(measured["missing"]) == set(peer_names())
    table = main_table("posts", measured)
    assert len(table.rows) == len(peer_names())
    shown = {row[0]: row[1] for row in table.rows}
    assert "apt-get install ripgrep" in shown["ripgrep"]
    assert "apt-get install recollcmd" in shown["recoll"]
    assert "opensearch" in shown["newsgrep-opensearch"]
    assert "not chosen" in shown["recipe"]
    assert question_table("posts", measured).rows == ()
    assert {goal.met for goal in goals(measured)} == {None}
    result = {"name": "x", "machine": MACHINE, "corpora": {"posts": measured}}
    assert "apt-get install ripgrep" in markdown(result)


@pytest.mark.slow
def test_measure_corpus_measures_and_resumes(posts: Corpus, tmp_path: Path) -> None:
    inputs = Inputs(posts, clean(posts, jobs=1))
    said: list[str] = []
    questions = load_questions()

    def measured() -> dict[str, Any]:
        runner = Runner(tmp_path, inputs, inputs, ONCE, said.append)
        return measure_corpus(runner, inputs, questions, ["newsgrep", "fts5"], {}, ONCE)

    first = measured()
    assert list(first["peers"]) == ["newsgrep", "fts5"]
    ours = first["peers"]["newsgrep"]
    assert "failed" not in ours
    assert ours["warm"].keys() == {question.name for question in questions}
    assert all(found == expected for expected, found, _ in ours["correct"].values())
    assert ours["index"]["per_second"] > 0
    assert set(first["cold"]["newsgrep"]) == set(COLD)
    assert set(first["cold"][WHOOSH_BASELINE]) == {""}
    result = {"name": "posts", "machine": MACHINE, "corpora": {"posts": first}}
    for table in tables(result, details=True):
        assert {len(row) for row in table.rows} == {len(table.columns)}
    save(result, tmp_path)
    written = json.loads((tmp_path / "posts.json").read_text("utf-8"))
    assert list(tables(written, details=True)) == list(tables(result, details=True))
    assert "SQLite FTS5" in (tmp_path / "posts.md").read_text("utf-8")
    said.clear()
    assert measured() == first
    assert said == []


def test_question_table_shows_engines_that_disagree() -> None:
    def peer(total: int) -> dict[str, Any]:
        return {
            "title": "x", "cannot": {}, "warm": {"a word": [1, 2, 0]},
            "answers": {"a word": [total, 7]},
        }  # fmt: skip

    corpus = {"questions": ["a word"], "peers": {"newsgrep": peer(7), "newsgrep-tantivy": peer(8)}}
    assert question_table("x", corpus).rows == (("a word", "7 ≠ 8", "1.0", "1.0"),)
    corpus["peers"]["newsgrep-tantivy"] = peer(7)  # type: ignore[index]
    assert question_table("x", corpus).rows == (("a word", "7", "1.0", "1.0"),)


def test_run_measures_memory_and_failures() -> None:
    megabytes = 2**20
    command = [sys.executable, "-c", f"held = b'x' * {200 * megabytes}; import time; time.sleep(1)"]
    assert run(command).peak_bytes > 200 * megabytes
    with pytest.raises(CommandFailed, match="exited with 3"):
        run([sys.executable, "-c", "raise SystemExit(3)"])
    with pytest.raises(CommandFailed, match="not done after"):
        run([sys.executable, "-c", "import time; time.sleep(60)"], timeout=0.2)


def test_exponent_is_the_slope_of_a_curve() -> None:
    values = {1000: (2.0, 5.0), 3000: (1.0, 5.0), 100_000: (200.0, 5.0)}
    points = {size: {"a": a, "b": b} for size, (a, b) in values.items()}
    assert exponent(points, "a") == pytest.approx(1)
    assert exponent(points, "b") == 0
    assert exponent({1000: {"a": 2.0}}, "a") != exponent({1000: {"a": 2.0}}, "a"), "not a number"


def test_curves_are_drawn_from_left_to_right() -> None:
    picture = draw({"CPU & s": {"one": [(3000, 20), (1000, 10), (9000, 0)], "two": [(1000, 500)]}})
    root = ET.fromstring(picture)  # noqa: S314  (our own)
    space = "{http://www.w3.org/2000/svg}"
    titles = [each.text for each in root.iter(f"{space}text") if each.get("class") == "t"]
    assert titles == ["CPU & s"]
    circles = [each for each in root.iter(f"{space}circle") if each.get("r") == "3"]
    (x, y), (later_x, later_y), (_, high_y) = (
        (float(each.get("cx", "")), float(each.get("cy", ""))) for each in circles
    )
    assert x < later_x
    assert high_y < later_y < y


def test_growth_measures_each_size_once(
    tmp_path: Path, posts: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.growth.MAX_IN_FOLDER", 25)
    monkeypatch.setattr("bench.growth._COLD_ROUNDS", 1)
    monkeypatch.setattr("bench.growth._WARM_ROUNDS", 1)
    whole = Corpus("both", tmp_path / "both")
    for number, path in enumerate(posts.paths()):
        folder = whole.folder / f"{number // 25:04}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / path.name).write_text(path.read_text("utf-8"), "utf-8")
    extra = Corpus("extra", tmp_path / "extra")
    extra.folder.mkdir()
    (extra.folder / "new.md").write_text(post(999), "utf-8")
    folder = tmp_path / "growth" / "index"
    measured = dict(grow("whoosh", whole, extra, [25, 50], folder))
    assert all(point.keys() == FIGURES.keys() for point in measured.values())
    assert measured[50]["index_cpu"] > measured[25]["index_cpu"] > 0
    assert dict(grow("whoosh", whole, extra, [25, 50], folder)) == measured, "kept"
    monkeypatch.setattr("bench.growth.measure", lambda *_: {"cold_ms": 0.0})
    again = dict(grow("whoosh", whole, extra, [25, 50], folder, again=True))
    assert again == {size: point | {"cold_ms": 0.0} for size, point in measured.items()}
    assert "| indexing everything, CPU s |" in growth_markdown({"whoosh": measured})
