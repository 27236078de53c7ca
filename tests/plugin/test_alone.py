"""`kubectl dragonfly` where something is missing: the operator, the kinds, the API server."""

from __future__ import annotations

from pathlib import Path

import pytest

from hack.controlplane.server import ControlPlane
from hack.kubectl import Kubectl
from tests.objects import Objects
from tests.plugin.terminal import Plugin

pytestmark = pytest.mark.controlplane


def test_operator_that_does_not_run_is_told_and_how_to_look(editor: Plugin, objects: Objects) -> None:
    done = editor("search", "--content", "x", "--name", "unseen", "--timeout", "13s")

    assert done.code == 4
    assert (
        "nothing has picked it up within 10 s. No operator runs, or it does not look after this namespace:"
        " kubectl -n dragonfly-task-operator get pods,events\n"
    ) in done.err
    described = editor("describe", "unseen").out
    assert described.startswith("TaskSearch default/unseen\nPending: waiting for the operator\n")
    assert "What to do: No operator runs" in described


def test_kinds_that_are_not_installed_are_told_and_how_to_install_them(tmp_path: Path) -> None:
    with ControlPlane() as bare:
        plugin = Plugin(bare.admin_kubeconfig, tmp_path)

        for words in (["get"], ["search", "--content", "x"], ["describe", "x"]):
            done = plugin(*words)
            assert (done.code, done.out) == (3, "")
            assert "does not know the kind task" in done.err
            assert "dragonfly-task-operator crds | kubectl apply -f -" in done.err

        bare.stop_apiserver()
        gone = plugin("get")
        assert (gone.code, f"the API server {bare.url} can't be reached" in gone.err) == (3, True)
        assert len(gone.err.splitlines()) == 1


def test_credentials_that_are_refused_are_told_at_once(
    control_plane: ControlPlane, kubectl: Kubectl, tmp_path: Path
) -> None:
    del kubectl
    done = Plugin(control_plane.kubeconfig("no token of anybody's"), tmp_path)("get")

    assert (done.code, done.out) == (3, "")
    assert "401: it does not accept the credentials" in done.err
    assert "log in again" in done.err
