"""Images in a real registry, searched for and deleted by the operator with the rights that `deploy/` gives it."""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from dragonfly_task_operator.dragonfly.task_ids import url_candidates
from hack.controlplane.errors import ControlPlaneError
from hack.controlplane.server import ControlPlane
from hack.installation import ROOT, running_operator
from hack.kubectl import Kubectl
from hack.registry import find
from tests.integration.conftest import Finished
from tests.registry.image import Image, multi_platform
from tests.registry.login import PASSWORD, USER
from tests.registry.real import RealRegistry, real_registry
from tests.simulator.control import Control, Simulation

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("operator")]

NAME = "team/app"
IMAGE = multi_platform()
"""Pushed as 1.0 to every registry."""
SPARED = multi_platform("spared")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        find()
    except ControlPlaneError as error:
        pytest.skip(f"NO REAL REGISTRY: {error}")
    return tmp_path_factory.mktemp("registries")


@pytest.fixture(scope="module")
def registry(folder: Path) -> Iterator[RealRegistry]:
    with real_registry(folder / "open") as running:
        running.push(IMAGE, NAME, "1.0")
        running.push(SPARED, NAME, "spared")
        yield running


@pytest.fixture(scope="module")
def locked(folder: Path) -> Iterator[RealRegistry]:
    """With TLS, a name and a password."""
    authority = trustme.CA()
    certificate, ca = folder / "server.pem", folder / "ca.crt"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
    authority.cert_pem.write_to_path(ca)
    with real_registry(folder / "locked", locked=True, certificate=certificate, ca=ca) as running:
        running.push(IMAGE, NAME, "1.0")
        yield running


@pytest.fixture(scope="module")
def log(folder: Path) -> Path:
    return folder / "operator.log"


@pytest.fixture(scope="module")
def operator(  # noqa: PLR0917 - fixtures
    control_plane: ControlPlane,
    kubectl: Kubectl,
    simulator: Simulation,
    registry: RealRegistry,
    locked: RealRegistry,
    log: Path,
) -> Iterator[None]:
    del kubectl  # has installed it
    arguments = [f"--scheduler={address}" for address in simulator.scheduler_addresses]
    arguments += [f"--registry-allowlist=http://{registry.host}", f"--registry-allowlist={locked.host}"]
    with running_operator(control_plane, arguments, log=log):
        yield


@pytest.fixture(scope="module")
def secrets(kubectl: Kubectl, locked: RealRegistry) -> None:
    assert locked.ca is not None
    config = {"auths": {locked.host: {"auth": base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()}}}
    for name, type_, data in (
        ("regcred", "kubernetes.io/dockerconfigjson", {".dockerconfigjson": json.dumps(config)}),
        ("registry-login", "kubernetes.io/basic-auth", {"username": USER, "password": PASSWORD}),
        ("registry-ca", "Opaque", {"ca.crt": locked.ca.read_text()}),
    ):
        kubectl.apply(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": name, "namespace": "default"},
                "type": type_,
                "stringData": data,
            }
        )


@pytest.fixture(scope="module")
def granted(kubectl: Kubectl, secrets: None) -> None:
    kubectl.must("apply", "-n", "default", "-k", ROOT / "deploy" / "registry-secrets")


def manifest(kind: str, name: str, target: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "tasks.d7y.io/v1alpha1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"targets": [target], **spec},
    }


def condition(status: dict[str, Any]) -> tuple[str, str]:
    succeeded = next(c for c in status["conditions"] if c["type"] == "Succeeded")
    return succeeded["reason"], succeeded["message"]


def reason(status: dict[str, Any]) -> str:
    return condition(status)[0]


def blob_url(registry: RealRegistry, number: int) -> str:
    return f"{registry.origin}/v2/{NAME}/blobs/{IMAGE.blobs[number].digest}"


def cache(world: Control, image: Image, *, on: str) -> None:
    for blob in image.blobs:
        world.caches(blob.hex, on=on)


def test_search_finds_blobs_by_digest_and_by_url(
    kubectl: Kubectl, world: Control, finished: Finished, registry: RealRegistry
) -> None:
    cache(world, IMAGE, on="n1")
    by_url = url_candidates(blob_url(registry, 3))[0].task_id
    world.caches(by_url, on="n2")

    kubectl.apply(manifest("TaskSearch", "image", {"imageManifestURL": registry.url(NAME, "1.0")}))

    status = finished("tsearch", "image")
    assert condition(status) == ("Found", "cached on 2 of 11 peers; all of the image on 1, some of it on 1")
    assert {task["taskID"]: task["identity"] for task in status["tasks"] if task["result"] == "Found"} == {
        **{blob.hex: "blob-digest" for blob in IMAGE.blobs},
        by_url: "url",
    }
    (image,) = status["images"]
    assert (image["digest"], image["blobs"], image["platforms"]) == (
        IMAGE.root.digest,
        len(IMAGE.blobs),
        ["linux/amd64", "linux/arm64/v8"],
    )
    table = kubectl.must("get", "tasksearches", "image", "-o", "wide")
    assert (
        f"{registry.host}/team/app:1.0: 5 blobs for 2 platforms, 0.0 MiB; peers with all of it: 1, with some: 1"
        in table
    )


