"""How a limit of open files is shared out."""

from __future__ import annotations

import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from dragonfly_task_operator.files import (
    IMAGE_CONNECTIONS,
    LEAST,
    MOST_CONNECTIONS,
    OF_THE_PROCESS,
    budget,
    raise_limit,
)


@pytest.mark.parametrize("limit", [128, 192, 256, 512, 1024, 4096, 65536, 1 << 30])
def test_shares_keep_below_the_limit(limit: int) -> None:
    share = budget(limit)

    total = OF_THE_PROCESS + share.api + share.images * IMAGE_CONNECTIONS + share.probes + share.connections
    assert total <= share.limit
    assert LEAST <= share.connections <= MOST_CONNECTIONS


@pytest.mark.parametrize("limit", [0, 20, 64])
def test_everybody_has_something_however_low_the_limit(limit: int) -> None:
    share = budget(limit)

    assert min(share.api, share.images, share.probes, share.connections) > 0


def test_soft_limit_is_raised_to_the_hard_one() -> None:
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 256));"
        "from dragonfly_task_operator.files import raise_limit;"
        "print(raise_limit(), resource.getrlimit(resource.RLIMIT_NOFILE))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "(64, 256) (256, 256)"


@pytest.mark.parametrize("refusal", [PermissionError(1, "Operation not permitted"), ValueError("not allowed")])
def test_node_that_lets_no_limit_be_raised_is_worked_on_with_what_there_is(
    monkeypatch: pytest.MonkeyPatch, refusal: Exception
) -> None:
    def refuse(*_: object) -> None:
        raise refusal

    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 1 << 30))
    monkeypatch.setattr(resource, "setrlimit", refuse)

    assert raise_limit() == (1024, 1024)


def test_table_of_the_docs_is_what_is_shared_out() -> None:
    docs = (Path(__file__).parents[2] / "docs/settings.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([\d,]+)(?: and more)? \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \|$", docs, re.MULTILINE)
    numbers = [[int(cell.replace(",", "")) for cell in row] for row in rows]

    assert len(numbers) >= 4
    for limit, *told in numbers:
        share = budget(limit)
        assert told == [share.api, share.images, share.connections], limit
