"""Task ids as dfdaemons calculate them: the rule of a peer's own client version is the one that counts.

A task's id is the SHA-256 of its URL, tag, application, revision, piece length and the word STANDARD, with nothing in
between. What is taken for its URL differs between clients (`url_rules.py`): those from 1.5.3 on follow the new rule,
those up to 1.5.2 the legacy one, and both are in the field, sometimes in one cluster. So a URL has candidates, and
peers are asked for all. Pure functions; which target has which candidates is `targets.py`'s.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass

from dragonfly_task_operator.dragonfly.url_rules import legacy_rule_url, new_rule_url, parse
from dragonfly_task_operator.engine.identity import Identity, TaskID
from dragonfly_task_operator.errors import InvalidTarget
from dragonfly_task_operator.observability.redaction import redact_url

DEFAULT_FILTERED_QUERY_PARAMS: tuple[str, ...] = (
    # S3
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
    "X-Amz-Security-Token",
    "X-Amz-User-Agent",
    # GCS
    "X-Goog-Algorithm",
    "X-Goog-Credential",
    "X-Goog-Date",
    "X-Goog-Expires",
    "X-Goog-SignedHeaders",
    "X-Goog-Signature",
    # OSS
    "OSSAccessKeyId",
    "Expires",
    "Signature",
    "SecurityToken",
    # OBS, besides Signature and Expires
    "AccessKeyId",
    "X-Obs-Date",
    "X-Obs-Security-Token",
    # COS
    "q-sign-algorithm",
    "q-ak",
    "q-sign-time",
    "q-key-time",
    "q-header-list",
    "q-url-param-list",
    "q-signature",
    "x-cos-security-token",
    # containerd
    "ns",
)
"""What dfget and the proxy filter when they are given no list: parameters that sign a URL for a while."""

HUB_REVISIONS = {"hf": "main", "modelscope": "master", "opencsg": "main"}
"""The revision that dfget puts into the id of a hub's file where none is given, by scheme: the defaults of its
--hf-revision, --ms-revision and --csg-revision (dragonfly-client 1.5.10, dfget/main.rs)."""

_DIGEST_LENGTHS = {"sha256": 64, "sha512": 128}


@dataclass(frozen=True, slots=True)
class Candidate:
    """An id that a task may have, and the rule that makes it."""

    task_id: TaskID
    identity: Identity


def url_candidates(
    url: str,
    *,
    tag: str = "",
    application: str = "",
    revision: str = "",
    piece_length: int | None = None,
    filtered_query_params: Collection[str] | None = None,
) -> tuple[Candidate, ...]:
    """Give every id that the download of a URL can have, each once, the new rule's first.

    An id that several rules give carries the name of the first. The legacy rule is not asked about the normalised URL:
    it always normalises.

    Args:
        url: as the user gave it. dfget normalises it before it asks, downloads through gRPC or the proxy do not.
        tag: as the download was given it; empty for none, which makes the same id.
        application: likewise.
        revision: likewise. Empty for a hub's URL: none, as other clients have it, and dfget's default.
        piece_length: bytes, when it was asked for explicitly.
        filtered_query_params: None for Dragonfly's default list, empty for none.

    Raises:
        InvalidTarget: peers refuse the URL. The new rule alone would make an id of any text when nothing is filtered,
            but what can't be parsed can't be downloaded.
    """
    filtered = DEFAULT_FILTERED_QUERY_PARAMS if filtered_query_params is None else filtered_query_params
    asked_for = dict.fromkeys((url, str(parse(url))))
    forms = [(new_rule_url(each, filtered), Identity.URL) for each in asked_for]
    forms.append((legacy_rule_url(url, filtered), Identity.URL_LEGACY))
    found: dict[TaskID, Candidate] = {}
    for each in _revisions(url, revision):
        for form, identity in forms:
            task_id = standard_task_id(form, tag=tag, application=application, revision=each, piece_length=piece_length)
            found.setdefault(task_id, Candidate(task_id, identity))
    return tuple(found.values())


def _revisions(url: str, given: str) -> tuple[str, ...]:
    """Give the revisions that a download may have had."""
    default = HUB_REVISIONS.get(url.strip().partition(":")[0].lower())
    return (given,) if given or default is None else ("", default)


def standard_task_id(
    form: str, *, tag: str = "", application: str = "", revision: str = "", piece_length: int | None = None
) -> TaskID:
    """Give the id of a STANDARD task whose URL, by whichever rule, is `form`. Arguments as for `url_candidates`."""
    return _sha256(f"{form}{tag}{application}{revision}{'' if piece_length is None else piece_length}STANDARD")


def content_candidates(content: str) -> tuple[Candidate, ...]:
    """Give the id of a download that was given content to calculate its id from: all else is ignored."""
    return (Candidate(_sha256(content), Identity.CONTENT),)


def task_id_candidates(task_id: TaskID) -> tuple[Candidate, ...]:
    """Give an id that is given as it is."""
    return (Candidate(task_id, Identity.TASK_ID),)


def digest_candidates(url: str) -> tuple[Candidate, ...]:
    """Give the id that a proxy makes of a URL which names a blob or a manifest by digest; nothing for any other URL."""
    for kind, identity in (("blobs", Identity.BLOB_DIGEST), ("manifests", Identity.MANIFEST_DIGEST)):
        encoded = _encoded_digest(url.strip(), kind)
        if encoded is not None:
            return (Candidate(encoded, identity),)
    return ()


def blob_digest_id(url: str) -> TaskID:
    """Give the id of a blob of an image where task ids are based on blob digests: the digest, without its algorithm.

    Only the digest's length is looked at, as peers do. Registry, tag, application and piece length play no part.

    Args:
        url: https://REGISTRY/v2/NAME/blobs/DIGEST.

    Raises:
        InvalidTarget: the URL has another form, or no sha256 or sha512 digest.
    """
    return _digest_id(url, "blobs")


def manifest_digest_id(url: str) -> TaskID:
    """Give the id of a manifest, asked for by digest, where task ids are based on manifest digests.

    Args:
        url: https://REGISTRY/v2/NAME/manifests/DIGEST.

    Raises:
        InvalidTarget: the URL has another form, or names the manifest by a tag: then its id is that of the URL.
    """
    return _digest_id(url, "manifests")


def _digest_id(url: str, kind: str) -> TaskID:
    encoded = _encoded_digest(url, kind)
    if encoded is None:
        raise InvalidTarget(
            f"the URL {redact_url(url)!r} names no task by digest: it does not end in a digest; give one such as"
            f" https://registry.example.com/v2/library/nginx/{kind}/sha256:<64 hex digits>"
        )
    return encoded


def _encoded_digest(url: str, kind: str) -> TaskID | None:
    algorithm, _, encoded = reference_of(url, kind).partition(":")
    return encoded if len(encoded.encode()) == _DIGEST_LENGTHS.get(algorithm) else None


def reference_of(url: str, kind: str) -> str:
    r"""Give what clients take for the reference in the URL of a blob or manifest, wherever it stands; empty for none.

    Theirs is the expression `.*://.*/v2/.*/KIND/([^?]+)(?:\?.*)?` (dragonfly-client-util 1.5.10, digest/mod.rs), in
    which Python would go back and forth for minutes on a URL that has each of these often.
    """
    marker = f"/{kind}/"
    scheme = url.find("://")
    version = -1 if scheme < 0 else url.find("/v2/", scheme + len("://"))
    first = version + len("/v2/")
    at = -1 if version < 0 else url.rfind(marker, first)
    while at >= 0:
        end = at + len(marker)
        reference, _, query = url[end:].partition("?")
        if reference and "\n" not in url[:end] and "\n" not in query:
            return reference
        at = url.rfind(marker, first, end - 1)
    return ""


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