def test_deletion_clears_the_image_under_every_id(
    kubectl: Kubectl, world: Control, finished: Finished, registry: RealRegistry
) -> None:
    cache(world, IMAGE, on="n3")
    ids = [
        url_candidates(url)[0].task_id
        for url in (blob_url(registry, 0), registry.url(NAME, "1.0"), registry.url(NAME, IMAGE.root.digest))
    ]
    ids += [IMAGE.root.hex, IMAGE.manifests[0].hex, *(blob.hex for blob in IMAGE.blobs)]
    for task in ids:
        world.caches(task, on="n4,n5")

    kubectl.apply(manifest("TaskDeletion", "image", {"imageManifestURL": registry.url(NAME, "1.0")}))

    status = finished("tdel", "image")
    assert reason(status) == "Deleted"
    assert {task for task in ids if world.holders(task)} == set()


def test_deletion_keeps_what_another_image_uses(
    kubectl: Kubectl, world: Control, finished: Finished, registry: RealRegistry
) -> None:
    cache(world, IMAGE, on="n6")
    target = {
        "imageManifestURL": registry.url(NAME, "1.0"),
        "keepSharedWith": [registry.url(NAME, "spared")],
    }

    kubectl.apply(manifest("TaskDeletion", "sparing", target))

    status = finished("tdel", "sparing")
    assert (reason(status), status["images"][0]["kept"]) == ("Deleted", 1)
    assert [blob.body for blob in IMAGE.blobs if world.holders(blob.hex)] == [b"base"]
    world.caches(IMAGE.blobs[2].hex, on="n6")


def test_one_platform_alone_is_deleted(
    kubectl: Kubectl, world: Control, finished: Finished, registry: RealRegistry
) -> None:
    cache(world, IMAGE, on="n7")
    target = {"imageManifestURL": registry.url(NAME, "1.0"), "platform": "linux/amd64"}

    kubectl.apply(manifest("TaskDeletion", "amd64", target))

    assert reason(finished("tdel", "amd64")) == "Deleted"
    assert [blob.body for blob in (IMAGE.blobs[3], IMAGE.blobs[4]) if world.holders(blob.hex)] == [b"arm"]


def test_tag_that_is_not_there_ends_the_run(kubectl: Kubectl, finished: Finished, registry: RealRegistry) -> None:
    kubectl.apply(manifest("TaskSearch", "gone", {"imageManifestURL": registry.url(NAME, "2.0")}))

    why, message = condition(finished("tsearch", "gone"))
    assert why == "ImageUnresolvable"
    assert message.startswith(f"{registry.origin} has no /v2/team/app/manifests/2.0; check the name and the tag")


def test_registry_outside_the_allowlist_is_not_contacted(kubectl: Kubectl, finished: Finished) -> None:
    url = "https://registry.example.com/v2/library/nginx/manifests/1.27"
    kubectl.apply(manifest("TaskSearch", "elsewhere", {"imageManifestURL": url}))

    why, message = condition(finished("tsearch", "elsewhere"))
    assert why == "RegistryDenied"
    assert "--registry-allowlist registry.example.com" in message


def test_registry_with_a_password_denies_without(
    kubectl: Kubectl, finished: Finished, locked: RealRegistry, granted: None
) -> None:
    target = {"imageManifestURL": locked.url(NAME, "1.0"), "caSecretRef": {"name": "registry-ca"}}
    kubectl.apply(manifest("TaskSearch", "no-password", target))

    why, message = condition(finished("tsearch", "no-password"))
    assert why == "RegistryDenied"
    assert message.endswith("without credentials; name a Secret that holds some in pullSecretRef")


@pytest.mark.parametrize("secret", ["regcred", "registry-login"])
def test_secret_logs_in(  # noqa: PLR0917 - fixtures
    kubectl: Kubectl, world: Control, finished: Finished, locked: RealRegistry, granted: None, secret: str
) -> None:
    cache(world, IMAGE, on="n8")
    target = {
        "imageManifestURL": locked.url(NAME, "1.0"),
        "caSecretRef": {"name": "registry-ca"},
        "pullSecretRef": {"name": secret},
    }
    kubectl.apply(manifest("TaskSearch", f"with-{secret}", target))

    assert reason(finished("tsearch", f"with-{secret}")) == "Found"


