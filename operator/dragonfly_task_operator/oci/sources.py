"""Where logins come from, in the words of a message that says what to do about one that is missing or wrong."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """What logins are read from.

    Attributes:
        name: what names it.
        holder: what holds them.
        short: the same, where it has just been named.
        alone: one that is for one registry only.
        to_add_to: what another login can be added to.
        elsewhere: what would hold a login for another host.
        add: what to do where none is given.
        give: the same, in short.
        renew: what to do with one that has expired.
        make: how it is made anew.
    """

    name: str
    holder: str
    short: str
    alone: str
    to_add_to: str
    elsewhere: str
    add: str
    give: str
    renew: str
    make: str


PULL_SECRET = Source(
    name="pullSecretRef",
    holder="the Secret of pullSecretRef",
    short="the Secret",
    alone="a Secret for the registry",
    to_add_to="a Secret of type kubernetes.io/dockerconfigjson",
    elsewhere="a Secret for that host in pullSecretRef",
    add="name a Secret that holds some in pullSecretRef",
    give="give pullSecretRef",
    renew="log in anew and make the Secret of that",
    make="make it with kubectl create secret docker-registry",
)


def docker_config(path: object) -> Source:
    """Make the words for a file that `docker login` writes."""
    name = f"the Docker config {path}"
    return Source(
        name=name,
        holder=name,
        short="it",
        alone="a login for the registry",
        to_add_to=name,
        elsewhere=f"a login for that host in {name}",
        add=f"log in with docker login, which writes {name}, or name another file with --docker-config",
        give="log in with docker login",
        renew="log in anew",
        make="make it with docker login",
    )
