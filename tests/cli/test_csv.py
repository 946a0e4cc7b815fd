"""CSV: cells that a spreadsheet or a terminal could act on, line breaks, and the three forms."""

from __future__ import annotations

import csv
import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsgrep.views import CsvForm, FilePath
from newsgrep.views.table import csv_lines, safe_cell
from tests.support.cli import Cli, write_article

FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", " =1+1", "＝1+1", "　@A1", "\t1", "\n=1")
INVISIBLE = (
    "\x1b",
    "\x00",
    "\x9b",
    "\r",
    "\u202e",
    "\u200b",
    "\u2066",
    "\ufeff",
    "\xad",
    "\U000e0041",
)
TEXTS = st.text(st.sampled_from("雾a1=+-@,;\"'\n\t\r \x1b\u200b\u202e\u3000\ud800"), max_size=12)
COMMANDS = (
    ("search", "海带"),
    ("search", "海带", "--collapse"),
    ("kwic", "海带"),
    ("timeline", "海带", "--per", "source", "--top", "9", "--by", "year"),
    ("compare", "海带", "--sources", "1+1,雾港"),
)


def parse(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


def is_neutral(cell: str) -> bool:
    """Return whether a spreadsheet and a terminal print ``cell`` as it is."""
    allowed = {"\n", "\t"}
    seen = {c for c in cell if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}}
    return (
        seen <= allowed and cell.lstrip()[:1] not in set("=+-@＝＋－＠") and cell[:1] not in allowed
    )


