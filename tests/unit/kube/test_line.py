"""A line to the API server: credentials that change, servers that are silent, busy, or not there at all."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from dragonfly_task_operator.errors import SettingsError
from dragonfly_task_operator.kube.answers import ForeignAnswer
from dragonfly_task_operator.kube.connection import Busy, Line, NoAnswer, Refused
from dragonfly_task_operator.kube.credentials import Credentials, Trust
from dragonfly_task_operator.kube.keyring import Keyring
from tests.apiserver_proxy import HTML, status
from tests.clients import Known, line_to
from tests.registry.scripted import ScriptedRegistry
from tests.simulator.tls.authority import Authority, Pair

PATH = "/api/v1/namespaces/team/secrets/one"
ONE = {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "one", "uid": "11", "resourceVersion": "7"}}


class ApiServer(ScriptedRegistry):
    """Has one Secret, for whoever shows the token that is good just now."""

    good = "new"
    code = 200
    headers: dict[str, str] = {}  # noqa: RUF012 - tests set another

    def serve(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {self.good}":
            return web.json_response(status(401, "Unauthorized"), status=401)
        if self.code == 200:
            return web.json_response(ONE)
        return web.json_response(status(self.code), status=self.code, headers=self.headers)


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with ApiServer() as running:
        yield running


async def get(line: Line, *, seconds: float = 10.0) -> int:
    answer, _ = await line.ask("GET", PATH, seconds=seconds)
    return answer.status


async def test_new_token_is_read_when_the_old_one_is_refused(server: ApiServer) -> None:
    source = Known(server.origin, "old")
    async with line_to(source) as line:
        source.token = "new"

        assert await get(line) == 200
    assert (source.reads, len(server.asked)) == (2, 2)


async def test_others_wait_while_one_knocks_and_all_come_in_with_it(server: ApiServer) -> None:
    source = Known(server.origin, "old")
    async with line_to(source) as line:
        asking = [asyncio.create_task(get(line)) for _ in range(200)]
        await asyncio.sleep(1.5)
        refused = len(server.asked)
        source.token = "new"
        answered = await asyncio.gather(*asking)

    assert answered == [200] * 200
    assert refused <= 200 + 3  # each once, as nobody knew, and then the knocks
    assert len(server.asked) <= refused + 2 + 200


async def test_trouble_is_told_while_it_lasts(server: ApiServer) -> None:
    source = Known(server.origin, "old")
    keyring = await Keyring.open(source)
    async with Line(keyring) as line:
        assert keyring.trouble() is None
        with pytest.raises(Refused, match="the API server answered 401"):
            await get(line, seconds=0.5)
        assert keyring.trouble() == (
            "the API server answered 401: it does not accept the credentials; what is known is read again and again"
        )

        source.token = "new"
        assert await get(line) == 200
        assert keyring.trouble() is None


async def test_source_that_fails_meanwhile_is_told_and_read_again(server: ApiServer) -> None:
    class Broken(Known):
        is_broken = False

        async def read(self) -> Credentials:
            if self.is_broken:
                raise SettingsError("the exec plugin says: log in again")
            return await super().read()

    source = Broken(server.origin, "old")
    async with line_to(source) as line:
        source.is_broken = True
        with pytest.raises(Refused, match="the exec plugin says: log in again"):
            await get(line, seconds=0.5)

        source.is_broken, source.token = False, "new"
        assert await get(line) == 200


async def test_credentials_that_grow_old_are_read_without_being_refused(server: ApiServer) -> None:
    class Fresh(Known):
        async def read(self) -> Credentials:
            read = await super().read()
            return Credentials(read.server, headers=read.headers, good_for=60.0)

    now = 0.0
    source = Fresh(server.origin, "new")
    keyring = await Keyring.open(source, clock=lambda: now)
    async with Line(keyring) as line:
        await get(line)
        assert source.reads == 1
        now = 61.0
        await get(line)
        await get(line)

    assert source.reads == 2


async def test_silence_ends_after_the_limit_of_the_request(server: ApiServer) -> None:
    async def intercept(request: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    server.intercept = intercept
    async with line_to(Known(server.origin, "new")) as line:
        began = time.monotonic()
        with pytest.raises(NoAnswer, match="no answer within 0 s"):
            await get(line, seconds=0.3)
    assert time.monotonic() - began < 5


async def test_server_that_is_busy_is_asked_again_when_it_says(server: ApiServer) -> None:
    server.code, server.headers = 429, {"Retry-After": "1"}
    async with line_to(Known(server.origin, "new")) as line:
        asking = asyncio.create_task(get(line))
        await asyncio.sleep(0.5)
        assert len(server.asked) == 1
        server.code = 200

        assert await asking == 200


async def test_server_that_is_busy_and_may_be_asked_at_once_is_given_a_moment_all_the_same(server: ApiServer) -> None:
    server.code, server.headers = 429, {"Retry-After": "0"}
    async with line_to(Known(server.origin, "new")) as line:
        with pytest.raises(Busy):
            await get(line, seconds=1.5)

    assert len(server.asked) == 2


async def test_server_that_wants_to_be_left_alone_for_long_is(server: ApiServer) -> None:
    server.code, server.headers = 503, {"Retry-After": "120"}
    async with line_to(Known(server.origin, "new")) as line:
        with pytest.raises(Busy, match="503, and to come back in 120 s") as caught:
            await get(line)

    assert (caught.value.retry_after, len(server.asked)) == (120, 1)


async def test_page_of_a_proxy_is_no_answer(server: ApiServer) -> None:
    async def intercept(request: web.Request) -> web.Response:
        return web.Response(status=404, body=HTML)

    server.intercept = intercept
    async with line_to(Known(server.origin, "new")) as line:
        with pytest.raises(ForeignAnswer, match="404 and what is no answer of an API server: '<html><head><title>Bad"):
            await get(line)


async def test_redirect_is_not_followed_with_the_operators_credentials(server: ApiServer) -> None:
    async with ApiServer() as elsewhere, line_to(Known(server.origin, "new")) as line:
        server.redirects(f"{elsewhere.origin}{PATH}")
        with pytest.raises(ForeignAnswer, match="307"):
            await get(line)
    assert elsewhere.asked == []


# Certificates


def context(pair: Pair, folder: Path) -> ssl.SSLContext:
    (folder / "pair.pem").write_bytes(pair.cert + pair.key)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(folder / "pair.pem")
    return made


class Signed(Known):
    """Trusts one CA, and shows a certificate of its own if it has one."""

    def __init__(self, server: str, ca: bytes) -> None:
        super().__init__(server, "new")
        self.ca, self.pair = ca, None

    pair: Pair | None

    async def read(self) -> Credentials:
        known = await super().read()
        own = (None, None) if self.pair is None else (self.pair.cert.decode(), self.pair.key.decode())
        return Credentials(known.server, Trust(self.ca.decode(), True, *own), known.headers)


async def test_new_ca_is_read_when_the_servers_certificate_is_refused(tmp_path: Path) -> None:
    old, new = Authority("old"), Authority("new")
    tls = context(old.signs("127.0.0.1"), tmp_path)
    async with ApiServer(tls=tls) as server:
        source = Signed(server.origin, old.cert)
        async with line_to(source) as line:
            assert await get(line) == 200
            tls.load_cert_chain(_pem(new.signs("127.0.0.1"), tmp_path))
            source.ca = new.cert
            await line.aclose()  # its connections are still good

            assert await get(line) == 200


async def test_certificate_that_is_given_itself_is_trusted_whoever_signed_it(tmp_path: Path) -> None:
    pair = Authority().signs("127.0.0.1")
    tls = context(pair, tmp_path)
    async with ApiServer(tls=tls) as server, line_to(Signed(server.origin, pair.cert)) as line:
        assert await get(line, seconds=1) == 200


def test_old_authorities_that_lack_extensions_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python asks for them from 3.13 on; kubectl does not."""
    strict = ssl.create_default_context()
    strict.verify_flags |= ssl.VERIFY_X509_STRICT
    monkeypatch.setattr(ssl, "create_default_context", lambda **_: strict)

    assert not Trust().context().verify_flags & ssl.VERIFY_X509_STRICT


