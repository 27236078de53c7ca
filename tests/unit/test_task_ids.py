"""Ids that the real clients gave, kept in tests/data, and what holds of any URL."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragonfly_task_operator.dragonfly.task_ids import (
    DEFAULT_FILTERED_QUERY_PARAMS,
    blob_digest_id,
    content_candidates,
    new_rule_url,
    old_rule_url,
    url_candidates,
)
from dragonfly_task_operator.engine.model import Identity
from dragonfly_task_operator.errors import InvalidTarget

DATA = json.loads((Path(__file__).parents[1] / "data" / "task_id_vectors.json").read_text())


def _id(vector_input: dict[str, Any], rule: str) -> str:
    import hashlib  # noqa: PLC0415

    given_ = dict(vector_input)
    if "content" in given_:
        return content_candidates(given_["content"])[0].task_id
    if given_.get("enable_task_id_based_blob_digest"):
        return blob_digest_id(given_["url"])
    make = new_rule_url if rule == "new" else old_rule_url
    form = make(given_["url"], given_["filtered_query_params"])
    rest = "".join(str(given_.get(field, "")) for field in ("tag", "application", "revision", "piece_length"))
    return hashlib.sha256(f"{form}{rest}STANDARD".encode()).hexdigest()


@pytest.mark.parametrize("rule", ["new", "old"])
@pytest.mark.parametrize("vector", DATA["vectors"], ids=lambda vector: vector["name"])
def test_id_is_what_the_real_client_gave(vector: dict[str, Any], rule: str) -> None:
    expected = vector[rule]
    if expected is None:
        with pytest.raises(InvalidTarget):
            _id(vector["input"], rule)
    else:
        assert _id(vector["input"], rule) == expected


def test_default_filter_is_dragonflys() -> None:
    assert set(DEFAULT_FILTERED_QUERY_PARAMS) == set(DATA["default_filtered_query_params"])


def test_candidates_cover_both_rules_and_dfgets_form() -> None:
    found = url_candidates("https://example.com/?b=~&a=1", filtered_query_params=["x"])
    assert [candidate.identity for candidate in found] == [Identity.URL, Identity.URL_LEGACY]


def test_a_url_that_all_rules_agree_on_has_one_candidate() -> None:
    assert len(url_candidates("https://example.com/model.bin")) == 1


@given(st.text(alphabet="abcxyz0189-._~%/?&=;+#", max_size=40))
def test_any_url_gives_the_same_unique_candidates_twice(tail: str) -> None:
    found = url_candidates(f"https://example.com/{tail}")
    assert found == url_candidates(f"https://example.com/{tail}")
    assert len({candidate.task_id for candidate in found}) == len(found) >= 1
