"""HTTP proxies on the way to registries: which, for what, and who is checked and blamed then."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest
from yarl import URL

from dragonfly_task_operator.errors import ImageUnresolvable, RegistryDenied, SettingsError
from dragonfly_task_operator.oci.proxies import Proxies
from tests.messages.stage import REGISTRY, Stage
from tests.registry.connecting import ConnectProxy
from tests.registry.image import multi_platform
from tests.registry.login import PASSWORD
from tests.registry.reading import Reader
from tests.registry.scripted import ScriptedRegistry

P = "http://proxy.example.com:3128"


@pytest.mark.parametrize(
    ("environment", "url", "proxy"),
    [
        ({}, "https://r.example.com", None),
        ({"HTTPS_PROXY": ""}, "https://r.example.com", None),
        ({"HTTPS_PROXY": P}, "https://r.example.com", P),
        ({"https_proxy": P}, "https://r.example.com", P),
        ({"HTTPS_PROXY": P, "https_proxy": "http://other:1"}, "https://r.example.com", P),
        ({"HTTPS_PROXY": "", "https_proxy": P}, "https://r.example.com", P),
        ({"HTTP_PROXY": P}, "https://r.example.com", None),
        ({"HTTP_PROXY": P}, "http://r.example.com", P),
        ({"HTTPS_PROXY": P}, "http://r.example.com", None),
        ({"ALL_PROXY": P}, "https://r.example.com", None),
        ({"HTTPS_PROXY": "proxy.example.com:3128"}, "https://r.example.com", P),
        ({"HTTPS_PROXY": f" {P} "}, "https://r.example.com", P),
        ({"HTTPS_PROXY": "https://proxy.example.com"}, "https://r.example.com", "https://proxy.example.com"),
    ],
)
def test_proxy_is_what_the_environment_names(environment: dict[str, str], url: str, proxy: str | None) -> None:
    assert Proxies.from_environment(environment).for_(URL(url)) == (None if proxy is None else URL(proxy))


@pytest.mark.parametrize(
    ("no_proxy", "url", "direct"),
    [
        ("", "https://r.example.com", False),
        ("*", "https://r.example.com", True),
        ("a.com, *", "https://r.example.com", True),
        ("r.example.com", "https://r.example.com", True),
        ("R.EXAMPLE.COM", "https://r.example.com", True),
        ("r.example.com.", "https://r.example.com", True),
        ("r.example.com", "https://R.example.com.", True),
        ("r.example.com", "https://r.example.com:5000", True),
        ("example.com", "https://r.example.com", True),
        ("example.com", "https://example.com", True),
        ("example.com", "https://evilexample.com", False),
        ("example.com", "https://example.com.evil.com", False),
        (".example.com", "https://r.example.com", True),
        (".example.com", "https://example.com", False),
        ("*.example.com", "https://r.example.com", True),
        ("*.example.com", "https://example.com", False),
        (".svc,.cluster.local", "https://r.ns.svc", True),
        ("com", "https://r.example.com", True),
        ("r.example.com:5000", "https://r.example.com:5000", True),
        ("r.example.com:5000", "https://r.example.com", False),
        ("r.example.com:443", "https://r.example.com", True),
        (".example.com:5000", "https://r.example.com:5000", True),
        ("10.0.0.7", "https://10.0.0.7", True),
        ("10.0.0.7", "https://10.0.0.8", False),
        ("10.0.0.7:5000", "https://10.0.0.7:5000", True),
        ("10.0.0.7:5000", "https://10.0.0.7", False),
        ("10.0.0.0/8", "https://10.1.2.3", True),
        ("10.0.0.0/8", "https://11.1.2.3", False),
        ("10.0.0.9/8", "https://10.1.2.3", True),
        ("10.0.0.0/8", "https://ten.example.com", False),
        ("fd00::/8", "https://[fd12::7]", True),
        ("fd00::/8", "https://10.1.2.3", False),
        ("fd12::7", "https://[fd12:0::7]:5000", True),
        ("[fd12::7]:5000", "https://[fd12::7]:5000", True),
        ("[fd12::7]:5000", "https://[fd12::7]", False),
        ("10.0.0.0/99, ,,x y", "https://10.1.2.3", False),
        ("", "https://localhost:5000", True),
        ("", "https://127.8.8.8", True),
        ("", "https://[::1]:5000", True),
        ("localhost", "https://notlocalhost", False),
    ],
)
@pytest.mark.parametrize("spelling", ["NO_PROXY", "no_proxy"])
def test_exceptions_are_read_as_go_reads_them(no_proxy: str, url: str, spelling: str, *, direct: bool) -> None:
    proxies = Proxies.from_environment({"HTTPS_PROXY": P, spelling: no_proxy})

    assert (proxies.for_(URL(url)) is None) is direct


@pytest.mark.parametrize(
    "value", ["socks5://h:1080", "http://", "http://h:99999", "http://[", f"ftp://u:{PASSWORD}@h", "://"]
)
def test_proxy_that_cannot_be_used_is_refused_at_start_without_its_password(value: str) -> None:
    with pytest.raises(SettingsError, match="the environment variable https_proxy names no proxy") as caught:
        Proxies.from_environment({"https_proxy": value})
    assert PASSWORD not in str(caught.value)


def test_proxies_never_show_a_password() -> None:
    assert PASSWORD not in repr(Proxies.from_environment({"HTTPS_PROXY": f"http://u:{PASSWORD}@h:1"}))


async def test_registry_is_reached_through_a_tunnel_that_sees_nothing() -> None:
    """The name is in no DNS that the operator can ask: the proxy finds it."""
    async with Stage.open() as stage:
        port = stage.registry.port
        del stage.servers[REGISTRY]
        async with ConnectProxy(leads_to={REGISTRY: port}, wants=("operator", PASSWORD)) as proxy:
            image = await stage.read(
                allow=(REGISTRY,), proxies={"HTTPS_PROXY": f"http://operator:{PASSWORD}@127.0.0.1:{proxy.port}"}
            )

    assert image.digest == multi_platform().root.digest
    assert set(proxy.asked) == {f"CONNECT {REGISTRY}:443 HTTP/1.1"}


async def test_plain_http_goes_through_a_proxy_too(servers: AsyncExitStack, registry: ScriptedRegistry) -> None:
    registry.holds(multi_platform())
    proxy = await servers.enter_async_context(ConnectProxy(leads_to={"r.example.com": registry.port}))
    read = Reader(allow=("http://r.example.com:80",), proxies=Proxies.from_environment({"http_proxy": proxy.url}))

    assert (await read("http://r.example.com/v2/library/app/manifests/1.0", platform="linux/amd64")).parts
    assert proxy.asked[0] == "GET http://r.example.com/v2/library/app/manifests/1.0 HTTP/1.1"


async def test_what_no_proxy_names_is_asked_directly(servers: AsyncExitStack) -> None:
    async with Stage.open() as stage, ConnectProxy() as proxy:
        assert (await stage.read(proxies={"HTTPS_PROXY": proxy.url, "NO_PROXY": "example.com"})).parts
        assert proxy.asked == []


async def test_address_in_the_url_is_checked_all_the_same(servers: AsyncExitStack) -> None:
    proxy = await servers.enter_async_context(ConnectProxy())
    read = Reader(proxies=Proxies.from_environment({"HTTPS_PROXY": proxy.url}))

    with pytest.raises(RegistryDenied, match="a cloud metadata address"):
        await read("https://169.254.169.254/v2/app/manifests/1")
    assert proxy.asked == []


async def test_proxy_on_this_machine_does_not_open_this_machine_to_users(servers: AsyncExitStack) -> None:
    """`localhost` is asked directly, and refused: the exception is for the proxy's own connections."""
    proxy = await servers.enter_async_context(ConnectProxy())
    environment = {"HTTPS_PROXY": f"http://localhost:{proxy.port}"}
    read = Reader(proxies=Proxies.from_environment(environment))

    with pytest.raises(RegistryDenied, match="loopback address"):
        await read(f"https://localhost:{proxy.port}/v2/app/manifests/1")
    with pytest.raises(ImageUnresolvable):  # it has no such host behind it: but it was asked
        await read("https://r.example.com/v2/app/manifests/1")
    assert proxy.asked[0] == "CONNECT r.example.com:443 HTTP/1.1"


@pytest.mark.parametrize("host", ["169.254.169.254", "[fe80::1]", "224.0.0.1", "0.0.0.0"])
async def test_proxy_at_an_address_that_nothing_is_at_is_refused(host: str) -> None:
    read = Reader(proxies=Proxies.from_environment({"HTTPS_PROXY": f"http://{host}:3128"}))

    with pytest.raises(RegistryDenied, match=r"may not contact its proxy .* correct HTTPS_PROXY"):
        await read("https://r.example.com/v2/app/manifests/1")


async def test_certificate_of_the_registry_is_verified_through_the_tunnel() -> None:
    async with Stage.open() as stage, ConnectProxy(leads_to={"other.example.com": stage.registry.port}) as proxy:
        with pytest.raises(ImageUnresolvable, match="is not trusted: it is for another host than other"):
            await stage.read(stage.url(host="other.example.com"), allow=(), proxies={"HTTPS_PROXY": proxy.url})