async def test_certificate_that_stays_untrusted_is_told(tmp_path: Path) -> None:
    tls = context(Authority("another").signs("127.0.0.1"), tmp_path)
    async with ApiServer(tls=tls) as server, line_to(Signed(server.origin, Authority("mine").cert)) as line:
        with pytest.raises(Refused, match=r"TLS with the API server fails \(.*certificate verify failed"):
            await get(line, seconds=1)


async def test_new_certificate_of_the_operators_is_read_when_the_old_one_is_refused(tmp_path: Path) -> None:
    authority, old, new = Authority("server"), Authority("old clients"), Authority("new clients")
    tls = context(authority.signs("127.0.0.1"), tmp_path)
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.load_verify_locations(cadata=new.cert.decode())
    async with ApiServer(tls=tls) as server:
        source = Signed(server.origin, authority.cert)
        source.pair = old.signs("operator")
        async with line_to(source) as line:
            with pytest.raises(aiohttp.ClientError):
                await get(line, seconds=1)
            source.pair = new.signs("operator")

            assert await get(line) == 200


def _pem(pair: Pair, folder: Path) -> Path:
    path = folder / "other.pem"
    path.write_bytes(pair.cert + pair.key)
    return path


async def test_line_without_patience_asks_once_more_with_what_is_read_anew_and_no_more(server: ApiServer) -> None:
    class Renewed(Known):
        async def read(self) -> Credentials:
            credentials = await super().read()
            self.token = self.next
            return credentials

        next = "old"

    source = Renewed(server.origin, "old")
    keyring = await Keyring.open(source)
    async with Line(keyring, is_patient=False) as line:
        with pytest.raises(Refused, match="the API server answered 401"):
            await get(line)
        assert (len(server.asked), source.reads) == (2, 2)

        source.token = source.next = "new"
        assert await get(line) == 200


async def test_request_is_made_only_once_there_is_a_connection_for_it(server: ApiServer) -> None:
    """Thousands wait in a crowd, and each that is made takes memory."""
    started, answered, may_answer = [0], [0], asyncio.Event()
    trace = aiohttp.TraceConfig()

    async def starts(*_: object) -> None:
        started[0] += 1

    async def answer(request: web.Request) -> web.StreamResponse:
        answered[0] += 1
        await may_answer.wait()
        return server.serve(request)

    trace.on_request_start.append(starts)
    server.intercept = answer
    keyring = await Keyring.open(Known(server.origin, "new"))
    async with Line(keyring, limit=2, trace=trace) as line:
        asking = [asyncio.create_task(get(line)) for _ in range(50)]
        while answered[0] < 2:  # noqa: ASYNC110 - a test's server is no event
            await asyncio.sleep(0.01)
        made = started[0]
        may_answer.set()

        assert set(await asyncio.gather(*asking)) == {200}
    await keyring.aclose()
    assert (made, started[0]) == (2, 50)
