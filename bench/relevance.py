"""How well newsgrep ranks, beside plain BM25: ``python -m bench.relevance``.

Known items are found by their titles, which are removed from what is searched; related articles
by the articles that link to them, without the links. Only numbers are kept.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

import click

from bench import machine, thresholds
from bench.corpora import real
from bench.eval_indexes import EvalIndex, part_of, unlinked_index, untitled_index
from bench.gold import GOLD, KnownItem, known_items, related
from bench.ir_metrics import DEPTH, Mean, Scored, mean, rank_of, recall, reciprocal
from bench.paths import ARCHIVES, RESULTS, default_work, fresh
from bench.plain import PlainIndex, words
from newsgrep.analysis.characters import fold
from newsgrep.engines.base import Engine, EngineRequest
from newsgrep.query.ast import MatchAll, Node, positive_texts
from newsgrep.query.parser import Query, parse
from newsgrep.search.diagnose import find_closest
from newsgrep.search.rerank import RERANK_DEPTH, rerank
from newsgrep.search.search import SearchRequest
from newsgrep.views.similar import find_similar

BASELINE: Final = "plain jieba words, BM25"
ENGINE: Final = "newsgrep, the engine alone"
RERANKED: Final = "newsgrep, with reranking"
ALL_WORDS: Final = "newsgrep, all words required"
CLOSEST: Final = "newsgrep, all words or else the closest articles"
WHOLE_TEXT: Final = "plain BM25 of the whole text"
SIMILAR: Final = "newsgrep, similar"
TOGETHER: Final = "together"
TUNED: Final = "half that constants were chosen on"
UNSEEN: Final = "other half"

SHARE: Final = 24
"""The tests use one in so many files: an archive that is indexed in seconds."""
SAMPLE: Final = "a small sample: MRR@10"
"""The threshold of that sample."""


def say(text: str) -> None:
    """Print on standard error what is being done."""
    click.echo(text, err=True)


class Ranked(NamedTuple):
    """Where each method ranked one known item, and how many seconds reranking took."""

    item: KnownItem
    ranks: dict[str, int]
    seconds: float


def question(title: str, *, any_word: bool) -> Node | None:
    """Return a title as a query of words only: punctuation and operators mean nothing."""
    plain = "".join(character if character.isalnum() else " " for character in title)
    return parse(plain.lower(), any_word=any_word).root if plain.strip() else None


def rank_known_items(index: EvalIndex, items: Iterable[KnownItem]) -> list[Ranked]:
    """Return how every method ranks every item whose file became an article."""
    engine, ids = index.engine, _all_ids(index.engine)
    say(f"{len(ids):,} articles; segmenting them for the baseline")
    baseline = PlainIndex((body for _, body in engine.folded_texts(ids)), words)
    say("searching")
    ranked = []
    for item in items:
        right = index.ids.get(item.path)
        node = question(item.title, any_word=True)
        every = question(item.title, any_word=False)
        if right is None or node is None or every is None:
            continue
        best = baseline.best(fold(item.title), RERANK_DEPTH)
        first, second, seconds = _search(engine, node)
        answers: dict[str, Scored] = {BASELINE: [(score, ids[n]) for score, n in best]}
        answers |= {ENGINE: first, RERANKED: second, ALL_WORDS: _search(engine, every)[1]}
        ranks = {name: rank_of(right, scored) for name, scored in answers.items()}
        ranked.append(Ranked(item, ranks, seconds))
    return ranked


def rank_closest(index: EvalIndex, items: Iterable[KnownItem]) -> list[Ranked]:
    """Return the rank of every item among what a search prints: matches, or the closest ones."""
    say("searching")
    ranked = []
    for item in items:
        right, every = index.ids.get(item.path), question(item.title, any_word=False)
        if right is None or every is None:
            continue
        matching = _search(index.engine, every)[1]
        started = time.perf_counter()
        request = SearchRequest(Query(item.title, every))
        closest = () if matching else find_closest(index.engine, request)
        seconds = time.perf_counter() - started
        shown = matching or [(each.hit.score, each.hit.article.id) for each in closest]
        ranks = {ALL_WORDS: rank_of(right, matching), CLOSEST: rank_of(right, shown)}
        ranked.append(Ranked(item, ranks, seconds))
    return ranked


def _all_ids(engine: Engine) -> list[str]:
    request = EngineRequest(MatchAll(), limit=sys.maxsize)
    return [each.id for each in engine.search(request).candidates]


def _search(engine: Engine, node: Node) -> tuple[Scored, Scored, float]:
    """Return the engine's best articles, the same reranked, and seconds for reranking."""
    candidates = engine.search(EngineRequest(node, limit=RERANK_DEPTH)).candidates
    started = time.perf_counter()
    texts = engine.folded_texts([each.id for each in candidates])
    reranked = rerank(candidates, texts, positive_texts(node))
    seconds = time.perf_counter() - started
    return (
        [(each.score, each.id) for each in candidates],
        [(each.doc.score, each.doc.id) for each in reranked],
        seconds,
    )


