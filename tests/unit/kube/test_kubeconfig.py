"""Kubeconfigs: each form that kubectl takes, and what becomes of it. What kubectl does is in the comments."""

from __future__ import annotations

import base64
import copy
import json
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from dragonfly_task_operator.errors import SettingsError
from dragonfly_task_operator.kube.connection import source_of
from dragonfly_task_operator.kube.credentials import Credentials, Trust
from dragonfly_task_operator.kube.kubeconfig import Kubeconfig, Overrides
from tests.simulator.tls.authority import Authority

V1 = "client.authentication.k8s.io/v1"
GOOD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "c",
    "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
    "clusters": [{"name": "k", "cluster": {"server": "https://10.0.0.1:6443"}}],
    "users": [{"name": "u", "user": {"token": "t"}}],
}


def written(folder: Path, content: object, name: str = "config") -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return path


def of(*, user: object = None, **cluster: Any) -> dict[str, Any]:
    content = copy.deepcopy(GOOD)
    if user is not None:
        content["users"][0]["user"] = user
    content["clusters"][0]["cluster"] |= {name.replace("_", "-"): value for name, value in cluster.items()}
    return content


async def read(path: Path) -> Credentials:
    return await Kubeconfig([path]).read()


def plugin(folder: Path, says: str, *, code: int = 0, name: str = "plugin") -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{says}\nexit {code}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def credential(**status: str) -> str:
    return f"echo '{json.dumps({'kind': 'ExecCredential', 'apiVersion': V1, 'status': status})}'"


# What is taken. kubectl does the same of each.


@pytest.mark.parametrize(
    ("user", "headers"),
    [
        ({"token": "t"}, {"Authorization": "Bearer t"}),
        ({"tokenFile": "token"}, {"Authorization": "Bearer from-file"}),  # the newline at its end is none of it
        ({"token": "t", "tokenFile": "token"}, {"Authorization": "Bearer from-file"}),  # the file goes first
        ({"token": "t", "tokenFile": "none"}, {"Authorization": "Bearer t"}),  # unless it can't be read
        ({"username": "u", "password": "p"}, {"Authorization": f"Basic {base64.b64encode(b'u:p').decode()}"}),
        ({"token": "t", "as": "jane"}, {"Authorization": "Bearer t", "Impersonate-User": "jane"}),
        (
            {"token": "t", "as": "jane", "as-uid": "7", "as-groups": ["g"], "as-user-extra": {"Sc/ope": ["s"]}},
            {
                "Authorization": "Bearer t",
                "Impersonate-User": "jane",
                "Impersonate-Uid": "7",
                "Impersonate-Group": "g",
                "Impersonate-Extra-sc%2fope": "s",
            },
        ),
        ({"exec": {"apiVersion": V1, "command": "bin/plugin"}}, {"Authorization": "Bearer of-plugin"}),
        ({"exec": {"apiVersion": V1, "command": "./bin/plugin", "args": None}}, {"Authorization": "Bearer of-plugin"}),
        ({"token": "t", "exec": {"apiVersion": V1, "command": "bin/plugin"}}, {"Authorization": "Bearer t"}),
        ({}, {}),
        ({"some-field-of-tomorrow": 1}, {}),
    ],
)
async def test_user_is_known_to_the_api_server(tmp_path: Path, user: object, headers: dict[str, str]) -> None:
    (tmp_path / "token").write_text("from-file\n")
    plugin(tmp_path, credential(token="of-plugin"), name="bin/plugin")

    assert dict((await read(written(tmp_path, of(user=user)))).headers) == headers


@pytest.mark.parametrize(
    ("cluster", "server"),
    [
        ({"server": "https://k.example.com/k8s/clusters/c-1/"}, "https://k.example.com/k8s/clusters/c-1"),
        ({"server": "10.0.0.1:8080"}, "http://10.0.0.1:8080"),
        ({"server": "10.0.0.1:6443", "insecure_skip_tls_verify": True}, "https://10.0.0.1:6443"),
    ],
)
async def test_server_is_found(tmp_path: Path, cluster: dict[str, Any], server: str) -> None:
    assert (await read(written(tmp_path, of(**cluster)))).server == server


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(GOOD, indent="\t"),
        "\ufeff" + json.dumps(GOOD),
        json.dumps(GOOD, indent=1).replace("\n", "\r\n"),
        "---\n" + yaml.safe_dump(GOOD),
    ],
    ids=["json with tabs", "byte order mark", "ends of lines as on Windows", "marked start"],
)
async def test_file_is_read_however_it_is_written(tmp_path: Path, text: str) -> None:
    assert (await read(written(tmp_path, text))).server == "https://10.0.0.1:6443"


