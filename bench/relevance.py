"""How well newsgrep ranks, beside plain BM25: ``python -m bench.relevance``.

Known items are found again by their titles, which are taken out of what is searched; related
articles by the articles that link to them, without the links. Only numbers are kept.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

import click

from bench import machine, thresholds
from bench.corpora import real
from bench.eval_indexes import Shelf, part_of, unlinked_shelf, untitled_shelf
from bench.gold import GOLD, KnownItem, known_items, related
from bench.ir_metrics import DEPTH, Scored, mean, rank_of, recall, reciprocal
from bench.paths import ARCHIVES, RESULTS, default_work, fresh
from bench.plain import PlainIndex, words
from bench.relevance_report import markdown
from newsgrep.analysis.fold import fold
from newsgrep.engines.base import Engine, EngineRequest
from newsgrep.query.ast import MatchAll, Node, positive_texts
from newsgrep.query.parser import parse
from newsgrep.search.rerank import RERANK_DEPTH, rerank
from newsgrep.views.similar import find_similar

BASELINE: Final = "plain jieba words, BM25"
FIRST: Final = "newsgrep, the engine alone"
SECOND: Final = "newsgrep, with the second look"
ALL_WORDS: Final = "newsgrep, all words must stand"
WHOLE_TEXT: Final = "plain BM25 of the whole text"
SIMILAR: Final = "newsgrep, similar"
TOGETHER: Final = "together"
TUNED: Final = "half that constants were chosen on"
UNSEEN: Final = "other half"


SHARE: Final = 24
"""One in so many files is what the tests ask: an archive that is made in seconds."""
SAMPLE_FLOOR: Final = "a small sample: MRR@10"


def told(text: str) -> None:
    """Say on the standard error what is being done."""
    click.echo(text, err=True)


class Asked(NamedTuple):
    """Where each method ranked one known item, and seconds that the second look took."""

    item: KnownItem
    ranks: dict[str, int]
    seconds: float


def question(title: str, *, any_word: bool) -> Node | None:
    """Return a title as a query of nothing but words: punctuation and operators mean nothing."""
    plain = "".join(character if character.isalnum() else " " for character in title)
    return parse(plain.lower(), any_word=any_word).root if plain.strip() else None


def ask_known_items(shelf: Shelf, items: Iterable[KnownItem]) -> list[Asked]:
    """Return how every method ranks every item whose file became an article."""
    engine = shelf.engine
    ids = [
        each.id for each in engine.search(EngineRequest(MatchAll(), limit=sys.maxsize)).candidates
    ]
    told(f"{len(ids):,} articles; cutting them into words for the baseline")
    baseline = PlainIndex((body for _, body in engine.folded(ids)), words)
    told("asking")
    asked = []
    for item in items:
        right = shelf.ids.get(item.path)
        node = question(item.title, any_word=True)
        every = question(item.title, any_word=False)
        if right is None or node is None or every is None:
            continue
        plain = [
            (score, ids[number]) for score, number in baseline.best(fold(item.title), RERANK_DEPTH)
        ]
        first, second, seconds = _both_looks(engine, node)
        answers = {BASELINE: plain, FIRST: first, SECOND: second}
        answers[ALL_WORDS] = _both_looks(engine, every)[1]
        ranks = {name: rank_of(right, scored) for name, scored in answers.items()}
        asked.append(Asked(item, ranks, seconds))
    return asked


def _both_looks(engine: Engine, node: Node) -> tuple[Scored, Scored, float]:
    candidates = engine.search(EngineRequest(node, limit=RERANK_DEPTH)).candidates
    started = time.perf_counter()
    texts = engine.folded([each.id for each in candidates])
    looked = rerank(candidates, texts, positive_texts(node))
    seconds = time.perf_counter() - started
    return (
        [(each.score, each.id) for each in candidates],
        [(each.doc.score, each.doc.id) for each in looked],
        seconds,
    )


def known_table(asked: Sequence[Asked]) -> dict[str, Any]:
    """Return for each group of items and each method MRR and recall, with standard errors."""
    groups: dict[str, list[Asked]] = {TOGETHER: list(asked)}
    for each in asked:
        groups.setdefault(each.item.corpus, []).append(each)
        groups.setdefault(TUNED if each.item.tunes else UNSEEN, []).append(each)
    return {name: _known_row(group) for name, group in groups.items()}


def _known_row(group: Sequence[Asked]) -> dict[str, Any]:
    row: dict[str, Any] = {"items": len(group), "methods": {}}
    plain = [reciprocal(each.ranks[BASELINE]) for each in group]
    for method in group[0].ranks:
        ranks = [each.ranks[method] for each in group]
        values = list(map(reciprocal, ranks))
        more = [value - base for value, base in zip(values, plain, strict=True)]
        row["methods"][method] = {
            "mrr": mean(values),
            "more": mean(more),
            "recall": mean([float(0 < rank <= DEPTH) for rank in ranks]),
            "among_100": mean([float(rank > 0) for rank in ranks]),
        }
    return row


def ask_related(shelf: Shelf, links: dict[str, set[str]]) -> dict[str, Any]:
    """Return recall of linked articles by both methods, and what ``similar`` takes."""
    engine = shelf.engine
    ids = [
        each.id for each in engine.search(EngineRequest(MatchAll(), limit=sys.maxsize)).candidates
    ]
    told(f"{len(ids):,} articles; cutting them into words for the baseline")
    texts = [f"{title}\n{body}" for title, body in engine.folded(ids)]
    baseline = PlainIndex(texts, words)
    number_of = {article_id: number for number, article_id in enumerate(ids)}
    told("asking")
    found: dict[str, list[float]] = {WHOLE_TEXT: [], SIMILAR: []}
    seconds = 0.0
    for name in sorted(links):
        own = shelf.ids.get(name)
        right = {shelf.ids[each] for each in links[name] if each in shelf.ids} - {own}
        if own is None or not right:
            continue
        best = baseline.best(texts[number_of[own]], DEPTH + 1)
        plain = [ids[number] for _, number in best if ids[number] != own]
        (article,) = engine.get([own])
        started = time.process_time()
        ours = [each.article.id for each in find_similar(engine, article, DEPTH)]
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


def sample_mrr(archives: Path, gold: Path, work: Path, jobs: int) -> float:
    """Return MRR@10 of the known items in a small part of the archives, which is made anew."""
    corpus = part_of(archives, fresh(work / "relevance-part"), SHARE)
    shelf = untitled_shelf(corpus, work / "relevance-sample", jobs)
    found = []
    for item in known_items(gold):
        node = question(item.title, any_word=True)
        if node is not None and (right := shelf.ids.get(item.path)):
            found.append(reciprocal(rank_of(right, _both_looks(shelf.engine, node)[1])))
    shelf.engine.close()
    return mean(found).value


def sampled(names: Iterable[str], most: int) -> set[str]:
    """Return at most ``most`` of the names, always the same ones."""
    return set(sorted(names, key=lambda name: sha256(name.encode()).hexdigest())[:most])


def floors_of(result: dict[str, Any]) -> dict[str, float]:
    """Return what may only rise: how far newsgrep is, and how far above the baseline."""
    reached: dict[str, float] = {}
    for group, row in result.get("known", {}).items():
        second = row["methods"][SECOND]
        if group not in {TUNED, UNSEEN}:
            reached[f"known items, {group}: MRR@10"] = second["mrr"][0]
            reached[f"known items, {group}: above the baseline"] = second["more"][0]
    if "sample_mrr" in result:
        reached[SAMPLE_FLOOR] = result["sample_mrr"]
    if "related" in result:
        reached["related: recall@10"] = result["related"]["recall"][SIMILAR][0]
        reached["related: above the baseline"] = result["related"]["more"][0]
    return reached


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--sample", type=click.IntRange(min=2), help="So many questions of each kind.")
@click.option("--related", "most", default=500, show_default=True, help="Linking articles.")
@click.option("--gold", type=click.Path(path_type=Path), default=GOLD, show_default=False)
@click.option("--archives", type=click.Path(path_type=Path), default=ARCHIVES, show_default=False)
@click.option("--out", type=click.Path(path_type=Path), default=RESULTS, show_default=False)
@click.option("--jobs", default=2, show_default=True, help="Processes that make the indexes.")
@click.option("--lower-floors", is_flag=True, help="Write floors even where they sink.")
@click.option("--only", type=click.Choice(["known", "related"]), help="Keep the other as it is.")
@click.option("--work", type=click.Path(path_type=Path), default=default_work)
def main(
    sample: int | None,
    most: int,
    gold: Path,
    archives: Path,
    out: Path,
    jobs: int,
    lower_floors: bool,
    only: str | None,
    work: Path,
) -> None:
    """Measure ranking; with --sample only print it, else keep it and raise the floors."""
    items, links = known_items(gold), related(gold)
    corpus = real(work.resolve(), archives).folder
    if sample:
        chosen = sampled((item.path for item in items), sample)
        items = [item for item in items if item.path in chosen]
    result: dict[str, Any] = {}
    if only != "related":
        told("an index without titles")
        asked = ask_known_items(untitled_shelf(corpus, work, jobs), items)
        times = sorted(each.seconds for each in asked)
        result["known"] = known_table(asked)
        result["second_look_ms"] = 1000 * times[len(times) // 2]
        result["sample_mrr"] = sample_mrr(archives, gold, work, jobs)
    if only != "known":
        told("an index without links")
        shelf = unlinked_shelf(corpus, links, work, jobs)
        most = min(most, sample or most)
        result["related"] = ask_related(shelf, {name: links[name] for name in sampled(links, most)})
    result = {"machine": machine.notes(), **({} if sample else _kept(out)), **result}
    text = markdown(result)
    click.echo(text)
    if not sample:
        _keep(result, text, out, lower=lower_floors)


def _kept(out: Path) -> dict[str, Any]:
    path = out / "relevance.json"
    kept: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    kept.pop("machine", None)
    return kept


def _keep(result: dict[str, Any], text: str, out: Path, *, lower: bool) -> None:
    reached = floors_of(result)
    sunk = thresholds.sunk(reached)
    if sunk and not lower:
        for line in sunk:
            told(line)
        told("Nothing was kept: mend it, or say --lower-floors and why in the commit.")
        sys.exit(1)
    thresholds.write(reached, lower=lower)
    out.mkdir(parents=True, exist_ok=True)
    (out / "relevance.json").write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    (out / "relevance.md").write_text(text, "utf-8")


if __name__ == "__main__":
    main()