def known_table(ranked: Sequence[Ranked], base: str = BASELINE) -> dict[str, Any]:
    """Return MRR and recall with standard errors, for each group of items and each method.

    ``base`` is the method that the others are compared with.
    """
    groups: dict[str, list[Ranked]] = {TOGETHER: list(ranked)}
    for each in ranked:
        groups.setdefault(each.item.corpus, []).append(each)
        groups.setdefault(TUNED if each.item.tunes else UNSEEN, []).append(each)
    return {name: _known_row(group, base) for name, group in groups.items()}


def _known_row(group: Sequence[Ranked], base: str) -> dict[str, Any]:
    row: dict[str, Any] = {"items": len(group), "methods": {}}
    plain = [reciprocal(each.ranks[base]) for each in group]
    for method in group[0].ranks:
        ranks = [each.ranks[method] for each in group]
        values = list(map(reciprocal, ranks))
        more = [ours - theirs for ours, theirs in zip(values, plain, strict=True)]
        row["methods"][method] = {
            "mrr": mean(values),
            "more": mean(more),
            "recall": mean([float(0 < rank <= DEPTH) for rank in ranks]),
            "among_100": mean([float(rank > 0) for rank in ranks]),
        }
    return row


def measure_related(index: EvalIndex, links: dict[str, set[str]]) -> dict[str, Any]:
    """Return the recall of linked articles by both methods, and the CPU time of ``similar``."""
    engine, ids = index.engine, _all_ids(index.engine)
    say(f"{len(ids):,} articles; segmenting them for the baseline")
    texts = [f"{title}\n{body}" for title, body in engine.folded_texts(ids)]
    baseline = PlainIndex(texts, words)
    number_of = {article_id: number for number, article_id in enumerate(ids)}
    say("searching")
    found: dict[str, list[float]] = {WHOLE_TEXT: [], SIMILAR: []}
    seconds = 0.0
    for name in sorted(links):
        own = index.ids.get(name)
        right = {index.ids[each] for each in links[name] if each in index.ids} - {own}
        if own is None or not right:
            continue
        best = baseline.best(texts[number_of[own]], DEPTH + 1)
        plain = [ids[number] for _, number in best if ids[number] != own]
        (article,) = engine.get([own])
        started = time.process_time()
        ours = [each.article.id for each in find_similar(engine, article, DEPTH).articles]
        seconds += time.process_time() - started
        found[WHOLE_TEXT].append(recall(right, plain))
        found[SIMILAR].append(recall(right, ours))
    pairs = zip(found[SIMILAR], found[WHOLE_TEXT], strict=True)
    return {
        "articles": len(found[SIMILAR]),
        "recall": {method: mean(values) for method, values in found.items()},
        "more": mean([ours - plain for ours, plain in pairs]),
        "ms": 1000 * seconds / max(len(found[SIMILAR]), 1),
    }


def reranked_mrr(corpus: Path, items: Iterable[KnownItem], work: Path, jobs: int) -> Mean:
    """Return the MRR@10 of newsgrep for known items in a corpus, which is indexed for this."""
    index = untitled_index(corpus, work, jobs)
    found = []
    for item in items:
        node = question(item.title, any_word=True)
        if node is not None and (right := index.ids.get(item.path)):
            found.append(reciprocal(rank_of(right, _search(index.engine, node)[1])))
    index.engine.close()
    return mean(found)


def sample_mrr(archives: Path, gold: Path, work: Path, jobs: int) -> float:
    """Return the MRR@10 of the known items in a small part of the archives."""
    corpus = part_of(archives, fresh(work / "relevance-part"), SHARE)
    return reranked_mrr(corpus, known_items(gold), work / "relevance-sample", jobs).value


def sampled(names: Iterable[str], most: int) -> set[str]:
    """Return at most ``most`` of the names, always the same ones."""
    return set(sorted(names, key=lambda name: sha256(name.encode()).hexdigest())[:most])


def reached_by(result: Mapping[str, Any]) -> dict[str, float]:
    """Return the values that have thresholds: newsgrep's own, and its lead on the baseline."""
    reached: dict[str, float] = {}
    for group, row in result.get("known", {}).items():
        reranked = row["methods"][RERANKED]
        if group not in {TUNED, UNSEEN}:
            reached[f"known items, {group}: MRR@10"] = reranked["mrr"][0]
            reached[f"known items, {group}: above the baseline"] = reranked["more"][0]
    if "sample_mrr" in result:
        reached[SAMPLE] = result["sample_mrr"]
    if "related" in result:
        reached["related: recall@10"] = result["related"]["recall"][SIMILAR][0]
        reached["related: above the baseline"] = result["related"]["more"][0]
    return reached


def markdown(result: Mapping[str, Any]) -> str:
    """Return the tables of a result as a page of Markdown."""
    notes = result["machine"]
    return "\n".join(
        (
            "# How well newsgrep ranks",
            "",
            (
                f"{notes['date']}, newsgrep {notes['commit']}, Python {notes['python']}. "
                "± is the standard error over the questions; “above” is the mean difference to "
                "the baseline, question by question. Run "
                "`.venv/bin/python -m bench.relevance` to measure again; "
                "[the bench's README](../README.md) says what is compared with what."
            ),
            "",
            *(_known_lines(result) if "known" in result else ()),
            *(_closest_lines(result) if "closest" in result else ()),
            *(_related_lines(result["related"]) if "related" in result else ()),
        )
    )


