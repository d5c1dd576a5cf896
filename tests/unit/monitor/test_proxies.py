"""Which address is the client's, behind proxies that are trusted or not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.middleware import proxies
from monitor.middleware.proxies import TrustedProxies

VECTORS: Any = json.loads(
    (Path(proxies.__file__).parent / "vectors.json").read_text(encoding="utf-8"),
)


@pytest.mark.parametrize("case", VECTORS["proxies"]["cases"], ids=str)
def test_each_request_of_the_vectors_has_the_pinned_client(case: dict[str, Any]) -> None:
    assert TrustedProxies(case["trust"]).client(case["peer"], case["forwarded"]) == case["client"]


@given(st.text(max_size=40), st.ip_addresses(v=4))
def test_what_a_client_writes_in_front_changes_nothing(written: str, client: Any) -> None:
    by_network = TrustedProxies(["192.0.2.1"])
    if str(client) != "192.0.2.1":
        assert by_network.client("192.0.2.1", f"{written},{client}") == str(client)
    assert TrustedProxies(1).client("192.0.2.1", f"{written},{client}") == str(client)


@pytest.mark.parametrize("trust", [-1, ["10.0.0.0/33"], ["proxy.example.org"], "x"])
def test_what_is_no_proxy_is_refused(trust: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # ipaddress words it
        TrustedProxies(trust)
