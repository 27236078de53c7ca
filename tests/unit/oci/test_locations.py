"""URLs are requested as they were written, and compared by what they lead to."""

from __future__ import annotations

import pytest
from aiohttp import web
from yarl import URL

from dragonfly_task_operator.errors import ImageUnresolvable, InvalidTarget, RegistryDenied
from dragonfly_task_operator.oci.locations import as_written, authority, follow, is_same_server
from tests.registry.image import multi_platform
from tests.registry.reading import Reader
from tests.registry.scripted import ScriptedRegistry

HERE = as_written("https://r.example.com/v2/a%2Fb/manifests/1.0?ns=x")


@pytest.mark.parametrize(
    ("location", "asked"),
    [
        (
            "https://cdn.example.com/f?p=a%2Fb~_-&Signature=a%2bB+c%20d%3D",
            "https://cdn.example.com/f?p=a%2Fb~_-&Signature=a%2bB+c%20d%3D",
        ),
        ("https://cdn.example.com/a%2fb/%7Efoo/../c//d;v=1", "https://cdn.example.com/a%2fb/%7Efoo/../c//d;v=1"),
        ("https://cdn.example.com/f?q='x'&r=(1)|{2}&s=%E4", "https://cdn.example.com/f?q='x'&r=(1)|{2}&s=%E4"),
        (
            "https://s3.example.com/b/k?X-Amz-Credential=A%2F20261125%2Feu%2Fs3%2Faws4_request&X-Amz-Signature=0a",
            "https://s3.example.com/b/k?X-Amz-Credential=A%2F20261125%2Feu%2Fs3%2Faws4_request&X-Amz-Signature=0a",
        ),
        (
            "https://x.blob.example.net/c?se=2026-11-25T21%3A00%3A00Z&sig=a%2Fb%2Bc%3D&sp=r",
            "https://x.blob.example.net/c?se=2026-11-25T21%3A00%3A00Z&sig=a%2Fb%2Bc%3D&sp=r",
        ),
        ("https://cdn.example.com?sig=a%2F", "https://cdn.example.com/?sig=a%2F"),
        ("https://cdn.example.com/f#fragment?x", "https://cdn.example.com/f"),
        ("HTTPS://CDN.example.com/F", "https://CDN.example.com/F"),
        ("//cdn.example.com/f%2F", "https://cdn.example.com/f%2F"),
        ("/storage/f%2F?s=%2F", "https://r.example.com/storage/f%2F?s=%2F"),
        ("f%2F", "https://r.example.com/v2/a%2Fb/manifests/f%2F"),
        ("./f", "https://r.example.com/v2/a%2Fb/manifests/f"),
        ("../blobs//f?x", "https://r.example.com/v2/a%2Fb/blobs//f?x"),
        ("../../../../../f", "https://r.example.com/f"),
        ("?page=2%2F", "https://r.example.com/v2/a%2Fb/manifests/1.0?page=2%2F"),
        (" https://cdn.example.com/f\t", "https://cdn.example.com/f"),
        ("https://cdn.example.com/a b?ü=ß", "https://cdn.example.com/a%20b?%C3%BC=%C3%9F"),
        ("https://cdn.example.com/\udce4", "https://cdn.example.com/%E4"),
        ("https://[2001:DB8::1]:8443/f", "https://[2001:db8::1]:8443/f"),
        ("https://bücher.example/f", "https://xn--bcher-kva.example/f"),
        ("https://cdn.example.com.:443/f", "https://cdn.example.com.:443/f"),
        ("https://cdn.example.com:/f", "https://cdn.example.com/f"),
    ],
)
def test_redirect_leads_where_it_says_byte_for_byte(location: str, asked: str) -> None:
    found = follow(HERE, location)

    assert f"{found.scheme}://{found.raw_authority}{found.raw_path_qs}" == asked


@pytest.mark.parametrize(
    "location",
    [
        "",
        "https://",
        "https:///f",
        "https:f",
        "https://registry..example.com/",
        "https://.example.com/",
        "https://../f",
        f"https://{'a' * 64}.example.com/",
        f"https://{'a.' * 130}com/",
        "https://a b/",
        "https://h:0/",
        "https://h:65536/",
        "https://h:999999/",
        "https://h:port/",
        "https://h:-1/",
        "https://h:\uff18\uff10/",
        "https://[::1/",
        "https://::1/",
        "https://[::1%25eth0]/",
        "https://[g::]/",
        "https://[]/",
        "https://h%41/",
        "https://h\\.example.com/",
        "https://xn--a/",
        "https://h/\x00",
        "https://h/\x7f",
        "https://h/a\tb",
        "https://\udce4/",
        "https://a\u2024b..c/",
        "//",
        "https://h_\xad..x/",
    ],
)
def test_what_is_no_url_is_known_as_such(location: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        follow(HERE, location)


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("https://r.example.com/x", True),
        ("https://R.Example.COM/", True),
        ("https://r.example.com:443/", True),
        ("https://r.example.com./", True),
        ("https://r.example.com.:443/", True),
        ("http://r.example.com/", False),
        ("http://r.example.com:443/", False),
        ("https://r.example.com:5000/", False),
        ("https://r.example.com.evil.com/", False),
        ("https://example.com/", False),
    ],
)
def test_servers_are_compared_by_what_they_are(url: str, *, same: bool) -> None:
    assert is_same_server(as_written(url), HERE) is same


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://R.example.com.:443", "r.example.com"),
        ("http://r.example.com:80", "r.example.com"),
        ("http://r.example.com:443", "r.example.com:443"),
        ("https://[FD00::1]:5000", "[fd00::1]:5000"),
    ],
)
def test_default_port_of_the_scheme_is_none(url: str, expected: str) -> None:
    assert authority(as_written(url)) == expected


