"""Registries and Secrets that say things at random: the fuzz of tests/unit/oci, with new examples each time."""

from __future__ import annotations

import asyncio

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.oci.test_fuzz import talk_to_anything


@settings(max_examples=400, deadline=None, derandomize=False, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_only_known_errors_come_out_of_a_registry(data: st.DataObject) -> None:
    asyncio.run(talk_to_anything(data))