@pytest.mark.parametrize("user", [{"name": "u", "user": None}, {"name": "u", "user": {}}, {"name": "u"}])
async def test_user_of_whom_nothing_is_said_has_no_credentials(tmp_path: Path, user: dict[str, Any]) -> None:
    assert (await read(written(tmp_path, GOOD | {"users": [user]}))).headers == ()


async def test_trust_is_read_from_files_beside_the_kubeconfig_and_from_data(tmp_path: Path) -> None:
    authority = Authority()
    pair = authority.signs("operator")
    for name, content in (("ca.crt", authority.cert), ("me.crt", pair.cert), ("me.key", pair.key)):
        (tmp_path / name).write_bytes(content)
    files = of(user={"client-certificate": "me.crt", "client-key": "me.key"}, certificate_authority="ca.crt")
    data = of(
        user={
            "client-certificate-data": base64.b64encode(pair.cert).decode(),
            "client-key-data": base64.b64encode(pair.key).decode(),
        },
        certificate_authority_data=base64.b64encode(authority.cert).decode(),
        tls_server_name="api.example.com",
    )

    by_file = (await read(written(tmp_path, files))).trust
    by_data = (await read(written(tmp_path, data))).trust

    assert (by_file.ca, by_file.certificate, by_file.key) == (by_data.ca, by_data.certificate, by_data.key)
    assert (by_file.server_name, by_data.server_name) == (None, "api.example.com")
    assert by_data.context().get_ca_certs() == by_file.context().get_ca_certs() != []


@pytest.mark.parametrize("comment", ["# Główny urząd\n".encode(), b"# Gr\xfc\xdfe\n"], ids=["UTF-8", "Latin-1"])
@pytest.mark.parametrize("form", ["file", "data"])
async def test_comment_in_a_bundle_of_certificates_may_be_in_any_writing(
    tmp_path: Path, comment: bytes, form: str
) -> None:
    authority = Authority()
    (tmp_path / "ca.crt").write_bytes(comment + authority.cert)
    data = base64.b64encode(comment + authority.cert).decode()
    content = of(certificate_authority="ca.crt") if form == "file" else of(certificate_authority_data=data)

    trust = (await read(written(tmp_path, content))).trust

    assert trust.context().get_ca_certs() == Trust(ca=authority.cert.decode()).context().get_ca_certs() != []


async def test_first_of_several_files_counts_and_paths_are_relative_to_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = tmp_path / "one", tmp_path / "two"
    for folder in (first, second):
        folder.mkdir()
        (folder / "token").write_text(folder.name)
    one = written(first, {"current-context": "c", "contexts": GOOD["contexts"], "users": None})
    content = of(user={"tokenFile": "token"}) | {"current-context": "other", "contexts": []}
    two = written(second, content)
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'none'}:{one}:{two}:")

    assert dict((await source_of(None).read()).headers) == {"Authorization": "Bearer two"}


async def test_plugin_is_told_of_the_cluster_if_it_asks(tmp_path: Path) -> None:
    plugin(tmp_path, f'echo "$KUBERNETES_EXEC_INFO $OWN" > {tmp_path}/told\n{credential(token="t")}')
    user = {
        "exec": {
            "apiVersion": V1,
            "command": "./plugin",
            "provideClusterInfo": True,
            "interactiveMode": "IfAvailable",
            "env": [{"name": "OWN", "value": "mine"}],
        }
    }
    extension = {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "a"}}

    await read(written(tmp_path, of(user=user, extensions=[extension])))

    told, _, own = (tmp_path / "told").read_text().strip().rpartition(" ")
    assert own == "mine"
    assert json.loads(told)["spec"] == {
        "interactive": False,
        "cluster": {"server": "https://10.0.0.1:6443", "config": {"audience": "a"}},
    }


