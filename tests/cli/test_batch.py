"""``newsgrep batch``: many queries in one process, each answered like a single search."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

from newsgrep.views.batch import MAX_LINE_BYTES
from tests.support.cli import (
    NEWSGREP,
    TIDE_COUNT,
    TIDE_SOURCES,
    Cli,
    CommandResult,
    clean_environment,
)
from tests.support.cli import TIMEOUT as PATIENCE
from tests.support.schemas import validator

VALID = validator("batch")


def parsed_lines(ran: CommandResult) -> list[dict[str, Any]]:
    answers = [json.loads(line) for line in ran.lines]
    for each in answers:
        VALID.validate(each)
    return answers


def batch(cli: Cli, *lines: Any, args: tuple[str, ...] = (), status: int = 0) -> Any:
    """Return the answers to ``lines``, which are strings or objects."""
    text = "".join(
        (line if isinstance(line, str) else json.dumps(line, ensure_ascii=False)) + "\n"
        for line in lines
    )
    return parsed_lines(cli("batch", "-", *args, stdin=text.encode(), status=status))


def test_batch_answers_equal_single_searches(tides: Cli) -> None:
    chance = random.Random(7)
    words = ["潮汐", "灯塔", "-台风", '"潮汐公报"', "台风 OR 灯塔", "公报", "海豚", "第1号"]
    lines: list[Any] = []
    wanted = []
    for _ in range(25):
        query = " ".join(chance.sample(words, chance.randint(1, 3)))
        how: dict[str, Any] = {}
        args = []
        for key, values in (
            ("limit", [0, 1, 7, 99]),
            ("offset", [0, 3, 40]),
            ("sort", ["relevance", "date", "-date"]),
            ("since", ["2023-06", "2024"]),
            ("until", ["2024-12", "2025"]),
            ("source", [*TIDE_SOURCES, "没有这家"]),
        ):
            if chance.random() < 0.4:
                how[key] = chance.choice(values)
                args += [f"--{key}={how[key]}"]
        if chance.random() < 0.3:
            how["any"] = True
            args += ["--any"]
        lines.append({"query": query, **how} if how else query)
        ran = tides("search", "--json", *args, "--", query, status=None)
        wanted.append(json.loads(ran.stdout))
    answers = batch(tides, *lines)
    assert len(answers) == len(wanted)
    for number, (one, other) in enumerate(zip(answers, wanted, strict=True), 1):
        assert one.pop("line") == number
        for each in (one, other):
            each.pop("took_ms")
            each.pop("diagnosis", None)
            each.pop("closest", None)
        assert one == other


def test_batch_returns_ids_and_line_numbers(tides: Cli) -> None:
    ids: list[Any] = [7, "七", None, [1, {"a": 2}], 1.5]
    lines = ["# what we watch", "", *({"id": each, "query": "潮汐"} for each in ids), "灯塔"]
    answers = batch(tides, *lines)
    assert [each["id"] for each in answers[:-1]] == ids
    assert "id" not in answers[-1]
    assert [each["line"] for each in answers] == list(range(3, 9))


@pytest.mark.parametrize(
    ("line", "message", "query", "position"),
    [
        ('潮汐 "灯塔', "Unclosed quote", '潮汐 "灯塔', 3),
        ('{"query": "date:2024-13"}', "months go from 1 to 12", "date:2024-13", 10),
        ('{"query": "潮汐"', "not a JSON object", None, None),
        ("{" * 20_000, "JSON", None, None),
        ('{"a":' * 20_000, "JSON", None, None),
        ('{"limit": ' + "9" * 5000 + "}", "JSON", None, None),
        ('{"id": 3}', 'no "query"', None, None),
        ('{"query": 5}', "must be a string", None, None),
        ('{"query": ""}', "empty", "", 0),
        ('{"query": "潮汐", "lmit": 3}', "lmit", "潮汐", None),
        ('{"query": "潮汐", "limit": -1}', "non-negative integer", "潮汐", None),
        ('{"query": "潮汐", "limit": true}', "non-negative integer", "潮汐", None),
        ('{"query": "潮汐", "sort": "newest"}', "relevance", "潮汐", None),
        ('{"query": "潮汐", "since": "2024-13"}', "months go from 1 to 12", "潮汐", None),
        ('{"query": "潮汐", "source": [1]}', "list of strings", "潮汐", None),
        ('{"query": "潮汐", "any": "yes"}', "true or false", "潮汐", None),
    ],
)
def test_batch_continues_after_an_invalid_line(
    tides: Cli, line: str, message: str, query: str | None, position: int | None
) -> None:
    first, bad, last = batch(tides, "灯塔", line, "台风", status=2)
    assert (first["total"], last["total"]) == (TIDE_COUNT // 2, TIDE_COUNT // 3)
    assert message in bad["error"]["message"]
    assert (bad["query"], bad["error"]["position"]) == (query, position)
    assert bad["line"] == 2


def test_batch_rejects_undecodable_and_endless_lines(
    tides: Cli,
) -> None:
    data = b"\xef\xbb\xbf" + "灯塔\r\n".encode() + b"\xff\xfe\n"
    data += b"x" * (3 * MAX_LINE_BYTES) + b"\n" + "台风".encode()
    first, odd, long, last = parsed_lines(tides("batch", "-", stdin=data, status=2))
    assert (first["total"], last["total"]) == (TIDE_COUNT // 2, TIDE_COUNT // 3)
    assert "UTF-8" in odd["error"]["message"]
    assert "1,000,000 bytes" in long["error"]["message"]
    assert [each["line"] for each in (first, odd, long, last)] == [1, 2, 3, 4]


def test_batch_accepts_lone_surrogates(tides: Cli) -> None:
    (answer,) = batch(tides, '{"query": "\\ud800潮汐", "id": "\\udfff"}')
    assert (answer["query"], answer["id"]) == ("\ud800潮汐", "\udfff")
    assert (answer["parsed"], answer["total"]) == ("潮汐", TIDE_COUNT)


def test_batch_exit_status(
    tides: Cli,
) -> None:
    batch(tides, "潮汐", "海豚")
    batch(tides, "海豚", "鲸鱼", status=1)
    batch(tides, "海豚", '"', status=2)
    for nothing in (b"", b"\n# nothing\n"):
        ran = tides("batch", "-", stdin=nothing, status=2)
        assert "no query" in ran.err
    assert "Cannot read" in tides("batch", "nowhere.txt", status=2).err
    assert "Cannot read" in tides("batch", ".", status=2).err


def test_batch_options_are_defaults_for_lines(tides: Cli, tmp_path: Path) -> None:
    file = tmp_path / "queries.txt"
    file.write_text('潮汐\n{"query": "潮汐", "limit": 1, "sort": "date"}\n', "utf-8")
    one, other = parsed_lines(tides("batch", file, "-n", "2", "--sort", "-date"))
    assert [hit["title"] for hit in one["hits"]] == ["第29号公报", "第28号公报"]
    assert [hit["title"] for hit in other["hits"]] == ["第0号公报"]
    for each in parsed_lines(tides("batch", file, "--no-hits")):
        assert each["total"] == TIDE_COUNT
        assert "hits" not in each


def test_batch_flushes_each_answer(tides: Cli) -> None:
    process = subprocess.Popen(
        [NEWSGREP, "batch", "-"],
        cwd=tides.folder,
        env=clean_environment(tides.folder),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    for query in ("灯塔", "潮汐"):
        process.stdin.write(f"{query}\n".encode())
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["query"] == query
    process.stdin.close()
    assert process.stdout.read() == b""
    process.stdout.close()
    assert process.wait(PATIENCE) == 0


def test_batch_into_a_closed_pipe_exits_0(tides: Cli) -> None:
    ran = tides.bash("yes 潮汐 | newsgrep batch - | head -n 2; echo ${PIPESTATUS[1]}")
    *answers, status = ran.lines
    assert [json.loads(each)["total"] for each in answers] == [TIDE_COUNT, TIDE_COUNT]
    assert status == "0"
    assert ran.stderr == b""


def test_batch_missing_index_is_one_error(cli: Cli) -> None:
    ran = cli("batch", "-", stdin="潮汐\n".encode(), status=2)
    assert "No index" in ran.err
    assert ran.stdout == b""


def test_batch_stops_at_a_damaged_index(cli: Cli, tides: Cli) -> None:
    (cli.folder / "n").symlink_to(tides.folder / "tides")
    cli("index", "n")
    for path in (cli.index / "whoosh").glob("*.trm"):
        data = bytearray(path.read_bytes())
        data[:64] = bytes(64)
        path.write_bytes(data)
    ran = cli("batch", "-", stdin="潮汐\n".encode(), status=2)
    assert "damaged" in ran.err
