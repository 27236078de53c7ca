"""Registries, Secrets and URLs as the world has them, before the operator in a process of its own: what a user sees."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from aiohttp import web

from dragonfly_task_operator.dragonfly.task_ids import url_candidates
from hack.controlplane.server import ControlPlane
from hack.installation import start_operator, stop_operator
from hack.kubectl import Kubectl
from tests.integration.conftest import Finished
from tests.objects import condition, manifest
from tests.registry.image import multi_platform
from tests.registry.login import BASIC, PASSWORD, USER, auth
from tests.registry.scripted import ScriptedRegistry
from tests.registry.stage import EXPIRED, HUB, MISNAMED, PROXIED, Stage, locked
from tests.registry.threaded import Servers
from tests.simulator.control import Control, Simulation

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("operator")]

IMAGE = multi_platform()


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Servers() as servers:
        yield Stage(servers)


@pytest.fixture
def registry(stage: Stage) -> ScriptedRegistry:
    """An honest one, at the start of each test."""
    for server in (stage.registry, stage.storage, stage.behind_proxy):
        server.intercept = None
        server.asked.clear()
        server.content.clear()
        server.holds(IMAGE)
    stage.proxy.asked.clear()
    return stage.registry


@pytest.fixture(scope="module")
def operator(control_plane: ControlPlane, kubectl: Kubectl, simulator: Simulation, stage: Stage) -> Iterator[None]:
    kubectl.must("create", "role", "scripted-registries", "--verb=get", "--resource=secrets")
    kubectl.must("create", "rolebinding", "scripted-registries", "--role=scripted-registries",
                 "--serviceaccount=dragonfly-task-operator:dragonfly-task-operator")  # fmt: skip
    arguments = [f"--scheduler={address}" for address in simulator.scheduler_addresses]
    hosts = (f"http://{stage.registry.host}", f"http://{stage.storage.host}", PROXIED, HUB, EXPIRED, MISNAMED)
    arguments += [f"--registry-allowlist={host}" for host in hosts]
    process = start_operator(
        control_plane,
        arguments,
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
    """Search for an image (or delete it), with a Secret maybe; give the reason and the message."""
    name = "r-" + re.sub("[^a-z0-9]+", "-", request.node.name)[-45:].strip("-")
    count = 0

    def run(
        url: str = "",
        *,
        image: str | None = None,
        secret: dict[str, bytes] | None = None,
        ca: bytes | None = None,
        kind: str = "TaskSearch",
        **spec: Any,
    ) -> tuple[str, str]:
        nonlocal count
        count += 1
        this = f"{name}-{count}"
        target: dict[str, Any] = {"imageManifestURL": url or registry.url()} if image is None else {"image": image}
        for key, content in (("pullSecretRef", secret), ("caSecretRef", None if ca is None else {"ca.crt": ca})):
            if content is not None:
                data = {entry: base64.b64encode(value).decode() for entry, value in content.items()}
                secret_name = f"{this}-{key.lower()}"
                metadata = {"name": secret_name, "namespace": "default"}
                kubectl.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data})
                target[key] = {"name": secret_name}
        kubectl.apply(manifest(kind, this, target, **spec))
        status = finished(kind, this)
        assert PASSWORD not in json.dumps(status)
        succeeded = condition(status, "Succeeded")
        return succeeded["reason"], succeeded["message"]

    return run


def config(content: object) -> dict[str, bytes]:
    return {".dockerconfigjson": json.dumps(content).encode()}


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


@pytest.mark.parametrize("is_a_date", [False, True], ids=["seconds", "date"])
def test_pull_limit_past_the_deadline_ends_the_run_at_once(
    registry: ScriptedRegistry, search: Search, *, is_a_date: bool
) -> None:
    then = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=6)
    registry.answers(429, Retry_After=format_datetime(then, usegmt=True) if is_a_date else "21600")

    reason, message = search(activeDeadlineSeconds=60)

    assert reason == "ImageUnresolvable"
    assert "its limit of pulls is reached; it may be asked again at " in message
    assert f" {then:%Y-%m-%d %H:%M:%S} UTC" in message or not is_a_date
    assert len(registry.asked) == 1


def test_registry_is_reached_through_the_proxy_of_the_environment(stage: Stage, search: Search) -> None:
    """And its certificate verified by a bundle with a comment that is no ASCII."""
    bundle = "# Wurzelzertifikat für Bücher\r\n".encode() + stage.ca

    assert search(f"https://{PROXIED}/v2/library/app/manifests/1.0", ca=bundle)[0] == "NotFound"
    assert f"CONNECT {PROXIED}:443 HTTP/1.1" in stage.proxy.asked


@pytest.mark.parametrize(
    ("host", "said"),
    [
        (EXPIRED, "it has expired, or that of an authority that comes with it; renew it there"),
        (MISNAMED, f"it is for another host than {MISNAMED}; correct the host of the image, or have it issued for"),
    ],
)
def test_certificate_is_said_to_be_refused_for_what_is_wrong_with_it(
    stage: Stage, search: Search, host: str, said: str
) -> None:
    reason, message = search(f"https://{host}/v2/library/app/manifests/1.0", ca=stage.ca)

    assert (reason, message.startswith(f"the certificate of https://{host} is not trusted: ")) == (
        "ImageUnresolvable",
        True,
    )
    assert (said in message, "name a Secret" in message) == (True, False)


def test_port_443_is_the_same_https_registry_in_a_secret_and_in_a_url(stage: Stage, search: Search) -> None:
    stage.behind_proxy.intercept = locked('Basic realm="r"')

    def reason(host: str, key: str) -> str:
        url = f"https://{host}/v2/library/app/manifests/1.0"
        return search(url, secret=config({"auths": {key: auth()}}), ca=stage.ca)[0]

    assert reason(PROXIED, f"{PROXIED}:443") == "NotFound"
    assert reason(f"{PROXIED}:443", f"https://{PROXIED}/v1/") == "NotFound"
    assert reason(PROXIED, f"{PROXIED}:80") == "RegistryDenied"


def test_repository_with_v2_in_its_name_is_logged_in_for_by_its_whole_name(
    registry: ScriptedRegistry, search: Search
) -> None:
    scopes: list[str] = []

    async def intercept(request: web.Request) -> web.Response | None:
        if request.path == "/token":
            scopes.append(request.query["scope"])
            is_known = request.headers.get("Authorization") == BASIC
            return web.json_response({"token": "t0ken"}) if is_known else web.Response(status=401)
        if request.headers.get("Authorization") == "Bearer t0ken":
            return None
        return web.Response(status=401, headers={"WWW-Authenticate": f'Bearer realm="{registry.origin}/token"'})

    registry.intercept = intercept
    registry.holds(IMAGE, name="team/v2/app")
    others = {f"{registry.host}/{path}": auth(password="of another") for path in ("app", "team/v2/other")}

    reason, _ = search(
        registry.url(name="team/v2/app"), secret=config({"auths": {**others, f"{registry.host}/team/v2/app": auth()}})
    )

    assert (reason, set(scopes)) == ("NotFound", {"repository:team/v2/app:pull"})


def test_header_that_is_no_digest_is_not_taken_for_one(registry: ScriptedRegistry, search: Search) -> None:
    def sends(header: str) -> None:
        async def intercept(request: web.Request) -> web.Response | None:
            found = registry.content[request.path]
            headers = {"Content-Type": found.media_type, "Docker-Content-Digest": header.format(found.digest)}
            return web.Response(body=found.body, headers=headers)

        registry.intercept = intercept

    for header in ('"{}"', 'W/"{}"', "1-5f3e"):
        sends(header)
        assert search()[0] == "NotFound"
    sends(f'"sha256:{"0" * 64}"')
    reason, message = search()
    assert (reason, "has another digest than it should have" in message) == ("ImageUnresolvable", True)


def test_image_of_docker_hub_is_deleted_under_both_of_its_hosts(stage: Stage, world: Control, search: Search) -> None:
    """Peers know it by the host that containerd's configuration names, and either may stand there."""
    stage.behind_proxy.holds(IMAGE, "1.27", name="library/nginx")
    paths = [
        f"manifests/{reference}" for reference in ("1.27", *(each.digest for each in (IMAGE.root, *IMAGE.manifests)))
    ]
    paths += [f"blobs/{blob.digest}" for blob in IMAGE.blobs]
    ids = [
        url_candidates(f"https://{host}/v2/library/nginx/{path}")[0].task_id
        for host in (HUB, "index.docker.io")
        for path in paths
    ]
    for number, task in enumerate(ids):
        world.caches(task, on=f"n{number % 10}")

    reason, _ = search(image="nginx:1.27", ca=stage.ca, kind="TaskDeletion")

    assert (reason, [task for task in ids if world.holders(task)]) == ("Deleted", [])
    assert {line.split(" ")[1] for line in stage.proxy.asked} == {f"{HUB}:443"}


def test_name_and_password_are_nowhere_in_basic_auth_refusals(registry: ScriptedRegistry, search: Search) -> None:
    registry.challenges('Basic realm="r"')

    reason, message = search(secret={"username": USER.encode(), "password": f"{PASSWORD}\n".encode()})

    assert reason == "RegistryDenied"
    assert "white space is around the name or the password" in message
    assert USER not in message
