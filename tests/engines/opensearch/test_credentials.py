"""Who asks a server proves it, in secret; and a server that can't prove itself is told nothing."""

from __future__ import annotations

import logging
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest

from newsgrep.engines.base import EngineRequest
from newsgrep.errors import NewsgrepError, ServerProblem
from newsgrep.index.store import ServerIndex
from newsgrep.query.ast import MatchAll
from tests.support.cli import TIMEOUT, Cli, Environment, write_article
from tests.support.cluster.fixtures import IndexNames
from tests.support.optional_engines import skip_or_fail
from tests.support.recording_proxy import (
    Forward,
    RecordingProxy,
    Request,
    RequestHandler,
    Response,
    forward_all,
    json_response,
)

pytestmark = pytest.mark.engines

USER = "leserin"
SECRET = "geheim-Nebel42"  # noqa: S105  (of a server that lasts as long as its test)
OTHER_SECRET = "verraten-Nebel7"  # noqa: S105  (likewise)
TOKEN = "token-Leuchtturm-9"  # noqa: S105  (likewise)

KNOWN: Environment = {
    "NEWSGREP_OPENSEARCH_USER": USER,
    "NEWSGREP_OPENSEARCH_PASSWORD": SECRET,
}


@pytest.fixture
def guarded(opensearch: IndexNames) -> Iterator[RecordingProxy]:
    """Give a door that asks for user and password."""
    with RecordingProxy(opensearch, password=f"{USER}:{SECRET}") as proxy:
        yield proxy


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of a key and its certificate for 127.0.0.1, which nobody has vouched for."""
    if shutil.which("openssl") is None:
        skip_or_fail("opensearch", "no openssl to make certificates with")
    folder = tmp_path_factory.mktemp("certificate")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", "/CN=news.example", "-keyout", "key.pem",
         "-out", "certificate.pem", "-addext", "subjectAltName=IP:127.0.0.1"],
        cwd=folder, capture_output=True, check=True,
    )  # fmt: skip
    path = folder / "both.pem"
    parts = [(folder / name).read_text("ascii") for name in ("key.pem", "certificate.pem")]
    path.write_text("".join(parts), "ascii")
    return path


@pytest.fixture
def sealed(opensearch: IndexNames, certificate: Path) -> Iterator[RecordingProxy]:
    """Give a door that speaks TLS and asks for user and password."""
    with RecordingProxy(opensearch, certificate, f"{USER}:{SECRET}") as proxy:
        yield proxy


@pytest.fixture
def authority(certificate: Path) -> Path:
    """Return the file of the certificate that is to be trusted."""
    return certificate.with_name("certificate.pem")


def one_article(cli: Cli) -> Cli:
    write_article(cli.folder / "n" / "a.md", "甲岛开渔", "渡轮照常。", date="2021-05-17")
    return cli


def configure(cli: Cli, text: str, mode: int = 0o600) -> Path:
    """Write the configuration file that the command reads in a test."""
    path = cli.folder / "config" / "newsgrep" / "opensearch.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    path.chmod(mode)
    return path


def table(
    proxy: RecordingProxy, host: str = "127.0.0.1", secret: str = SECRET, more: str = ""
) -> str:
    return f'["{host}"]\nuser = "{USER}"\npassword = "{secret}"\n{more}'.replace(
        "PORT", str(proxy.port)
    )


# Where they come from


def test_credentials_of_the_environment_are_taken_and_needed(
    guarded: RecordingProxy, cli: Cli
) -> None:
    one_article(cli)
    url = guarded.new()
    cli("index", "n", "--index", url, env=KNOWN)
    cli("search", "渡轮", "--index", url, env=KNOWN)
    for wrong in (
        {},
        {**KNOWN, "NEWSGREP_OPENSEARCH_PASSWORD": OTHER_SECRET},
        {**KNOWN, "NEWSGREP_OPENSEARCH_USER": "fremde"},
    ):
        for asked in (
            ("search", "渡轮"),
            ("search", "渡轮", "--json"),
            ("index", "n"),
            ("doctor",),
        ):
            ran = cli(*asked, "--index", url, env=wrong, status=2)
            assert ran.out == ""
            assert ran.err.startswith("newsgrep: The server at 127.0.0.1:")
            assert "Set NEWSGREP_OPENSEARCH_USER and NEWSGREP_OPENSEARCH_PASSWORD" in ran.err
            assert ran.err.count("\n") == 1
            for secret in (SECRET, OTHER_SECRET):
                assert secret not in ran.err


def test_credentials_of_the_file_are_for_their_host_only(guarded: RecordingProxy, cli: Cli) -> None:
    one_article(cli)
    url = guarded.new()
    configure(cli, table(guarded))
    cli("index", "n", "--index", url)
    configure(cli, table(guarded, secret=OTHER_SECRET) + table(guarded, "127.0.0.1:PORT"))
    cli("search", "渡轮", "--index", url)
    configure(cli, table(guarded, "news.example") + table(guarded, "127.0.0.1:9"))
    assert "does not accept the credentials" in cli("search", "渡轮", "--index", url, status=2).err
    # What the environment says goes before.
    configure(cli, table(guarded, secret=OTHER_SECRET))
    cli("search", "渡轮", "--index", url, env=KNOWN)


def test_a_token_is_taken_alone(opensearch: IndexNames, cli: Cli) -> None:
    one_article(cli)
    with RecordingProxy(opensearch, token=TOKEN) as proxy:
        url = proxy.new()
        told = {"NEWSGREP_OPENSEARCH_TOKEN": TOKEN}
        cli("index", "n", "--index", url, env=told)
        configure(cli, f'["127.0.0.1"]\ntoken = "{TOKEN}"\n')
        cli("search", "渡轮", "--index", url)
        ran = cli("search", "渡轮", "--index", url, env={**KNOWN, **told}, status=2)
        assert "or a token alone" in ran.err
        for secret in (SECRET, TOKEN):
            assert secret not in ran.err


def test_a_file_of_credentials_that_is_open_to_others_is_refused_with_the_cure(
    guarded: RecordingProxy, cli: Cli
) -> None:
    for mode, asked in (
        (0o640, ("search", "渡轮")),
        (0o604, ("stats", "--json")),
        (0o620, ("copy", "--to", "elsewhere")),
        (0o602, ("index", "n")),
    ):
        path = configure(cli, table(guarded), mode)
        ran = cli(*asked, "--index", guarded.new(), status=2)
        assert f"Run: chmod 600 {path}" in ran.err
        assert SECRET not in ran.err + ran.out
    assert guarded.requests == []


@pytest.mark.parametrize(
    "text",
    [
        f'["127.0.0.1"]\nuser = "{USER}"\npassword = "{SECRET}\n',
        f'["127.0.0.1"]\nuser = "{USER}"\npassword = {SECRET}\n',
        f'["127.0.0.1"]\nuser = "{USER}"\npasswort = "{SECRET}"\n',
        f'["127.0.0.1"]\nuser = ["{USER}"]\npassword = "{SECRET}"\n',
        f'["127.0.0.1"]\npassword = "{SECRET}"\n',
        f'"127.0.0.1" = "{SECRET}"\n',
    ],
)
def test_a_file_of_credentials_that_makes_no_sense_is_refused_and_not_repeated(
    guarded: RecordingProxy, cli: Cli, text: str
) -> None:
    path = configure(cli, text)
    for env in ({}, {"NEWSGREP_DEBUG": "1"}):
        ran = cli.run("search", "渡轮", "--index", guarded.new(), env=env)
        assert str(path) in ran.err
        assert SECRET not in ran.err + ran.out
    assert ran.status != 0
    assert guarded.requests == []


# Nothing secret is shown


def test_a_password_is_in_no_list_of_processes_and_in_nothing_that_is_written(
    guarded: RecordingProxy, cli: Cli
) -> None:
    one_article(cli)
    url = guarded.new()
    shown: list[bytes] = []

    def look(request: Request, forward: Forward) -> Response:
        # Read where anybody can: not the environment, which only its owner may.
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                shown.append(process.read_bytes())
            except OSError:  # it has just ended
                continue
        return forward(request)

    guarded.handler = look
    debugged = {**KNOWN, "NEWSGREP_DEBUG": "1", "PYTHONWARNINGS": "default"}
    cli("index", "n", "--index", url, env=KNOWN)
    guarded.handler = forward_all
    assert any(b"newsgrep" in each and url.encode() in each for each in shown)
    written = [
        cli.run(*asked, "--index", url, env=env)
        for env in (KNOWN, debugged)
        for asked in (
            ("search", "渡轮", "--json"),
            ("stats", "--json"),
            ("reindex",),
        )
    ]
    guarded.handler = lambda _request, _forward: json_response(500, {"error": "so", "status": 500})
    written += [cli.run("search", "渡轮", "--index", url, env=debugged)]
    assert b"Traceback" in written[-1].stderr
    guarded.handler = lambda _request, _forward: None
    written += [cli.run("search", "渡轮", "--index", url, env=debugged)]
    assert b"Traceback" in written[-1].stderr
    sent = guarded.requests[-1].headers["authorization"].split()[1].encode()
    for secret in (SECRET.encode(), sent):
        assert not [each for each in shown if secret in each]
        assert not [each for each in written if secret in each.stdout + each.stderr]
        assert not [
            path for path in cli.folder.rglob("*") if path.is_file() and secret in path.read_bytes()
        ]
        # Nor does the server keep it with the index.
        assert secret.decode() not in str(
            guarded.cluster.request(f"/{ServerIndex(url).address.name}*")
        )


def test_a_password_is_in_no_log_and_in_no_state_of_an_object(
    guarded: RecordingProxy,
    cli: Cli,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    one_article(cli)
    url = guarded.new()
    for name, value in KNOWN.items():
        monkeypatch.setenv(name, value or "")
    cli("index", "n", "--index", url, env=KNOWN)
    caplog.set_level(logging.DEBUG)
    with ServerIndex(url).open() as engine:
        assert engine.search(EngineRequest(MatchAll())).total == 1
        guarded.handler = lambda _request, _forward: json_response(
            500, {"error": "so", "status": 500}
        )
        with pytest.raises(ServerProblem) as raised:
            engine.search(EngineRequest(MatchAll()))
        guarded.handler = forward_all
    logged = "\n".join(str(vars(record)) for record in caplog.records)
    assert "_search" in logged
    causes = str(raised.value), repr(raised.value.__cause__), repr(engine)
    sent = guarded.requests[-1].headers["authorization"].split()[1]
    for secret in (SECRET, sent):
        assert secret not in logged
        assert not [each for each in causes if secret in each]


def test_a_server_that_sends_one_elsewhere_is_not_followed(
    guarded: RecordingProxy, cli: Cli, opensearch: IndexNames
) -> None:
    with RecordingProxy(opensearch) as elsewhere:
        guarded.handler = lambda request, _: Response(
            307, b"{}", (("Location", f"http://127.0.0.1:{elsewhere.port}{request.path}"),)
        )
        ran = cli("search", "渡轮", "--index", guarded.new(), env=KNOWN, status=2)
        assert ran.err.startswith("newsgrep: The server at ")
        assert elsewhere.requests == []


# Whether it is the right server


def test_a_certificate_that_nobody_vouches_for_is_refused(
    sealed: RecordingProxy, cli: Cli, authority: Path
) -> None:
    one_article(cli)
    url = sealed.new()
    for asked in (("search", "渡轮"), ("index", "n"), ("copy", "--to", "elsewhere")):
        ran = cli(*asked, "--index", url, env=KNOWN, status=2)
        assert "can't be trusted" in ran.err
        assert "NEWSGREP_OPENSEARCH_CA" in ran.err
        assert ran.err.count("\n") == 1
    assert sealed.requests == []  # not a word was said to it
    trusting = {**KNOWN, "NEWSGREP_OPENSEARCH_CA": str(authority)}
    cli("index", "n", "--index", url, env=trusting)
    cli("search", "渡轮", "--index", url, env=trusting)
    configure(cli, table(sealed, more=f'ca = "{authority}"\n'))
    cli("search", "渡轮", "--index", url)


def test_a_certificate_of_another_name_is_refused(
    sealed: RecordingProxy, cli: Cli, authority: Path
) -> None:
    url = sealed.new().replace("127.0.0.1", "localhost")
    trusting = {**KNOWN, "NEWSGREP_OPENSEARCH_CA": str(authority)}
    ran = cli("search", "渡轮", "--index", url, env=trusting, status=2)
    assert "can't be trusted" in ran.err
    assert sealed.requests == []


def test_authorities_that_are_not_there_or_none_are_told(sealed: RecordingProxy, cli: Cli) -> None:
    (cli.folder / "none.pem").write_text("no certificate", "ascii")
    for name in ("nowhere.pem", "none.pem"):
        env = {**KNOWN, "NEWSGREP_OPENSEARCH_CA": name}
        ran = cli("search", "渡轮", "--index", sealed.new(), env=env, status=2)
        assert "NEWSGREP_OPENSEARCH_CA" in ran.err
        assert ran.err.count("\n") == 1


def test_a_server_with_tls_that_is_asked_without_and_the_contrary_is_told(
    sealed: RecordingProxy, guarded: RecordingProxy, cli: Cli
) -> None:
    plainly = sealed.new().replace("opensearch+https", "opensearch")
    ran = cli("search", "渡轮", "--index", plainly, env=KNOWN, status=2)
    assert "opensearch+https://" in ran.err
    secretly = guarded.new().replace("opensearch", "opensearch+https")
    ran = cli("search", "渡轮", "--index", secretly, env=KNOWN, status=2)
    assert "opensearch+http://" in ran.err


def test_no_password_goes_over_a_network_in_the_open(cli: Cli) -> None:
    ran = cli("search", "渡轮", "--index", "opensearch+http://192.0.2.7/n", env=KNOWN, status=2)
    assert "Use opensearch+https://" in ran.err


# Whether it is there at all


def test_a_server_that_is_not_there_is_told(proxy: RecordingProxy, cli: Cli) -> None:
    one_article(cli)
    url = proxy.new()
    cli("index", "n", "--index", url)
    proxy.close()
    for asked in (("search", "渡轮"), ("index", "n"), ("doctor",)):
        ran = cli(*asked, "--index", url, status=2)
        assert "can't be reached" in ran.err
        assert ran.err.count("\n") == 1


def gone_after(proxy: RecordingProxy, last: int) -> RequestHandler:
    """Let so many requests through, and no more."""
    return lambda request, forward: forward(request) if len(proxy.requests) <= last else None


@pytest.mark.parametrize("asked", [("search", "渡轮"), ("reindex",)])
def test_a_server_that_goes_in_the_middle_of_a_command_is_told(
    proxy: RecordingProxy, cli: Cli, asked: tuple[str, ...]
) -> None:
    one_article(cli)
    url = proxy.new()
    cli("index", "n", "--index", url)
    proxy.requests.clear()
    cli(*asked, "--index", url)
    count = len(proxy.requests)
    for last in {count // 2, count - 1}:
        proxy.requests.clear()
        proxy.handler = gone_after(proxy, last)
        ran = cli.run(*asked, "--index", url)
        assert b"Traceback" not in ran.stderr
        assert b"internal error" not in ran.stderr
        # A last request may only have let go of what was asked.
        assert ran.status == 2, (last, count, ran)
        assert "can't be reached" in ran.err + ran.out


@contextmanager
def stranger(body: bytes, status: int = 200) -> Iterator[str]:
    """Give the address of something else that answers, always the same."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=UTF-8")
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_PUT = do_HEAD = do_GET  # noqa: N815  (its interface)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"opensearch://127.0.0.1:{server.server_address[1]}/news"
        finally:
            server.shutdown()
            thread.join()


