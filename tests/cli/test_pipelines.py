"""Records through pipes: ``extract --jsonl`` prints them, ``index --records jsonl`` reads them."""

from __future__ import annotations

import json
import random
from typing import Any

from tests.support.cli import Cli, CommandResult

TEXT = "工程昨天完工，沿岸的村子不再需要沙袋。"


def row(number: int, **fields: Any) -> str:
    article = {"title": f"第{number}号工程", "url": f"https://a.example/{number}"}
    return json.dumps({**article, "text": f"第{number}号{TEXT}", **fields}, ensure_ascii=False)


def objects(ran: CommandResult) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ran.lines]


def test_extract_prints_an_article_on_each_line(cli: Cli) -> None:
    (cli.folder / "d.jsonl").write_text(f"{row(1)}\n{row(2, published='2024-05-17')}\n", "utf-8")
    first, second = objects(cli("extract", "--jsonl", "d.jsonl"))
    assert (first["version"], first["locator"], first["reason"]) == (1, ":1", None)
    assert second["path"] == f"{cli.folder}/d.jsonl:2"
    assert (second["url"], second["published"]) == ("https://a.example/2", "2024-05-17")
    whole = cli.json("extract", "d.jsonl")["records"][1]["article"]
    assert second == {"version": 1, "locator": ":2", "reason": None, **whole}


def test_extract_prints_errors_as_lines(cli: Cli) -> None:
    (cli.folder / "d.jsonl").write_text(f"{row(1)}\n{{oh\n{row(2)}\n", "utf-8")
    (cli.folder / "p.md").write_text("", "utf-8")
    ran = cli("extract", "--jsonl", "gone.html", "p.md", "d.jsonl", status=2)
    lines = objects(ran)
    reasons = [each["reason"] for each in lines]
    assert reasons[0].startswith("No file gone.html")
    assert [bool(reason) for reason in reasons] == [True, True, False, True, False]
    assert set(lines[3]) == {"version", "path", "locator", "reason"}
    assert lines[3]["path"] == f"{cli.folder}/d.jsonl:2"
    assert "No file gone.html" in ran.err


def test_extract_explain_prints_claims_on_each_line(cli: Cli) -> None:
    (cli.folder / "d.jsonl").write_text(f"{row(1)}\n{row(2)}\n", "utf-8")
    first, second = objects(cli("extract", "--jsonl", "--explain", "d.jsonl"))
    assert first["version"] == 1
    assert second["claims"]
    whole = cli.json("extract", "d.jsonl")["records"]
    assert second == {"version": 1, **whole[1]}


def send(cli: Cli, *lines: str, status: int = 0) -> dict[str, Any]:
    data = "".join(f"{line}\n" for line in lines).encode()
    ran = cli("index", "-", "--records", "jsonl", "--json", stdin=data, status=status)
    summary: dict[str, Any] = json.loads(ran.out)
    outcomes = ("added", "updated", "unchanged", "duplicate", "rejected", "failed")
    assert summary["seen"] == sum(summary[each] for each in outcomes) == len(lines)
    return summary


def stored(cli: Cli) -> dict[str, str]:
    """Return the body of each article by the path of its record."""
    hits = cli.json("search", "工程", "-n", "1000")["hits"]
    return {hit["path"]: cli.json("show", hit["id"])["body"] for hit in hits}


def test_records_are_identified_by_address_id_or_content(cli: Cli) -> None:
    unnamed = json.dumps({"title": "第3号工程", "text": TEXT})
    assert send(cli, row(1), row(2, url=None, id=17), unnamed)["added"] == 3
    again = send(cli, row(2, url=None, id=17, text=f"新的{TEXT}"), unnamed)
    assert (again["updated"], again["unchanged"], again["articles"]) == (1, 1, 3)
    found = stored(cli)
    assert found["stdin!/https://a.example/1"] == f"第1号{TEXT}"
    assert found["stdin!/17"] == f"新的{TEXT}"
    assert cli.json("show", "stdin!/https://a.example/1")["title"] == "第1号工程"
    assert "standard input" in cli("show", "stdin!/17", "--raw", status=2).err
    assert cli.json("stats")["records"] == {"indexed": 3}