async def test_credentials_of_a_plugin_are_good_until_they_expire(tmp_path: Path) -> None:
    plugin(tmp_path, credential(token="t", expirationTimestamp="2999-01-01T00:00:00Z"))
    path = written(tmp_path, of(user={"exec": {"apiVersion": V1, "command": "./plugin"}}))

    assert ((await read(path)).good_for or 0) > 1e9


# What is refused, in a line


def running(says: str, **more: Any) -> dict[str, Any]:
    return {"exec": {"apiVersion": V1, "command": "./plugin", "args": [says]} | more}


def _with_variable(name: str, value: str) -> dict[str, Any]:
    return {"exec": {"apiVersion": V1, "command": "./plugin", "env": [{"name": name, "value": value}]}}


@pytest.mark.parametrize(
    ("content", "what"),
    [
        # kubectl falls back to localhost:8080
        ("", "it names no current-context"),
        (GOOD | {"current-context": ""}, "it names no current-context"),
        # kubectl: error loading config file
        ("clusters: [", "is no YAML: while parsing a flow node"),
        ("- just\n- a list\n", "is no kubeconfig: Input should be a valid dictionary"),
        (of(user={"token": 7}), "is no kubeconfig: users.0.user.token: Input should be a valid string"),
        # kubectl: context was not found; cluster has no server
        (GOOD | {"contexts": None}, 'it has no entry for the context "c"'),
        (GOOD | {"clusters": []}, 'it has no entry for the cluster "k"'),
        (GOOD | {"contexts": [{"name": "c", "context": {"user": "u"}}]}, 'the context "c" names no cluster'),
        (of(server=None), "its cluster has no server"),
        (of(server="ftp://k.example.com"), "its server ftp://k.example.com is no URL of http or https"),
        # kubectl: invalid port, missing ']' in host, unknown host
        (of(server="https://k.example.com:port"), "its server https://k.example.com:port is no URL of http or https"),
        (of(server="https://k.example.com:99999"), "is no URL of http or https"),
        (of(server="https://[::1"), "its server https://[::1 is no URL of http or https"),
        (of(server="https://k..example.com"), "its server https://k..example.com is no URL of http or https"),
        (of(server=f"https://{'k' * 64}.example.com"), "is no URL of http or https"),
        (of(tls_server_name="k..example.com"), "its tls-server-name k..example.com is no name of a host"),
        (of(proxy_url="http://"), "its proxy-url is no URL of http or https"),
        (of(proxy_url="http://[::1"), "its proxy-url is no URL of http or https"),
        ("[" * 5000, "is no kubeconfig: it is nested too deeply"),
        # kubectl: invalid argument
        (of(user={"exec": {"apiVersion": V1, "command": "./plugin", "args": ["a\0b"]}}), "can't be run: embedded null"),
        (of(user=_with_variable("A=B", "x")), "can't be run: illegal environment variable name"),
        (of(user=_with_variable("A", "x\0y")), "can't be run: embedded null byte"),
        # kubectl asks a person for a name and a password
        (GOOD | {"users": []}, 'it has no entry for the user "u"'),
        # kubectl: duplicate name
        (GOOD | {"users": GOOD["users"] * 2}, 'it has several entries for the user "u"'),
        # kubectl: no such file or directory
        (of(user={"tokenFile": "none"}), "the tokenFile {folder}/none can't be read: No such file or directory"),
        (of(user={"tokenFile": "empty"}), "the tokenFile {folder}/empty is empty"),
        (of(certificate_authority="none"), "the certificate-authority {folder}/none can't be read"),
        (of(certificate_authority_data="%%"), "certificate-authority-data is no base64 of a PEM file"),
        # kubectl: invalid header field value
        (of(user={"token": "a\nb"}), "what goes into the header Authorization has characters that no header may have"),
        # kubectl: more than one authentication method found; exclude each other
        (of(user={"token": "t", "username": "u"}), "only one way to log in may be given"),
        (of(user={"as-groups": ["g"]}), "as-uid, as-groups and as-user-extra need `as`"),
        (of(user={"client-certificate": "c"}), "a client certificate needs its key"),
        (of(insecure_skip_tls_verify=True, certificate_authority="empty"), "exclude each other"),
        # kubectl: the plugin's words, and what went wrong
        (of(user=running("fails")), "the exec plugin {folder}/plugin failed with exit code 3: please log in again"),
        (of(user=running("garbage")), "the exec plugin {folder}/plugin printed no ExecCredential: it is no JSON"),
        (of(user=running("[" * 100_000)), "printed no ExecCredential: it is no JSON"),
        (of(user=running("{}")), "printed no ExecCredential: kind: Field required"),
        (of(user=running(credential().removeprefix("echo ").strip("'"))), "neither a token nor a client certificate"),
        (of(user={"exec": {"apiVersion": V1, "command": "./none"}}), "the exec plugin {folder}/none can't be run"),
        (
            of(user={"exec": {"apiVersion": V1, "command": "no-such-plugin", "installHint": "get it\nhere"}}),
            "the exec plugin no-such-plugin can't be run: No such file or directory; get it here",
        ),
        (of(user={"exec": {"apiVersion": "v0", "command": "./plugin"}}), "users.0.user.exec.apiVersion"),
        # not supported, although kubectl knows them
        (of(server="https://me:secret@k.example.com"), "its server names a user, which is not supported"),
        (of(user=running("", interactiveMode="Always")), "wants to talk to a person"),
        (of(user={"auth-provider": {"name": "oidc"}}), "auth-provider is not supported; use an exec plugin"),
        (of(proxy_url="socks5://127.0.0.1:1080"), "its proxy-url is no URL of http or https"),
    ],
)
async def test_what_can_not_be_used_is_told_in_a_line(tmp_path: Path, content: object, what: str) -> None:
    (tmp_path / "empty").write_text("")
    plugin(tmp_path, 'if [ "$1" = fails ]; then printf "please log\\nin again\\n" >&2; exit 3; fi\necho "$1"')
    path = written(tmp_path, content)

    with pytest.raises(SettingsError) as caught:
        await read(path)

    assert str(caught.value).startswith(f"the kubeconfig {path} can't be used: ")
    assert what.format(folder=tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_key_that_is_encrypted_is_told_and_no_terminal_is_asked_for_its_password(form: PrivateFormat) -> None:
    pair = Authority().signs("operator")
    key = load_pem_private_key(pair.key, None).private_bytes(Encoding.PEM, form, BestAvailableEncryption(b"s3cret"))

    with pytest.raises(SettingsError, match="the key is encrypted, which is not supported"):
        Trust(certificate=pair.cert.decode(), key=key.decode()).context()


async def test_file_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="there is no such file; give --kubeconfig FILE, or run it in a pod"):
        await read(tmp_path / "none")