async def test_storage_is_asked_as_the_registry_says(registry: ScriptedRegistry, other: ScriptedRegistry) -> None:
    image = multi_platform()
    asked: list[str] = []

    async def storage(request: web.Request) -> web.Response:
        asked.append(request.raw_path)
        return web.Response(body=image.root.body, headers={"Content-Type": image.root.media_type})

    registry.holds(image)
    root = registry.content.pop("/v2/library/app/manifests/1.0")
    signed = "/f%2F1/~_-?p=a%2Fb~_-&Signature=a%2bB%3d+/'\""

    async def intercept(request: web.Request) -> web.Response | None:
        if request.path.endswith("/1.0"):
            return web.Response(status=307, headers={"Location": f"{other.origin}{signed}#x"})
        return None

    registry.intercept, other.intercept = intercept, storage
    read = Reader(allow=(f"http://{registry.host}", f"http://{other.host}"))

    assert (await read(registry.url())).digest == root.digest
    assert asked == [signed]


@pytest.mark.parametrize("status", [401, 403])
async def test_storage_that_refuses_is_named_and_no_secret_blamed(
    registry: ScriptedRegistry, other: ScriptedRegistry, status: int
) -> None:
    registry.redirects(f"{other.origin}/f?Signature=s3cret")
    other.answers(status)
    read = Reader(allow=(f"http://{registry.host}", f"http://{other.host}"))

    with pytest.raises(RegistryDenied, match=rf"^{other.origin}, where {registry.origin} sends .* refuses") as caught:
        await read(registry.url())
    assert ("pullSecretRef" in str(caught.value), "s3cret" in str(caught.value)) == (False, False)


@pytest.mark.parametrize(
    "url",
    [
        "https://registry..example.com/v2/a/manifests/1",
        "https://.example.com/v2/a/manifests/1",
        f"https://{'a' * 64}.com/v2/a/manifests/1",
        "https://r:0/v2/a/manifests/1",
        "https://r:70000/v2/a/manifests/1",
        "https://r:x/v2/a/manifests/1",
        "https://[::1/v2/a/manifests/1",
        "https://xn--a/v2/a/manifests/1",
        "https://h%41/v2/a/manifests/1",
        "https://a\\b/v2/a/manifests/1",
    ],
)
async def test_host_that_can_t_be_is_the_user_s_to_mend(url: str) -> None:
    with pytest.raises(InvalidTarget, match="names no host that can be connected to; correct the host of the image"):
        await Reader()(url)


@pytest.mark.parametrize(
    "where", ["https://registry..example.com/x", "https://h:99999/", "https://xn--a/", "http://[::1"]
)
async def test_host_that_can_t_be_is_the_registry_s_where_the_registry_names_it(
    registry: ScriptedRegistry, read: Reader, where: str
) -> None:
    registry.redirects(where)
    with pytest.raises(ImageUnresolvable, match="redirects to what is no URL, or to a host that can't be"):
        await read(registry.url())

    registry.asks_for_a_token(where)
    with pytest.raises(ImageUnresolvable, match="asks for a token from what is no URL, or from a host that can't be"):
        await read(registry.url())


@pytest.mark.parametrize("host", ["docker.io", "www.docker.io", "hub.docker.com", "Docker.IO."])
async def test_name_of_docker_hub_is_no_registry(host: str) -> None:
    with pytest.raises(InvalidTarget, match=r"no registry answers there; write https://registry-1\.docker\.io/v2/"):
        await Reader()(f"https://{host}/v2/library/nginx/manifests/1")


async def test_url_of_the_user_is_asked_as_it_was_written(registry: ScriptedRegistry, read: Reader) -> None:
    asked: list[str] = []

    async def intercept(request: web.Request) -> web.Response:
        asked.append(request.raw_path)
        return web.Response(status=404)

    registry.intercept = intercept
    with pytest.raises(ImageUnresolvable):
        await read(f"{registry.origin}/a%2Fb/v2/app/manifests/1.0?ns=docker%2Eio&x=a+b~")

    assert asked == ["/a%2Fb/v2/app/manifests/1.0?ns=docker%2Eio&x=a+b~"]


def test_library_keeps_what_it_is_told_to_keep() -> None:
    """What the room depends on: yarl leaves a URL that is said to be encoded as it is."""
    assert URL("https://h/a%2Fb?c=%7e", encoded=True).raw_path_qs == "/a%2Fb?c=%7e"
