"""Names of images, as Docker and containerd read them (the cases are those of distribution/reference, and more)."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from dragonfly_task_operator.api.image_names import ImageName
from dragonfly_task_operator.api.targets import Target
from dragonfly_task_operator.dragonfly.targets import candidates
from dragonfly_task_operator.errors import ImageUnresolvable, InvalidTarget
from dragonfly_task_operator.oci.addresses import Gate
from dragonfly_task_operator.oci.urls import ManifestURL
from dragonfly_task_operator.settings import load

HEX = "b2c366cce7e68013d5441c6326d5a3e1b12aeb5ed58564d0fd3fa089bc29cb6e"
SHA256 = f"sha256:{HEX}"
SHA512 = f"sha512:{HEX}{HEX}"


@pytest.mark.parametrize(
    ("name", "host", "repository", "reference"),
    [
        ("nginx", "docker.io", "library/nginx", "latest"),
        ("nginx:1.27", "docker.io", "library/nginx", "1.27"),
        ("library/nginx", "docker.io", "library/nginx", "latest"),
        ("docker.io/nginx", "docker.io", "library/nginx", "latest"),
        ("docker.io/library/nginx:1", "docker.io", "library/nginx", "1"),
        ("index.docker.io/nginx:1", "docker.io", "library/nginx", "1"),
        ("index.docker.io/team/app", "docker.io", "team/app", "latest"),
        ("Docker.IO/nginx", "docker.io", "library/nginx", "latest"),
        ("team/app", "docker.io", "team/app", "latest"),
        ("team/sub/app:1", "docker.io", "team/sub/app", "1"),
        ("library/foo/bar", "docker.io", "library/foo/bar", "latest"),
        (f"nginx@{SHA256}", "docker.io", "library/nginx", SHA256),
        (f"nginx:1.27@{SHA256}", "docker.io", "library/nginx", SHA256),
        (f"ghcr.io/org/app:v1@{SHA512}", "ghcr.io", "org/app", SHA512),
        ("localhost/app", "localhost", "app", "latest"),
        ("localhost:5000/app:1", "localhost:5000", "app", "1"),
        ("registry:5000/app", "registry:5000", "app", "latest"),
        ("registry.example.com/app", "registry.example.com", "app", "latest"),
        ("registry.example.com:443/a/b/c:1", "registry.example.com:443", "a/b/c", "1"),
        ("192.168.0.1:8/debian", "192.168.0.1:8", "debian", "latest"),
        ("192.168.0.1", "docker.io", "library/192.168.0.1", "latest"),
        ("192.168.0.1:80", "docker.io", "library/192.168.0.1", "80"),
        ("example.com", "docker.io", "library/example.com", "latest"),
        ("test.com:5000", "docker.io", "library/test.com", "5000"),
        ("[fc00::1]:5000/docker", "[fc00::1]:5000", "docker", "latest"),
        ("[2001:db8::1]/repo:tag", "[2001:db8::1]", "repo", "tag"),
        ("Registry.Example.COM/app", "Registry.Example.COM", "app", "latest"),
        ("FOO/bar", "FOO", "bar", "latest"),
        ("test_com/foo", "docker.io", "test_com/foo", "latest"),
        ("dock__er/docker", "docker.io", "dock__er/docker", "latest"),
        ("docker---rules/docker", "docker.io", "docker---rules/docker", "latest"),
        ("xn--n3h.com/myimage:xn--n3h.com", "xn--n3h.com", "myimage", "xn--n3h.com"),
        ("lowercase:Uppercase_1.2-3", "docker.io", "library/lowercase", "Uppercase_1.2-3"),
        (f"docker.io/{HEX}", "docker.io", f"library/{HEX}", "latest"),
        (HEX[:-1], "docker.io", f"library/{HEX[:-1]}", "latest"),
        (
            "b.gcr.io/test.example.com/my-app:test.example.com",
            "b.gcr.io",
            "test.example.com/my-app",
            "test.example.com",
        ),
        ("registry-1.docker.io/library/nginx", "registry-1.docker.io", "library/nginx", "latest"),
    ],
)
def test_name_is_read_as_docker_reads_it(name: str, host: str, repository: str, reference: str) -> None:
    Target.model_validate({"image": name})
    assert ImageName.parse(name) == ImageName(host, repository, reference)


NO_NAMES = [
    ("https://github.com/docker/docker", "as imageManifestURL"),
    ("docker://nginx", "as imageManifestURL"),
    (HEX, "64 hex digits are no name"),
    ("Nginx", "lower case"),
    ("docker/Docker", "lower case"),
    ("test:5000/Uppercase/lowercase:tag", "lower case"),
    ("Uppercase:tag", "lower case"),
    (f"nginx@sha256:{'A' * 64}", "a digest must be in lower case"),
    *(
        (text, "invalid reference format")
        for text in (
            ":justtag",
            "nginx:",
            "nginx:1:2",
            f"nginx:{'x' * 129}",
            "nginx:-1",
            "nginx:t\u00e4g",
            f"@{SHA256}",
            "nginx@",
            "nginx@sha256:abc",
            f"nginx@md5:{HEX[:32]}",
            f"nginx@{SHA256}@{SHA256}",
            f"nginx@{SHA256}:1",
            "nginx ",
            " nginx",
            "nginx\n",
            "ng inx",
            "-docker",
            "-docker.io/docker/docker",
            "docker-/docker",
            "docker///docker",
            "docker.io/docker///docker",
            "docker/",
            "/docker",
            "_docker/_docker",
            "dock..er/docker",
            "dock_.er/docker",
            "foo_bar.com/app",
            "registry..example.com/app",
            "aa/asdf$$^/aa",
            "nginx?x=1",
            "u:p@registry.example.com/app",
            "[fc00::1]",
            "[fc00::1]:5000",
            "fc00::1:5000/debian",
            "[fe80::1%eth0]:5000/debian",
            "[2001:db8:3:4::192.0.2.33]:5000/debian",
            "n\u0131ginx",
        )
    ),
    (f"registry.example.com/{'a' * 256}", "more than 255 characters"),
]


@pytest.mark.parametrize(("text", "message"), NO_NAMES)
def test_what_is_no_name_is_refused_with_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Target.model_validate({"image": text})


def test_name_goes_with_what_goes_with_a_manifests_url() -> None:
    Target.model_validate(
        {
            "image": "nginx",
            "platform": "linux/amd64",
            "tag": "t",
            "application": "a",
            "pieceLength": "16Mi",
            "filteredQueryParams": [],
            "keepSharedWith": ["nginx:1.26", "https://r.example.com/v2/n/manifests/1"],
            "ignoreUnknownParts": True,
            "pullSecretRef": {"name": "x"},
            "caSecretRef": {"name": "x"},
            "insecureSkipTLSVerify": True,
        }
    )


@pytest.mark.parametrize("kept", ["Nginx", "https://r.example.com/n", "nginx:", HEX])
def test_what_is_kept_is_a_name_or_a_manifests_url(kept: str) -> None:
    with pytest.raises(ValidationError):
        Target.model_validate({"image": "nginx", "keepSharedWith": [kept]})


@pytest.mark.parametrize(
    "way", [{"image": "nginx"}, {"imageManifestURL": "https://r.example.com/v2/n/manifests/1?x=S3"}]
)
def test_ids_of_an_image_are_not_told_without_its_registry(way: dict[str, Any]) -> None:
    with pytest.raises(
        ImageUnresolvable, match=r"apply a TaskSearch, or name each blob by url.*/blobs/sha256:"
    ) as error:
        candidates(Target.model_validate(way))
    assert "S3" not in str(error.value)


# Where it leads


def of(name: str, *allow: str) -> list[str]:
    """Every URL of the manifest, the one that is asked first."""
    gate = Gate(load({"scheduler": ("s:8002",), "registry_allowlist": allow}).registry_allowlist)
    at = ManifestURL.of(name, scheme=gate.scheme_of)
    return [each.manifest(each.reference) for each in at.everywhere]


@pytest.mark.parametrize(
    ("name", "repository"),
    [
        ("nginx:1.27", "library/nginx"),
        ("docker.io/nginx:1.27", "library/nginx"),
        ("index.docker.io/library/nginx:1.27", "library/nginx"),
        ("registry-1.docker.io/library/nginx:1.27", "library/nginx"),
        ("team/app:1.27", "team/app"),
    ],
)
def test_docker_hub_is_asked_at_its_registry_and_peers_under_both_its_names(name: str, repository: str) -> None:
    assert of(name) == [
        f"https://registry-1.docker.io/v2/{repository}/manifests/1.27",
        f"https://index.docker.io/v2/{repository}/manifests/1.27",
    ]


def test_peers_are_asked_under_the_name_of_docker_hub_that_was_written_too() -> None:
    assert of("registry.hub.docker.com/library/nginx")[2:] == [
        "https://registry.hub.docker.com/v2/library/nginx/manifests/latest"
    ]


@pytest.mark.parametrize(
    ("name", "allow", "scheme"),
    [
        ("localhost:5000/a", (), "https"),
        ("localhost:5000/a", ("localhost:5000",), "https"),
        ("localhost:5000/a", ("http://localhost:5000",), "http"),
        ("localhost:5000/a", ("http://localhost",), "http"),
        ("localhost:5000/a", ("http://localhost:5001", "http://other:5000"), "https"),
        ("localhost/a", ("http://localhost:80",), "http"),
        ("localhost/a", ("http://localhost:5000",), "https"),
        ("r.example.com/a", ("http://*.example.com",), "http"),
        ("R.example.com/a", ("http://r.example.com",), "http"),
        ("[::1]:5000/a", ("http://[::1]:5000",), "http"),
        ("r.example.com:99999/a", ("http://r.example.com",), "https"),
    ],
)
def test_plain_http_is_spoken_where_the_allowlist_says_so(name: str, allow: tuple[str, ...], scheme: str) -> None:
    assert of(name, *allow) == [f"{scheme}://{name.rpartition('/')[0]}/v2/a/manifests/latest"]


def test_url_of_a_manifest_stays_as_it_is() -> None:
    url = "https://registry-1.docker.io/v2/library/nginx/manifests/1.27?ns=docker.io"
    assert of(url) == [url]


@pytest.mark.parametrize("text", ["Nginx", "https://r.example.com/x?sig=planted"])
def test_neither_name_nor_url_is_an_invalid_target(text: str) -> None:
    with pytest.raises(InvalidTarget) as error:
        of(text)
    assert "planted" not in str(error.value)


def test_host_that_cannot_be_connected_to_is_an_invalid_target() -> None:
    with pytest.raises(InvalidTarget, match="correct the host"):
        assert ManifestURL.of("r.example.com:99999/a", scheme=lambda host: "https").url
