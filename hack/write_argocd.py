"""`python -m hack.write_argocd`: what is made of the scripts of one kind in deploy/argocd.

The other kind's, which are the same, the patch for argocd-cm, and the scripts in the docs.
"""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import indent

from hack.installation import ROOT

FOLDER = ROOT / "deploy" / "argocd"
CUSTOMIZATIONS = FOLDER / "resource_customizations"
WRITTEN = CUSTOMIZATIONS / "tasks.d7y.io" / "TaskDeletion"
"""Whose scripts are written by hand: Argo CD wants a folder for each kind."""
PATCH = FOLDER / "argocd-cm-patch.yaml"
DOCUMENT = ROOT / "docs" / "gitops.md"

ACTIONS = ("rerun", "suspend", "resume")
"""As they are listed."""

_GENERATED = re.compile(r"(?<=<!-- from deploy/argocd, by make generate -->\n).*?(?=<!-- end of it -->)", re.DOTALL)


def kinds() -> list[Path]:
    """List the folders of the kinds, as <group>/<kind>."""
    return sorted(path.parent for path in CUSTOMIZATIONS.glob("*/*/health.lua"))


def copies() -> dict[Path, str]:
    """Give the scripts of the other kinds, by where they belong."""
    written = {path.relative_to(WRITTEN): path.read_text(encoding="utf-8") for path in WRITTEN.rglob("*.lua")}
    return {kind / path: text for kind in kinds() if kind != WRITTEN for path, text in written.items()}


def health(kind: Path) -> str:
    """Give the entry of argocd-cm for the health of a kind."""
    return f"resource.customizations.health.{_named(kind)}: |\n{_indented(kind / 'health.lua')}"


def actions(kind: Path) -> str:
    """Give the entry of argocd-cm for the actions of a kind: its value is YAML again."""
    definitions = "".join(
        f"- name: {action}\n  action.lua: |\n{_indented(kind / 'actions' / action / 'action.lua', 4)}"
        for action in ACTIONS
    )
    text = f"discovery.lua: |\n{_indented(kind / 'actions' / 'discovery.lua')}definitions:\n{definitions}"
    return f"resource.customizations.actions.{_named(kind)}: |\n{indent(text, '  ')}"


def patch() -> str:
    """Give the patch for the ConfigMap argocd-cm."""
    entries = [entry for kind in kinds() for entry in (health(kind), actions(kind))]
    return (
        "# Made by make generate of resource_customizations/.\n"
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: argocd-cm\ndata:\n"
        f"{indent(''.join(entries), '  ')}"
    )


def documented(document: str) -> str:
    """Give the document with the scripts for health as they are now. Raises ValueError where there is no place."""
    scripts = "".join(health(kind) for kind in kinds())
    block = (
        "<!-- not run here: it is a part of Argo CD's own ConfigMap, argocd-cm -->\n"
        f"```yaml\ndata:\n{indent(scripts, '  ')}```\n"
    )
    written, count = _GENERATED.subn(lambda _: block, document)
    if count != 1:
        raise ValueError("docs/gitops.md has no place, or several, that says: from deploy/argocd, by make generate")
    return written


def _named(kind: Path) -> str:
    return f"{kind.parent.name}_{kind.name}"


def _indented(script: Path, spaces: int = 2) -> str:
    return indent(script.read_text(encoding="utf-8"), " " * spaces)


if __name__ == "__main__":
    for script, text in copies().items():
        script.write_text(text, encoding="utf-8")
    PATCH.write_text(patch(), encoding="utf-8")
    DOCUMENT.write_text(documented(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
