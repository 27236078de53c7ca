"""What an API server's answers about a Secret mean."""

from __future__ import annotations

import base64

import pytest
from aiohttp import web

from dragonfly_task_operator.errors import ImageUnresolvable, SecretNotFound
from dragonfly_task_operator.kube.client import Client
from dragonfly_task_operator.kube.secrets import NamespacedSecrets
from tests.apiserver_proxy import HTML, status
from tests.registry.scripted import ScriptedRegistry

SERVICE_ACCOUNT = "system:serviceaccount:dragonfly:operator"


@pytest.fixture
def secrets(client: Client) -> NamespacedSecrets:
    return NamespacedSecrets(client)


SECRET = {
    "kind": "Secret",
    "apiVersion": "v1",
    "metadata": {"name": "regcred", "namespace": "team", "uid": "11", "resourceVersion": "7"},
}


def answers(server: ScriptedRegistry, code: int, body: object) -> None:
    async def intercept(request: web.Request) -> web.Response:
        return web.Response(body=body, status=code) if isinstance(body, bytes) else web.json_response(body, status=code)

    server.intercept = intercept


async def test_data_is_decoded(server: ScriptedRegistry, secrets: NamespacedSecrets) -> None:
    answers(server, 200, SECRET | {"data": {"password": base64.b64encode(b"s3cret\xff").decode()}})

    assert await secrets.read("team", "regcred") == {"password": b"s3cret\xff"}
    assert server.asked == [("/api/v1/namespaces/team/secrets/regcred", "Bearer known")]


async def test_secret_without_data_is_empty(server: ScriptedRegistry, secrets: NamespacedSecrets) -> None:
    answers(server, 200, SECRET)

    assert await secrets.read("team", "regcred") == {}


async def test_secret_that_is_missing_is_told(server: ScriptedRegistry, secrets: NamespacedSecrets) -> None:
    answers(server, 404, status(404, "NotFound", 'secrets "regcred" not found', name="regcred", kind="secrets"))

    with pytest.raises(SecretNotFound, match="there is no Secret team/regcred; create it"):
        await secrets.read("team", "regcred")


@pytest.mark.parametrize(
    ("user", "subject"),
    [(SERVICE_ACCOUNT, "--serviceaccount=dragonfly:operator"), ("alice@example.com", "--user=alice@example.com")],
)
async def test_right_that_is_missing_is_told_with_the_commands_that_grant_it_to_whom_was_refused(
    server: ScriptedRegistry, secrets: NamespacedSecrets, user: str, subject: str
) -> None:
    message = f'secrets "regcred" is forbidden: User "{user}" cannot get resource "secrets"'
    answers(server, 403, status(403, "Forbidden", message))

    with pytest.raises(SecretNotFound) as caught:
        await secrets.read("team", "regcred")

    role = "dragonfly-task-operator-registry-secrets-regcred"
    assert str(caught.value) == (
        "the operator may not read the Secret team/regcred; to grant it:"
        f" kubectl create role {role} -n team --verb=get --resource=secrets --resource-name=regcred &&"
        f" kubectl create rolebinding {role} -n team --role={role} {subject}"
    )


async def test_api_server_that_has_trouble_is_asked_again(server: ScriptedRegistry, secrets: NamespacedSecrets) -> None:
    answers(server, 500, status(500, "InternalError", "etcd is on fire"))

    with pytest.raises(ImageUnresolvable, match="the API server answered 500") as caught:
        await secrets.read("team", "regcred")
    assert caught.value.retry_after == 0


@pytest.mark.parametrize(
    ("code", "body"),
    [
        (404, HTML),
        (404, b"404 page not found\n"),
        (404, status(404, "NotFound", 'services "gateway" not found', name="gateway", kind="services")),
        (403, HTML),
        (200, HTML),
        (200, {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "another"}}),
        (200, {"data": {}}),
        (200, b""),
    ],
)
async def test_answer_of_another_than_the_api_server_says_nothing_of_the_secret(
    server: ScriptedRegistry, secrets: NamespacedSecrets, code: int, body: object
) -> None:
    answers(server, code, body)

    with pytest.raises(ImageUnresolvable, match="the Secret team/regcred can't be read") as caught:
        await secrets.read("team", "regcred")
    assert caught.value.retry_after == 0


async def test_api_server_that_is_down_is_asked_again(server: ScriptedRegistry, secrets: NamespacedSecrets) -> None:
    await server.__aexit__()

    with pytest.raises(ImageUnresolvable, match="the API server can't be reached") as caught:
        await secrets.read("team", "regcred")
    assert caught.value.retry_after == 0
