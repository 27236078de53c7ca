"""Who is let in: the person who was given the first URL, in their own browser, and nobody whom it was lured to.

Anything on the machine can send a request to 127.0.0.1, and any page on the web can have the browser do it. So:

- Only our own name in Host: a foreign name that is made to resolve to 127.0.0.1 gets nothing.
- A token, in the first URL and then in a cookie. Browsers send a cookie of 127.0.0.1 to every port there, so it is
  bound to a path that nobody else can name.
- What changes anything must come from a page of our own: Origin, with its port, tells that, as SameSite does not.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Middleware

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

COOKIE = "dragonfly-console"
_UNCHANGING = frozenset({"GET", "HEAD"})
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",  # with less, browsers call the origin of our own forms null
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""Of every answer."""


class Guard:
    """Lets in who knows the token.

    Args:
        port: that is served on.
        token: for tests; else a new one.
    """

    def __init__(self, port: int, *, token: str | None = None) -> None:
        self._token = token or secrets.token_urlsafe(32)
        self.root = f"/{secrets.token_urlsafe(12)}"
        """The path that all pages are under."""
        names = ("127.0.0.1", "localhost")
        self._hosts = frozenset(f"{name}:{port}" for name in names) | frozenset(names if port == 80 else ())  # noqa: PLR2004
        self.first_url = f"http://127.0.0.1:{port}/?token={self._token}"

    def middleware(self) -> Middleware:
        """Make what every request passes first."""

        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            return self._refusal(request) or self._login(request) or await handler(request)

        return guard

    @staticmethod
    async def seal(request: web.Request, response: web.StreamResponse) -> None:
        """Tell the browser what no page of ours may do or be done to; a signal of aiohttp's, of every answer."""
        del request
        response.headers.update(HEADERS)

    def _refusal(self, request: web.Request) -> web.Response | None:
        host = request.headers.get("Host", "").lower()
        if host not in self._hosts:
            return _refuse(HTTPStatus.FORBIDDEN, f"only {min(self._hosts)} is served here")
        if request.method not in _UNCHANGING and request.headers.get("Origin") != f"http://{host}":
            return _refuse(HTTPStatus.FORBIDDEN, "only pages of this console may change anything")
        return None

    def _login(self, request: web.Request) -> web.Response | None:
        """Take the token, from the first URL or the cookie; None: it is the right one, and the page may be shown."""
        if request.path == "/" and self._is_token(request.query.get("token", "")):
            response = web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": f"{self.root}/"})
            response.set_cookie(COOKIE, self._token, path=self.root, httponly=True, samesite="Strict")
            return response
        if self._is_token(request.cookies.get(COOKIE, "")):
            return None
        return _refuse(
            HTTPStatus.UNAUTHORIZED,
            "open the URL that `kubectl dragonfly console` has printed: its token is another each time it is started",
        )

    def _is_token(self, given: str) -> bool:
        return secrets.compare_digest(given.encode(errors="replace"), self._token.encode())


def _refuse(status: HTTPStatus, why: str) -> web.Response:
    return web.Response(status=status, text=f"{status.phrase}: {why}\n")