async def test_path_that_can_not_be_one_is_told() -> None:
    with pytest.raises(SettingsError, match="can't be looked for: File name too long"):
        await read(Path("c" * 5000))


async def test_empty_variable_names_no_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".kube").mkdir()
    written(tmp_path / ".kube", GOOD)
    monkeypatch.setenv("KUBECONFIG", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)

    assert (await source_of(None).read()).server == "https://10.0.0.1:6443"


async def test_home_that_nobody_knows_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "~nobody-of-this-name/config")

    with pytest.raises(SettingsError, match="there is no such file"):
        await source_of(None).read()


async def test_nothing_secret_is_shown(tmp_path: Path) -> None:
    pair = Authority().signs("operator")
    data = {name: base64.b64encode(content).decode() for name, content in (("cert", pair.cert), ("key", pair.key))}
    user = {"token": "s3cret", "client-certificate-data": data["cert"], "client-key-data": data["key"]}

    shown = repr(await read(written(tmp_path, of(user=user, proxy_url="http://me:hunter2@proxy"))))

    assert [word for word in ("s3cret", "hunter2", "PRIVATE") if word in shown] == []


# Proxies


async def test_proxy_url_goes_before_the_environment(tmp_path: Path) -> None:
    def one(url: str) -> str:
        return f"http://one:3128/?{url}"

    with_url = await Kubeconfig([written(tmp_path, of(proxy_url="http://two:3128"))], proxy_for=one).read()
    without = await Kubeconfig([written(tmp_path, of())], proxy_for=one).read()

    assert (with_url.proxy, without.proxy) == ("http://two:3128", "http://one:3128/?https://10.0.0.1:6443")


