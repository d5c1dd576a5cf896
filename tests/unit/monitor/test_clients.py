"""Distinct clients: the bytes pinned by vectors.json, the error of the estimate, merging."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.middleware import clients

VECTORS: Any = json.loads((Path(clients.__file__).parent / "vectors.json").read_text(encoding="utf-8"))[
    "clients"
]
SALT = base64.b64decode(VECTORS["salt"])


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: f"{case['ip']} {case['user_agent']}")
def test_each_client_of_the_vectors_has_its_hash_register_and_rank(case: dict[str, Any]) -> None:
    assert clients.canonical_address(case["ip"]) == case["canonical"]
    hashed = clients.client_hash(SALT, case["ip"], case["user_agent"])
    assert f"{hashed:016x}" == case["hash"]
    assert clients.register_and_rank(hashed) == (case["register"], case["rank"])


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: f"{case['ip']} {case['user_agent']}")
def test_the_vectors_agree_with_the_definition_spelled_out_in_bits(case: dict[str, Any]) -> None:
    message = f"{case['canonical']}|{case['user_agent']}".encode()
    bits = "".join(f"{byte:08b}" for byte in hmac.new(SALT, message, hashlib.sha256).digest()[:8])
    rest = bits[12:]
    rank = rest.index("1") + 1 if "1" in rest else 53
    assert (int(bits[:12], 2), rank) == (case["register"], case["rank"])


@pytest.mark.parametrize("case", VECTORS["ranks"], ids=lambda case: case["hash"])
def test_extreme_hashes_have_the_ranks_of_the_vectors(case: dict[str, Any]) -> None:
    assert clients.register_and_rank(int(case["hash"], 16)) == (case["register"], case["rank"])


def registers_of(population: list[tuple[str, str]]) -> bytearray:
    registers = bytearray(clients.REGISTERS)
    for address, agent in population:
        register, rank = clients.register_and_rank(clients.client_hash(SALT, address, agent))
        registers[register] = max(registers[register], rank)
    return registers


def test_the_registers_of_all_cases_are_those_of_the_vectors() -> None:
    registers = registers_of([(case["ip"], case["user_agent"]) for case in VECTORS["cases"]])
    assert base64.b64encode(registers).decode() == VECTORS["registers"]


def test_a_thousand_clients_are_counted_as_the_vectors_say() -> None:
    registers = registers_of([(f"198.51.{i // 250}.{i % 250}", "load") for i in range(1000)])
    assert base64.b64encode(registers).decode() == VECTORS["population"]["registers"]
    assert clients.estimate(registers) == pytest.approx(VECTORS["population"]["estimate"], abs=1e-5)


@pytest.mark.parametrize("count", [0, 1, 10, 500, 1000, 5_000, 20_000, 100_000])
def test_the_estimate_is_within_five_standard_errors(count: int) -> None:
    chance = random.Random(count)
    registers = bytearray(clients.REGISTERS)
    for _ in range(count):
        register, rank = clients.register_and_rank(chance.getrandbits(64))
        registers[register] = max(registers[register], rank)
    assert clients.estimate(registers) == pytest.approx(count, rel=5 * 0.016, abs=0.5)


def test_registers_at_the_largest_rank_still_give_a_number() -> None:
    full = bytearray([clients.MAX_RANK] * clients.REGISTERS)
    assert clients.estimate(full) > 1e15


@settings(max_examples=25)
@given(st.lists(st.integers(0, 400), max_size=80), st.lists(st.integers(0, 400), max_size=80))
def test_merged_registers_are_those_of_one_worker_that_saw_everyone(one: list[int], other: list[int]) -> None:
    def seen(numbers: list[int]) -> bytearray:
        return registers_of([(f"192.0.2.{number % 256}", str(number)) for number in numbers])

    assert clients.merge_registers([seen(one), seen(other)]) == seen(one + other)
    assert clients.merge_registers([seen(other), seen(one)]) == seen(one + other)
