from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench import cluster, cluster_report, compare_output, server
from bench.cleaned import clean
from bench.corpora import Corpus
from bench.derived import index_figures
from bench.engines import engine_table, measure_engines, question_table, save, tables
from bench.measure import CommandFailed, run
from bench.peers import OURS, make_peer
from bench.peers.base import Inputs
from bench.questions import Question, load_questions
from bench.report import peak
from bench.runner import CLICK_BASELINE, COLD, Settings, Steps
from tests.support.bench_inputs import MACHINE, post
from tests.support.cli import NEWSGREP, REPOSITORY
from tests.support.cluster import Cluster
from tests.support.cluster.fixtures import IndexNames
from tests.support.optional_engines import skip_or_fail

SEEDS = REPOSITORY / "seeds"
MB = 2**20


def newsgrep(*arguments: str | Path) -> None:
    subprocess.run([NEWSGREP, *map(str, arguments)], check=True, capture_output=True)


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    index = tmp_path_factory.mktemp("seeds") / "whoosh"
    newsgrep("index", SEEDS, "--index", index)
    return index


def session(folder: Path, *lines: str) -> Path:
    path = folder / "session.txt"
    path.write_text("# a comment\n\n" + "\n".join(lines), "utf-8")
    return path


ASKED = (
    "newsgrep search 联合声明",
    "newsgrep search --color=always 渔业",
    "newsgrep search --json 声明 --facets source -n 2",
    'newsgrep search --json 声明 -n 2 --after "$NEXT"',
    'newsgrep show "$ID" --json',
    "newsgrep stats --json",
    "printf '渔业\\n声明\\n' | newsgrep batch -",
)


@pytest.mark.parametrize("engine", OURS)
def test_two_indexes_of_one_archive_answer_alike(
    seeds: Path, tmp_path: Path, engine: str, request: pytest.FixtureRequest
) -> None:
    copy, options = str(tmp_path / "copy"), ["--engine", engine]
    if engine == "opensearch":
        names: IndexNames = request.getfixturevalue("opensearch")
        copy, options = f"{names.new()}?replicas=0", []
    newsgrep("copy", "--index", seeds, "--to", copy, *options)
    asked = ["--session", str(session(tmp_path, *ASKED)), str(seeds), copy]
    ended = CliRunner().invoke(compare_output.main, asked)
    assert ended.exit_code == 0, ended.output
    assert f"{len(ASKED)} commands, 2 indexes: 0 different" in ended.output
    assert "$ID" in ended.output


def test_one_article_less_is_a_difference(seeds: Path, tmp_path: Path) -> None:
    paths = sorted(path for path in SEEDS.iterdir() if "声明" not in path.name)
    newsgrep("index", *paths, "--index", tmp_path / "less")
    asked = ["--session", str(session(tmp_path, *ASKED)), str(seeds), str(tmp_path / "less")]
    ended = CliRunner().invoke(compare_output.main, asked)
    assert ended.exit_code == 1
    assert "different  exit 0" in ended.output
    assert '-  "articles": ' in ended.output
    assert '+  "articles": ' in ended.output


def test_a_command_that_fails_everywhere_is_no_likeness(seeds: Path, tmp_path: Path) -> None:
    asked = ["--session", str(session(tmp_path, "newsgrep search --sort up 声明"))]
    ended = CliRunner().invoke(compare_output.main, [*asked, str(seeds), str(seeds)])
    assert ended.exit_code == 2
    assert "0 different" in ended.output
    assert "--sort" in ended.output
    assert CliRunner().invoke(compare_output.main, [str(seeds)]).exit_code == 2


def test_only_what_indexes_cannot_share_is_left_out() -> None:
    def printed(output: str) -> compare_output.Printed:
        return compare_output.Printed(compare_output.masked(output, "/an/index"), "", 0)

    for one, other in (
        ('"took_ms": 3.7,', '"took_ms": 12,'),
        ('"next":"1cxC"}', '"next":"1c5w"}'),
        ("1–2 of 8 articles in 6 ms", "1–2 of 8 articles in 1,006 ms"),
        ("1–2 of 8 articles in 6 ms\x1b[0m", "1–2 of 8 articles in 7 ms\x1b[0m"),
        ("No index in /an/index:", "No index in INDEX:"),
        ('"fingerprint": {"fold": 1}', '"fingerprint": {"fold": 1, "levels": 1}'),
    ):
        assert printed(one) == printed(other)
    for one, other in (
        ('"next": "1cxC"', '"next": null'),
        ('"total": 8', '"total": 9'),
        ("1–2 of 8 articles in 6 ms", "1–2 of 9 articles in 6 ms"),
        ("it took place in 6 ms, then", "it took place in 7 ms, then"),
        (r'"text": "\"took_ms\": 3"', r'"text": "\"took_ms\": 4"'),
        ("a\n", "a\n\n"),
    ):
        assert compare_output.difference(printed(one), printed(other), ("one", "other"))


