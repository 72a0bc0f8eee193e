"""The world in each provider's books: every cent and every token of it, in that provider's units and digits."""

from decimal import Decimal

import pytest

from sandbox.books import BILL_DIGITS
from sandbox.facts import call_cost_usd
from sandbox.piapi.books import POINTS_PER_USD
from sandbox.services import ACCOUNTS

LAST_DIGIT = {"aws_bedrock": -10, "google": -6}


def shown_usd(sandbox):
    return {
        "aws_bedrock": sum(line.amount for line in sandbox.aws_bedrock.books.lines),
        "google": sum(
            line.cost + sum(credit.amount for credit in line.credits) for line in sandbox.google.books.lines
        ),
        "azure_openai": sum(line.cost for line in sandbox.azure_openai.books.lines),
        "openrouter": sum(row.usage for row in sandbox.openrouter.books.activity),
        "piapi": sum(Decimal(task.usage) for task in sandbox.piapi.books.tasks) / POINTS_PER_USD,
    }


@pytest.mark.parametrize("account", ["aws_bedrock", "google", "azure_openai", "openrouter", "piapi"])
def test_the_books_show_what_was_charged(account, running):
    charged = sum(charge.amount_usd for charge in running.world.charges if charge.account == account)
    assert shown_usd(running)[account] == charged != 0


def test_a_bill_has_no_more_digits_than_its_provider_shows(running):
    amounts = {
        "aws_bedrock": [line.amount for line in running.aws_bedrock.books.lines],
        "google": [line.cost for line in running.google.books.lines],
    }
    assert amounts.keys() == BILL_DIGITS.keys()
    for account, shown in amounts.items():
        assert min(amount.normalize().as_tuple().exponent for amount in shown) >= LAST_DIGIT[account]


def test_units_are_scaled_without_losing_a_token(running):
    def used(account):
        return sum(charge.quantity or 0 for charge in running.world.charges if charge.account == account)

    scales = {"1K": 1_000, "1M": 1_000_000}
    azure = sum(line.quantity * scales[line.unit_of_measure] for line in running.azure_openai.books.lines)
    aws = sum(
        line.quantity * (1_000_000 if "-MP:" in line.usage_type else 1_000)
        for line in running.aws_bedrock.books.lines
    )
    google = sum(line.amount for line in running.google.books.lines)
    router = sum(row.prompt_tokens + row.completion_tokens for row in running.openrouter.books.activity)
    assert (azure, aws, google, router) == tuple(
        used(account) for account in ("azure_openai", "aws_bedrock", "google", "openrouter")
    )


def test_a_proxy_estimates_the_calls_that_went_through_it(running):
    calls = [call for call in running.world.calls if call.service.gateway is not None]
    assert sum(row.metrics.spend for row in running.litellm.books.activity) == sum(map(call_cost_usd, calls))
    assert sum(row.metrics.api_requests for row in running.litellm.books.activity) == len(calls) > 100


def test_every_account_can_be_connected(running):
    assert {access.account: access.provider for access in running.accesses} == ACCOUNTS