# What a person says besides


TWO_CONTEXTS = GOOD | {
    "contexts": [
        {"name": "c", "context": {"cluster": "k", "user": "u", "namespace": "team"}},
        {"name": "other", "context": {"cluster": "k2", "user": "u2"}},
    ],
    "clusters": [*GOOD["clusters"], {"name": "k2", "cluster": {"server": "https://10.0.0.2:6443"}}],
    "users": [*GOOD["users"], {"name": "u2", "user": {"token": "t2", "as": "joe", "as-groups": ["g"]}}],
}


@pytest.mark.parametrize(
    ("said", "server", "headers"),
    [
        (Overrides(), "https://10.0.0.1:6443", {"Authorization": "Bearer t"}),
        (
            Overrides(context="other"),
            "https://10.0.0.2:6443",
            {"Authorization": "Bearer t2", "Impersonate-User": "joe", "Impersonate-Group": "g"},
        ),
        (
            Overrides(context="other", as_user="jane"),
            "https://10.0.0.2:6443",
            {"Authorization": "Bearer t2", "Impersonate-User": "jane", "Impersonate-Group": "g"},
        ),
        (
            Overrides(as_user="jane", as_uid="7", as_groups=("h",)),
            "https://10.0.0.1:6443",
            {
                "Authorization": "Bearer t",
                "Impersonate-User": "jane",
                "Impersonate-Uid": "7",
                "Impersonate-Group": "h",
            },
        ),
    ],
)
async def test_what_a_person_says_is_heeded_instead(
    tmp_path: Path, said: Overrides, server: str, headers: dict[str, str]
) -> None:
    credentials = await Kubeconfig([written(tmp_path, TWO_CONTEXTS)], overrides=said).read()

    assert (credentials.server, dict(credentials.headers)) == (server, headers)


async def test_context_names_the_namespace_that_is_meant(tmp_path: Path) -> None:
    path = written(tmp_path, TWO_CONTEXTS)

    assert Kubeconfig([path]).namespace() == "team"
    assert Kubeconfig([path], overrides=Overrides(context="other")).namespace() is None
    assert Kubeconfig([path]).contexts() == ["c", "other"]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (Overrides(context="none"), 'it has no context "none"; kubectl config get-contexts lists'),
        (Overrides(as_groups=("g",)), "as-uid, as-groups and as-user-extra need `as`"),
    ],
)
async def test_what_a_person_says_and_the_file_does_not_bear_is_refused(
    tmp_path: Path, said: Overrides, words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        await Kubeconfig([written(tmp_path, TWO_CONTEXTS)], overrides=said).read()


@pytest.mark.parametrize("mode", ["Never", "IfAvailable", "Always", None])
async def test_plugin_is_told_whether_it_may_ask_a_person(tmp_path: Path, mode: str | None) -> None:
    says = f'echo "$KUBERNETES_EXEC_INFO" > {tmp_path}/info\n{credential(token="of-plugin")}'
    plugin(tmp_path, says)
    user = {"exec": {"apiVersion": V1, "command": "./plugin"} | ({"interactiveMode": mode} if mode else {})}

    credentials = await Kubeconfig([written(tmp_path, of(user=user))], overrides=Overrides(is_interactive=True)).read()

    assert dict(credentials.headers) == {"Authorization": "Bearer of-plugin"}
    assert json.loads((tmp_path / "info").read_text())["spec"]["interactive"] is (mode != "Never")


async def test_plugin_that_asks_a_person_and_fails_has_said_why_to_that_person(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    plugin(tmp_path, "echo your session is over >&2", code=3)
    user = {"exec": {"apiVersion": V1, "command": "./plugin", "interactiveMode": "Always"}}

    with pytest.raises(SettingsError, match="failed with exit code 3: see above"):
        await Kubeconfig([written(tmp_path, of(user=user))], overrides=Overrides(is_interactive=True)).read()

    assert capfd.readouterr().err == "your session is over\n"
