"""What refers to an image: signatures, SBOMs and attestations, as OCI registries list them and as cosign tags them.

Registries list manifests by their subject (the referrers API of OCI's distribution specification). For those that
don't, clients keep the list under a tag made of the subject's digest. And cosign has tags of its own, on any registry.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from yarl import URL

from dragonfly_task_operator.errors import ImageUnresolvable, RunError
from dragonfly_task_operator.oci.documents import Descriptor, Unreadable, read_document
from dragonfly_task_operator.oci.locations import as_written, follow, is_same_server
from dragonfly_task_operator.oci.media_types import INDEXES, plain
from dragonfly_task_operator.oci.registry import Fetched, Missing, Repository

COSIGN = ("sig", "att", "sbom")
MAX_PAGES = 100
_NAME, _QUOTED, _BARE = r"([\w!#$&+.^`|~*-]+)", r'"((?:[^"\\]|\\.)*)"', r'([^\s";,]+)'
_PARAMETER = re.compile(rf"\s*;\s*{_NAME}(?:\s*=\s*(?:{_QUOTED}|{_BARE}))?", re.ASCII)
_TARGET = re.compile(r"<([^<>]*)>")


@dataclass(frozen=True, slots=True)
class Referrers:
    """What refers to one manifest.

    Attributes:
        listed: by the registry.
        tagged: manifests and indexes under tags that are made of the digest, each with its tag.
        troubles: why some could not be looked for.
    """

    listed: tuple[Descriptor, ...]
    tagged: tuple[tuple[str, Fetched], ...]
    troubles: tuple[str, ...]


async def referrers_of(repository: Repository, digest: str) -> Referrers:
    """Tell what refers to a manifest. What can't be looked for is in `troubles`: nothing is raised."""
    troubles: list[str] = []
    listed: tuple[Descriptor, ...] | None = ()
    tag = digest.replace(":", "-")[: len("sha256-") + 64]
    tags = [f"{tag}.{suffix}" for suffix in COSIGN]
    try:
        listed = await _list(repository, digest)
    except RunError as error:
        troubles.append(str(error))
    if listed is None:
        tags.insert(0, tag)
    tagged = []
    for each in tags:
        try:
            tagged.append((each, await repository.manifest(each)))
        except Missing:
            continue  # as most have none
        except RunError as error:
            troubles.append(str(error))
    return Referrers(listed or (), tuple(tagged), tuple(troubles))


async def _list(repository: Repository, digest: str) -> tuple[Descriptor, ...] | None:
    """Ask for the list, page by page; None where the registry keeps none."""
    what = f"the list of what refers to {digest}"
    found: list[Descriptor] = []
    url = repository.at.referrers(digest)
    for page in range(MAX_PAGES):
        try:
            listed, following = await _read_page(repository, url, what)
        except Unreadable:
            if page == 0:
                return None  # a registry without the API may answer with anything, a web page for one
            raise
        found += listed
        if following is None:
            return tuple(replace(each, position=f"referrers[{index}]") for index, each in enumerate(found))
        url = following
    raise ImageUnresolvable(f"{what} has more than {MAX_PAGES} pages; check the registry")


async def _read_page(repository: Repository, url: str, what: str) -> tuple[tuple[Descriptor, ...], str | None]:
    """Give what a page lists, and where the next is. Raises Unreadable where it is none."""
    answer = await repository.page(url)
    if answer is None:
        raise Unreadable(f"a page of {what} is not there; check the registry")
    content_type = answer.headers.get("Content-Type", "")
    try:
        document = read_document(answer.body, content_type=content_type, what=what)
    except Unreadable:
        if b'"manifests"' in answer.body or (plain(content_type) in INDEXES and answer.body.strip()):
            raise ImageUnresolvable(f"{what} is cut off or malformed; check the registry") from None
        raise
    if not document.is_index:
        raise Unreadable(f"a page of {what} is no index; check the registry")
    link = next_link(answer.headers.getall("Link", []))
    return document.manifests, None if link is None else _followed(url, link, what)


def _followed(url: str, link: str, what: str) -> str:
    here = as_written(url)
    try:
        there = follow(here, link)
    except ValueError:
        there = URL()
    if not is_same_server(there, here):  # which would be shown the login
        raise ImageUnresolvable(f"{what} goes on at what is no URL of the same server; check the registry")
    return str(there)


def next_link(headers: Sequence[str]) -> str | None:
    """Read from Link headers (RFC 8288) where the next page is; None where this was the last."""
    for header in headers:
        end = 0
        while target := _TARGET.search(header, end):
            end = target.end()
            while parameter := _PARAMETER.match(header, end):
                name, quoted, bare = parameter.groups("")
                if name.lower() == "rel" and "next" in (quoted or bare).lower().split():
                    return target[1]
                end = parameter.end()
    return None
