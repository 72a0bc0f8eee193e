"""Whatever a bill calls its lines, each is a charge with all of its money: read, or `unmapped`; never lost, doubled or
a failure of the build."""

import random
from collections import defaultdict
from decimal import Decimal

import pytest

from tests.dbt import raw, test_aws_bedrock, test_azure_openai, test_bills, test_google

DAY = test_bills.DAY
COUNT = 150
WHOLE = {
    "c-openai": [
        "gpt-4o-2024-08-06, input",
        "GPT-4o, cached input",
        "gpt-5-mini, output_tokens",
        "o3, batch output",
    ],
    "c-aws_bedrock": [
        *test_aws_bedrock.NATIVE,
        *(f"USE1-MP:USE1_{body}-Units" for body in test_aws_bedrock.MARKETPLACE),
    ],
    "c-google": list(test_google.SKUS),
    "c-azure_openai": list(test_azure_openai.METERS),
}
LINES = {
    "c-openai": test_bills.line,
    "c-aws_bedrock": lambda amount, name: test_aws_bedrock.line(name, amount),
    "c-google": test_google.line,
    "c-azure_openai": test_azure_openai.line,
}
ODD = [
    "'",
    '"',
    "\\",
    "%",
    "_",
    "(",
    "[a-",
    "*+?",
    "{{ x }}",
    "--",
    ";",
    "\t",
    "\n",
    "ü",
    "漢",
    "\U0001f600",
    "$1",
    "\\1",
    " ",
]


def spoilt(name: str, dice: random.Random) -> str:
    """A name with some of its words or characters changed, left out, doubled or cut off."""
    for _ in range(dice.randrange(4)):
        at, until = sorted(dice.randrange(len(name) + 1) for _ in range(2))
        piece = name[at:until]
        name = (
            name[:at]
            + dice.choice(["", piece * 2, piece.upper(), piece[::-1], dice.choice(ODD)])
            + name[until:]
        )
    return name[: dice.randrange(len(name) + 1)] if dice.random() < 0.1 else name


@pytest.fixture(scope="module")
def bills():
    dice = random.Random(20261128)
    return {
        connection: [
            (f"{dice.randrange(-5, 10**6)}.{dice.randrange(10**9):09d}", spoilt(dice.choice(names), dice))
            for _ in range(COUNT)
        ]
        for connection, names in WHOLE.items()
    }


@pytest.fixture(scope="module")
def charges(tmp_path_factory, bills):
    path = tmp_path_factory.mktemp("foreign") / "warehouse.duckdb"
    raw.create(path, tuple(raw.CONNECTIONS[connection] for connection in bills))
    raw.add_connections(path, *bills)
    for connection, lines in bills.items():
        content = [LINES[connection](amount, name) for amount, name in lines]
        raw.pull(path, connection, "costs", DAY, content)
    assert raw.dbt(path, "seed") == []
    assert raw.dbt(path, "run", "--select", "+fct_charges") == []
    found = defaultdict(list)
    for row in raw.rows(path, "select * from marts.fct_charges"):
        found[row["connection_id"]].append(row)
    return found


@pytest.mark.parametrize("connection", sorted(WHOLE))
def test_every_line_is_one_charge_with_its_money_whatever_its_name(bills, charges, connection):
    sent, found = bills[connection], charges[connection]
    assert len(found) == len(sent)
    assert sorted(row["reported_cost_usd"] for row in found) == sorted(Decimal(amount) for amount, _ in sent)
    assert sum(row["reported_cost_usd"] for row in found) == sum(Decimal(amount) for amount, _ in sent)
    assert all(row["token_type"] and row["tier"] for row in found)
    read = [row for row in found if row["token_type"] != "unmapped"]
    assert 0 < len(read) < len(found), "some names are still read, and some are not"
