"""What ids a target has, as far as more than the rules of clients decides: hubs, digests, piece lengths."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dragonfly_task_operator.api.targets import Target
from dragonfly_task_operator.dragonfly.targets import candidates
from dragonfly_task_operator.dragonfly.task_ids import reference_of, standard_task_id, url_candidates

SHA256 = "b2c366cce7e68013d5441c6326d5a3e1b12aeb5ed58564d0fd3fa089bc29cb6e"
SHA512 = SHA256 * 2


def pairs(**target: Any) -> list[tuple[str, str]]:
    return [(each.task_id, each.identity) for each in candidates(Target.model_validate(target))]


def ids(**target: Any) -> list[str]:
    return [task_id for task_id, _ in pairs(**target)]


# Hubs


def test_id_of_a_hubs_file_is_the_one_that_dfget_was_seen_to_give_it() -> None:
    """Seen on dfget 1.5.10, which was given no revision."""
    found = ids(url="hf://deepseek-ai/DeepSeek-R1/config.json")
    assert [each for each in found if each.startswith("3d91ebcc") and each.endswith("09d3f")]


@pytest.mark.parametrize(
    ("url", "form", "revisions"),
    [
        ("hf://org/model/model.safetensors", "hf://org/model/model.safetensors", {"main", ""}),
        ("hf://datasets/org/set/a.parquet", "hf://datasets/org/set/a.parquet", {"main", ""}),
        ("modelscope://org/model/a.bin", "modelscope://org/model/a.bin", {"master", ""}),
        ("opencsg://org/model/a.bin", "opencsg://org/model/a.bin", {"main", ""}),
        ("HF://org/model/a.bin", "hf://org/model/a.bin", {"main", ""}),
        ("  ModelScope://org/model/a.bin\n", "modelscope://org/model/a.bin", {"master", ""}),
        ("https://huggingface.co/org/model/resolve/main/a.bin", None, {""}),
        ("https://hf.example.com/hf://org/model", None, {""}),
        ("hfx://org/model/a.bin", "hfx://org/model/a.bin", {""}),
        ("s3://bucket/a.bin", "s3://bucket/a.bin", {""}),
        ("oci://registry/a.bin", "oci://registry/a.bin", {""}),
        ("hdfs://namenode/a.bin", "hdfs://namenode/a.bin", {""}),
    ],
)
@pytest.mark.parametrize("given", [{}, {"revision": ""}])
def test_default_revision_is_asked_for_as_well_under_a_hubs_scheme_alone(
    url: str, form: str | None, revisions: set[str], given: dict[str, str]
) -> None:
    found = set(ids(url=url, **given))
    wanted = {standard_task_id(form or url, revision=each) for each in revisions}
    unwanted = {standard_task_id(form or url, revision=each) for each in {"main", "master", ""} - revisions}

    assert (wanted <= found, found & unwanted) == (True, set())


def test_revision_that_is_given_is_the_only_one() -> None:
    url = "hf://org/model/a.bin"
    assert ids(url=url, revision="v1") == [standard_task_id(url, revision="v1")]


def test_default_revision_goes_with_all_else_that_is_given() -> None:
    url = "hf://org/model/a.bin"
    wanted = standard_task_id(url, tag="t", application="a", revision="main", piece_length=16 << 20)
    assert ids(url=url, tag="t", application="a", pieceLength="16Mi")[1] == wanted


# Blobs and manifests by digest


@pytest.mark.parametrize(
    ("url", "digest_id"),
    [
        (f"https://r.example.com/v2/n/blobs/sha256:{SHA256}", (SHA256, "blob-digest")),
        (f"https://r.example.com/v2/n/manifests/sha256:{SHA256}", (SHA256, "manifest-digest")),
        (f"https://index.docker.io/v2/library/x/blobs/sha256:{SHA256}?ns=docker.io", (SHA256, "blob-digest")),
        (f"https://r.example.com/v2/n/manifests/sha256:{SHA256}?ns=docker.io&a=b", (SHA256, "manifest-digest")),
        (f"http://localhost:5000/v2/team/v2/app/blobs/sha512:{SHA512}", (SHA512, "blob-digest")),
        (f"https://r.example.com/v2/n/manifests/sha512:{SHA512}", (SHA512, "manifest-digest")),
        (f"https://r.example.com/artifactory/v2/n/blobs/sha256:{SHA256}", (SHA256, "blob-digest")),
        (f" https://r.example.com/v2/n/blobs/sha256:{SHA256} ", (SHA256, "blob-digest")),
        (f"HTTPS://R.example.com/v2/n/blobs/sha256:{SHA256}", (SHA256, "blob-digest")),
        # A proxy looks for a blob's URL anywhere in a URL: this is what it does with it.
        (f"https://cdn.example.com/get?u=https://r/v2/n/blobs/sha256:{SHA256}", (SHA256, "blob-digest")),
    ],
)
def test_url_that_names_a_blob_or_manifest_by_digest_has_the_digests_id_too(
    url: str, digest_id: tuple[str, str]
) -> None:
    by_url = [(each.task_id, str(each.identity)) for each in url_candidates(url)]
    assert pairs(url=url) == [*by_url, digest_id]


def test_digests_id_has_nothing_of_tag_or_piece_length() -> None:
    url = f"https://r.example.com/v2/n/blobs/sha256:{SHA256}"
    assert SHA256 in ids(url=url, tag="prod", application="a", pieceLength="16Mi", filteredQueryParams=[])


@pytest.mark.parametrize(
    "url",
    [
        "https://r.example.com/v2/n/manifests/1.27",
        f"https://r.example.com/v2/n/blobs/sha256:{SHA256[:-1]}",
        f"https://r.example.com/v2/n/blobs/sha256:{SHA256}/",
        f"https://r.example.com/v2/n/blobs/sha256:{SHA256}#x",
        f"https://r.example.com/v2/n/blobs/sha512:{SHA256}",
        f"https://r.example.com/v2/n/blobs/md5:{SHA256}",
        f"https://r.example.com/v2/n/blobs/{SHA256}",
        f"https://r.example.com/v2/blobs/sha256:{SHA256}",
        f"https://r.example.com/n/blobs/sha256:{SHA256}",
        f"https://r.example.com/v2/n/tags/sha256:{SHA256}",
    ],
)
def test_other_urls_have_no_digests_id(url: str) -> None:
    assert {identity for _, identity in pairs(url=url)} <= {"url", "url-legacy"}


# Piece lengths

URL = "https://example.com/x"
BEYOND = "must be at least 4Mi and fit into 64 bits"


@pytest.mark.parametrize(
    ("given", "length"),
    [
        ("128Mi", 134217728),  # seen on dfget 1.5.10, in decimal in the id
        (134217728, 134217728),
        ("134217728", 134217728),
        ("4Mi", 4194304),
        (4194304, 4194304),
        ("1Gi", 1073741824),
        ("1.5Gi", 1610612736),
        ("1e9", 1000000000),
        ("1E9", 1000000000),
        ("1G", 1000000000),
        ("1Ti", 1 << 40),
        ("9223372036854775807", (1 << 63) - 1),
        ((1 << 63) - 1, (1 << 63) - 1),
    ],
)
def test_piece_length_of_any_size_is_in_the_id(given: object, length: int) -> None:
    assert ids(url=URL, pieceLength=given) == [standard_task_id(URL, piece_length=length)]


@pytest.mark.parametrize(
    "given", ["4194303", 4194303, "1Mi", 0, -1, "8Ei", 1 << 63, "1e19", "1e999", "x", "", "4.5", True]
)
def test_piece_length_that_no_peer_takes_is_refused(given: object) -> None:
    with pytest.raises(ValidationError, match=BEYOND):
        Target.model_validate({"url": URL, "pieceLength": given})


PIECES = st.sampled_from(["://", "/v2/", "/blobs/", "blobs/", "/blobs", "a", "?", "\n", "/", "sha256:", "#"])


@given(start=st.sampled_from(["", "s://h/v2/n"]), pieces=st.lists(PIECES, max_size=12))
def test_reference_is_the_one_that_the_clients_own_expression_finds(start: str, pieces: list[str]) -> None:
    url = start + "".join(pieces)
    found = re.fullmatch(r".*://.*/v2/.*/blobs/([^?]+)(?:\?.*)?", url)

    assert reference_of(url, "blobs") == ("" if found is None else found[1])


def test_url_that_repeats_what_is_looked_for_holds_nobody_up() -> None:
    began = time.process_time()
    candidates(Target.model_validate({"url": f"https://h/{'://' * 600}{'/v2/' * 600}"}))

    assert time.process_time() - began < 1


@pytest.mark.parametrize("field", ["imageManifestURL", "keepSharedWith"])
def test_manifest_url_that_repeats_what_is_looked_for_is_refused(field: str) -> None:
    url = f"https://h{'/v2/a' * 100}/X/v2/a/manifests/1"
    target = {"image": "a", field: [url]} if field == "keepSharedWith" else {field: url}

    with pytest.raises(ValidationError, match="must be the URL of an image's manifest"):
        Target.model_validate(target)
