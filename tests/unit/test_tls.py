"""TLS to schedulers and peers: what works, what a person reads when it doesn't, and files that rotate."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from dragonfly_task_operator.dragonfly.channels import ChannelPool
from dragonfly_task_operator.dragonfly.memory import HostMemory
from dragonfly_task_operator.dragonfly.peers import GrpcPeers
from dragonfly_task_operator.dragonfly.schedulers import GrpcSchedulers
from dragonfly_task_operator.dragonfly.tls import RotatingCredentials
from dragonfly_task_operator.engine.clearing import look
from dragonfly_task_operator.engine.model import Cached, Host, HostType, Presence
from dragonfly_task_operator.errors import NoSchedulerReachable, PeerError, PeerReason, SettingsError
from dragonfly_task_operator.settings import ClusterSettings, TLSFiles
from tests.simulator import Link, SimulatedCluster
from tests.simulator.tls import ServerFiles
from tests.simulator.tls.authority import Authority, Pair
from tests.unit.clocks import SteppingClock
from tests.wires import wire_of

pytestmark = pytest.mark.usefixtures("each_transport")

TASK = "a1" * 32
NAMES = ("127.1.0.1", "127.3.0.1", "::1")


@pytest.fixture(scope="module")
def ca() -> Authority:
    return Authority()


Files = Callable[..., TLSFiles]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """The operator's files; without a certificate where none is given."""

    def write(ca: Authority, pair: Pair | None, *, server_name: str | None = None) -> TLSFiles:
        folder = (pair or ca.signs("nobody")).write(tmp_path / "operator", ca=ca.cert)
        own = (folder / "tls.crt", folder / "tls.key") if pair else (None, None)
        return TLSFiles(ca=folder / "ca.crt", cert=own[0], key=own[1], server_name=server_name)

    return write


def world(tmp_path: Path, ca: Authority, server: Pair) -> SimulatedCluster:
    folder = server.write(tmp_path / "server", ca=ca.cert)
    return SimulatedCluster(schedulers=1, peers=1, tls=ServerFiles.in_folder(folder))


async def ask_n0(world: SimulatedCluster, tls: RotatingCredentials | None, pool: ChannelPool | None = None) -> Presence:
    """Ask the peer n0 for TASK, which it has."""
    world.caches(TASK)
    ip, port = world.peer("n0").address
    host = Host(f"{ip}-n0", "n0", ip, port, HostType.NORMAL, 1, "default")
    by_cluster = {"default": tls} if tls else {}
    own = pool or ChannelPool()
    try:
        memory = HostMemory(SteppingClock())
        peers = GrpcPeers(wire_of(own), memory=memory, tls=by_cluster, timeout=5, in_flight=9)
        return await look(peers, host, TASK)
    finally:
        if pool is None:
            await own.aclose()


async def refusal(world: SimulatedCluster, tls: TLSFiles | None) -> PeerError:
    with pytest.raises(PeerError) as refused:
        await ask_n0(world, RotatingCredentials(tls) if tls else None)
    return refused.value


async def list_hosts(world: SimulatedCluster, tls: TLSFiles, *, called: str | None = None) -> list[str]:
    """Ask the scheduler by its address, or by a name that leads to it."""
    pool = ChannelPool()
    ip, port = world.scheduler().address
    cluster = ClusterSettings(schedulers=(f"{called}:{port}" if called else world.scheduler_addresses[0],))

    async def resolve(host: str, port: int) -> list[tuple[str, int]]:
        return [(ip, port)]

    schedulers = GrpcSchedulers(
        [cluster],
        pool,
        memory=HostMemory(SteppingClock()),
        services=None,
        pods=None,
        tls={"default": RotatingCredentials(tls)},
        timeout=5,
        resolve=resolve,
    )
    try:
        return [host.hostname for host in (await schedulers.hosts()).hosts]
    finally:
        await pool.aclose()


async def test_peer_with_mutual_tls_answers(tmp_path: Path, ca: Authority, files: Files) -> None:
    async with world(tmp_path, ca, ca.signs(*NAMES)) as running:
        tls = RotatingCredentials(files(ca, ca.signs("operator")))
        assert isinstance(await ask_n0(running, tls), Cached)


async def test_scheduler_with_mutual_tls_answers(tmp_path: Path, ca: Authority, files: Files) -> None:
    async with world(tmp_path, ca, ca.signs(*NAMES)) as running:
        assert await list_hosts(running, files(ca, ca.signs("operator"))) == ["n0"]


