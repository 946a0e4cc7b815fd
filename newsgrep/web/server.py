"""The server: HTTP, who may use it, and static files. Every answer comes from a worker.

It trusts nothing that a request contains. The Host header must be one of the addresses that were
announced, port included, so that no other site's name can be pointed here (DNS rebinding). Pages
load nothing from elsewhere, run no inline script, and may not be framed.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from hashlib import sha256
from http.cookies import CookieError, SimpleCookie
from importlib.resources import files
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, urlencode

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from newsgrep.errors import InputError, UsageError
from newsgrep.messages import language_of, system_reason
from newsgrep.terminal import one_line, truncate
from newsgrep.web.calls import Call, NotFound
from newsgrep.web.data import problem_object
from newsgrep.web.endpoints import DATA, PREFIX
from newsgrep.web.site import Settings, describe
from newsgrep.web.workers import Busy, Download, Workers

DEFAULT_PORT: Final = 8517
LOOPBACK: Final = frozenset(("127.0.0.1", "localhost", "::1"))
_MAX_QUERY_BYTES: Final = 16_000
_COOKIE: Final = "newsgrep"
_LOG_LINES: Final = 20
_LOG_SECONDS: Final = 10.0

_SAFETY: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

_PAGES: Final = {
    "/": "search",
    "/article/{target}": "article",
    "/article/{target}/diff": "difference",
    "/article/{target}/file": "file",
    "/timeline": "timeline",
    "/timeline.svg": "svg",
    "/kwic": "kwic",
    "/keywords": "keywords",
    "/compare": "compare",
    "/saved": "saved",
    "/saved/{target}": "new",
}
_STATIC: Final = {
    "newsgrep.css": "text/css",
    "newsgrep.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}


class Access(NamedTuple):
    """Who may use the server: the values of the Host header, and a token or a proxy's header."""

    hosts: frozenset[str]
    token: str = ""
    user_header: str = ""


def allowed_hosts(host: str, port: int, named: Iterable[str] = ()) -> frozenset[str]:
    """Return the values of the Host header of a server at ``host``, in lower case.

    ``named`` are those of a proxy, with a port unless it is that of HTTP or HTTPS.

    >>> sorted(allowed_hosts("192.0.2.5", 8517, ["news.example"]))
    ['192.0.2.5:8517', 'news.example']
    """
    names = LOOPBACK if host in LOOPBACK else {host} if host not in {"0.0.0.0", "::"} else set()  # noqa: S104
    found = {f"[{name}]" if ":" in name else name for name in names}
    with_port = {f"{name}:{port}" for name in found} | (found if port == 80 else set())
    return frozenset(name.lower() for name in (*with_port, *named))


class Guard:
    """Refuses requests for another host, without permission, or that could change something."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access
        self._cookie = sha256(f"newsgrep {access.token}".encode()).hexdigest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer that it is refused."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = _headers(scope)
        refused = self._refuse(scope, headers) or self._check_user(scope, headers)

        async def send_safely(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message.get("headers", ()),
                    *((name.lower().encode(), value.encode()) for name, value in _SAFETY.items()),
                ]
            await send(message)

        await (refused or self._app)(scope, receive, send_safely)

    def _refuse(self, scope: Scope, headers: Mapping[str, str]) -> Response | None:
        if headers.get("host", "").lower() not in self._access.hosts:
            return _text(421, "This server has another name. Use the address that it printed.")
        if scope["method"] not in {"GET", "HEAD"}:
            return _text(405, "Only GET and HEAD are possible here.", Allow="GET, HEAD")
        if len(scope["query_string"]) > _MAX_QUERY_BYTES:
            return _text(414, "The address is too long. Shorten the query.")
        site, mode = headers.get("sec-fetch-site"), headers.get("sec-fetch-mode")
        if site == "cross-site" and mode != "navigate":
            return _text(403, "Other sites cannot use this server.")
        return None

    def _check_user(self, scope: Scope, headers: Mapping[str, str]) -> Response | None:
        token, name = self._access.token, self._access.user_header
        if name and not headers.get(name.lower()):
            return _text(403, "The proxy names no user. Sign in there.")
        if not token:
            return None
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and _equal(given.strip(), token):
            return None
        cookies: SimpleCookie = SimpleCookie()
        with suppress(CookieError):
            cookies.load(headers.get("cookie", ""))
        if _COOKIE in cookies and _equal(cookies[_COOKIE].value, self._cookie):
            return None
        pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        if any(key == "token" and _equal(value, token) for key, value in pairs):
            # The address without the token can be shared, and is what stays in the history.
            rest = urlencode([pair for pair in pairs if pair[0] != "token"])
            response = RedirectResponse(f"{scope['path']}?{rest}" if rest else scope["path"], 303)
            response.set_cookie(_COOKIE, self._cookie, httponly=True, samesite="strict")
            return response
        return _text(
            401,
            "A token is needed. Open the address that newsgrep serve printed, or send it in the "
            "header Authorization: Bearer TOKEN.",
            **{"WWW-Authenticate": "Bearer"},
        )


def _headers(scope: Scope) -> dict[str, str]:
    """Return the headers by name in lower case; of several equal ones the first."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        found.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))
    return found


