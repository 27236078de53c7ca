"""A name and a password, and the Secrets that hold them. Tests look for them where they must not be."""

from __future__ import annotations

import base64
import json

USER, PASSWORD = "alice", "pl4nted-p4ssword"
BASIC = f"Basic {base64.b64encode(f'{USER}:{PASSWORD}'.encode()).decode()}"
BASIC_AUTH = {"username": USER.encode(), "password": PASSWORD.encode()}
"""Of type kubernetes.io/basic-auth."""


def auth(username: str = USER, password: str = PASSWORD) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{username}:{password}".encode()).decode()}


def docker_config(**auths: object) -> dict[str, bytes]:
    """Of type kubernetes.io/dockerconfigjson."""
    return {".dockerconfigjson": json.dumps({"auths": auths}).encode()}
