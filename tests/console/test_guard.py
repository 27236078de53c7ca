"""Who is let in, and what the browser is told: asked over a socket, as whoever is on the machine can ask."""

from __future__ import annotations

import aiohttp
import pytest

from tests.console.conftest import Visit, Visitor
from tests.console.scripted import ScriptedClient

SEARCH = {"way": "taskID", "taskID": "a1" * 32}


async def asked(visitor: Visitor, method: str, url: str, *, cookie: bool = True, **headers: str) -> int:
    """Ask without the help of a browser, and give the status."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    jar = {each.key: each.value for each in visitor.session.cookie_jar} if cookie else {}
    async with (
        aiohttp.ClientSession(cookies=jar, cookie_jar=aiohttp.CookieJar(unsafe=True)) as session,
        session.request(method, url, headers=given, data=SEARCH, allow_redirects=False) as response,
    ):
        return response.status


async def test_first_url_leads_to_the_page_and_keeps_the_token_out_of_its_address(visit: Visit) -> None:
    async with visit(ScriptedClient()) as visitor:
        status, text = await visitor.get()

        assert (status, "Which peers cache a task?" in text) == (200, True)
        assert visitor.first_url.partition("token=")[2] not in visitor.root + text


@pytest.mark.parametrize("token", ["", "wrong", "%ff%fe", "é"])
async def test_wrong_token_gets_nothing(visit: Visit, token: str) -> None:
    async with visit(ScriptedClient()) as visitor:
        assert await asked(visitor, "GET", f"{visitor.origin}/?token={token}", cookie=False) == 401


async def test_nobody_gets_anything_without_the_cookie(visit: Visit) -> None:
    client = ScriptedClient()
    async with visit(client) as visitor:
        for path in ("/", "/executions", "/events", "/static/console.js"):
            assert await asked(visitor, "GET", f"{visitor.root}{path}", cookie=False) == 401
        assert await asked(visitor, "POST", f"{visitor.root}/searches", cookie=False, Origin=visitor.origin) == 401
        assert client.asked == []


async def test_cookie_is_for_this_console_alone_and_no_script_reads_it(visit: Visit) -> None:
    async with (
        visit(ScriptedClient()) as visitor,
        visitor.session.get(visitor.first_url, allow_redirects=False) as response,
    ):
        (cookie,) = response.cookies.values()

    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == (
        visitor.root.removeprefix(visitor.origin),
        True,
        "Strict",
    )
    assert len(cookie["path"]) > 16


@pytest.mark.parametrize("host", ["evil.example.com", "127.0.0.1", "127.0.0.1:1", "localhost.example.com:8123", ""])
async def test_foreign_host_is_refused(visit: Visit, host: str) -> None:
    async with visit(ScriptedClient()) as visitor:
        assert await asked(visitor, "GET", f"{visitor.root}/", Host=host) == 403
        assert await asked(visitor, "GET", visitor.first_url, Host=host) == 403


async def test_localhost_is_a_name_of_ours(visit: Visit) -> None:
    async with visit(ScriptedClient()) as visitor:
        port = visitor.origin.rpartition(":")[2]

        assert await asked(visitor, "GET", f"{visitor.root}/", Host=f"localhost:{port}") == 200


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example.com",
        "http://127.0.0.1:1",
        "http://localhost:1",
        "null",
        "",
        "https://{host}",
        "http://{host}.evil",
    ],
)
async def test_page_of_another_origin_changes_nothing(visit: Visit, origin: str) -> None:
    client = ScriptedClient()
    async with visit(client) as visitor:
        given = origin.format(host=visitor.origin.removeprefix("http://"))

        assert await asked(visitor, "POST", f"{visitor.root}/searches", Origin=given) == 403
        assert client.asked == []


async def test_request_without_an_origin_changes_nothing(visit: Visit) -> None:
    client = ScriptedClient()
    async with visit(client) as visitor:
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert await asked(visitor, method, f"{visitor.root}/searches") == 403
        assert client.asked == []


async def test_own_page_makes_a_search(visit: Visit) -> None:
    client = ScriptedClient()
    async with visit(client) as visitor:
        assert await asked(visitor, "POST", f"{visitor.root}/searches", Origin=visitor.origin) == 303
        assert len(client.asked) == 1


@pytest.mark.parametrize("path", ["/", "/executions", "/nowhere", "/static/console.css", "/events"])
async def test_every_answer_tells_the_browser_to_load_nothing_from_elsewhere(visit: Visit, path: str) -> None:
    async with visit(ScriptedClient()) as visitor, visitor.session.get(f"{visitor.root}{path}") as response:
        policy = response.headers["Content-Security-Policy"]

        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "Access-Control-Allow-Origin" not in response.headers
