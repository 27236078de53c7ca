"""Secrets that image targets name, read in the object's own namespace when a run needs them, and kept nowhere."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from http import HTTPStatus

from kubernetes.aio.client import ApiException

from dragonfly_task_operator import own_trouble
from dragonfly_task_operator.api import loose
from dragonfly_task_operator.errors import ImageUnresolvable, SecretNotFound
from dragonfly_task_operator.kube.answers import is_no_more, message_of
from dragonfly_task_operator.kube.client import Client
from dragonfly_task_operator.kube.looking_up import NO_ANSWER, unreachable

ROLE = "dragonfly-task-operator-registry-secrets"

_PATH = "/api/v1/namespaces/{namespace}/secrets/{name}"
_USER = re.compile(r'User "([^"\s]+)" cannot get resource')
_SERVICE_ACCOUNT = "system:serviceaccount:"


class NamespacedSecrets:
    """`oci.credentials.Secrets` by the Kubernetes API."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def read(self, namespace: str, name: str) -> Mapping[str, bytes]:
        """Read the data of a Secret.

        Raises:
            SecretNotFound: there is none, or it may not be read; then with the command that grants it.
            ImageUnresolvable: the API server can't be asked just now.
            OwnTrouble: because of this process.
        """
        try:
            secret = await self._client.get(_PATH, namespace=namespace, name=name)
        except ApiException as error:
            raise _mapped(error, namespace, name) from None
        except NO_ANSWER as error:
            own_trouble.raise_if_own(error)
            raise ImageUnresolvable(
                f"the Secret {namespace}/{name} can't be read: {unreachable(error)}", retry_after=0
            ) from None
        return {key: base64.b64decode(value) for key, value in loose.mapping(secret.get("data")).items()}


def _mapped(error: ApiException, namespace: str, name: str) -> SecretNotFound | ImageUnresolvable:
    match error.status:
        case HTTPStatus.NOT_FOUND if is_no_more(error, name=name, plural="secrets"):
            return SecretNotFound(f"there is no Secret {namespace}/{name}; create it, or correct the reference to it")
        case HTTPStatus.FORBIDDEN:
            return SecretNotFound(
                f"the operator may not read the Secret {namespace}/{name}; to grant it:"
                f" {_grant(error, namespace, name)}"
            )
        case status:
            return ImageUnresolvable(
                f"the Secret {namespace}/{name} can't be read: the API server answered {status}: {message_of(error)}",
                retry_after=0,
            )


def _grant(error: ApiException, namespace: str, name: str) -> str:
    """Give the command that lets whom the API server refused read the Secret, and no other."""
    found = _USER.search(message_of(error))
    user = found[1] if found else "THE-OPERATORS-USER"
    subject = (
        f"--serviceaccount={user.removeprefix(_SERVICE_ACCOUNT)}"
        if user.startswith(_SERVICE_ACCOUNT)
        else f"--user={user}"
    )
    role = f"{ROLE}-{name}"
    return (
        f"kubectl create role {role} -n {namespace} --verb=get --resource=secrets --resource-name={name} &&"
        f" kubectl create rolebinding {role} -n {namespace} --role={role} {subject}"
    )
