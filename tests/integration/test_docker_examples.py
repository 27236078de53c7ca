"""The examples for people with Docker, as far as they can be checked without it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from hack.installation import ROOT
from hack.kubectl import Kubectl

EXAMPLES = ROOT / "examples"


@pytest.mark.controlplane
def test_kind_example_is_accepted_by_an_api_server(kubectl: Kubectl) -> None:
    applied = kubectl.must("apply", "--validate=strict", "-f", EXAMPLES / "kind" / "dragonfly.yaml")

    assert "daemonset.apps/dragonfly-client created" in applied


def test_kind_example_has_the_scheduler_that_deploy_asks_for() -> None:
    objects = yaml.safe_load_all((EXAMPLES / "kind" / "dragonfly.yaml").read_text())
    services = [
        {
            "namespace": each["metadata"]["namespace"],
            "name": each["metadata"]["name"],
            "port": each["spec"]["ports"][0]["port"],
        }
        for each in objects
        if each["kind"] == "Service"
    ]

    (cluster,) = yaml.safe_load((ROOT / "deploy" / "base" / "config.yaml").read_text())["clusters"]

    assert [each["service"] for each in cluster["schedulers"]] == services


def test_compose_example_has_every_file_that_its_services_mount() -> None:
    compose = yaml.safe_load((EXAMPLES / "compose" / "compose.yaml").read_text())

    mounted = {mount["source"] for service in compose["services"].values() for mount in service.get("configs", ())}

    assert mounted == set(compose["configs"])


@pytest.mark.parametrize(
    ("path", "services"), [("compose/compose.yaml", {"scheduler"}), ("kind/dragonfly.yaml", {"dragonfly-scheduler"})]
)
def test_peers_are_told_of_a_scheduler_that_is_there(path: str, services: set[str]) -> None:
    (dynconfig,) = [each for each in configurations(EXAMPLES / path) if "scheduler" in each]

    host, _, port = dynconfig["scheduler"]["addr"].partition(":")

    assert (host.split(".")[0] in services, port) == (True, "8002")


def configurations(path: Path) -> list[dict[str, dict[str, str]]]:
    """The files that an example writes for containers, parsed."""
    texts = []
    for document in yaml.safe_load_all(path.read_text()):
        texts += [each["content"] for each in document.get("configs", {}).values()]
        texts += document.get("data", {}).values()
    return [yaml.safe_load(text) for text in texts]
