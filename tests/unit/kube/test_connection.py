"""Credentials: a kubeconfig that can't be used is told of in a line, never by a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from dragonfly_task_operator.errors import SettingsError
from dragonfly_task_operator.kube import connection


@pytest.mark.parametrize("content", ["", "clusters: [", "apiVersion: v1\nkind: Config\n", "- just\n- a list\n"])
async def test_wrong_kubeconfig_is_refused(tmp_path: Path, content: str) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(content)

    with pytest.raises(SettingsError, match=f"^the kubeconfig {kubeconfig} can't be "):
        await connection.load(kubeconfig)
