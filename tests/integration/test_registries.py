"""Registries, Secrets and URLs as the world has them, before the operator in a process of its own: what a user sees."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
import trustme
from aiohttp import web

from hack.controlplane.server import ControlPlane
from hack.installation import start_operator, stop_operator
from hack.kubectl import Kubectl
from tests.integration.conftest import Finished
from tests.registry.connecting import ConnectProxy
from tests.registry.image import multi_platform
from tests.registry.login import BASIC, PASSWORD, USER, auth
from tests.registry.scripted import Intercept, ScriptedRegistry
from tests.simulator.control import Simulation

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("operator")]

IMAGE = multi_platform()
PROXIED = "registry.proxied.example.com"
"""In no DNS: only the proxy knows where it is."""


class Stage:
    """Servers in a thread with a loop of its own, since the operator and kubectl are waited for in this one."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.authority = trustme.CA()
        self.registry: ScriptedRegistry = self.enter(ScriptedRegistry())
        self.storage: ScriptedRegistry = self.enter(ScriptedRegistry(address="127.0.0.2"))
        self.behind_proxy = self.enter(ScriptedRegistry(tls=self._certificate(PROXIED)))
        self.behind_proxy.holds(IMAGE)
        self.proxy = self.enter(ConnectProxy(leads_to={PROXIED: self.behind_proxy.port}))

    def enter(self, server: Any) -> Any:
        self.run(server.__aenter__())
        return server

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout=30)

    def close(self) -> None:
        for server in (self.registry, self.storage, self.behind_proxy, self.proxy):
            self.run(server.__aexit__())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _certificate(self, name: str) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.authority.issue_cert(name).configure_cert(context)
        return context


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    running = Stage()
    try:
        yield running
    finally:
        running.close()


@pytest.fixture
def registry(stage: Stage) -> ScriptedRegistry:
    """An honest one, at the start of each test."""
    for server in (stage.registry, stage.storage):
        server.intercept = None
        server.asked.clear()
    stage.registry.holds(IMAGE)
    return stage.registry


@pytest.fixture(scope="module")
def operator(control_plane: ControlPlane, kubectl: Kubectl, simulator: Simulation, stage: Stage) -> Iterator[None]:
    kubectl.must("create", "role", "scripted-registries", "--verb=get", "--resource=secrets")
    kubectl.must("create", "rolebinding", "scripted-registries", "--role=scripted-registries",
                 "--serviceaccount=dragonfly-task-operator:dragonfly-task-operator")  # fmt: skip
    arguments = [f"--scheduler={address}" for address in simulator.scheduler_addresses]
    hosts = (f"http://{stage.registry.host}", f"http://{stage.storage.host}", PROXIED)
    arguments += [f"--registry-allowlist={host}" for host in hosts]
    process = start_operator(
        control_plane,
        [*arguments, "--rpc-timeout=1s"],
        environment={"HTTPS_PROXY": stage.proxy.url, "NO_PROXY": "10.0.0.0/8,.svc"},
    )
    try:
        yield
        assert process.poll() is None, "the operator ended by itself"
    finally:
        stop_operator(process)
        kubectl.must("delete", "rolebinding/scripted-registries", "role/scripted-registries")


Search = Callable[..., tuple[str, str]]


@pytest.fixture
def search(kubectl: Kubectl, finished: Finished, registry: ScriptedRegistry, request: pytest.FixtureRequest) -> Search:
    """Search for an image, with a Secret maybe; give the reason and the message."""
    name = "r-" + request.node.name.split("[")[0].replace("_", "-")[-45:].strip("-")
    count = 0

    def run(
        url: str = "", *, secret: dict[str, bytes] | None = None, ca: bytes | None = None, **spec: Any
    ) -> tuple[str, str]:
        nonlocal count
        count += 1
        this = f"{name}-{count}"
        target: dict[str, Any] = {"imageManifestURL": url or registry.url()}
        for key, content in (("pullSecretRef", secret), ("caSecretRef", None if ca is None else {"ca.crt": ca})):
            if content is not None:
                data = {entry: base64.b64encode(value).decode() for entry, value in content.items()}
                secret_name = f"{this}-{key.lower()}"
                metadata = {"name": secret_name, "namespace": "default"}
                kubectl.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data})
                target[key] = {"name": secret_name}
        kubectl.apply(
            {
                "apiVersion": "tasks.d7y.io/v1alpha1",
                "kind": "TaskSearch",
                "metadata": {"name": this, "namespace": "default"},
                "spec": {"targets": [target], **spec},
            }
        )
        status = finished("tsearch", this)
        succeeded = next(each for each in status["conditions"] if each["type"] == "Succeeded")
        assert PASSWORD not in json.dumps(status)
        return succeeded["reason"], succeeded["message"]

    return run


def config(content: object) -> dict[str, bytes]:
    return {".dockerconfigjson": json.dumps(content).encode()}


def locked(*challenges: str) -> Intercept:
    async def intercept(request: web.Request) -> web.Response | None:
        if request.headers.get("Authorization") == BASIC:
            return None
        response = web.Response(status=401)
        for challenge in challenges:
            response.headers.add("WWW-Authenticate", challenge)
        return response

    return intercept