def test_the_session_asks_with_every_command_that_asks_and_changes_nothing() -> None:
    words = [
        line.partition("newsgrep ")[2].split()[0]
        for line in compare_output.commands(compare_output.SESSION)
    ]
    assert set(words) == {
        "search", "show", "similar", "timeline", "kwic", "compare", "keywords", "stats", "batch",
    }  # fmt: skip


def test_what_a_server_takes_is_told_apart(posts: Inputs) -> None:
    hold = f"held = b'x' * {200 * MB}; print(len(held), flush=True); input()"
    waiting = subprocess.Popen(
        [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with waiting:
        assert waiting.stdin
        assert waiting.stdout
        waiting.stdout.readline()
        pause = [sys.executable, "-c", "import time; time.sleep(0.5)"]
        beside, alone = run(pause, server=waiting.pid), run(pause)
        waiting.stdin.write(b"\n")
    assert beside.server_peak_bytes > 200 * MB > beside.peak_bytes > 0
    assert alone.server_peak_bytes == alone.server_cpu_seconds == 0
    index = {"seconds": [2.0], "cpu_seconds": [1.0], "peak_bytes": [3 * MB], "size": 50}
    served = {**index, "server_cpu_seconds": [4.0], "server_peak_bytes": [5 * MB]}
    assert index_figures(index, posts)["cpu_ms"] == pytest.approx(20)
    assert index_figures(served, posts)["cpu_ms"] == pytest.approx(100)
    assert (peak(index), peak(served)) == ("3", "3 + 5")


@pytest.fixture(scope="module")
def posts(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    folder = tmp_path_factory.mktemp("corpora") / "posts"
    folder.mkdir()
    for number in range(50):
        (folder / f"{number:02}.md").write_text(post(number), "utf-8")
    corpus = Corpus("posts", folder)
    return Inputs(corpus, clean(corpus, jobs=1))


ONCE = Settings(index_runs=1, cold_rounds=1, warm_rounds=1)


def test_engines_are_measured_and_the_others_named(posts: Inputs, tmp_path: Path) -> None:
    said: list[str] = []
    steps = Steps(tmp_path, posts, posts, ONCE, said.append)
    told = measure_engines(steps, posts, ["whoosh"])
    assert list(told["engines"]) == ["newsgrep"]
    assert set(told["missing"]) == {"tantivy", "opensearch"}
    measured = told["engines"]["newsgrep"]
    assert "failed" not in measured
    assert measured["totals"].keys() == {question.name for question in load_questions()}
    assert measured["index"]["per_second"] > 0
    assert set(told["cold"]["newsgrep"]) == set(COLD)
    assert set(told["cold"][CLICK_BASELINE]) == {""}
    table = engine_table(told)
    assert [row[0] for row in table.rows] == [
        "newsgrep (whoosh)",
        "newsgrep, tantivy",
        "newsgrep, OpenSearch, one node",
        CLICK_BASELINE,
    ]
    assert table.rows[1][1] == "left out: not asked for (--engines)"
    assert {len(row) for row in table.rows} == {len(table.columns)}
    save({"name": "engines-posts", "machine": MACHINE, "heap": "1g", **told}, tmp_path)
    assert "newsgrep, tantivy" in (tmp_path / "engines-posts.md").read_text("utf-8")
    kept = json.loads((tmp_path / "engines-posts.json").read_text("utf-8"))
    assert tables(kept) == tables(told)
    # Taken up again, nothing is measured twice.
    said.clear()
    again = measure_engines(Steps(tmp_path, posts, posts, ONCE, said.append), posts, ["whoosh"])
    assert said == []
    assert again == json.loads(json.dumps(told))


def test_engines_that_count_differently_are_shown_up() -> None:
    def engine(title: str, total: int) -> dict[str, object]:
        page = {"median": 1.0, "worst": 2.0, "runs": 1}
        return {"title": title, "totals": {"a word": total}, "warm": {"a word": {"page": page}}}

    told = {"articles": 9, "text_bytes": 9, "missing": {}, "cold": {}}
    alike_told = {**told, "engines": {"a": engine("A", 7), "b": engine("B", 7)}}
    assert question_table(alike_told).rows == (("a word", "7", "1.0 / 2.0", "1.0 / 2.0"),)
    assert not any("NOT ALIKE" in note for note in engine_table(alike_told).notes)
    other = {**told, "engines": {"a": engine("A", 7), "b": engine("B", 8)}}
    assert question_table(other).rows[0][1] == "7 ≠ 8"
    assert [note for note in engine_table(other).notes if "NOT ALIKE: a word" in note]


def test_an_index_on_a_server_that_is_gone_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = make_peer("newsgrep-opensearch")
    assert not peer.is_there(tmp_path / "never")
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "address").write_text("opensearch://127.0.0.1:9200/other?replicas=0", "utf-8")
    assert not peer.is_there(kept)
    peer.remove(kept)  # and asks no server of somebody else's
    assert not kept.exists()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "Java" in (server.missing() or "")
    with pytest.raises(CommandFailed, match="Java"), server.Server() as alone:
        alone.new_address()


@pytest.mark.engines
def test_a_run_has_one_server_and_indexes_of_its_own(
    posts: Inputs, tmp_path: Path, opensearch_server: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.SERVER, "_cluster", opensearch_server)
    peer = make_peer("newsgrep-opensearch")
    if reason := peer.available():
        skip_or_fail("opensearch", reason)
    index, copy = tmp_path / "index", tmp_path / "copy"
    assert peer.server_pid == opensearch_server.pids[0]
    peer.index(posts, index)
    try:
        assert peer.is_there(index)
        assert peer.size(index) > 0
        shutil.copytree(index, copy)
        peer.prepare_add(posts, copy)
        run(peer.add_command(posts, copy))
        peer.remove(copy)
        assert not copy.exists()
        peer.open(posts, index)
        assert peer.ask(Question("a word", "words", all=("经济",)), 10).total == 50
        peer.close()
    finally:
        peer.remove(index)
    assert opensearch_server.request("/bench-*?expand_wildcards=all") == {}


@pytest.mark.engines
@pytest.mark.cluster3
def test_what_a_cluster_costs_is_measured_and_leaves_nothing_there(
    posts: Inputs, tmp_path: Path, opensearch_server: Cluster
) -> None:
    setup = cluster.Setup("one server", 1, 0, 0)
    measured = cluster.measured(opensearch_server, setup, posts.corpus, 1, 1)
    assert opensearch_server.request("/bench-*?expand_wildcards=all") == {}
    assert measured["total"] == posts.cleaned.articles == 50
    (load,) = measured["loads"]
    for figures in (load, measured["again"], measured["stored"], measured["merged"]):
        assert all(value > 0 for key, value in figures.items() if key != "load_before")
    assert measured["warm_ms"].keys() == {question.name for question in load_questions()}
    assert measured["cold_ms"].keys() == set(COLD)
    assert min(measured["heap_least"] + measured["resident"]) > MB
    other = {**measured, "total": 49}
    told = {
        "name": "cluster",
        "machine": MACHINE,
        "server": "2",
        "articles": 50,
        "text_bytes": posts.cleaned.text_bytes,
        "heap": cluster.HEAP,
        "runs": 1,
        "rounds": 1,
        "setups": {"one server": measured, "three servers": other},
    }
    for table in cluster_report.tables(told):
        assert [row[0] for row in table.rows] == ["one server", "three servers"]
        assert {len(row) for row in table.rows} == {len(table.columns)}
    cluster.draw_and_keep(told, tmp_path)
    assert json.loads((tmp_path / "cluster.json").read_text("utf-8")) == told
    page = (tmp_path / "cluster.md").read_text("utf-8")
    assert "NOT ALIKE: three servers has 49 articles." in page
    assert "NOT ALIKE: one server" not in page
