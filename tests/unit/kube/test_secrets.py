"""What an API server's answers about a Secret mean."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from kubernetes.aio.client import ApiClient, Configuration

from dragonfly_task_operator.errors import ImageUnresolvable, SecretNotFound
from dragonfly_task_operator.kube.secrets import NamespacedSecrets
from tests.registry.scripted import ScriptedRegistry

SERVICE_ACCOUNT = "system:serviceaccount:dragonfly:operator"


@pytest.fixture
async def server() -> AsyncIterator[ScriptedRegistry]:
    async with ScriptedRegistry() as running:
        yield running


@pytest.fixture
async def secrets(server: ScriptedRegistry) -> AsyncIterator[NamespacedSecrets]:
    async with ApiClient(configuration=Configuration(host=server.origin)) as client:
        yield NamespacedSecrets(client)


def answers(server: ScriptedRegistry, status: int, **body: object) -> None:
    async def intercept(request: web.Request) -> web.Response:
        return web.json_response(body, status=status)

    server.intercept = intercept


async def test_data_is_decoded(server: ScriptedRegistry, secrets: NamespacedSecrets) -> None:
    answers(server, 200, data={"password": base64.b64encode(b"s3cret\xff").decode()})

    assert await secrets.read("team", "regcred") == {"password": b"s3cret\xff"}
    assert server.asked == [("/api/v1/namespaces/team/secrets/regcred", None)]


async def test_secret_without_data_is_empty(server: ScriptedRegistry, secrets: NamespacedSecrets) -> None:
    answers(server, 200)

    assert await secrets.read("team", "regcred") == {}


async def test_secret_that_is_missing_is_told(server: ScriptedRegistry, secrets: NamespacedSecrets) -> None:
    answers(server, 404, message='secrets "regcred" not found')

    with pytest.raises(SecretNotFound, match="there is no Secret team/regcred; create it"):
        await secrets.read("team", "regcred")


@pytest.mark.parametrize(
    ("user", "subject"),
    [(SERVICE_ACCOUNT, "--serviceaccount=dragonfly:operator"), ("alice@example.com", "--user=alice@example.com")],
)
async def test_right_that_is_missing_is_told_with_the_commands_that_grant_it_to_whom_was_refused(
    server: ScriptedRegistry, secrets: NamespacedSecrets, user: str, subject: str
) -> None:
    answers(server, 403, message=f'secrets "regcred" is forbidden: User "{user}" cannot get resource "secrets"')

    with pytest.raises(SecretNotFound) as caught:
        await secrets.read("team", "regcred")

    role = "dragonfly-task-operator-registry-secrets-regcred"
    assert str(caught.value) == (
        "the operator may not read the Secret team/regcred; to grant it:"
        f" kubectl create role {role} -n team --verb=get --resource=secrets --resource-name=regcred &&"
        f" kubectl create rolebinding {role} -n team --role={role} {subject}"
    )


async def test_api_server_that_has_trouble_is_asked_again(server: ScriptedRegistry, secrets: NamespacedSecrets) -> None:
    answers(server, 500, message="etcd is on fire")

    with pytest.raises(ImageUnresolvable, match="the API server answered 500") as caught:
        await secrets.read("team", "regcred")
    assert caught.value.retry_after == 0


async def test_api_server_that_is_down_is_asked_again(server: ScriptedRegistry, secrets: NamespacedSecrets) -> None:
    await server.__aexit__()

    with pytest.raises(ImageUnresolvable, match="the API server can't be reached") as caught:
        await secrets.read("team", "regcred")
    assert caught.value.retry_after == 0
