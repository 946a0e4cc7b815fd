"""Records through pipes: ``extract --jsonl`` prints them, ``index --records jsonl`` reads them."""

from __future__ import annotations

import json
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
