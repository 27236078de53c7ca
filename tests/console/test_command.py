"""`kubectl dragonfly console`, the command: what it prints, and how it ends."""

from __future__ import annotations

import signal
import socket
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from dragonfly_task_operator.plugin.commands import dragonfly
from tests.plugin.terminal import SECONDS, Plugin


@pytest.fixture
def plugin(tmp_path: Path) -> Plugin:
    """Of a person whose API server is away."""
    content = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        "clusters": [{"name": "k", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
    }
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(content))
    return Plugin(kubeconfig, tmp_path)


def test_it_prints_the_url_serves_although_the_api_server_is_away_and_ends_by_ctrl_c(plugin: Plugin) -> None:
    with plugin.begun("console", "--port=0") as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=SECONDS)

    assert url.startswith("http://127.0.0.1:")
    assert (process.returncode, "the console has ended; runs go on in the cluster" in err) == (130, True)
    assert "Traceback" not in err


def test_port_that_is_taken_is_told_in_a_line(plugin: Plugin) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = plugin("console", f"--port={port}")

    assert (done.code, done.out) == (2, "")
    assert f"127.0.0.1:{port} can't be served on: Address already in use" in done.err
    assert "--port" in done.err


def test_missing_kubeconfig_is_told(tmp_path: Path) -> None:
    done = Plugin(tmp_path / "none", tmp_path)("console")

    assert (done.code, done.out) == (3, "")
    assert "there is no such file" in done.err


def test_missing_extra_is_told_in_a_line(monkeypatch: pytest.MonkeyPatch, plugin: Plugin) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    monkeypatch.setenv("KUBECONFIG", plugin.environment["KUBECONFIG"])

    done = CliRunner().invoke(dragonfly, ["console", "--port=0"])

    assert done.exit_code == 2
    assert done.stderr.splitlines() == [
        "error: kubectl dragonfly console needs more: pip install 'dragonfly-task-operator[kubectl,console]'"
    ]