def test_storage_is_asked_byte_for_byte_and_named_when_it_refuses(
    stage: Stage, registry: ScriptedRegistry, search: Search
) -> None:
    asked: list[str] = []

    async def storage(request: web.Request) -> web.Response:
        asked.append(request.raw_path)
        if not request.raw_path.startswith("/f?p=a%2Fb~_-&Signature=a%2BB"):
            return web.Response(status=403)
        return web.Response(body=IMAGE.root.body, headers={"Content-Type": IMAGE.root.media_type})

    async def sends_there(request: web.Request) -> web.Response | None:
        if not request.path.endswith("/1.0"):
            return None
        return web.Response(
            status=307, headers={"Location": f"{stage.storage.origin}/f?p=a%2Fb~_-&Signature={signature}"}
        )

    registry.intercept, stage.storage.intercept = sends_there, storage
    signature = "a%2BB"
    assert search()[0] == "NotFound"
    signature = "forged"
    reason, message = search(secret=config({"auths": {registry.host: auth()}}))

    assert asked == ["/f?p=a%2Fb~_-&Signature=a%2BB", "/f?p=a%2Fb~_-&Signature=forged"]
    assert reason == "RegistryDenied"
    assert message.startswith(f"{stage.storage.origin}, where {registry.origin} sends whoever asks for library/app,")
    assert "pullSecretRef" not in message


def test_token_is_asked_for_beside_other_challenges(registry: ScriptedRegistry, search: Search) -> None:
    async def intercept(request: web.Request) -> web.Response | None:
        if request.path == "/token":
            return web.json_response({"token": "t0ken", "access_token": None})
        if request.headers.get("Authorization") == "Bearer t0ken":
            return None
        challenge = f'Basic realm="r", Bearer realm="{registry.origin}/token",service="s"'
        return web.Response(status=401, headers={"WWW-Authenticate": challenge})

    registry.intercept = intercept

    assert search()[0] == "NotFound"


@pytest.mark.parametrize("challenge", ["Basic realm=", "Basic", "Negotiate"])
def test_challenge_that_is_cut_off_is_a_refusal(registry: ScriptedRegistry, search: Search, challenge: str) -> None:
    registry.challenges(challenge)

    assert search()[0] == "RegistryDenied"


def test_host_that_can_t_be_is_told_to_whom_it_is_to_mend(registry: ScriptedRegistry, search: Search) -> None:
    nowhere = "https://registry..example.com/v2/app/manifests/1"

    assert search(nowhere)[0] == "InvalidSpec"
    registry.redirects(nowhere)
    assert search()[0] == "ImageUnresolvable"
    registry.challenges(f'Bearer realm="{nowhere}"')
    assert search()[0] == "ImageUnresolvable"


def test_bad_entry_of_a_secret_spoils_no_other(registry: ScriptedRegistry, search: Search) -> None:
    registry.intercept = locked('Basic realm="r"')
    good = {"auth": auth()["auth"].rstrip("=")}

    assert (
        search(secret=config({"auths": {"x.example.com": None, "y": {"auth": "?"}, registry.host: good}}))[0]
        == "NotFound"
    )
    reason, message = search(secret=config({"auths": {registry.host: {}}, "credsStore": "desktop"}))
    assert (reason, "credential store" in message) == ("RegistryDenied", True)
    registry.intercept = None
    assert search(secret=config({"auths": {registry.host: {}}, "credsStore": "desktop"}))[0] == "NotFound"


def test_secret_of_the_old_kind_and_identity_tokens_log_in(registry: ScriptedRegistry, search: Search) -> None:
    registry.intercept = locked('Basic realm="r"')
    assert search(secret={".dockercfg": json.dumps({f"http://{registry.host}/v1/": auth()}).encode()})[0] == "NotFound"

    async def intercept(request: web.Request) -> web.Response | None:
        if request.path == "/token":
            form = await request.post() if request.method == "POST" else {}
            return web.json_response({"access_token": "t0ken"} if form.get("refresh_token") == PASSWORD else {})
        if request.headers.get("Authorization") == "Bearer t0ken":
            return None
        return web.Response(status=401, headers={"WWW-Authenticate": f'Bearer realm="{registry.origin}/token"'})

    registry.intercept = intercept
    assert search(secret=config({"auths": {registry.host: {"identitytoken": PASSWORD}}}))[0] == "NotFound"


def test_credentials_that_were_not_sent_are_said_to_be_so(
    stage: Stage, registry: ScriptedRegistry, search: Search
) -> None:
    secret = config({"auths": {registry.host: auth()}})

    registry.asks_for_a_token(f"{stage.storage.origin}/token")
    stage.storage.answers(401)
    reason, message = search(secret=secret)
    assert (reason, f"add an entry for {stage.storage.host}" in message) == ("RegistryDenied", True)
    for status in (401, 403):
        registry.answers(status)
        reason, message = search(secret=secret)
        assert (reason, "the credentials of pullSecretRef were not sent: it " in message) == ("RegistryDenied", True)


def test_pull_limit_past_the_deadline_ends_the_run_at_once(registry: ScriptedRegistry, search: Search) -> None:
    registry.answers(429, Retry_After="21600")

    reason, message = search(activeDeadlineSeconds=60)

    assert reason == "ImageUnresolvable"
    assert "its limit of pulls is reached; it may be asked again at " in message
    assert len(registry.asked) == 1


def test_registry_is_reached_through_the_proxy_of_the_environment(stage: Stage, search: Search) -> None:
    """And its certificate verified by a bundle with a comment that is no ASCII."""
    bundle = "# Wurzelzertifikat für Bücher\r\n".encode() + stage.authority.cert_pem.bytes()

    assert search(f"https://{PROXIED}/v2/library/app/manifests/1.0", ca=bundle)[0] == "NotFound"
    assert f"CONNECT {PROXIED}:443 HTTP/1.1" in stage.proxy.asked


def test_name_and_password_are_nowhere_in_basic_auth_refusals(registry: ScriptedRegistry, search: Search) -> None:
    registry.challenges('Basic realm="r"')

    reason, message = search(secret={"username": USER.encode(), "password": f"{PASSWORD}\n".encode()})

    assert reason == "RegistryDenied"
    assert "white space is around the name or the password" in message
    assert USER not in message
