"""Task ids: those that the real clients gave (tests/data), their corners, and what holds of any URL."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from dragonfly_task_operator.dragonfly.task_ids import (
    DEFAULT_FILTERED_QUERY_PARAMS,
    blob_digest_id,
    content_candidates,
    manifest_digest_id,
    standard_task_id,
    task_id_candidates,
    url_candidates,
)
from dragonfly_task_operator.dragonfly.url_rules import legacy_rule_url, new_rule_url, parse
from dragonfly_task_operator.engine.identity import Identity
from dragonfly_task_operator.errors import InvalidTarget

DATA = json.loads((Path(__file__).parents[1] / "data" / "task_id_vectors.json").read_text())
RULES = {"new": new_rule_url, "old": legacy_rule_url}
DIGEST = "b2c366cce7e68013d5441c6326d5a3e1b12aeb5ed58564d0fd3fa089bc29cb6e"


def of_a_url(vector: dict[str, Any]) -> bool:
    return vector["new"] is not None and not {"content", "enable_task_id_based_blob_digest"} & vector["input"].keys()


def each_of(vectors: list[dict[str, Any]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("vector", vectors, ids=lambda vector: vector["name"])


def options(vector: dict[str, Any]) -> dict[str, Any]:
    names = ("tag", "application", "revision", "piece_length", "filtered_query_params")
    return {name: vector["input"][name] for name in names if name in vector["input"]}


def id_by(rule: str, vector: dict[str, Any]) -> str:
    if "content" in vector["input"]:
        return content_candidates(vector["input"]["content"])[0].task_id
    if vector["input"].get("enable_task_id_based_blob_digest"):
        return blob_digest_id(vector["input"]["url"])
    parts = options(vector)
    filtered = parts.pop("filtered_query_params", DEFAULT_FILTERED_QUERY_PARAMS)
    return standard_task_id(RULES[rule](vector["input"]["url"], filtered), **parts)


def ids(url: str, **given_: Any) -> list[str]:
    return [candidate.task_id for candidate in url_candidates(url, **given_)]


# What the real clients gave


@pytest.mark.parametrize("rule", RULES)
@each_of(DATA["vectors"])
def test_id_is_what_the_real_client_gave(vector: dict[str, Any], rule: str) -> None:
    if vector[rule] is None:
        with pytest.raises(InvalidTarget):
            id_by(rule, vector)
    else:
        assert id_by(rule, vector) == vector[rule]


@each_of([vector for vector in DATA["vectors"] if of_a_url(vector)])
def test_candidates_hold_what_every_real_client_gave(vector: dict[str, Any]) -> None:
    assert {vector["new"], vector["old"]} <= set(ids(vector["input"]["url"], **options(vector)))


@each_of([vector for vector in DATA["vectors"] if of_a_url(vector)])
def test_new_rules_id_of_the_url_as_given_comes_first(vector: dict[str, Any]) -> None:
    assert ids(vector["input"]["url"], **options(vector))[0] == vector["new"]


def test_default_filter_is_dragonflys() -> None:
    assert set(DEFAULT_FILTERED_QUERY_PARAMS) == set(DATA["default_filtered_query_params"])


# Corners: the forms are those of clients 1.5.10 and 1.5.1, run on these URLs with the default filter


@pytest.mark.parametrize(
    ("url", "new", "legacy"),
    [
        pytest.param("http://h/a^b", "http://h/a^b", "http://h/a^b", id="caret-in-path"),
        pytest.param("http://h/%5E^%5e", "http://h/%5E^%5e", "http://h/%5E^%5e", id="carets-both-ways"),
        pytest.param("http://u^v@h/x", "http://u%5Ev@h/x", "http://u%5Ev@h/x", id="caret-in-user-info"),
        pytest.param("http://h/x?a=^#^", "http://h/x?a=%5E#^", "http://h/x?a=%5E#^", id="caret-in-query"),
        pytest.param("hf://h/a^b/../c^", "hf://h/c^", "hf://h/c^", id="caret-in-path-of-another-scheme"),
        pytest.param("http://h/c:/../x", "http://h/c:/x", "http://h/c:/x", id="dots-after-drive-letter"),
        pytest.param("http://h/c/../x", "http://h/x", "http://h/x", id="dots"),
        pytest.param("http://h/a/%2E%2e/b/./", "http://h/b/", "http://h/b/", id="encoded-dots"),
        pytest.param("http://h/../..", "http://h/", "http://h", id="dots-above-the-root"),
        pytest.param("http://h?a=1#f", "http://h?a=1#f", "http://h/?a=1#f", id="no-path-but-query-and-fragment"),
        pytest.param("http://h?ns=a/b", "http://h", "http://h", id="slash-only-in-query"),
        pytest.param(r"http://h\x", "http://h", "http://h/x", id="backslash-is-no-slash-to-the-new-rule"),
        pytest.param("http:/h?u=://x", "http://h?u=%3A%2F%2Fx", "http://h/?u=%3A%2F%2Fx", id="authority-in-query"),
        pytest.param("http:h", "http://h/", "http://h", id="no-slashes-at-all"),
        pytest.param("http://h/#a/", "http://h/#a/", "http://h/#a", id="fragment-that-ends-with-a-slash"),
        pytest.param("http://h/x#", "http://h/x#", "http://h/x#", id="empty-fragment"),
        pytest.param("http://h/x?&&", "http://h/x", "http://h/x", id="query-of-nothing"),
        pytest.param("http://h/x?=", "http://h/x?=", "http://h/x?=", id="empty-pair"),
        pytest.param("http://h/?b;c=1", "http://h/", "http://h/?b%3Bc=1", id="semicolon-in-name"),
        pytest.param("http://h/?b=%3B", "http://h/?b=%3B", "http://h/?b=%3B", id="encoded-semicolon"),
        pytest.param("http://h/?%6es=1&n%73=2", "http://h/", "http://h", id="encoded-name-is-filtered"),
        pytest.param("http://h/?n+s=1&ns+=2", "http://h/?n+s=1&ns+=2", "http://h/?n+s=1&ns+=2", id="plus-in-name"),
        pytest.param(
            "http://h/?\U0001f600&\uffff&z",
            "http://h/?z=&%EF%BF%BF=&%F0%9F%98%80=",
            "http://h/?%F0%9F%98%80=&%EF%BF%BF=&z=",
            id="names-beyond-the-basic-plane",
        ),
        pytest.param(
            "http://h/?a=%E4%B8&b=%F0%9F%98x",
            "http://h/?a=%EF%BF%BD&b=%EF%BF%BDx",
            "http://h/?a=%EF%BF%BD&b=%EF%BF%BDx",
            id="characters-cut-short",
        ),
        pytest.param("ht\ttp://h\n/a\rb ", "http://h/ab", "http://h/ab", id="tabs-and-newlines"),
        pytest.param("http://B\u00dcCHER.de/", "http://xn--bcher-kva.de/", "http://xn--bcher-kva.de", id="idn"),
        pytest.param(
            "http://vi\u00ea\u0323t.vn/x",
            "http://xn--vit-5kz.vn/x",
            "http://xn--vit-5kz.vn/x",
            id="idn-of-loose-accents",
        ),
        pytest.param("http://%7E\u0301/x", "http://xn--~-xbb/x", "http://xn--~-xbb/x", id="idn-with-an-escape"),
        pytest.param("s3://B\u00dc", "s3://B%C3%9C", "s3://B%C3%9C", id="host-of-another-scheme-stays"),
        pytest.param("http://0x7f.1:080/x", "http://127.0.0.1/x", "http://127.0.0.1/x", id="odd-ipv4-and-port"),
        pytest.param("hf://o/r\\s", "hf://o/r\\s", "hf://o/r\\s", id="backslash-of-another-scheme"),
        pytest.param("hf://o", "hf://o", "hf://o", id="another-scheme-without-path"),
    ],
)
def test_url_is_taken_as_the_real_clients_take_it(url: str, new: str, legacy: str) -> None:
    forms = (new_rule_url(url, DEFAULT_FILTERED_QUERY_PARAMS), legacy_rule_url(url, DEFAULT_FILTERED_QUERY_PARAMS))
    assert forms == (new, legacy)


def test_fragment_and_empty_query_outlive_dfgets_normalisation() -> None:
    assert str(parse("HTTP://H:80?#")) == "http://h/?#"


# Which candidates


def test_a_url_that_all_rules_agree_on_has_one_candidate() -> None:
    assert len(url_candidates("https://example.com/model.bin")) == 1


def test_a_rules_own_id_carries_its_name() -> None:
    found = url_candidates("https://example.com/?b=~&a=1", filtered_query_params=["x"])
    assert [candidate.identity for candidate in found] == [Identity.URL, Identity.URL_LEGACY]


def test_unfiltered_url_has_the_id_of_the_form_that_dfget_asks_for() -> None:
    asked_by_dfget = standard_task_id(new_rule_url("https://example.com/", []))
    assert asked_by_dfget in ids("HTTPS://Example.com:443", filtered_query_params=[])


def test_no_filter_given_is_the_default_filter() -> None:
    url = "https://example.com/x?b=2&X-Amz-Signature=s&a=1"
    assert ids(url) == ids(url, filtered_query_params=DEFAULT_FILTERED_QUERY_PARAMS)


def test_empty_filter_is_not_the_default_filter() -> None:
    url = "https://example.com/x?X-Amz-Signature=s"
    assert ids(url) != ids(url, filtered_query_params=[])


def test_ids_are_made_of_the_options_in_dragonflys_order() -> None:
    whole = hashlib.sha256(b"http://h/xtaap" + b"rev" + b"4194304" + b"STANDARD").hexdigest()
    assert ids("http://h/x", tag="ta", application="ap", revision="rev", piece_length=4 << 20) == [whole]


def test_content_has_one_candidate_named_content() -> None:
    assert [candidate.identity for candidate in content_candidates("nightly")] == [Identity.CONTENT]


def test_task_id_stands_for_itself() -> None:
    assert [(each.task_id, each.identity) for each in task_id_candidates(DIGEST)] == [(DIGEST, Identity.TASK_ID)]


# Refusals


@pytest.mark.parametrize(
    "url",
    [
        "",
        " ",
        "/just/path",
        "example.com/x",
        "://h/x",
        "http://",
        "http://h:65536/x",
        "http://[::g]/x",
        "http://a b/x",
        "http://a^b/x",
        "http://256.1.1.1/x",
        "http://u@/x",
        "http://xn--a/x",
        "http://xn--abc-/x",
        "http://xn--999999999/x",
        "http://h/\ud800",
    ],
)
def test_url_that_peers_refuse_has_no_candidates(url: str) -> None:
    with pytest.raises(InvalidTarget):
        url_candidates(url)


def test_url_that_peers_refuse_has_none_without_filter_either() -> None:
    with pytest.raises(InvalidTarget):
        url_candidates("http://h:65536/x", filtered_query_params=[])


def test_refusal_says_what_is_wrong_with_what_and_what_to_give() -> None:
    with pytest.raises(InvalidTarget) as refusal:
        url_candidates("/just/path")
    assert str(refusal.value) == (
        "the URL '/just/path' names no task: it can't be parsed; give an absolute URL that a peer could download, as in"
        " https://example.com/model.bin"
    )


def test_refusal_of_a_name_that_encodes_nothing_names_it() -> None:
    with pytest.raises(InvalidTarget, match="xn--a in its host is no international name"):
        url_candidates("http://files.xn--a.example/x")


# Images


@pytest.mark.parametrize(
    "digest", [DIGEST, DIGEST.upper(), "z" * 64], ids=["hex", "upper-case", "only-its-length-is-looked-at"]
)
def test_blob_has_the_id_of_its_digest(digest: str) -> None:
    assert blob_digest_id(f"https://r:5000/v2/a/b/blobs/sha256:{digest}?ns=docker.io") == digest


def test_blob_of_a_longer_digest_has_a_longer_id() -> None:
    assert blob_digest_id(f"https://r/v2/a/blobs/sha512:{DIGEST}{DIGEST}") == DIGEST + DIGEST


def test_manifest_has_the_id_of_its_digest() -> None:
    assert manifest_digest_id(f"https://r/v2/a/manifests/sha256:{DIGEST}") == DIGEST


@pytest.mark.parametrize(
    "url",
    [
        "https://r/v2/a/blobs/sha256:abc",
        f"https://r/v2/a/blobs/sha1:{DIGEST[:40]}",
        f"https://r/v2/a/blobs/{DIGEST}",
        f"https://r/v2/a/manifests/sha256:{DIGEST}",
        f"https://r/v2/blobs/sha256:{DIGEST}",
        f"https://r/a/blobs/sha256:{DIGEST}",
        f"/v2/a/blobs/sha256:{DIGEST}",
        "",
    ],
)
def test_url_without_a_blobs_digest_is_refused(url: str) -> None:
    with pytest.raises(InvalidTarget, match="/blobs/sha256:<64 hex digits>"):
        blob_digest_id(url)


def test_manifest_named_by_a_tag_is_refused() -> None:
    with pytest.raises(InvalidTarget, match="/manifests/sha256:<64 hex digits>"):
        manifest_digest_id("https://r/v2/a/manifests/latest")


# What holds of any URL

TAILS = st.text(alphabet="abcxyzAZ0189-._~%/\\?&=;+#^: \t\u00e9\U0001f600", max_size=40)
PARAMETERS = st.lists(st.tuples(st.text(max_size=4), st.text(max_size=4)), max_size=6)


def with_query(pairs: list[tuple[str, str]]) -> str:
    query = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs)
    return f"https://example.com/x?{query}"


@given(TAILS)
def test_any_url_has_candidates(tail: str) -> None:
    assert ids(f"https://example.com/{tail}")


@given(TAILS)
def test_candidates_of_any_url_are_unique(tail: str) -> None:
    found = ids(f"https://example.com/{tail}", filtered_query_params=[])
    assert len(set(found)) == len(found)


@given(TAILS)
def test_any_url_has_the_same_candidates_twice(tail: str) -> None:
    assert url_candidates(f"https://example.com/{tail}") == url_candidates(f"https://example.com/{tail}")


@given(TAILS)
@example("c:/../^")
def test_normalising_twice_changes_nothing(tail: str) -> None:
    once = str(parse(f"https://example.com/{tail}"))
    assert str(parse(once)) == once


@given(TAILS, st.lists(st.sampled_from(["a", "b", "c", "", "x y"]), min_size=1))
def test_order_of_the_filter_is_irrelevant(tail: str, names: list[str]) -> None:
    url = f"https://example.com/{tail}"
    assert ids(url, filtered_query_params=names) == ids(url, filtered_query_params=names[::-1])


@given(PARAMETERS)
def test_new_rule_does_not_mind_the_order_of_names(pairs: list[tuple[str, str]]) -> None:
    assume(len({name for name, _ in pairs}) == len(pairs))
    assert new_rule_url(with_query(pairs), DEFAULT_FILTERED_QUERY_PARAMS) == new_rule_url(
        with_query(pairs[::-1]), DEFAULT_FILTERED_QUERY_PARAMS
    )


@given(PARAMETERS, st.sampled_from(DEFAULT_FILTERED_QUERY_PARAMS), st.text(max_size=8), st.integers(0, 6))
def test_signing_a_url_does_not_change_its_candidates(
    pairs: list[tuple[str, str]], name: str, value: str, position: int
) -> None:
    signed = [*pairs[:position], (name, value), *pairs[position:]]
    assert ids(with_query(signed)) == ids(with_query(pairs))


@given(TAILS, st.sampled_from(["tag", "application", "revision"]))
def test_any_option_changes_every_candidate(tail: str, option: str) -> None:
    url = f"https://example.com/{tail}"
    assert not set(ids(url)) & set(ids(url, **{option: "v1"}))


# Speed


def test_hundred_urls_take_less_than_100_ms() -> None:
    urls = [f"https://b{n}.s3.amazonaws.com/m/part-{n}?X-Amz-Signature={n}&versionId=3%2FL4&x=1" for n in range(100)]

    def seconds() -> float:
        start = time.process_time()
        for url in urls:
            url_candidates(url, tag="prod", piece_length=4 << 20)
        return time.process_time() - start

    assert min(seconds() for _ in range(5)) < 0.1