def _equal(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode())


def _text(status: int, text: str, **headers: str) -> Response:
    return Response(f"{text}\n", status, headers, "text/plain")


class Log:
    """Lines on standard error, a limited number in ten seconds, whatever is requested."""

    def __init__(self, *, requests: bool) -> None:
        self.requests = requests
        self._start, self._count = 0.0, 0

    def write(self, text: str) -> None:
        """Write a line, or count it if there are too many."""
        now = time.monotonic()
        if now - self._start > _LOG_SECONDS:
            if (more := self._count - _LOG_LINES) > 0:
                sys.stderr.write(f"newsgrep: … and {more:,} more lines\n")
            self._start, self._count = now, 0
        self._count += 1
        if self._count <= _LOG_LINES:
            sys.stderr.write(f"newsgrep: {truncate(one_line(text), 300)}\n")
            sys.stderr.flush()


class _UvicornLog(logging.Handler):
    """Passes warnings of uvicorn, such as that of an invalid request, to the log."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record as one line."""
        self._log.write(record.getMessage())


class Server:
    """The application: routes, workers, and the log."""

    def __init__(self, workers: Workers, settings: Settings, log: Log) -> None:
        self._workers = workers
        self._settings = settings
        self._log = log

    def application(self, access: Access) -> ASGIApp:
        """Return the application of ASGI, which refuses what ``access`` does not allow."""
        routes = [Route(path, self._endpoint(route)) for path, route in _PAGES.items()]
        for name, each in DATA.items():
            path = f"{PREFIX}{each.path}".replace("{id}", "{target}")
            routes.append(Route(path, self._endpoint(name)))
        routes.append(Route(f"{PREFIX}/openapi.json", _description))
        routes.append(Route("/static/{name}", _static))
        routes.append(Route("/search", _to_start))

        @asynccontextmanager
        async def lifespan(_: Starlette) -> Any:
            self._workers.start_one()
            yield
            self._workers.end()

        app = Starlette(routes=routes, lifespan=lifespan)
        app.router.default = self._missing
        return Guard(app, access)

    async def _missing(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer that there is nothing at an address."""
        error = NotFound("There is no such page.")
        if scope["path"].startswith(PREFIX):
            response = Response(problem_object(error), 404, media_type="application/json")
        else:
            accepted = _headers(scope).get("accept-language", "")
            call = Call("missing", language=language_of(accepted))
            answer = describe(self._settings, call, error)
            response = Response(answer.body, 404, media_type=answer.media_type)
        await response(scope, receive, send)

    def _endpoint(self, route: str) -> Callable[[Request], Any]:
        async def respond(request: Request) -> Response:
            return await self._respond(request, route)

        return respond

    async def _respond(self, request: Request, route: str) -> Response:
        started = time.perf_counter()
        call = Call(
            route,
            str(request.path_params.get("target", "")),
            tuple(parse_qsl(request.url.query, keep_blank_values=True)),
            request.headers.get("if-none-match", ""),
            language_of(request.headers.get("accept-language", "")),
        )
        work = asyncio.ensure_future(self._workers.answer(call))
        gone = asyncio.ensure_future(_disconnected(request))
        try:
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():  # nobody waits for the answer any more
                return Response(status_code=499)
            answer, download = work.result()
        except Busy as exc:
            answer, download = describe(self._settings, call, exc), None
        finally:
            gone.cancel()
            work.cancel()
            with suppress(asyncio.CancelledError, Busy):
                await work
        if self._log.requests or answer.status >= 500:
            duration = (time.perf_counter() - started) * 1000
            where = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            problem = f": {answer.problem}" if answer.problem else ""
            self._log.write(f"{answer.status} {where} {duration:.0f} ms{problem}")
        headers = {"Cache-Control": "private, no-cache", **answer.headers}
        if download:
            return _Streamed(download, answer.status, headers, answer.media_type)
        assert isinstance(answer.body, bytes)  # noqa: S101  (for type checkers)
        return Response(answer.body, answer.status, headers, answer.media_type)


class _Streamed(StreamingResponse):
    """A download, whose worker is freed however it ends."""

    def __init__(
        self, download: Download, status: int, headers: Mapping[str, str], media_type: str
    ) -> None:
        super().__init__(download.parts(), status, headers, media_type)
        self._download = download

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._download.close()


async def _disconnected(request: Request) -> None:
    """Return when the client has closed the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _description(_: Request) -> Response:
    data = (files("newsgrep.web") / "static" / "openapi.json").read_bytes()
    return Response(data, media_type="application/json")


async def _to_start(request: Request) -> Response:
    """Lead from an address that people guess to the page itself."""
    query = request.url.query
    return RedirectResponse(f"/?{query}" if query else "/", 308)


async def _static(request: Request) -> Response:
    """Return a file of the package; its address contains its digest, so that it may be kept."""
    name = request.path_params["name"]
    if name not in _STATIC:
        return _text(404, "No such file.")
    data = (files("newsgrep.web") / "static" / name).read_bytes()
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(data, 200, headers, _STATIC[name])


# Running


class Address(NamedTuple):
    """Where to listen, and under which further names the server is reached."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    names: tuple[str, ...] = ()

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect."""
        return self.host in LOOPBACK


def listen(address: Address) -> socket.socket:
    """Return a socket that listens; raises :class:`InputError` if that is impossible."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    # On Windows, SO_REUSEADDR would let two servers have one port.
    exclusive = getattr(socket, "SO_EXCLUSIVEADDRUSE", socket.SO_REUSEADDR)
    found.setsockopt(socket.SOL_SOCKET, exclusive, 1)
    try:
        found.bind((address.host, address.port))
        found.listen(128)
    except OSError as exc:
        found.close()
        raise InputError(
            "Cannot listen on {host}:{port} ({reason}). Choose another port with --port, or 0 for "
            "any free one.",
            host=address.host,
            port=address.port,
            reason=system_reason(exc),
        ) from exc
    return found


def new_token() -> str:
    """Return a token that nobody can guess."""
    return secrets.token_urlsafe(24)


def run(
    settings: Settings,
    listening: socket.socket,
    access: Access,
    *,
    workers: int,
    seconds: float,
    log: Log,
    ready: Callable[[], None],
) -> None:
    """Serve until a signal ends it; ``ready`` is called when requests are answered."""
    uvicorn_log = logging.getLogger("uvicorn")
    uvicorn_log.propagate = False
    uvicorn_log.handlers = [_UvicornLog(log)]

    async def serve() -> None:
        pool = Workers(settings, most=workers, seconds=seconds)
        app = Server(pool, settings, log).application(access)
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=True,
            lifespan="on",
            timeout_graceful_shutdown=2,
            limit_concurrency=200,
            h11_max_incomplete_event_size=32_768,
            proxy_headers=False,
        )
        server = uvicorn.Server(config)
        running = asyncio.ensure_future(server.serve(sockets=[listening]))
        while not server.started and not running.done():
            await asyncio.sleep(0.01)
        if server.started:
            ready()
        await running

    # uvicorn raises the signal that ended it again, and a server that was stopped has not failed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        asyncio.run(serve())


def check_access(address: Address, token: str, user_header: str) -> None:
    """Raise :class:`UsageError` for a server that others can reach without permission."""
    if not address.is_loopback and not (token or user_header):
        raise UsageError(
            "--host {host} lets other machines connect. Add --token TOKEN, or the header of a "
            "proxy with --user-header NAME.",
            host=address.host,
        )
    if address.host in {"0.0.0.0", "::"} and not address.names:  # noqa: S104
        raise UsageError(
            "--host {host} has no name. Name the address that browsers use with --allow-host "
            "HOST:PORT.",
            host=address.host,
        )