STRANGE = (
    b"<html>fog</html>", b"", b"[]", b'"fog"', b'{"fog": "harbour"}', b'{"fog": {"a": []}}',
    b'{"a": {"mappings": 7}}', b"\xff\xfe", b'{"error": "fog"}', b"{}",
)  # fmt: skip


@pytest.mark.parametrize("status", [200, 404, 500])
def test_what_is_no_opensearch_is_told(cli: Cli, status: int) -> None:
    for body in STRANGE:
        with (
            stranger(body, status) as url,
            pytest.raises(NewsgrepError),
            ServerIndex(url).open(),
        ):
            pass
    with stranger(b'{"fog": "harbour"}', status) as url:
        ran = cli("search", "渡轮", "--index", url, status=2)
    assert ran.err.startswith("newsgrep: The server at 127.0.0.1:")
    assert ran.err.count("\n") == 1


def test_ctrl_c_while_a_server_is_silent_ends_a_command(proxy: RecordingProxy, cli: Cli) -> None:
    one_article(cli)
    url = proxy.new()
    cli("index", "n", "--index", url)
    reached, done = Event(), Event()

    def silent(_request: Request, _forward: Forward) -> None:
        reached.set()
        done.wait(TIMEOUT)

    proxy.handler = silent
    process = cli.start("search", "渡轮", "--index", url)
    assert reached.wait(TIMEOUT)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=TIMEOUT)
    done.set()
    assert (process.returncode, out) == (130, b"")
    assert err.strip().startswith(b"newsgrep: stopped")
