"""Whatever names a test as its proof names one that exists."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.faults.planting import PLANTERS
from tests.faults.registry import FAULTS
from tests.faults.simulator import BUILD_KILLS, LOAD_KILLS

ROOT = Path(__file__).resolve().parents[2]
SECURITY = ROOT / "docs" / "security.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


@cache
def functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def is_test(name: str) -> bool:
    path, _, function = name.partition("::")
    return (ROOT / path).exists() and function in functions(ROOT / path)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: str(fault.number))
def test_each_fault_is_injected_by_tests_that_exist(fault) -> None:
    assert fault.tests
    assert [name for name in fault.tests if not is_test(name)] == []


def test_the_faults_are_numbered_and_the_simulator_injects_known_ones() -> None:
    numbers = [fault.number for fault in FAULTS]
    assert numbers == list(range(1, 39))
    assert {*PLANTERS, *LOAD_KILLS.values(), *BUILD_KILLS.values()} <= set(numbers)


def test_each_threat_names_tests_that_exist() -> None:
    threats = [
        line for line in SECURITY.read_text().splitlines() if line.startswith("| ") and "tests/" in line
    ]
    assert len(threats) > 20
    named = NAMED.findall(SECURITY.read_text())
    assert [f"{path}::{name}" for path, name in named if not is_test(f"{path}::{name}")] == []
