"""What goes wrong for a person who asks, in words for that person: what happened, to what, and what to do."""

from __future__ import annotations

import re

from dragonfly_task_operator.errors import OperatorError


class ClientError(OperatorError):
    """What a person asked for can't be done."""


class CannotAsk(ClientError):
    """The API server can't be asked, or not by this person. Nothing is known of what was asked for."""


class KubeconfigUnusable(CannotAsk):
    """There is no kubeconfig, or it can't be used."""


class Unreachable(CannotAsk):
    """The API server does not answer, does not accept who asks, or can't serve just now."""


class Foreign(Unreachable):
    """Something answered that is no API server, or one that does not know the group of the kinds at all."""


class KindsMissing(CannotAsk):
    """The API server does not know the kinds: nobody has installed them."""


class NoSuchObject(ClientError):
    """There is no object of this name."""


class AlreadyThere(ClientError):
    """There is an object of this name."""


class Changed(ClientError):
    """Somebody has changed the object since it was read."""


class Forgotten(ClientError):
    """The API server does not know any more what has happened since the moment that was named."""


class NotTaken(ClientError):
    """The API server, or a policy of the cluster, takes no such object: its own words say why."""


_WHO = re.compile(r'User "([^"]+)" cannot (\w+)')
_SERVICE_ACCOUNT = "system:serviceaccount:"
_READING = frozenset({"get", "list", "watch"})
_ROLES = {True: ("dragonfly-tasks-view", "view, edit and admin"), False: ("dragonfly-tasks-edit", "edit and admin")}


class Denied(CannotAsk):
    """Rights are missing.

    Args:
        message: the API server's own words.
        verb: what was asked for: get, list, watch, create, patch or delete.
        plural: of what kind.
        namespace: where; None: in all namespaces.

    Attributes:
        role: the ClusterRole that grants it.
    """

    def __init__(self, message: str, *, verb: str, plural: str, namespace: str | None) -> None:
        self.verb, self.plural, self.namespace = verb, plural, namespace
        self.role, parts = _ROLES[verb in _READING]
        where = "in any namespace" if namespace is None else f"in the namespace {namespace}"
        advice = (
            f"; the ClusterRole {self.role} grants it, which is part of the roles {parts}. Who may give rights can say:"
            f" {self.command(_subject(message))}"
        )
        super().__init__(f"you may not {verb} {plural} {where}: {message}{advice}")

    @staticmethod
    def is_told_by(message: str) -> bool:
        """Tell whether these words of the API server say that rights of that kind are missing."""
        found = _WHO.search(message)
        return found is not None and found[2] != "impersonate"

    def command(self, subject: str) -> str:
        """Give the command that grants it."""
        kind, more = ("clusterrolebinding", "") if self.namespace is None else ("rolebinding", f" -n {self.namespace}")
        return f"kubectl create {kind} dragonfly-tasks --clusterrole={self.role} {subject}{more}"


def _subject(message: str) -> str:
    """Give the flag of kubectl that names who was denied."""
    found = _WHO.search(message)
    who = found[1] if found else "USER"
    if who.startswith(_SERVICE_ACCOUNT):
        return f"--serviceaccount={who.removeprefix(_SERVICE_ACCOUNT)}"
    return f"--user={who}"
