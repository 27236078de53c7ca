"""How a person gets to the API server: which file, which namespace, and what is said where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from dragonfly_task_operator.api.kinds import TASK_SEARCH
from dragonfly_task_operator.client.access import Access
from dragonfly_task_operator.client.errors import KubeconfigUnusable, NotTaken, Unreachable


def kubeconfig(path: Path, *, server: str = "https://10.0.0.1:6443", namespace: str | None = None) -> Path:
    context = {"cluster": "k", "user": "u"} | ({"namespace": namespace} if namespace else {})
    content = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": context}],
        "clusters": [{"name": "k", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


async def reached(access: Access) -> tuple[str, str]:
    async with access.connect() as client:
        return client.server, client.namespace


async def test_kubeconfig_is_the_one_that_kubectl_takes(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kubeconfig(home / ".kube" / "config", server="https://10.0.0.1:6443", namespace="of-home")
    assert await reached(Access()) == ("https://10.0.0.1:6443", "of-home")

    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    assert await reached(Access()) == ("https://10.0.0.1:6443", "of-home")  # in a pod, too

    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(home / "variable", server="https://10.0.0.2:6443")))
    assert await reached(Access()) == ("https://10.0.0.2:6443", "default")

    given = Access(kubeconfig=kubeconfig(home / "flag", server="https://10.0.0.3:6443", namespace="x"), namespace="y")
    assert await reached(given) == ("https://10.0.0.3:6443", "y")


@pytest.mark.parametrize(
    ("access", "words"),
    [
        (Access(), "there is no such file; give --kubeconfig FILE"),
        (Access(kubeconfig=Path("flag"), context="none"), 'it has no context "none"'),
    ],
)
async def test_kubeconfig_that_can_not_be_used_is_told(
    home: Path, monkeypatch: pytest.MonkeyPatch, access: Access, words: str
) -> None:
    monkeypatch.chdir(home)
    kubeconfig(home / "flag")

    with pytest.raises(KubeconfigUnusable, match=words):
        await reached(access)


async def test_api_server_that_is_not_there_is_told(home: Path) -> None:
    path = kubeconfig(home / "flag", server="http://127.0.0.1:9")  # the port of discard, where nobody is

    async with Access(kubeconfig=path).connect() as client:
        with pytest.raises(Unreachable, match=r"the API server \S+ can't be reached"):
            await client.list(TASK_SEARCH, "team")


@pytest.mark.parametrize("name", ["..", "a/b", "A", "", "x" * 254, "a?b", "-a"])
async def test_name_that_no_object_can_have_is_refused_before_anybody_is_asked(home: Path, name: str) -> None:
    async with Access(kubeconfig=kubeconfig(home / "flag")).connect() as client:
        with pytest.raises(NotTaken, match="no TaskSearch can be named"):
            await client.get(TASK_SEARCH, "team", name)
        with pytest.raises(NotTaken, match="no namespace can be named"):
            await client.get(TASK_SEARCH, name, "one")
