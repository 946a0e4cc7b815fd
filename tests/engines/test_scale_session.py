"""The session of commands in docs/SCALE.md, run on one archive in an index of each engine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench import compare_output
from tests.support.cli import REPOSITORY, Cli
from tests.support.cluster.fixtures import IndexNames
from tests.support.optional_engines import require_installed

PAGE = REPOSITORY / "docs" / "SCALE.md"
FENCE = re.compile(r"```session\n(.*?)```", re.DOTALL)


@pytest.mark.engines
def test_the_session_of_the_guide_to_scale_prints_the_same_on_three_engines(
    seeds: Cli, opensearch: IndexNames, tmp_path: Path
) -> None:
    require_installed("tantivy")
    (session,) = FENCE.findall(PAGE.read_text("utf-8"))
    path = tmp_path / "session.txt"
    path.write_text(session, "utf-8")
    big, server = str(tmp_path / "big.index"), f"{opensearch.new()}?replicas=0"
    seeds("copy", "--to", big, "--engine", "tantivy")
    seeds("copy", "--to", server)
    asked = ["--session", str(path), str(seeds.index), big, server]
    ended = CliRunner().invoke(compare_output.main, asked)
    assert ended.exit_code == 0, ended.output
    lines = len(session.splitlines())
    assert f"{lines} commands, 3 indexes: 0 different" in ended.output
    assert lines > 10
