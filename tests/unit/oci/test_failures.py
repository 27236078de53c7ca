"""What goes wrong with a registry, and what a person is told to do about it."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from aiohttp import ClientTimeout, web

from dragonfly_task_operator.errors import ImageUnresolvable, InvalidTarget, RegistryDenied
from dragonfly_task_operator.oci import parts, retrying, transport
from dragonfly_task_operator.oci.urls import ManifestURL
from tests.registry import image as make
from tests.registry.image import Content, Image, multi_platform
from tests.registry.reading import Reader
from tests.registry.scripted import ScriptedRegistry


def answers(registry: ScriptedRegistry, status: int, *, times: int = 1000, **headers: str) -> None:
    """Answer so, so many times, then as an honest registry."""
    left = times

    async def intercept(request: web.Request) -> web.Response | None:
        nonlocal left
        left -= 1
        return (
            web.Response(status=status, headers={k.replace("_", "-"): v for k, v in headers.items()})
            if left >= 0
            else None
        )

    registry.intercept = intercept


async def test_manifest_that_is_not_there(registry: ScriptedRegistry, read: Reader) -> None:
    with pytest.raises(ImageUnresolvable, match=r"has no /v2/library/app/manifests/1\.0; check the name and the tag"):
        await read(registry.url())


@pytest.mark.parametrize("status", [401, 403])
async def test_registry_that_wants_credentials(registry: ScriptedRegistry, read: Reader, status: int) -> None:
    answers(registry, status)

    with pytest.raises(RegistryDenied, match=rf"{status} .* without credentials; name a Secret .* pullSecretRef"):
        await read(registry.url())


async def test_registry_that_is_busy_is_asked_again_when_it_says(
    registry: ScriptedRegistry, read: Reader, slept: list[float]
) -> None:
    registry.holds(multi_platform())
    answers(registry, 429, times=2, Retry_After="7")

    await read(registry.url())

    assert slept == [7, 7]
    assert ["answered 429 Too Many Requests" in str(trouble) for trouble in read.troubles] == [True, True]


async def test_time_to_come_again_may_be_a_date(registry: ScriptedRegistry, read: Reader, slept: list[float]) -> None:
    registry.holds(multi_platform())
    answers(registry, 429, times=1, Retry_After=format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True))

    await read(registry.url())

    assert 80 < slept[0] <= 90


@pytest.mark.parametrize("nonsense", ["soon", "-5", "Tue, 24 Nov 2026 10:00:00", "²"])
async def test_nonsense_for_a_time_to_come_again_is_no_trouble(
    registry: ScriptedRegistry, read: Reader, slept: list[float], nonsense: str
) -> None:
    registry.holds(multi_platform())
    answers(registry, 429, times=1, Retry_After=nonsense)

    await read(registry.url())

    assert slept[0] < 1


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_registry_that_fails_for_a_while_is_asked_again(
    registry: ScriptedRegistry, read: Reader, status: int
) -> None:
    registry.holds(multi_platform())
    answers(registry, status, times=3)

    assert (await read(registry.url())).parts


async def test_registry_that_goes_on_failing_ends_the_run(registry: ScriptedRegistry, read: Reader) -> None:
    answers(registry, 503)

    with pytest.raises(ImageUnresolvable, match="answered 503 Service Unavailable; check the registry"):
        await read(registry.url())
    assert len(registry.asked) == retrying.RETRIES + 1


@pytest.mark.parametrize(
    ("body", "says"),
    [
        pytest.param(multi_platform().root.body[:-20], "its JSON is cut off or malformed; push .* again", id="cut off"),
        pytest.param(b"[" * 100_000, "its JSON is cut off or malformed", id="nested deep"),
        pytest.param(b"\xff\xfe\xfa", "its JSON is cut off or malformed", id="bytes"),
        pytest.param(b"null", "its JSON is malformed, no object", id="no object"),
        pytest.param(b"", "is empty; check the registry's storage", id="empty"),
        pytest.param(b" \n", "is empty", id="blank"),
        pytest.param(b'{"manifests": 1}', "its manifests are no list", id="of wrong types"),
        pytest.param(b'{"config": {}, "layers": {}}', "its layers are no list", id="layers by name"),
        pytest.param(
            b'{"layers": [], "Layers": []}', "has its layers twice, and readers differ", id="layers in two spellings"
        ),
        pytest.param(gzip.compress(multi_platform().root.body), "is compressed, which was not asked for", id="gzip"),
        pytest.param(b"\x28\xb5\x2f\xfd0000", "is compressed", id="zstd"),
        pytest.param(b"<!DOCTYPE html><title>Sign in</title>", "is a web page .*log-in page", id="log-in page"),
        pytest.param(b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>", "is XML, no manifest", id="XML"),
        pytest.param(b"\n  <html>", "is a web page", id="page with space before it"),
        pytest.param(b'{"schemaVersion": 1, "fsLayers": []}', "is a Docker schema 1 manifest", id="schema 1"),
        pytest.param(b'{"schemaVersion": 1, "name": "a", "history": []}', "schema 1 manifest", id="schema 1 in part"),
        pytest.param(b'{"errors": [{"code": "DENIED"}]}', "is an error of the registry, served as if", id="error"),
        pytest.param(b'{"name": "library/app", "tags": ["1"]}', "names neither manifests nor layers", id="tags"),
        pytest.param(
            json.dumps({"manifests": [{}], "layers": [{}]}).encode(), "does not say which it is; push", id="both"
        ),
        pytest.param(
            b'{"mediaType": "application/vnd.future.v9+json", "parts": []}',
            "calls itself application/vnd.future",
            id="future",
        ),
    ],
)
@pytest.mark.parametrize("media_type", ["", "text/html; charset=utf-8", "application/json", "binary/octet-stream"])
async def test_what_is_served_in_place_of_a_manifest_is_told_for_what_it_is(
    registry: ScriptedRegistry, read: Reader, body: bytes, says: str, media_type: str
) -> None:
    registry.holds(Content(media_type, body))

    with pytest.raises(ImageUnresolvable, match=says):
        await read(registry.url())


@pytest.mark.parametrize(
    "contents",
    [
        make.document(make.INDEX, layers=[]),
        make.document(
            make.INDEX, manifests=[], config=make.config().descriptor(), layers=[make.blob("x").descriptor()]
        ),
    ],
    ids=["index of nothing", "both at once"],
)
async def test_document_that_contradicts_itself_is_refused(
    registry: ScriptedRegistry, read: Reader, contents: Content
) -> None:
    registry.holds(contents)

    with pytest.raises(ImageUnresolvable, match="contradicts the Content-Type that it is served with"):
        await read(registry.url())


@pytest.mark.parametrize(
    "contents",
    [Content(make.MANIFEST, multi_platform().root.body), Content(make.INDEX, multi_platform().manifests[0].body)],
    ids=["index as manifest", "manifest as index"],
)
async def test_document_that_two_readers_may_take_for_two_things_is_refused(
    registry: ScriptedRegistry, read: Reader, contents: Content
) -> None:
    registry.holds(contents)

    with pytest.raises(ImageUnresolvable, match=f"its Content-Type is {re.escape(contents.media_type)}: readers"):
        await read(registry.url())


async def test_content_that_does_not_fit_its_digest_is_refused(registry: ScriptedRegistry, read: Reader) -> None:
    image, other = multi_platform(), multi_platform("other")
    registry.holds(image)
    registry.content[f"/v2/library/app/manifests/{image.manifests[0].digest}"] = other.manifests[0]

    with pytest.raises(ImageUnresolvable, match="has another digest than it should have"):
        await read(registry.url())


async def test_root_that_does_not_fit_the_digest_it_was_asked_by_is_refused(
    registry: ScriptedRegistry, read: Reader
) -> None:
    image, other = multi_platform(), multi_platform("other")
    registry.holds(other, image.root.digest)

    with pytest.raises(ImageUnresolvable, match="has another digest than it should have"):
        await read(registry.url(image.root.digest))


async def test_tag_whose_content_does_not_fit_the_digest_that_the_registry_tells_is_refused(
    registry: ScriptedRegistry, read: Reader
) -> None:
    image = multi_platform()

    async def intercept(request: web.Request) -> web.Response:
        return web.Response(
            body=image.root.body,
            headers={"Content-Type": make.INDEX, "Docker-Content-Digest": multi_platform("other").root.digest},
        )

    registry.intercept = intercept
    with pytest.raises(ImageUnresolvable, match="has another digest than it should have"):
        await read(registry.url())


async def test_registry_that_is_down(registry: ScriptedRegistry, read: Reader) -> None:
    url = registry.url()
    await registry.__aexit__()

    with pytest.raises(ImageUnresolvable, match=r"can't be connected to .*check that the registry runs"):
        await read(url)
    assert len(read.troubles) == retrying.RETRIES


async def test_name_that_cannot_be_resolved() -> None:
    with pytest.raises(
        ImageUnresolvable, match=r"the name registry\.invalid can't be resolved; check the host of the image"
    ):
        await Reader()("https://registry.invalid/v2/app/manifests/1")


async def test_registry_that_breaks_off_its_answer(registry: ScriptedRegistry, read: Reader) -> None:
    async def intercept(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000", "Content-Type": make.INDEX})
        await response.prepare(request)
        await response.write(b"{")
        assert request.transport is not None
        request.transport.abort()
        return response

    registry.intercept = intercept
    with pytest.raises(ImageUnresolvable, match="broke off its answer"):
        await read(registry.url())


async def test_registry_that_speaks_plain_http_where_tls_is_asked_for(registry: ScriptedRegistry, read: Reader) -> None:
    with pytest.raises(ImageUnresolvable, match=r"speaks no TLS .*check its port and scheme"):
        await read(registry.url().replace("http:", "https:"))


async def test_registry_that_takes_for_ever(
    registry: ScriptedRegistry, read: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def intercept(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": make.INDEX})
        await response.prepare(request)
        while True:  # a byte now and then, so that no pause is long
            await response.write(b" ")
            await asyncio.sleep(0.01)
        return response

    monkeypatch.setattr(transport, "TIMEOUT", ClientTimeout(total=0.3))
    registry.intercept = intercept
    with pytest.raises(ImageUnresolvable, match="did not answer within"):
        await read(registry.url())


async def test_manifest_over_the_size_limit_is_not_read_to_its_end(registry: ScriptedRegistry, read: Reader) -> None:
    sent = 0

    async def intercept(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse(headers={"Content-Type": make.INDEX})
        await response.prepare(request)
        for _ in range(1024):
            await response.write(bytes(1 << 20))
            sent += 1
        return response

    registry.intercept = intercept
    with pytest.raises(ImageUnresolvable, match="more than 4 MiB where a manifest should be"):
        await read(registry.url())
    assert sent < 64


async def test_manifest_just_within_the_size_limit_is_read(registry: ScriptedRegistry, read: Reader) -> None:
    body = json.dumps({"manifests": []}).encode()
    registry.holds(Content(make.INDEX, body.ljust(transport.MAX_BODY)))

    assert (await read(registry.url())).parts[0].size == 4 << 20


async def test_indexes_nested_without_end_are_given_up(registry: ScriptedRegistry, read: Reader) -> None:
    nested = multi_platform().root
    chain = [nested]
    for _ in range(5):
        nested = make.index((nested, ""))
        chain.append(nested)
    registry.holds(Image(nested, chain, ()))

    with pytest.raises(ImageUnresolvable, match="nests manifests in more than 3 levels"):
        await read(registry.url())
    assert len(registry.asked) == 3


async def test_image_of_as_many_blobs_as_allowed_is_read_and_one_more_is_too_much(
    registry: ScriptedRegistry, read: Reader
) -> None:
    layers = [make.blob(f"{number}") for number in range(parts.MAX_BLOBS)]
    registry.holds(make.manifest(make.config(), *layers[:-1]))
    registry.holds(make.manifest(make.config(), *layers), "more")

    assert len((await read(registry.url())).parts) == parts.MAX_BLOBS + 1
    with pytest.raises(ImageUnresolvable, match="has more than 2000 blobs"):
        await read(registry.url("more"))


async def test_image_of_too_many_manifests_is_refused_before_they_are_fetched(
    registry: ScriptedRegistry, read: Reader
) -> None:
    registry.holds(make.index(*((make.document(make.MANIFEST, n=number), "") for number in range(parts.MAX_MANIFESTS))))

    with pytest.raises(ImageUnresolvable, match="has more than 500 manifests"):
        await read(registry.url())
    assert len(registry.asked) == 1


@pytest.mark.parametrize(
    "text", ["nginx:1.27", "https://h/v2/app/blobs/sha256:0", "https://h/app", "https://u:p@h/v2/app/manifests/1", ""]
)
def test_what_is_no_manifest_url_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InvalidTarget, match=r"as in https://registry\.example\.com/v2/library/nginx/manifests/1\.27"):
        ManifestURL.parse(text)


async def test_host_that_is_none_is_refused(read: Reader) -> None:
    with pytest.raises(InvalidTarget, match="names no host that can be connected to"):
        await read("https://registry.example.com:99999/v2/app/manifests/1")


async def test_requests_are_counted_by_what_was_answered(
    registry: ScriptedRegistry, read: Reader, slept: list[float]
) -> None:
    registry.holds(multi_platform())
    answers(registry, 429, times=2, Retry_After="7")

    await read(registry.url())

    counted = outcomes(read)
    assert counted["429"] == 2
    assert counted.keys() == {"429", "2xx"}
    assert counted.total() == len(registry.asked)


async def test_registry_that_is_not_there_has_answered_none(read: Reader) -> None:
    read.seconds_left, read.allow = 0, ("http://127.0.0.1:1",)
    with pytest.raises(ImageUnresolvable):
        await read("http://127.0.0.1:1/v2/library/app/manifests/1.0")

    assert outcomes(read).keys() == {"none"}


def outcomes(read: Reader) -> Counter[str]:
    """The requests that were counted, by outcome."""
    families = read.metrics._registry.collect()
    name = "dragonfly_task_operator_registry_requests_total"
    samples = [sample for family in families for sample in family.samples if sample.name == name]
    return Counter({sample.labels["outcome"]: int(sample.value) for sample in samples})
