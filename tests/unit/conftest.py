"""Both transports to peers, for modules that tell how peers answer and fail: they must look the same from above."""

from __future__ import annotations

import pytest

from tests import wires


@pytest.fixture(params=sorted(wires.WIRES))
def each_transport(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Have `wires.wire_of` make each in turn."""
    transport: str = request.param
    monkeypatch.setattr(wires, "current", transport)
    return transport
