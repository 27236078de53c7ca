"""From a manifest's URL to what an image is made of: index, platform manifests, configs, layers, and what refers to it.

Everything that a document names is taken, asked for, or told of as unknown: nothing is passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from dragonfly_task_operator.engine.fanout import fan_out
from dragonfly_task_operator.engine.model import Image
from dragonfly_task_operator.errors import ImageUnresolvable
from dragonfly_task_operator.oci.documents import Descriptor, Document, Unreadable
from dragonfly_task_operator.oci.media_types import CONFIGS, INDEX, Kind, kind_of
from dragonfly_task_operator.oci.parts import Parts
from dragonfly_task_operator.oci.platforms import is_platform, read_platform
from dragonfly_task_operator.oci.referrers import Referrers, referrers_of
from dragonfly_task_operator.oci.registry import Fetched, Missing, Repository
from dragonfly_task_operator.oci.urls import ManifestURL

MAX_DEPTH = 3
"""An index, an index in it, and a manifest in that."""
AT_ONCE = 8
"""Manifests fetched at once."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a target says of its image.

    Attributes:
        platform: only this one; None for all.
        includes_referrers: whether what refers to it belongs to it.
        ignores_unknown: whether to go on without what the registry lacks.
    """

    platform: str | None = None
    includes_referrers: bool = False
    ignores_unknown: bool = False


@dataclass(frozen=True, slots=True)
class _Node:
    """A manifest or index to read on from.

    Attributes:
        platforms: what it is for, as far as that was said.
        wanted: the platform that is to be picked from it; None for all of it.
        refers: whether it refers to the image, and is none of what the image is made of.
    """

    fetched: Fetched
    platforms: frozenset[str]
    wanted: str | None = None
    refers: bool = False


@dataclass(slots=True)
class _Due:
    """A manifest to fetch.

    Attributes:
        parent: the digest of what refers to it.
        wanted: as of a node, where only its own config, or what it lists, can tell whether it is for that platform.
        refers: as of a node.
    """

    descriptor: Descriptor
    parent: str
    platforms: set[str] = field(default_factory=set)
    wanted: str | None = None
    refers: bool = False


class Walk:
    """Goes through an image level by level. `image` once."""

    def __init__(self, at: ManifestURL, repository: Repository, wishes: Wishes) -> None:
        self._at = at
        self._repository = repository
        self._wishes = wishes
        self._parts = Parts(at)
        self._walked: set[str] = set()
        self._offered: set[str] = set()
        self._attestations: dict[str, list[Descriptor]] = {}
        self._has_wanted = False

    async def image(self) -> Image:
        """Tell what the image is made of. Raises RegistryDenied, ImageUnresolvable."""
        root = await self._repository.manifest(self._at.reference)
        node = _Node(root, frozenset(), self._wishes.platform)
        if not root.document.is_index:
            decided = await self._decide(node)
            if decided is None:
                raise self._lacks_platform()
            node = decided
        part = self._parts.add_manifest(
            root.digest, media_type=root.document.media_type, size=root.size, platforms=node.platforms
        )
        if self._at.reference != root.digest:
            # Peers may have pulled what the tag led to by the tag as well.
            part.urls.update((at.manifest(at.reference), None) for at in self._at.everywhere)
        await self._descend([node])
        if self._wishes.platform is not None and not self._has_wanted:
            raise self._lacks_platform()
        if self._wishes.includes_referrers:
            await self._take_referrers()
        return self._parts.image(root.digest)

    async def _descend(self, level: Sequence[_Node]) -> None:
        for depth in range(1, MAX_DEPTH + 1):
            due: dict[str, _Due] = {}
            self._walked.update(node.fetched.digest for node in level)
            for node in level:
                self._take(node, due)
            if due and depth == MAX_DEPTH:
                raise ImageUnresolvable(
                    f"{self._at.url} {self._at.reference} nests manifests in more than {MAX_DEPTH} levels; name one of"
                    " those further in by its digest"
                )
            self._parts.require_room(len(due))
            level = await self._fetch(list(due.values()))

    def _take(self, node: _Node, due: dict[str, _Due]) -> None:
        """Take what a manifest refers to into the image, and what is to be fetched into `due`."""
        parent = node.fetched.digest
        for descriptor in node.fetched.document.content:
            if descriptor.flaw:
                self._parts.note(descriptor, parent, descriptor.flaw)
            elif kind_of(descriptor.media_type) in {Kind.INDEX, Kind.MANIFEST}:
                # Some clients of artifacts follow these as well, others fetch them as blobs.
                self._parts.add_unread(descriptor, node.platforms)
                self._follow(_Due(descriptor, parent, refers=node.refers), node.platforms, due)
            else:
                self._parts.add_blob(descriptor, node.platforms)
        for descriptor in node.fetched.document.manifests:
            self._take_entry(descriptor, node, due)

    def _take_entry(self, descriptor: Descriptor, node: _Node, due: dict[str, _Due]) -> None:
        """Take an entry of an index, unless it is known to be for another platform than the wanted one."""
        parent, wanted = node.fetched.digest, node.wanted
        platforms = frozenset({descriptor.platform}) if descriptor.platform else node.platforms
        self._offered.update(platforms)
        if wanted is not None and platforms:
            if not _is_any(platforms, wanted):
                return
            self._has_wanted, wanted = True, None
        if wanted is not None and descriptor.attests:
            # No node pulls it with its platform: to that, it is a referrer.
            self._attestations.setdefault(descriptor.attests, []).append(descriptor)
            return
        kind = kind_of(descriptor.media_type)
        if descriptor.flaw:
            self._parts.note(descriptor, parent, descriptor.flaw)
        elif kind is Kind.CONTENT:
            self._parts.add_blob(descriptor, platforms)
        elif kind in {Kind.INDEX, Kind.MANIFEST, Kind.UNSAID}:
            self._follow(_Due(descriptor, parent, wanted=wanted, refers=node.refers), platforms, due)
        else:
            self._parts.add_unread(descriptor, platforms)
            self._parts.note(
                descriptor,
                parent,
                "a manifest of Docker's schema 1, which the operator can't read: its layers are not known"
                if kind is Kind.SCHEMA_1
                else "the operator does not know this media type: it may refer to more",
            )

    def _follow(self, item: _Due, platforms: Iterable[str], due: dict[str, _Due]) -> None:
        """Have a manifest fetched, once. What is listed more than once has to be what any of its entries says."""
        digest = item.descriptor.digest
        if digest in self._walked:
            self._parts.manifests[digest].platforms.update(platforms)
            return
        known = due.setdefault(digest, item)
        known.platforms.update(platforms)
        known.wanted = known.wanted and item.wanted
        known.refers = known.refers and item.refers
        if item.descriptor.attests is None:
            known.descriptor, known.parent = item.descriptor, item.parent

    async def _fetch(self, due: Sequence[_Due]) -> list[_Node]:
        """Fetch manifests; give those that can be read and are wanted."""
        nodes: dict[str, _Node] = {}

        async def fetch(item: _Due) -> None:
            try:
                node = await self._fetch_one(item)
            except Missing as error:
                self._miss(item, error)
            except Unreadable as error:
                self._parts.add_unread(item.descriptor, item.platforms)
                self._parts.note(item.descriptor, item.parent, str(error))
            else:
                if node is not None:
                    nodes[node.fetched.digest] = node

        await fan_out(due, fetch, at_once=AT_ONCE)
        found = [nodes[item.descriptor.digest] for item in due if item.descriptor.digest in nodes]
        for node in found:  # in the order of the documents, whichever came first
            document = node.fetched.document
            self._parts.add_manifest(
                node.fetched.digest, media_type=document.media_type, size=node.fetched.size, platforms=node.platforms
            )
        return found

    async def _fetch_one(self, item: _Due) -> _Node | None:
        fetched = await self._repository.manifest(item.descriptor.digest)
        return await self._decide(_Node(fetched, frozenset(item.platforms), item.wanted, item.refers))

    async def _decide(self, node: _Node) -> _Node | None:
        """Read from its config whether a manifest is for the wanted platform; None where it is not."""
        if node.wanted is None or node.fetched.document.is_index:
            return node
        platform = await self._platform_of(node.fetched)
        self._offered.update(filter(None, (platform,)))
        if not platform or not is_platform(platform, node.wanted):
            return None
        self._has_wanted = True
        return _Node(node.fetched, frozenset({platform}))

    async def _platform_of(self, fetched: Fetched) -> str:
        """Give the platform of an image, which its config tells; empty where that does not, or there is none."""
        config = fetched.document.config
        if config is None or not (config.media_type in CONFIGS or kind_of(config.media_type) is Kind.UNSAID):
            return ""
        what, trouble = f"the config {config.digest}", "is cut off or malformed"
        platform: str | None = None
        if config.flaw:
            what, trouble = "the config", f"can't be asked for ({config.flaw})"
        else:
            try:
                platform = read_platform(await self._repository.blob(config.digest))
            except Missing:
                trouble = f"is not at {self._at.url}"
        if platform is not None:
            return platform
        raise Unreadable(
            f"{what} of {self._at.name} {fetched.digest} {trouble}, and without it the platform can't be told; leave"
            " platform out, or push the image again"
        )

    def _miss(self, item: _Due, error: Missing) -> None:
        """Judge of a manifest that is listed and that the registry does not have."""
        descriptor, platforms = item.descriptor, item.platforms
        if descriptor.attests is not None:
            # Registries are copied without attestations: the image is whole.
            if item.wanted is None:
                self._parts.add_unread(descriptor, platforms)
            return
        is_unsaid = kind_of(descriptor.media_type) is Kind.UNSAID
        if self._wishes.ignores_unknown or item.refers or is_unsaid:
            self._parts.add_unread(descriptor, platforms)
            self._parts.note(
                descriptor,
                item.parent,
                "it does not say what it is, and the registry has no manifest of this digest"
                if is_unsaid
                else "the registry does not have it",
            )
            return
        whose = f"for {', '.join(sorted(platforms))}" if platforms else "(for which platform is not said)"
        raise ImageUnresolvable(
            f"{self._at.url} lists in {self._at.name} {self._at.reference} a manifest {whose} that it does not have:"
            f" {descriptor.digest}; it was pruned, or the image was copied only in part:"
            f" {self._way_around(platforms)}push the image again"
        ) from error

    def _way_around(self, missing: set[str]) -> str:
        """Tell what may be named instead of an image of which a manifest is missing."""
        wanted = self._wishes.platform
        others = sorted(each for each in self._offered - missing if wanted is None or not is_platform(each, wanted))
        if others:
            return f"set platform to one that is there (listed: {', '.join(others[:20])}), or "
        return "name the manifest that is wanted by its digest, or " if self._offered - missing else ""

    async def _take_referrers(self) -> None:
        """Take what refers to the image's manifests, and what refers to that."""
        asked: set[str] = set()
        for _ in range(MAX_DEPTH):
            subjects = [digest for digest in self._parts.manifests if digest not in asked]
            asked.update(subjects)
            found: dict[str, Referrers] = {}

            async def ask(subject: str, found: dict[str, Referrers] = found) -> None:
                found[subject] = await referrers_of(self._repository, subject)

            await fan_out(subjects, ask, at_once=AT_ONCE)
            await self._descend([node for subject in subjects for node in self._referring(subject, found[subject])])
        for digest in self._parts.manifests.keys() - asked:
            self._parts.note_referrers(digest, f"referrers of referrers are looked for in {MAX_DEPTH} levels only")

    def _referring(self, subject: str, referrers: Referrers) -> Iterator[_Node]:
        """Take what refers to a manifest as if one more index listed it."""
        for trouble in referrers.troubles:
            self._parts.note_referrers(subject, trouble)
        for tag, fetched in referrers.tagged:
            part = self._parts.add_manifest(
                fetched.digest, media_type=fetched.document.media_type, size=fetched.size, platforms=()
            )
            part.urls.update((at.manifest(tag), None) for at in self._at.everywhere)
            yield _Node(fetched, frozenset(), refers=True)
        listed = (*referrers.listed, *self._attestations.pop(subject, ()))
        if listed:
            yield _Node(Fetched(subject, 0, Document(INDEX, listed, ())), frozenset(), refers=True)

    def _lacks_platform(self) -> ImageUnresolvable:
        offered = ", ".join(sorted(self._offered)[:20]) or "it does not say which it has"
        return ImageUnresolvable(
            f"{self._at.url} {self._at.reference} has no platform {self._wishes.platform} ({offered}); correct"
            " platform, or leave it out for all"
        )


def _is_any(platforms: Iterable[str], wanted: str) -> bool:
    return any(is_platform(platform, wanted) for platform in platforms)
