"""Settings as people write them: what is taken, and what a person reads when it is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from dragonfly_task_operator.api.base import camel
from dragonfly_task_operator.errors import SettingsError
from dragonfly_task_operator.settings import ClusterSettings, PodSelector, Settings, TLSFiles, load

DOCUMENTATION = Path(__file__).parents[2] / "docs" / "settings.md"
CLUSTER = "clusters: [{name: a, schedulers: ['x:1'], %s}]"


def cluster(tmp_path: Path, more: str) -> ClusterSettings:
    config = tmp_path / "config.yaml"
    config.write_text(CLUSTER % more)
    return load({}, config=config).all_clusters[0]


def test_tls_can_differ_between_schedulers_and_peers(tmp_path: Path) -> None:
    tls = cluster(tmp_path, "tls: {schedulers: {ca: /s/ca.crt}, peers: {ca: /p/ca.crt, serverName: dfdaemon}}").tls
    assert tls is not None
    assert (tls.schedulers, tls.peers) == (
        TLSFiles(ca=Path("/s/ca.crt")),
        TLSFiles(ca=Path("/p/ca.crt"), server_name="dfdaemon"),
    )


def test_one_block_of_tls_serves_both(tmp_path: Path) -> None:
    tls = cluster(tmp_path, "tls: {ca: /ca.crt, cert: /tls.crt, key: /tls.key}").tls
    both = TLSFiles(ca=Path("/ca.crt"), cert=Path("/tls.crt"), key=Path("/tls.key"))
    assert tls is not None
    assert (tls.schedulers, tls.peers) == (both, both)


def test_peers_can_speak_plaintext_beside_schedulers_with_tls(tmp_path: Path) -> None:
    tls = cluster(tmp_path, "tls: {schedulers: {ca: /ca.crt}}").tls
    assert tls is not None
    assert tls.peers is None


def test_port_of_pods_is_dfdaemons_own_unless_given(tmp_path: Path) -> None:
    peers = cluster(tmp_path, "peers: {namespace: dragonfly, labelSelector: 'app=dragonfly,component=client'}").peers
    assert peers == PodSelector(namespace="dragonfly", label_selector="app=dragonfly,component=client", port=4000)


def test_clusters_can_be_given_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRAGONFLY_TASK_OPERATOR_CLUSTERS", '[{"name": "a", "schedulers": ["x:1"]}]')
    assert [cluster.name for cluster in load({}).all_clusters] == ["a"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("tls: {cert: /tls.crt, key: /tls.key}", "clusters.0.tls.schedulers.ca: Field required"),
        ("tls: {ca: /ca.crt, cert: /tls.crt}", "give both cert and key, or neither"),
        ("tls: {ca: /ca.crt, serverNames: x}", "serverNames: Extra inputs are not permitted"),
        ("peers: {namespace: dragonfly}", "clusters.0.peers.labelSelector: Field required"),
        ("peers: {namespace: dragonfly, labelSelector: ''}", "labelSelector: String should have at least 1 character"),
        ("peers: {namespace: dragonfly, labelSelector: a=b, port: 0}", "port: Input should be greater than"),
    ],
)
def test_bad_setting_of_a_cluster_is_named(tmp_path: Path, more: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        cluster(tmp_path, more)


@pytest.mark.parametrize(
    "content", [b'rpcTimeout: "\xff"', b"[" * 5000, b"a: 2026-13-45"], ids=["no text", "deep", "date"]
)
def test_config_file_that_is_no_yaml_is_told_in_a_line(tmp_path: Path, content: bytes) -> None:
    config = tmp_path / "config.yaml"
    config.write_bytes(content)

    with pytest.raises(SettingsError, match=r"^the config file .*config\.yaml is no YAML: [^\n]+$"):
        load({}, config=config)


def test_environment_that_is_no_json_is_told_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRAGONFLY_TASK_OPERATOR_CLUSTERS", "[{name")

    with pytest.raises(SettingsError, match=r'^a setting in the environment is no JSON: .*"clusters"[^\n]+$'):
        load({})


@pytest.mark.parametrize("host", ["scheduler..dragonfly", "s" * 64, ".scheduler"])
def test_scheduler_that_no_name_server_can_be_asked_for_is_refused(host: str) -> None:
    with pytest.raises(SettingsError, match="has no name of a host before its port"):
        load({"scheduler": (f"{host}:8002",)})


@pytest.mark.parametrize("name", ["", "a,b", "a/b", "Team", "-a", "*", "a" * 64])
def test_name_that_no_namespace_has_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="is no name of a namespace; for all of them, leave it out"):
        load({"scheduler": ("s:8002",), "namespace": ("team", name)})


@pytest.mark.parametrize("model", [Settings, ClusterSettings, PodSelector, TLSFiles])
def test_every_setting_is_documented(model: type[BaseModel]) -> None:
    text = DOCUMENTATION.read_text()
    assert [name for name in model.model_fields if f"`{camel(name)}`" not in text] == []


def test_pace_of_peers_is_given_in_the_file_in_the_environment_or_by_a_flag(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("scheduler: [s:8002]\npeerRequestsPerSecond: 40\n")

    in_file = load({}, config=config).peer_requests_per_second
    monkeypatch.setenv("DRAGONFLY_TASK_OPERATOR_PEER_REQUESTS_PER_SECOND", "50")
    in_environment = load({}, config=config).peer_requests_per_second
    by_flag = load({"peer_requests_per_second": 60}, config=config).peer_requests_per_second

    assert (in_file, in_environment, by_flag) == (40, 50, 60)


@pytest.mark.parametrize("value", ["0", "-1", "10001", "fast", "1.5", "[1]"])
def test_pace_that_makes_no_sense_is_named(tmp_path: Path, value: str) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(f"scheduler: [s:8002]\npeerRequestsPerSecond: {value}\n")

    with pytest.raises(SettingsError, match="setting peer_requests_per_second: "):
        load({}, config=config)


def test_registries_are_given_in_the_file_in_the_environment_or_by_flags(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("scheduler: [s:8002]\nregistryAllowlist: [file.example.com]\n")

    in_file = load({}, config=config).registry_allowlist
    monkeypatch.setenv("DRAGONFLY_TASK_OPERATOR_REGISTRY_ALLOWLIST", "one.example.com,http://two.example.com:5000")
    in_environment = load({}, config=config).registry_allowlist
    by_flags = load({"registry_allowlist": ("*.Flag.example.com", "[::1]:5000")}, config=config).registry_allowlist

    assert [entry.host for entry in in_file] == ["file.example.com"]
    assert [(entry.host, entry.port, entry.plain_http) for entry in in_environment] == [
        ("one.example.com", None, False),
        ("two.example.com", 5000, True),
    ]
    assert [(entry.host, entry.port) for entry in by_flags] == [("*.flag.example.com", None), ("[::1]", 5000)]