@pytest.fixture(scope="module")
def formulas(tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """Run newsgrep on articles whose titles, authors, sources and names begin like formulas."""
    cli = Cli(tmp_path_factory.mktemp("formulas"))
    for number, sign in enumerate("=+-@"):
        name = f"{number}\u202e\x1b[5m\u200b\n=1.md"
        folder = cli.folder / "n"
        text = f"{sign}1+1 海带第{number}筐，{sign}2"
        write_article(folder / name, text, f"{text}。\n\n-海带 {text}。", source=f"{sign}1+1报")
    write_article(cli.folder / "n" / "plain.md", "寻常标题", "海带, 三筐。", source="雾港日报")
    cli("index", "n")
    return cli


@pytest.mark.parametrize("formula", FORMULAS)
def test_safe_cell_marks_formulas_as_text(formula: str) -> None:
    assert safe_cell(formula) == f"'{formula}"


@pytest.mark.parametrize("character", INVISIBLE)
def test_safe_cell_replaces_invisible_characters(character: str) -> None:
    assert safe_cell(f"雾{character}港") == "雾\ufffd港"


@pytest.mark.parametrize("cell", [-1.5, 7, "", "1=1", "a-b", "雾港\n日报\t", "“=1”"])
def test_safe_cell_keeps_numbers_and_plain_text(cell: object) -> None:
    assert safe_cell(cell) == cell


def test_safe_cell_quotes_paths_as_the_shell_does() -> None:
    assert safe_cell(FilePath("/n/=1.md")) == "/n/=1.md"
    assert safe_cell(FilePath("/n/\n\u200b'\udcff")) == r"$'/n/\n\342\200\213\'\377'"


@given(st.lists(st.lists(TEXTS, min_size=2, max_size=4), min_size=1, max_size=4))
def test_csv_lines_are_read_back_cell_by_cell(rows: list[list[str]]) -> None:
    for form in CsvForm:
        text = "".join(f"{line}\n" for line in csv_lines(rows, form)).removeprefix("\ufeff")
        found = parse(text)
        safe = [[str(safe_cell(cell)) for cell in row] for row in rows]
        assert found == (rows if form is CsvForm.RAW else safe)
        assert form is CsvForm.RAW or all(is_neutral(cell) for row in found for cell in row)


def test_csv_keeps_a_lone_carriage_return_in_one_record() -> None:
    # Readers that take a carriage return for the end of a record need it in quotes.
    assert list(csv_lines([["a\rb", "c\nd"]], CsvForm.RAW)) == ['"a\rb","c\nd"']


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_csv_of_every_command_is_neutral(formulas: Cli, command: tuple[str, ...]) -> None:
    rows = parse(formulas(*command, "--csv").out)
    assert len(rows) > 2
    assert len({len(row) for row in rows}) == 1
    assert [cell for row in rows for cell in row if not is_neutral(cell)] == []
    assert any(cell.startswith("'") for row in rows for cell in row)


def test_csv_raw_prints_texts_unchanged(formulas: Cli) -> None:
    hits = formulas.json("search", "海带")["hits"]
    rows = list(
        csv.DictReader(io.StringIO(formulas("search", "海带", "--csv=raw").out, newline=""))
    )
    for row, hit in zip(rows, hits, strict=True):
        assert (row["title"], row["source"], row["path"]) == (
            hit["title"],
            hit["source"],
            hit["path"],
        )
    assert {row["source"][0] for row in rows} == set("=+-@雾")


def test_csv_excel_has_a_byte_order_mark_and_crlf(formulas: Cli) -> None:
    plain, excel = (formulas("search", "海带", form).stdout for form in ("--csv", "--csv=excel"))
    assert excel.startswith(b"\xef\xbb\xbfrank,id,")
    assert not plain.startswith(b"\xef")
    assert b"\r" not in plain
    assert excel.decode("utf-8-sig").replace("\r\n", "\n") == plain.decode()
    assert excel.count(b"\r\n") == excel.count(b"\r") == len(parse(plain.decode()))


def test_csv_paths_name_the_files_in_a_shell(formulas: Cli) -> None:
    rows = list(csv.DictReader(io.StringIO(formulas("search", "海带", "--csv").out, newline="")))
    quoted = [row["path"] for row in rows if row["path"].startswith("$'")]
    assert len(quoted) == 4
    for path in quoted:
        assert formulas.bash(f"grep -c 海带 {path}").out.strip() != ""


@pytest.mark.parametrize("value", ["--csv=xls", "--csv=", "--csv=\x1b[5m"])
def test_unknown_csv_form_is_an_error(formulas: Cli, value: str) -> None:
    ran = formulas("search", "海带", value, status=2)
    assert "safe, excel, raw" in ran.err
    assert "\x1b" not in ran.err


def test_csv_form_after_two_dashes_is_a_query(formulas: Cli) -> None:
    assert formulas("search", "-n", "0", "--", "--csv=raw", status=None).status in {0, 1}
    assert "Unknown option --csv" in formulas("show", "x", "--csv=raw", status=2).err


@pytest.mark.parametrize(
    ("arguments", "columns"),
    [
        (("search", "声明"), ("title", "id")),
        (("search", "声明", "--collapse"), ("more", "rank")),
        (("timeline", "声明"), ("count", "bin")),
        (("kwic", "声明"), ("keyword", "id")),
        (("keywords", "voxg36vu63he"), ("word", "score")),
        (("similar", "voxg36vu63he"), ("shared_terms", "id")),
        (("compare", "声明", "--sources", "汀海,北河"), ("articles", "name")),
        (("count", "声明", "--by", "month"), ("count", "value")),
        (("sources",), ("articles", "source")),
        (("stats",), ("count", "figure")),
        (("list",), ("title", "id")),
    ],
)
def test_columns_chooses_and_orders(
    seeds: Cli, arguments: tuple[str, ...], columns: tuple[str, ...]
) -> None:
    whole = list(csv.DictReader(io.StringIO(seeds(*arguments, "--csv").out)))
    ran = seeds(*arguments, "--csv", "--columns", ", ".join(columns))
    chosen = list(csv.reader(io.StringIO(ran.out)))
    assert chosen == [[*columns], *([row[name] for name in columns] for row in whole)]
    ran = seeds(*arguments, "--csv", "--columns", "colour", status=2)
    assert "Unknown column “colour”. Choose from " in ran.err
    ran = seeds(*arguments, "--csv", "--bom")
    assert ran.stdout.startswith(b"\xef\xbb\xbf")
    assert ran.stdout == seeds(*arguments, "--csv=excel").stdout


def test_bom_needs_csv(seeds: Cli) -> None:
    for other in ((), ("--json",), ("--csv=raw",)):
        assert "--bom needs --csv" in seeds("search", "声明", "--bom", *other, status=2).err