async def test_certificate_may_be_for_the_server_name_of_the_settings(
    tmp_path: Path, ca: Authority, files: Files
) -> None:
    async with world(tmp_path, ca, ca.signs("dfdaemon.example")) as running:
        tls = RotatingCredentials(files(ca, ca.signs("operator"), server_name="dfdaemon.example"))
        assert isinstance(await ask_n0(running, tls), Cached)


async def test_certificate_of_a_scheduler_is_for_the_host_of_the_settings(
    tmp_path: Path, ca: Authority, files: Files
) -> None:
    async with world(tmp_path, ca, ca.signs("scheduler.example")) as running:
        tls = files(ca, ca.signs("operator"))
        assert await list_hosts(running, tls, called="scheduler.example") == ["n0"]


async def test_certificate_may_be_for_an_ipv6_address(tmp_path: Path, ca: Authority, files: Files) -> None:
    server = ServerFiles.in_folder(ca.signs("::1").write(tmp_path / "server", ca=ca.cert))
    async with SimulatedCluster(schedulers=0, peers=0, ipv6=True, tls=server) as running:
        assert await list_hosts(running, files(ca, ca.signs("operator"))) == ["v6"]


@pytest.mark.parametrize(
    ("server_names", "expired", "words"),
    [
        (("other.example",), False, "its certificate is not issued for 127.1.0.1"),
        (NAMES, True, "its certificate has expired"),
    ],
)
async def test_peer_with_a_bad_certificate_fails_with_what_is_bad(  # noqa: PLR0917 - fixtures
    tmp_path: Path, ca: Authority, files: Files, server_names: tuple[str, ...], expired: bool, words: str
) -> None:
    async with world(tmp_path, ca, ca.signs(*server_names, expired=expired)) as running:
        error = await refusal(running, files(ca, ca.signs("operator")))
    assert (error.reason, error.retryable, words in error.description) == (PeerReason.TLS, False, True), error


async def test_peer_of_another_ca_fails_with_the_file_of_the_operators_ca(
    tmp_path: Path, ca: Authority, files: Files
) -> None:
    async with world(tmp_path, ca, Authority("other").signs(*NAMES)) as running:
        tls = files(ca, ca.signs("operator"))
        error = await refusal(running, tls)
    wanted = f"its certificate is not signed by the CA in {tls.ca}"
    assert (error.reason, wanted in error.description) == (PeerReason.TLS, True), error


async def test_self_signed_certificate_fails_as_not_signed_by_the_ca(
    tmp_path: Path, ca: Authority, files: Files
) -> None:
    async with world(tmp_path, ca, ca.signs(*NAMES)) as running:
        await running.peer("n0").becomes(Link.WRONG_TLS)
        error = await refusal(running, files(ca, ca.signs("operator")))
    assert (error.reason, "not signed by the CA" in error.description) == (PeerReason.TLS, True), error


async def test_plaintext_operator_is_told_that_the_peer_speaks_tls(tmp_path: Path, ca: Authority) -> None:
    async with world(tmp_path, ca, ca.signs(*NAMES)) as running:
        error = await refusal(running, None)
    assert (error.reason, "it speaks TLS and the operator plaintext" in error.description) == (PeerReason.TLS, True)


async def test_operator_with_tls_is_told_that_the_peer_speaks_plaintext(ca: Authority, files: Files) -> None:
    async with SimulatedCluster(peers=1) as running:
        error = await refusal(running, files(ca, ca.signs("operator")))
    assert (error.reason, "it speaks plaintext and the operator TLS" in error.description) == (PeerReason.TLS, True)


async def test_operator_without_a_certificate_is_told_that_one_is_wanted(
    tmp_path: Path, ca: Authority, files: Files
) -> None:
    async with world(tmp_path, ca, ca.signs(*NAMES)) as running:
        error = await refusal(running, files(ca, None))
    assert (error.reason, "it wants a client certificate" in error.description) == (PeerReason.TLS, True), error


@pytest.mark.parametrize("expired", [True, False])
async def test_operators_own_certificate_that_is_refused_is_named(
    tmp_path: Path, ca: Authority, files: Files, expired: bool
) -> None:
    own = ca.signs("operator", expired=True) if expired else Authority("other").signs("operator")
    async with world(tmp_path, ca, ca.signs(*NAMES)) as running:
        tls = files(ca, own)
        error = await refusal(running, tls)
    wanted = f"it does not accept the operator's certificate in {tls.cert}"
    assert (error.reason, wanted in error.description) == (PeerReason.TLS, True), error