def _known_lines(result: Mapping[str, Any]) -> Iterator[str]:
    yield from ("## Known items: titles as queries, without titles in what is searched", "")
    yield from _method_tables(result["known"])
    yield (
        f"Reranking takes {result['rerank_ms']:.1f} ms by the clock at the median, including "
        "reading its hundred texts, with other work on the machine."
    )
    yield ""


def _closest_lines(result: Mapping[str, Any]) -> Iterator[str]:
    yield from ("## Closest articles: what is shown where no article contains all words", "")
    yield from _method_tables(result["closest"])
    yield (
        f"Finding the closest articles takes {result['closest_ms']:.0f} ms by the clock at the "
        "median, with other work on the machine."
    )
    yield ""


def _method_tables(groups: Mapping[str, Any]) -> Iterator[str]:
    for group, row in groups.items():
        yield from (f"### {group}: {row['items']:,} titles", "")
        yield "| | MRR@10 | above | recall@10 | among the best 100 |"
        yield "| --- | --- | --- | --- | --- |"
        for method, values in row["methods"].items():
            cells = (_shown(values[key]) for key in ("mrr", "more", "recall", "among_100"))
            yield f"| {method} | {' | '.join(cells)} |"
        yield ""


def _related_lines(row: Mapping[str, Any]) -> Iterator[str]:
    yield f"## Related articles: {row['articles']:,} articles that link to others"
    yield from ("", "| | recall@10 |", "| --- | --- |")
    for method, value in row["recall"].items():
        yield f"| {method} | {_shown(value)} |"
    yield from (f"| difference | {_shown(row['more'])} |", "")
    yield from (f"`similar` takes {row['ms']:.0f} ms of CPU time per article on average.", "")


def _shown(value: Sequence[float]) -> str:
    return f"{value[0]:.4f} ± {value[1]:.4f}"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--sample", type=click.IntRange(min=2), help="Number of questions of each kind.")
@click.option("--related", "most", default=500, show_default=True, help="Linking articles.")
@click.option("--gold", type=click.Path(path_type=Path), default=GOLD, show_default=False)
@click.option("--archives", type=click.Path(path_type=Path), default=ARCHIVES, show_default=False)
@click.option("--out", type=click.Path(path_type=Path), default=RESULTS, show_default=False)
@click.option("--jobs", default=2, show_default=True, help="Processes that create the indexes.")
@click.option("--lower-thresholds", is_flag=True, help="Write thresholds even if they get lower.")
@click.option("--only", type=click.Choice(["known", "closest", "related"]), help="Keep the others.")
@click.option("--work", type=click.Path(path_type=Path), default=default_work)
def main(
    sample: int | None, most: int, gold: Path, archives: Path, out: Path, jobs: int,
    lower_thresholds: bool, only: str | None, work: Path,
) -> None:  # fmt: skip
    """Measure ranking; with --sample only print it, else write it and raise the thresholds."""
    items, links = known_items(gold), related(gold)
    corpus = real(work.resolve(), archives).folder
    if sample:
        chosen = sampled((item.path for item in items), sample)
        items = [item for item in items if item.path in chosen]
    measured: dict[str, Any] = {}
    if only in {None, "known"}:
        say("an index without titles")
        ranked = rank_known_items(untitled_index(corpus, work, jobs), items)
        times = sorted(each.seconds for each in ranked)
        measured["known"] = known_table(ranked)
        measured["rerank_ms"] = 1000 * times[len(times) // 2]
        measured["sample_mrr"] = sample_mrr(archives, gold, work, jobs)
    if only in {None, "closest"}:
        say("an index without titles")
        ranked = rank_closest(untitled_index(corpus, work, jobs), items)
        times = sorted(each.seconds for each in ranked if not each.ranks[ALL_WORDS])
        measured["closest"] = known_table(ranked, ALL_WORDS)
        measured["closest_ms"] = 1000 * times[len(times) // 2] if times else 0.0
    if only in {None, "related"}:
        say("an index without links")
        index = unlinked_index(corpus, links, work, jobs)
        names = sampled(links, min(most, sample or most))
        measured["related"] = measure_related(index, {name: links[name] for name in names})
    written = out / "relevance.json"
    before = json.loads(written.read_text("utf-8")) if written.exists() and not sample else {}
    result = {**before, "machine": machine.notes(), **measured}
    click.echo(markdown(result))
    if sample:
        return
    reached = reached_by(result)
    missed = thresholds.missed(reached)
    if missed and not lower_thresholds:
        for line in missed:
            say(line)
        say("Nothing was written: fix this, or use --lower-thresholds and say why in the commit.")
        sys.exit(1)
    thresholds.write(reached, may_lower=lower_thresholds)
    out.mkdir(parents=True, exist_ok=True)
    written.write_text(json.dumps(result) + "\n", "utf-8")
    (out / "relevance.md").write_text(markdown(result), "utf-8")


if __name__ == "__main__":
    main()
