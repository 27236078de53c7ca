"""What peers may announce as their address."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

from hypothesis import example, given
from hypothesis import strategies as st

from dragonfly_task_operator.dragonfly.announced import trouble_of_address


@given(st.ip_addresses())
@example(ip_address("0.0.0.0"))
@example(ip_address("::"))
def test_every_address_of_one_host_can_be_asked_at(address: IPv4Address | IPv6Address) -> None:
    assert (trouble_of_address(str(address), 4000) is None) == (not address.is_unspecified)


@given(st.text() | st.text("0123456789abcdef:.%", max_size=24))
@example("fe80::1%eth0")
@example("10.0.0.1\0")
@example("10.0.0.01")
@example("10.1")
@example("\ud800")
def test_nothing_else_is_taken_for_an_address(announced: str) -> None:
    if trouble_of_address(announced, 4000) is None:
        address = ip_address(announced)
        assert not address.is_unspecified
        assert "%" not in announced
