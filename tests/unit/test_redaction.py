"""Secrets in URLs don't get out, wherever the URL stands and whatever signs it holds."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragonfly_task_operator.observability.redaction import redact, redact_url

S = "s3CR3T"


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("https://h/x?X-Amz-Signature=s3cret&v=1", "https://h/x?X-Amz-Signature=REDACTED&v=REDACTED"),
        ("https://user:pass@h/x", "https://REDACTED@h/x"),
        ('GET "/x?token=s3cret": 403', 'GET "/x?token=REDACTED": 403'),
        ("error (https://h/x?sig=s3cret): status=403", "error (https://h/x?sig=REDACTED): status=403"),
        ("task not found", "task not found"),
        ("nginx:1.27@sha256:abc is #7, at 50%", "nginx:1.27@sha256:abc is #7, at 50%"),
        ("is it there? yes; ask me@example.com", "is it there? yes; ask me@example.com"),
        ("see https://example.com/docs, or not", "see https://example.com/docs, or not"),
    ],
)
def test_secrets_are_replaced_and_the_rest_is_kept(text: str, redacted: str) -> None:
    assert redact(text) == redacted


URLS = [
    (
        f"https://b.example.com/m.bin?disposition=attachment;filename='m.bin'&X-Amz-Signature={S}",
        "https://b.example.com",
    ),
    (f'https://b.example.com/m.bin?a="m.bin"&sig={S}', "https://b.example.com/m.bin?a=REDACTED"),
    (f"https://b.example.com/m.bin?a=<m>&sig={S}>", "https://b.example.com/m.bin"),
    (f"https://b.example.com/m.bin?a=m n\t{S}&b={S} {S}", "https://b.example.com/m.bin?a=REDACTED&b=REDACTED"),
    (f"https://b.example.com/m.bin?a=b\\{S}", "https://b.example.com/m.bin?a=REDACTED"),
    (f"https://b.example.com/m.bin?a=\u00fc\u00a0\u2003\u65e5{S}", "https://b.example.com/m.bin?a=REDACTED"),
    (f"https://b.example.com/m.bin?a=1;sig={S};{S}", "https://b.example.com/m.bin?a=REDACTED"),
    (f"https://b.example.com/m.bin?sig=%22{S}%20{S}", "https://b.example.com/m.bin?sig=REDACTED"),
    (f"https://b.example.com/m.bin?u=https://u:{S}@h/x?sig={S}&t={S}", "https://"),
    (f"https://b.example.com/m.bin?u=https%3A%2F%2Fu%3A{S}%40h", "https://b.example.com/m.bin?u=REDACTED"),
    (f"https://b.example.com/m.bin?https%3A%2F%2Fh%3Fsig%3D{S}=1", "https://b.example.com/m.bin?REDACTED"),
    (f"https://b.example.com/m.bin?{S}", "https://b.example.com/m.bin?REDACTED"),
    (f"https://b.example.com/m.bin?{S}==", "https://b.example.com/m.bin?REDACTED"),
    (f"https://b.example.com/m.bin?a&{S}&b", "https://b.example.com/m.bin?REDACTED&REDACTED&REDACTED"),
    (f"https://b.example.com/m.bin?a=b?c={S}?{S}", "https://b.example.com/m.bin?a=REDACTED"),
    (f"https://b.example.com/m.bin#{S}", "https://b.example.com/m.bin#REDACTED"),
    (f"https://b.example.com/m.bin?a=1#x?{S}#{S}", "https://b.example.com/m.bin?a=REDACTED#REDACTED"),
    (f"https://{S}@b.example.com/m.bin", "https://REDACTED@b.example.com/m.bin"),
    (f"https://u:{S}@b.example.com:8443/m.bin", "https://REDACTED@b.example.com:8443/m.bin"),
    (f"https://u@x:{S}@{S}@b.example.com/m.bin", "https://REDACTED@b.example.com/m.bin"),
    (f"https://u:a/{S}@b.example.com/m.bin", "https://REDACTED@b.example.com/m.bin"),
    (f"https://u:a?{S}@b.example.com/m.bin", "https://REDACTED@"),
    (f"https://u:a#{S}@b.example.com/m.bin", "https://REDACTED@"),
    (f"https://u:p@a/{S}@b.example.com/m.bin", "https://REDACTED@b.example.com/m.bin"),
    (f"https://{S}/{S}@b.example.com/m.bin", "https://REDACTED@b.example.com/m.bin"),
    (f"https://u:{S}@[2001:db8::1]:5000/m.bin?{S}", "https://REDACTED@[2001:db8::1]:5000/m.bin?REDACTED"),
    (f"HTTPS://U:{S}@B.EXAMPLE.COM/m.bin?SIG={S}", "HTTPS://REDACTED@B.EXAMPLE.COM/m.bin?SIG=REDACTED"),
    (f"//u:{S}@b.example.com/m.bin?sig={S}", "//REDACTED@b.example.com/m.bin?sig=REDACTED"),
    (f"https:u:{S}@b.example.com/m.bin", "https:REDACTED@b.example.com/m.bin"),
    (f"https:\\\\u:{S}@b.example.com\\m.bin", "https:\\\\REDACTED@b.example.com\\m.bin"),
    (f"s3://AKIA:{S}/{S}@bucket/m.bin?x={S}", "s3://REDACTED@bucket/m.bin?x=REDACTED"),
    (f"hdfs://u:{S}@namenode:9000/m.bin", "hdfs://REDACTED@namenode:9000/m.bin"),
    (f"https://proxy.example.com/https://u:{S}@h/x?sig={S}", "https://proxy.example.com/https://REDACTED@h/x"),
    (f"https://proxy.example.com/https%3A%2F%2Fu%3A{S}%40h/x", "https://proxy.example.com/httpsREDACTED"),
    (f"https://b.example.com/m.bin%3Fsig%3D{S}", "https://b.example.com/m.binREDACTED"),
    (f"/m.bin?sig={S}", "/m.bin?sig=REDACTED"),
    (f"?sig={S}", "?sig=REDACTED"),
]


@pytest.mark.parametrize(("url", "kept"), URLS)
def test_url_is_redacted_whatever_signs_it_holds(url: str, kept: str) -> None:
    redacted = redact_url(url)
    assert (S in redacted, redacted.startswith(kept), redact_url(redacted)) == (False, True, redacted)


@pytest.mark.parametrize(
    "quoted",
    ["error sending request for url ({}): 403", '"{}": dial tcp', "{}", "url={} code=7", "a\n<{}>\nb", "'{}',"],
)
@pytest.mark.parametrize("url", [url for url, _ in URLS])
def test_url_that_is_known_is_redacted_in_anybodys_words(url: str, quoted: str) -> None:
    spellings = (url, json.dumps(url)[1:-1], repr(url)[1:-1])
    assert [S in redact(quoted.format(each), [url]) for each in spellings] == [False] * 3


@pytest.mark.parametrize("url", [url for url, _ in URLS if not any(each in url for each in " \t")])
def test_url_that_is_not_known_is_redacted_up_to_white_space(url: str) -> None:
    assert S not in redact(f'failed to get "{url}": 403')


@pytest.mark.parametrize(
    "url",
    [
        "https://registry.npmjs.org/@scope/pkg",
        "hf://org/model@v1/a.bin",
        "https://example.com/a%20b/c'd",
        "https://r.example.com/v2/n/manifests/sha256:abc",
        "https://example.com/http://mirror.example.com/x",
    ],
)
def test_url_without_secrets_stays_as_it_is(url: str) -> None:
    assert (redact_url(url), redact(f"see {url} there")) == (url, f"see {url} there")


SIGNS = st.text(alphabet="abAZ09'\"<>\\;:%25&=/?#@ \t\u00fc\u65e5.,()[]", max_size=12)
SCHEMES = st.sampled_from(["https://", "HTTP://", "https:", "https:\\\\", "//", "s3://", "hf://"])
HOSTS = st.sampled_from(["h.example.com", "minio", "127.0.0.1:8080", "[2001:db8::1]", "h.example.com:5000"])


@settings(max_examples=1000, deadline=None)
@given(SCHEMES, HOSTS, st.tuples(SIGNS, SIGNS, SIGNS, SIGNS))
def test_nothing_planted_in_a_query_or_fragment_gets_out(scheme: str, host: str, signs: tuple[str, ...]) -> None:
    name, before, after, fragment = signs
    before = before.replace("&", "+")  # else what follows is a name, and names stay
    url = f"{scheme}{host}/x?{name}={before}{S}{after}&{before}={S}#{fragment}{S}"
    spoken = redact(f"cannot get {url}: 403", [url])
    assert S not in redact_url(url) + spoken


@settings(max_examples=1000, deadline=None)
@given(SCHEMES, HOSTS, SIGNS.filter(lambda signs: not set(signs) & set("/\\?#")), SIGNS)
def test_nothing_planted_in_user_info_gets_out(scheme: str, host: str, before: str, after: str) -> None:
    url = f"{scheme}{before}:{S}{after.translate(dict.fromkeys(map(ord, '/?#')))}@{host}/x"
    assert S not in redact_url(url) + redact(f"cannot get {url}: 403", [url])


@pytest.mark.parametrize("nasty", ["\\", "//a", "@", "?", "#", "%25", "https:", "'", ":/", "&;", "//a@b?", "a"])
def test_long_nonsense_takes_no_time(nasty: str) -> None:
    text = nasty * (100_000 // len(nasty))
    before = time.process_time()
    redact(text)
    redact_url(f"{text}@")
    assert time.process_time() - before < 3
