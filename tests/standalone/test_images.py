"""Images by `exec`: logins come from a Docker config, and messages speak of that."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.objects import manifest
from tests.registry.image import multi_platform
from tests.registry.login import BASIC, PASSWORD, auth
from tests.registry.scripted import NAME, ScriptedRegistry
from tests.registry.stage import locked
from tests.registry.threaded import Servers
from tests.simulator.control import Control
from tests.standalone.conftest import Exec

IMAGE = multi_platform()


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedRegistry]:
    with Servers() as servers:
        yield servers.enter(ScriptedRegistry())


@pytest.fixture
def registry(server: ScriptedRegistry, command: list[str]) -> ScriptedRegistry:
    """One that `exec` may ask, and that lets in who knows the password."""
    command.append(f"--registry-allowlist={server.origin}")
    server.holds(IMAGE)
    server.asked.clear()
    server.intercept = locked('Basic realm="all of it"')
    return server


def docker_config(folder: Path, auths: dict[str, Any], **more: Any) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps({"auths": auths, **more}))
    return path


def search(registry: ScriptedRegistry, **target: Any) -> dict[str, Any]:
    return manifest("TaskSearch", "image", {"imageManifestURL": registry.url(), **target})


def told(stdout: str) -> tuple[str, str]:
    (found,) = yaml.safe_load_all(stdout)
    condition = found["status"]["conditions"][0]
    return condition["reason"], condition["message"]


def test_docker_config_that_is_named_logs_in(
    execute: Exec, registry: ScriptedRegistry, world: Control, tmp_path: Path
) -> None:
    for blob in IMAGE.blobs:
        world.caches(blob.hex, on="n1,n2")
    (tmp_path / "elsewhere").mkdir()
    config = docker_config(tmp_path / "elsewhere", {registry.host: auth()})

    done = execute("-f", "-", "--docker-config", str(config), stdin=search(registry))

    (found,) = yaml.safe_load_all(done.stdout)
    assert (done.returncode, found["status"]["images"][0]["peersWithAll"]) == (0, 2), done.stdout
    assert registry.asked[-1][1] == BASIC
    assert PASSWORD not in done.stdout + done.stderr


def test_users_own_docker_config_logs_in_in_the_place_of_a_pull_secret(
    execute: Exec, registry: ScriptedRegistry, tmp_path: Path
) -> None:
    docker_config(tmp_path, {registry.host: auth()})

    done = execute("-f", "-", stdin=search(registry, pullSecretRef={"name": "regcred"}))

    assert (done.returncode, told(done.stdout)[0]) == (0, "Found"), done.stdout


def test_image_that_anybody_may_pull_needs_no_docker_config(execute: Exec, registry: ScriptedRegistry) -> None:
    registry.intercept = None

    done = execute("-f", "-", stdin=search(registry))

    assert done.returncode == 0, done.stdout


def test_what_is_missing_or_wrong_is_told_in_the_words_of_a_docker_config(
    execute: Exec, registry: ScriptedRegistry, tmp_path: Path
) -> None:
    config = tmp_path / "config.json"
    refuses = f"{registry.origin} refuses to serve {NAME} (401 Unauthorized)"
    cases: list[tuple[dict[str, Any] | None, dict[str, Any], tuple[str, str]]] = [
        (
            None,
            {},
            (
                "RegistryDenied",
                (
                    f"{refuses} without credentials; log in with docker login, which writes the Docker config {config},"
                    " or name another file with --docker-config"
                ),
            ),
        ),
        (
            None,
            {"pullSecretRef": {"name": "regcred"}},
            (
                "SecretNotFound",
                (
                    "the target names the Secret regcred, in whose place a Docker config is read, and there is no"
                    f" {config}; log in with docker login, or name a file with --docker-config"
                ),
            ),
        ),
        (
            {"other.example.com": auth()},
            {},
            (
                "RegistryDenied",
                f"{refuses}, and the Docker config {config} holds no credentials for it; add some for {registry.host}",
            ),
        ),
        (
            {registry.host: auth(password="wrong")},
            {},
            (
                "RegistryDenied",
                f"{refuses} with the credentials of the Docker config {config}; check that they are right and may pull",
            ),
        ),
    ]
    for auths, target, expected in cases:
        config.unlink(missing_ok=True)
        if auths is not None:
            docker_config(tmp_path, auths)

        done = execute("-f", "-", stdin=search(registry, **target))

        assert (done.returncode, told(done.stdout)) == (1, expected)


def test_docker_config_that_is_none_ends_it_before_anybody_is_asked(
    execute: Exec, registry: ScriptedRegistry, tmp_path: Path
) -> None:
    config = tmp_path / "config.json"
    config.write_text(f'{{"auths": "{PASSWORD}"}}')

    done = execute("-f", "-", stdin=search(registry))

    wanted = f"error: the Docker config {config} is malformed; make it with docker login\n"
    assert (done.returncode, done.stdout, done.stderr, registry.asked) == (2, "", wanted, [])
