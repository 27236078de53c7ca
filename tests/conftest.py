"""A real etcd and kube-apiserver for the session, with `deploy/` applied. Nothing starts until a test asks for it."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterator

import pytest

from hack.controlplane.server import ControlPlane
from hack.installation import install
from hack.kubectl import Kubectl
from tests import planted
from tests.objects import Objects, wait_for
from tests.slate import Slate


def pytest_configure() -> None:
    """Have no event loop but those that tests ask for.

    looptime asks the policy for one before every test, and the policy would make one for a test that is not async,
    which nobody closes: a ResourceWarning at whatever test the garbage collector runs in. Told that there is none, the
    policy makes none.
    """
    asyncio.set_event_loop(None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail whatever printed the secret that tests plant: operators print here, too."""
    report = yield
    if any(planted.shows(text) for _, text in report.sections):
        report.outcome, report.longrepr = "failed", "the secret of tests.planted was printed"
    return report


@pytest.fixture(scope="session")
def control_plane() -> Iterator[ControlPlane]:
    with ControlPlane() as running:
        yield running


@pytest.fixture(scope="session")
def kubectl(control_plane: ControlPlane, slates: list[Slate]) -> Kubectl:
    """As admin, with `deploy/` applied."""
    kubectl = Kubectl.as_admin(control_plane)
    install(kubectl)
    slates.append(Slate(control_plane))
    return kubectl


@pytest.fixture(scope="session")
def slates() -> list[Slate]:
    """The control plane that test files share, as `kubectl` has set it up, once it has."""
    return []


@pytest.fixture(scope="module", autouse=True)
def _clean_slate(slates: list[Slate]) -> Iterator[None]:
    """Have each test file find the control plane as if it were the first: pytest-xdist may run it after any other."""
    yield
    for slate in slates:
        if slate.written():
            try:
                wait_for(slate.serves_kinds, "our kinds to be served")
                leaks = planted.leaks(slate.control_plane)
            finally:
                slate.wipe()
            assert leaks == []


@pytest.fixture(scope="module")
def objects(control_plane: ControlPlane, kubectl: Kubectl) -> Objects:
    del kubectl  # has installed the kinds
    return Objects(control_plane)