def test_certificate_need_not_be_known_where_the_user_says_so(
    kubectl: Kubectl, finished: Finished, locked: RealRegistry, granted: None
) -> None:
    url = locked.url(NAME, "1.0")
    target = {"imageManifestURL": url, "pullSecretRef": {"name": "regcred"}}
    kubectl.apply(manifest("TaskSearch", "unknown-ca", target))
    kubectl.apply(manifest("TaskSearch", "any-ca", {**target, "insecureSkipTLSVerify": True}))

    why, message = condition(finished("tsearch", "unknown-ca"))
    assert (why, "in caSecretRef" in message) == ("ImageUnresolvable", True)
    assert reason(finished("tsearch", "any-ca")) in {"Found", "NotFound"}


def test_secret_that_may_not_be_read_is_told_with_the_commands_that_grant_it(
    kubectl: Kubectl, finished: Finished, locked: RealRegistry, secrets: None
) -> None:
    kubectl("create", "namespace", "fresh")
    kubectl.must("create", "secret", "generic", "own", "-n", "fresh", f"--from-literal=username={USER}",
                 f"--from-literal=password={PASSWORD}")  # fmt: skip
    search = manifest(
        "TaskSearch",
        "refused",
        {
            "imageManifestURL": locked.url(NAME, "1.0"),
            "insecureSkipTLSVerify": True,
            "pullSecretRef": {"name": "own"},
        },
    )
    search["metadata"]["namespace"] = "fresh"
    kubectl.apply(search)
    kubectl.must("wait", "-n", "fresh", "tsearch/refused", "--for=condition=Finished", "--timeout=50s")
    refused = json.loads(kubectl.must("get", "-n", "fresh", "tsearch", "refused", "-o", "json"))["status"]

    why, message = condition(refused)
    assert why == "SecretNotFound"
    for command in message.partition("to grant it: ")[2].split(" && "):
        program, *arguments = shlex.split(command)
        assert program == "kubectl"
        kubectl.must(*arguments)

    search["spec"]["runID"] = "granted"
    kubectl.apply(search)
    kubectl.must("wait", "-n", "fresh", "tsearch/refused", "--for=jsonpath={.status.runID}=granted", "--timeout=50s")
    kubectl.must("wait", "-n", "fresh", "tsearch/refused", "--for=condition=Finished", "--timeout=50s")
    after = json.loads(kubectl.must("get", "-n", "fresh", "tsearch", "refused", "-o", "json"))["status"]
    assert reason(after) in {"Found", "NotFound"}


def test_secret_that_is_not_there_is_told(
    kubectl: Kubectl, finished: Finished, locked: RealRegistry, granted: None
) -> None:
    kubectl.must("create", "role", "any-secret", "--verb=get", "--resource=secrets")
    kubectl.must("create", "rolebinding", "any-secret", "--role=any-secret",
                 "--serviceaccount=dragonfly-task-operator:dragonfly-task-operator")  # fmt: skip
    target = {"imageManifestURL": locked.url(NAME, "1.0"), "pullSecretRef": {"name": "missing"}}
    kubectl.apply(manifest("TaskSearch", "no-secret", target))

    status = finished("tsearch", "no-secret")
    kubectl.must("delete", "rolebinding/any-secret", "role/any-secret")
    assert condition(status) == (
        "SecretNotFound",
        "there is no Secret default/missing; create it, or correct the reference to it",
    )


def test_what_secrets_hold_is_nowhere_to_be_read(
    kubectl: Kubectl, finished: Finished, locked: RealRegistry, granted: None, log: Path
) -> None:
    """After a run that used them and one that failed with them."""
    wrong = "wr0ng-p4ssword"
    kubectl.must("create", "secret", "generic", "wrong-login", f"--from-literal=username={USER}",
                 f"--from-literal=password={wrong}")  # fmt: skip
    kubectl.must("create", "role", "wrong", "--verb=get", "--resource=secrets", "--resource-name=wrong-login")
    kubectl.must("create", "rolebinding", "wrong", "--role=wrong",
                 "--serviceaccount=dragonfly-task-operator:dragonfly-task-operator")  # fmt: skip
    for name in ("registry-login", "wrong-login"):
        target = {
            "imageManifestURL": locked.url(NAME, "1.0"),
            "insecureSkipTLSVerify": True,
            "pullSecretRef": {"name": name},
        }
        kubectl.apply(manifest("TaskDeletion", f"leaks-{name}", target))
        finished("tdel", f"leaks-{name}")
    assert reason(kubectl.get("tdel", "leaks-wrong-login")["status"]) == "RegistryDenied"

    told = log.read_text()
    for kind in ("tasksearches", "taskdeletions", "events"):
        told += kubectl.must("get", kind, "-A", "-o", "json")
    encoded = [base64.b64encode(f"{USER}:{each}".encode()).decode() for each in (PASSWORD, wrong)]
    assert re.findall("|".join(map(re.escape, (PASSWORD, wrong, *encoded))), told) == []
