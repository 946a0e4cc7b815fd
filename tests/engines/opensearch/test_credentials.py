"""Credentials, which are never shown, and certificates of servers."""

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
from newsgrep.indexing.server import ServerIndex
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
SECRET = "geheim-Nebel42"  # noqa: S105  (of a proxy in a test)
OTHER_SECRET = "verraten-Nebel7"  # noqa: S105  (likewise)
TOKEN = "token-Leuchtturm-9"  # noqa: S105  (likewise)

KNOWN: Environment = {
    "NEWSGREP_OPENSEARCH_USER": USER,
    "NEWSGREP_OPENSEARCH_PASSWORD": SECRET,
}


@pytest.fixture
def password_proxy(opensearch: IndexNames) -> Iterator[RecordingProxy]:
    """Return a proxy that requires user and password."""
    with RecordingProxy(opensearch, password=f"{USER}:{SECRET}") as proxy:
        yield proxy


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with a key and a self-signed certificate for 127.0.0.1."""
    if shutil.which("openssl") is None:
        skip_or_fail("opensearch", "no openssl to create certificates with")
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
def tls_proxy(opensearch: IndexNames, certificate: Path) -> Iterator[RecordingProxy]:
    """Return a proxy that uses TLS and requires user and password."""
    with RecordingProxy(opensearch, certificate, f"{USER}:{SECRET}") as proxy:
        yield proxy


@pytest.fixture
def ca_file(certificate: Path) -> Path:
    """Return the file of the certificate to trust."""
    return certificate.with_name("certificate.pem")


def one_article(cli: Cli) -> Cli:
    write_article(cli.folder / "n" / "a.md", "甲岛开渔", "渡轮照常。", date="2021-05-17")
    return cli


def configure(cli: Cli, text: str, mode: int = 0o600) -> Path:
    """Write the credentials file that the command reads in a test."""
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


# Sources of credentials


def test_credentials_from_the_environment(password_proxy: RecordingProxy, cli: Cli) -> None:
    one_article(cli)
    url = password_proxy.new()
    cli("index", "n", "--index", url, env=KNOWN)
    cli("search", "渡轮", "--index", url, env=KNOWN)
    for wrong in (
        {},
        {**KNOWN, "NEWSGREP_OPENSEARCH_PASSWORD": OTHER_SECRET},
        {**KNOWN, "NEWSGREP_OPENSEARCH_USER": "fremde"},
    ):
        for arguments in (
            ("search", "渡轮"),
            ("search", "渡轮", "--json"),
            ("index", "n"),
            ("doctor",),
        ):
            ran = cli(*arguments, "--index", url, env=wrong, status=2)
            assert ran.out == ""
            assert ran.err.startswith("newsgrep: The server at 127.0.0.1:")
            assert "Set NEWSGREP_OPENSEARCH_USER and NEWSGREP_OPENSEARCH_PASSWORD" in ran.err
            assert ran.err.count("\n") == 1
            for secret in (SECRET, OTHER_SECRET):
                assert secret not in ran.err


def test_credentials_from_the_file_are_for_one_host(
    password_proxy: RecordingProxy, cli: Cli
) -> None:
    one_article(cli)
    url = password_proxy.new()
    configure(cli, table(password_proxy))
    cli("index", "n", "--index", url)
    configure(
        cli, table(password_proxy, secret=OTHER_SECRET) + table(password_proxy, "127.0.0.1:PORT")
    )
    cli("search", "渡轮", "--index", url)
    configure(cli, table(password_proxy, "news.example") + table(password_proxy, "127.0.0.1:9"))
    assert "does not accept the credentials" in cli("search", "渡轮", "--index", url, status=2).err
    # The environment takes precedence.
    configure(cli, table(password_proxy, secret=OTHER_SECRET))
    cli("search", "渡轮", "--index", url, env=KNOWN)


def test_token_excludes_user_and_password(opensearch: IndexNames, cli: Cli) -> None:
    one_article(cli)
    with RecordingProxy(opensearch, token=TOKEN) as proxy:
        url = proxy.new()
        token = {"NEWSGREP_OPENSEARCH_TOKEN": TOKEN}
        cli("index", "n", "--index", url, env=token)
        configure(cli, f'["127.0.0.1"]\ntoken = "{TOKEN}"\n')
        cli("search", "渡轮", "--index", url)
        ran = cli("search", "渡轮", "--index", url, env={**KNOWN, **token}, status=2)
        assert "or a token alone" in ran.err
        for secret in (SECRET, TOKEN):
            assert secret not in ran.err


def test_credentials_file_readable_by_others_is_rejected(
    password_proxy: RecordingProxy, cli: Cli
) -> None:
    for mode, arguments in (
        (0o640, ("search", "渡轮")),
        (0o604, ("stats", "--json")),
        (0o620, ("copy", "--to", "elsewhere")),
        (0o602, ("index", "n")),
    ):
        path = configure(cli, table(password_proxy), mode)
        ran = cli(*arguments, "--index", password_proxy.new(), status=2)
        assert f"Run: chmod 600 {path}" in ran.err
        assert SECRET not in ran.err + ran.out
    assert password_proxy.requests == []


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
def test_invalid_credentials_file_is_not_repeated(
    password_proxy: RecordingProxy, cli: Cli, text: str
) -> None:
    path = configure(cli, text)
    for env in ({}, {"NEWSGREP_DEBUG": "1"}):
        ran = cli.process("search", "渡轮", "--index", password_proxy.new(), env=env)
        assert str(path) in ran.err
        assert SECRET not in ran.err + ran.out
    assert ran.status != 0
    assert password_proxy.requests == []


# No secret is shown


def test_password_is_in_no_process_list_and_no_file(
    password_proxy: RecordingProxy, cli: Cli
) -> None:
    one_article(cli)
    url = password_proxy.new()
    shown: list[bytes] = []

    def look(request: Request, forward: Forward) -> Response:
        # What any user can read, unlike the environment.
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                shown.append(process.read_bytes())
            except OSError:  # it has just ended
                continue
        return forward(request)

    password_proxy.handler = look
    debugged = {**KNOWN, "NEWSGREP_DEBUG": "1", "PYTHONWARNINGS": "default"}
    assert cli.process("index", "n", "--index", url, env=KNOWN).status == 0
    password_proxy.handler = forward_all
    assert any(b"newsgrep" in each and url.encode() in each for each in shown)
    written = [
        cli.process(*arguments, "--index", url, env=env)
        for env in (KNOWN, debugged)
        for arguments in (
            ("search", "渡轮", "--json"),
            ("stats", "--json"),
            ("reindex",),
        )
    ]
    password_proxy.handler = lambda _request, _forward: json_response(
        500, {"error": "so", "status": 500}
    )
    written += [cli.process("search", "渡轮", "--index", url, env=debugged)]
    assert b"Traceback" in written[-1].stderr
    password_proxy.handler = lambda _request, _forward: None
    written += [cli.process("search", "渡轮", "--index", url, env=debugged)]
    assert b"Traceback" in written[-1].stderr
    sent = password_proxy.requests[-1].headers["authorization"].split()[1].encode()
    for secret in (SECRET.encode(), sent):
        assert not [each for each in shown if secret in each]
        assert not [each for each in written if secret in each.stdout + each.stderr]
        assert not [
            path for path in cli.folder.rglob("*") if path.is_file() and secret in path.read_bytes()
        ]
        # Nor does the server keep it with the index.
        assert secret.decode() not in str(
            password_proxy.cluster.request(f"/{ServerIndex(url).address.name}*")
        )


def test_password_is_in_no_log_and_no_repr(
    password_proxy: RecordingProxy,
    cli: Cli,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    one_article(cli)
    url = password_proxy.new()
    for name, value in KNOWN.items():
        monkeypatch.setenv(name, value or "")
    cli("index", "n", "--index", url, env=KNOWN)
    caplog.set_level(logging.DEBUG)
    with ServerIndex(url).open() as engine:
        assert engine.search(EngineRequest(MatchAll())).total == 1
        password_proxy.handler = lambda _request, _forward: json_response(
            500, {"error": "so", "status": 500}
        )
        with pytest.raises(ServerProblem) as raised:
            engine.search(EngineRequest(MatchAll()))
        password_proxy.handler = forward_all
    logged = "\n".join(str(vars(record)) for record in caplog.records)
    assert "_search" in logged
    causes = str(raised.value), repr(raised.value.__cause__), repr(engine)
    sent = password_proxy.requests[-1].headers["authorization"].split()[1]
    for secret in (SECRET, sent):
        assert secret not in logged
        assert not [each for each in causes if secret in each]


def test_redirect_is_not_followed(
    password_proxy: RecordingProxy, cli: Cli, opensearch: IndexNames
) -> None:
    with RecordingProxy(opensearch) as elsewhere:
        password_proxy.handler = lambda request, _: Response(
            307, b"{}", (("Location", f"http://127.0.0.1:{elsewhere.port}{request.path}"),)
        )
        ran = cli("search", "渡轮", "--index", password_proxy.new(), env=KNOWN, status=2)
        assert ran.err.startswith("newsgrep: The server at ")
        assert elsewhere.requests == []


# Certificates


def test_untrusted_certificate_is_rejected(
    tls_proxy: RecordingProxy, cli: Cli, ca_file: Path
) -> None:
    one_article(cli)
    url = tls_proxy.new()
    for arguments in (("search", "渡轮"), ("index", "n"), ("copy", "--to", "elsewhere")):
        ran = cli(*arguments, "--index", url, env=KNOWN, status=2)
        assert "can't be trusted" in ran.err
        assert "NEWSGREP_OPENSEARCH_CA" in ran.err
        assert ran.err.count("\n") == 1
    assert tls_proxy.requests == []  # nothing was sent
    trusting = {**KNOWN, "NEWSGREP_OPENSEARCH_CA": str(ca_file)}
    cli("index", "n", "--index", url, env=trusting)
    cli("search", "渡轮", "--index", url, env=trusting)
    configure(cli, table(tls_proxy, more=f'ca = "{ca_file}"\n'))
    cli("search", "渡轮", "--index", url)


def test_certificate_of_another_host_is_rejected(
    tls_proxy: RecordingProxy, cli: Cli, ca_file: Path
) -> None:
    url = tls_proxy.new().replace("127.0.0.1", "localhost")
    trusting = {**KNOWN, "NEWSGREP_OPENSEARCH_CA": str(ca_file)}
    ran = cli("search", "渡轮", "--index", url, env=trusting, status=2)
    assert "can't be trusted" in ran.err
    assert tls_proxy.requests == []


def test_missing_or_invalid_ca_file_is_reported(tls_proxy: RecordingProxy, cli: Cli) -> None:
    (cli.folder / "none.pem").write_text("no certificate", "ascii")
    for name in ("nowhere.pem", "none.pem"):
        env = {**KNOWN, "NEWSGREP_OPENSEARCH_CA": name}
        ran = cli("search", "渡轮", "--index", tls_proxy.new(), env=env, status=2)
        assert "NEWSGREP_OPENSEARCH_CA" in ran.err
        assert ran.err.count("\n") == 1


def test_wrong_tls_mode_is_reported(
    tls_proxy: RecordingProxy, password_proxy: RecordingProxy, cli: Cli
) -> None:
    without_tls = tls_proxy.new().replace("opensearch+https", "opensearch")
    ran = cli("search", "渡轮", "--index", without_tls, env=KNOWN, status=2)
    assert "opensearch+https://" in ran.err
    with_tls = password_proxy.new().replace("opensearch", "opensearch+https")
    ran = cli("search", "渡轮", "--index", with_tls, env=KNOWN, status=2)
    assert "opensearch+http://" in ran.err


def test_password_is_not_sent_without_tls(cli: Cli) -> None:
    ran = cli("search", "渡轮", "--index", "opensearch+http://192.0.2.7/n", env=KNOWN, status=2)
    assert "Use opensearch+https://" in ran.err


# Unreachable servers


def test_unreachable_server_is_reported(proxy: RecordingProxy, cli: Cli) -> None:
    one_article(cli)
    url = proxy.new()
    cli("index", "n", "--index", url)
    proxy.close()
    for arguments in (("search", "渡轮"), ("index", "n"), ("doctor",)):
        ran = cli(*arguments, "--index", url, status=2)
        assert "can't be reached" in ran.err
        assert ran.err.count("\n") == 1


def gone_after(proxy: RecordingProxy, last: int) -> RequestHandler:
    """Forward the first ``last`` requests only."""
    return lambda request, forward: forward(request) if len(proxy.requests) <= last else None


@pytest.mark.parametrize("arguments", [("search", "渡轮"), ("reindex",)])
def test_server_lost_during_a_command_is_reported(
    proxy: RecordingProxy, cli: Cli, arguments: tuple[str, ...]
) -> None:
    one_article(cli)
    url = proxy.new()
    cli("index", "n", "--index", url)
    proxy.requests.clear()
    cli(*arguments, "--index", url)
    count = len(proxy.requests)
    for last in {count // 2, count - 1}:
        proxy.requests.clear()
        proxy.handler = gone_after(proxy, last)
        ran = cli.run(*arguments, "--index", url)
        assert b"Traceback" not in ran.stderr
        assert b"internal error" not in ran.stderr
        # Also the last request, which may only delete the point in time.
        assert ran.status == 2, (last, count, ran)
        assert "can't be reached" in ran.err + ran.out


@contextmanager
def other_server(body: bytes, status: int = 200) -> Iterator[str]:
    """Return the address of another kind of server, with always the same response."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=UTF-8")
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_PUT = do_HEAD = do_GET  # noqa: N815  (the base class's interface)

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


INVALID_RESPONSES = (
    b"<html>fog</html>", b"", b"[]", b'"fog"', b'{"fog": "harbour"}', b'{"fog": {"a": []}}',
    b'{"a": {"mappings": 7}}', b"\xff\xfe", b'{"error": "fog"}', b"{}",
)  # fmt: skip


@pytest.mark.parametrize("status", [200, 404, 500])
def test_other_server_is_reported(cli: Cli, status: int) -> None:
    for body in INVALID_RESPONSES:
        with (
            other_server(body, status) as url,
            pytest.raises(NewsgrepError),
            ServerIndex(url).open(),
        ):
            pass
    with other_server(b'{"fog": "harbour"}', status) as url:
        ran = cli("search", "渡轮", "--index", url, status=2)
    expected = "at 127.0.0.1:" if status == 500 else "returned an invalid response (mappings._meta "
    assert ran.err.startswith(f"newsgrep: The server {expected}")
    assert ran.err.count("\n") == 1


def test_ctrl_c_while_waiting_for_the_server(proxy: RecordingProxy, cli: Cli) -> None:
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
    assert err.strip().startswith(b"newsgrep: Stopped")