async def test_dead_peer_is_unreachable_with_tls_too(tmp_path: Path, ca: Authority, files: Files) -> None:
    async with world(tmp_path, ca, ca.signs(*NAMES)) as running:
        await running.peer("n0").goes_down()
        error = await refusal(running, files(ca, ca.signs("operator")))
    assert error.reason is PeerReason.UNREACHABLE


@pytest.mark.parametrize("link", [Link.RESETTING, Link.NOISE])
async def test_peer_that_speaks_no_grpc_is_unreachable_to_a_plaintext_operator(link: Link) -> None:
    async with SimulatedCluster(peers=1) as running:
        await running.peer("n0").becomes(link)
        error = await refusal(running, None)
    assert error.reason is PeerReason.UNREACHABLE


async def test_scheduler_with_a_bad_certificate_is_named_with_what_is_bad(
    tmp_path: Path, ca: Authority, files: Files
) -> None:
    async with world(tmp_path, ca, ca.signs(*NAMES, expired=True)) as running:
        with pytest.raises(NoSchedulerReachable, match=r"127\.3\.0\.1:\d+: TLS: its certificate has expired"):
            await list_hosts(running, files(ca, ca.signs("operator")))


async def test_rotated_files_are_used_without_a_restart(tmp_path: Path, ca: Authority, files: Files) -> None:
    new_ca = Authority("new")
    async with world(tmp_path, ca, ca.signs(*NAMES)) as running:
        tls, pool = RotatingCredentials(files(ca, ca.signs("operator")), look_again=0), ChannelPool()
        await ask_n0(running, tls, pool)
        new_ca.signs(*NAMES).write(tmp_path / "server", ca=new_ca.cert)
        await running.peer("n0").goes_down()
        await running.peer("n0").comes_back()

        files(new_ca, new_ca.signs("operator"))

        assert isinstance(await ask_n0(running, tls, pool), Cached)
        await pool.aclose()


async def test_rotation_opens_a_new_channel_while_the_old_server_still_runs(
    tmp_path: Path, ca: Authority, files: Files
) -> None:
    async with world(tmp_path, ca, ca.signs(*NAMES)) as running:
        tls, pool = RotatingCredentials(files(ca, ca.signs("operator")), look_again=0), ChannelPool()
        await ask_n0(running, tls, pool)

        files(ca, ca.signs("operator"))
        await ask_n0(running, tls, pool)

        assert len(running.peer("n0").clients) == 2
        await pool.aclose()


async def test_channel_is_kept_while_the_files_stay(tmp_path: Path, ca: Authority, files: Files) -> None:
    async with world(tmp_path, ca, ca.signs(*NAMES)) as running:
        tls, pool = RotatingCredentials(files(ca, ca.signs("operator")), look_again=0), ChannelPool()
        await ask_n0(running, tls, pool)
        await ask_n0(running, tls, pool)

        assert len(running.peer("n0").clients) == 1
        await pool.aclose()


def test_bad_rotation_keeps_the_last_good_files_and_is_logged_once(
    ca: Authority, files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    written = files(ca, ca.signs("operator"))
    tls = RotatingCredentials(written, look_again=0)
    good = tls.current()
    assert written.key is not None
    written.key.write_text("no key")

    with caplog.at_level(logging.WARNING):
        assert (tls.current(), tls.current()) == (good, good)

    (record,) = caplog.records
    assert "no certificate and its key" in record.fields["error"]  # type: ignore[attr-defined]


def test_files_that_vanish_for_a_while_keep_the_last_good_ones(ca: Authority, files: Files) -> None:
    written = files(ca, ca.signs("operator"))
    tls = RotatingCredentials(written, look_again=0)
    good = tls.current()

    (written.ca.parent / "..data").unlink()

    assert tls.current() is good


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("ca.crt", None, r"ca\.crt can't be read: No such file or directory"),
        ("ca.crt", b"", r"ca\.crt holds no CA certificate in PEM"),
        ("tls.crt", b"nonsense", r"tls\.crt and .*tls\.key are no certificate and its key in PEM"),
        ("tls.key", "another", "key values mismatch"),
    ],
)
def test_files_that_cannot_be_used_are_refused(
    ca: Authority, files: Files, name: str, content: bytes | str | None, words: str
) -> None:
    written = files(ca, ca.signs("operator"))
    path = written.ca.parent / name
    path.unlink()
    if content is not None:
        path.write_bytes(ca.signs("operator").key if isinstance(content, str) else content)

    with pytest.raises(SettingsError, match=words):
        RotatingCredentials(written)
