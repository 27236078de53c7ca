"""Whatever registries, token servers and Secrets hold: nothing but the errors of errors.py comes out of the room.

tests/faults/test_registry_fuzz.py looks further than these few examples.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime
from typing import Any
from unittest import mock

from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dragonfly_task_operator.errors import RunError, SecretNotFound, SettingsError
from dragonfly_task_operator.oci import retrying
from dragonfly_task_operator.oci.authorities import trusting
from dragonfly_task_operator.oci.challenges import choose
from dragonfly_task_operator.oci.locations import as_written, follow
from dragonfly_task_operator.oci.proxies import Proxies
from dragonfly_task_operator.oci.pull_secrets import read_pull_secret
from dragonfly_task_operator.oci.statuses import seconds_to_wait
from tests.registry import fuzz
from tests.registry.image import multi_platform
from tests.registry.login import auth, docker_config
from tests.registry.reading import Reader
from tests.registry.scripted import ScriptedRegistry

few = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@few
@given(fuzz.URLS | st.text(max_size=40))
def test_url_is_one_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        found = follow(as_written("https://r.example.com/v2/app/manifests/1"), text)
        assert found.host is None or found.raw_authority.isascii()
        assert found.raw_path_qs.isascii()
        assert found.raw_path_qs.isprintable()


@few
@given(fuzz.CHALLENGES | st.lists(st.text(max_size=60), max_size=3))
def test_challenges_are_read_whatever_they_are(headers: list[str]) -> None:
    choose(headers)


@few
@given(fuzz.LINES | st.text(max_size=40) | st.integers().map(str))
def test_time_to_wait_is_within_bounds(retry_after: str) -> None:
    assert 0 <= seconds_to_wait(retry_after, datetime.now(UTC)) <= 366 * 86400


@few
@given(fuzz.DOCKER_CONFIGS)
def test_docker_config_is_read_or_refused(content: bytes) -> None:
    for key in (".dockerconfigjson", ".dockercfg"):
        with contextlib.suppress(SecretNotFound):
            keyring = read_pull_secret({key: content}, name="team/regcred", host="r.example.com")
            keyring.lookup("r.example.com/app")
            keyring.why_not("r.example.com/app", scheme="http")


@few
@given(fuzz.ENTRIES)
def test_no_entry_beside_it_keeps_a_good_one_from_being_used(entries: dict[str, Any]) -> None:
    secret = docker_config(**{**entries, "good.example.org": auth()})

    assert read_pull_secret(secret, name="team/regcred", host="").lookup("good.example.org/app")


@few
@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda raw: b"-----BEGIN CERTIFICATE-----\n" + raw))
def test_bundle_is_read_or_refused(content: bytes) -> None:
    with contextlib.suppress(SecretNotFound):
        trusting({"ca.crt": content}, namespace="team", name="ca")


@few
@given(fuzz.URLS | st.text(max_size=20), st.text(max_size=40), fuzz.URLS)
def test_proxies_are_read_or_refused(proxy: str, no_proxy: str, url: str) -> None:
    with contextlib.suppress(SettingsError, ValueError):
        Proxies.from_environment({"HTTPS_PROXY": proxy, "NO_PROXY": no_proxy}).for_(as_written(url))


@few
@given(st.data())
def test_only_known_errors_come_out_of_a_registry(data: st.DataObject) -> None:
    asyncio.run(talk_to_anything(data))


async def talk_to_anything(data: st.DataObject) -> None:
    """Read an image from a server that answers at random, with a Secret that holds at random."""
    image = multi_platform()

    async def intercept(request: web.Request) -> web.Response | None:
        if request.path == "/token":
            return web.Response(status=data.draw(fuzz.STATUSES), body=data.draw(fuzz.TOKEN_ANSWERS))
        status = data.draw(fuzz.STATUSES)
        response = web.Response(status=status, body=data.draw(st.sampled_from([b"", b"{}", image.root.body])))
        realms = st.just(f'Bearer realm="{registry.origin}/token"')
        for challenge in data.draw(fuzz.CHALLENGES | st.lists(realms, max_size=1)):
            response.headers.add("WWW-Authenticate", challenge)
        for name, values in (
            ("Location", fuzz.headers(fuzz.URLS)),
            ("Retry-After", fuzz.LINES),
            ("Docker-Content-Digest", fuzz.LINES),
            ("Content-Type", st.just(image.root.media_type) | fuzz.LINES),
            ("Content-Encoding", st.sampled_from(["identity", "gzip", "br", "x"])),
        ):
            if data.draw(st.booleans()):
                response.headers[name] = data.draw(values)
        return data.draw(st.sampled_from([None, response]))

    secret = data.draw(fuzz.DOCKER_CONFIGS)
    with mock.patch.object(retrying, "sleep", mock.AsyncMock()):
        async with ScriptedRegistry(intercept=intercept) as registry:
            registry.holds(image)
            read = Reader(allow=(f"http://{registry.host}",), secrets={"s": {".dockerconfigjson": secret}})
            with contextlib.suppress(RunError):
                await read(registry.url(), pullSecretRef={"name": "s"})