def test_later_record_of_a_stream_replaces_the_earlier_one(cli: Cli) -> None:
    states = [row(1, text=f"{'很' * (9 - n)}{TEXT}") for n in range(4)]
    summary = send(cli, *states)
    assert (summary["added"], summary["updated"], summary["articles"]) == (1, 3, 1)
    assert list(stored(cli).values()) == [f"{'很' * 6}{TEXT}"]
    # The first state is what the index would know if the second were not sent before.
    send(cli, states[0], states[3])
    assert list(stored(cli).values()) == [f"{'很' * 6}{TEXT}"]
    empty = '{"url": "https://a.example/1", "id": 4}'
    send(cli, empty, states[2], empty)
    assert list(stored(cli).values()) == [f"{'很' * 7}{TEXT}"]


def test_streams_leave_the_last_state_of_each_record(cli: Cli) -> None:
    chance = random.Random(15)
    expected: dict[str, str] = {}
    for _ in range(12):
        lines = []
        for _ in range(chance.randrange(1, 8)):
            number, text = chance.randrange(4), f"{'很' * chance.randrange(5)}{TEXT}"
            lines.append(row(number, text=text))
            expected[f"stdin!/https://a.example/{number}"] = text
        send(cli, *lines)
        assert stored(cli) == expected
    cli("doctor")


def test_records_and_files_are_in_one_index(cli: Cli) -> None:
    (cli.folder / "d.jsonl").write_text(f"{row(1)}\n{row(2)}\n", "utf-8")
    cli("index", "d.jsonl")
    summary = send(cli, row(1), row(3))
    assert (summary["added"], summary["duplicate"], summary["articles"]) == (1, 1, 3)
    (cli.folder / "d.jsonl").write_text(f"{row(2)}\n{row(4)}\n", "utf-8")
    cli("index", "d.jsonl", "--prune")
    assert {path.rpartition("/")[2] for path in stored(cli)} == {"d.jsonl:1", "d.jsonl:2", "3"}
    # The text of the duplicate was not stored; sent again, it is an article.
    assert send(cli, row(1))["added"] == 1
    (cli.folder / "d.jsonl").unlink()
    cli("index", "d.jsonl", "--prune")
    assert set(stored(cli)) == {"stdin!/https://a.example/1", "stdin!/https://a.example/3"}
    cli("doctor")


def test_bad_lines_of_a_stream_are_reported(cli: Cli) -> None:
    summary = send(cli, "{oh", row(1), "[]", status=2)
    assert (summary["failed"], summary["articles"]) == (2, 1)
    assert [each["path"] for each in summary["files"]["failed"]] == ["stdin:1", "stdin:3"]
    assert send(cli, row(1))["failed"] == 0
    ran = cli("index", "-", "--records", "jsonl", stdin=b"{oh\n" * 30, status=2)
    assert "30 records: not valid JSON" in ran.err
    assert len(ran.err.splitlines()) < 5


def test_extract_can_be_piped_into_index(cli: Cli) -> None:
    dated = row(2, published="2024-05-17", authors=["林一舟"])
    (cli.folder / "d.jsonl").write_text(f"{row(1)}\n{{oh\n{dated}\n", "utf-8")
    cli("index", "d.jsonl", "--index", "direct")
    lines = cli("extract", "--jsonl", "d.jsonl").stdout
    cli("index", "-", "--records", "jsonl", stdin=lines, status=None)
    keys = ("id", "title", "body", "url", "published", "authors", "source")
    for number in (1, 2):
        piped = cli.json("show", f"stdin!/https://a.example/{number}")
        direct = cli.json("show", piped["id"], "--index", "direct")
        assert {key: piped[key] for key in keys} == {key: direct[key] for key in keys}


def test_wrong_options_of_records_name_the_next_step(cli: Cli) -> None:
    for arguments, message in (
        (["d.jsonl"], "newsgrep index - --records jsonl"),
        (["-", "x"], "newsgrep index - --records jsonl"),
        (["-", "--prune"], "leave --reextract"),
        (["-", "--shard", "1/2"], "leave --reextract"),
    ):
        assert message in cli("index", *arguments, "--records", "jsonl", status=2).err
