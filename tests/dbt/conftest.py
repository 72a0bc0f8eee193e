"""The random world, built once for all tests that only read its marts."""

import pytest

from tests.dbt import oracle, raw
from tests.dbt.world import PROVISIONAL_DAY, World


@pytest.fixture(scope="session")
def built(tmp_path_factory, empty_home):
    """The world, its warehouse, and what the oracle knows of its cells."""
    world = World(seed=2)
    path = tmp_path_factory.mktemp("marts") / "warehouse.duckdb"
    world.write(path, empty_home)
    assert raw.build(path) == []
    cells = oracle.cells_of(world.charges, world.used, world.metered)
    measures = {key: oracle.quantities(cell, key[1] < PROVISIONAL_DAY) for key, cell in cells.items()}
    return world, path, cells, measures
