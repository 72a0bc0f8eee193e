"""Every provider reads strange answers exactly or refuses them in words: repeated pages, restated days, new fields.

What belongs here: answers that are not what was read before. What does not: refusals (`test_faults.py`).
"""

import pytest

from dlt_sources.contract import Fault, ProviderError
from sandbox.faults import EndlessPaging
from tests.conformance.test_faults import all_text, text

NEW_VALUES = {"aws_bedrock": {"Amount": "1", "Unit": "ü"}}
"""What a new field holds where it is no text: AWS's are metrics."""
MOST_PLACES = 10
"""How many places of a report's answers are changed, one at a time."""


def test_a_page_that_repeats_is_never_counted_twice(account):
    before = all_text(account.everything())
    account.faults.endless_paging = EndlessPaging.SAME_CURSOR
    account.small.desk.requests.clear()
    for report in account.provider.reports:
        try:
            found = account.days(report)
        except ProviderError as error:
            assert error.fault is Fault.CONTRACT, error.message
        else:
            assert text(found) == before[report.name]
    assert len(account.small.desk.requests) < 4_000


def test_a_restated_day_is_told_anew_and_lines_that_vanished_are_gone(account):
    before = all_text(account.everything())
    account.small.restate()
    after = all_text(account.everything())
    restated = {name for name in before if before[name] != after[name]}
    assert restated & {report.name for report in account.provider.reports}
    assert all(after[name].keys() == before[name].keys() for name in before)


def test_a_new_field_passes_through_as_text_and_changes_nothing_else(account):
    before = {report.name: account.days(report) for report in account.provider.reports}
    account.faults.extra_fields = {"brandNew": NEW_VALUES.get(account.name, "ü")}
    documented = {report.name: set(report.columns) for report in account.provider.reports}
    for report in account.provider.reports:
        name, days = report.name, account.days(report)
        known = {
            day: [{column: row[column] for column in row if column in documented[name]} for row in rows]
            for day, rows in days.items()
        }
        assert text(known) == text(before[name])
        new = [
            value
            for rows in days.values()
            for row in rows
            for column, value in row.items()
            if column not in documented[name]
        ]
        assert all(isinstance(value, str) for value in new)


@pytest.mark.parametrize(
    "value", [7, "ü🙂\u202e\x00\n\ud800'; drop table x; --"], ids=["a number", "strange text"]
)
def test_a_string_that_becomes_something_else_is_kept_or_refused_in_words(account, value):
    for report in account.provider.reports:
        account.wire.tamper = lambda body: body
        account.wire.seen.clear()
        account.days(report)
        paths = {path for body in account.wire.seen for path in string_paths(body)}
        for path in sorted(paths)[:: -(-len(paths) // MOST_PLACES) or 1]:
            account.wire.tamper = lambda body, path=path: changed(body, path, value)
            try:
                account.days(report)
            except ProviderError as error:
                assert error.next_step
    account.wire.tamper = lambda body: body


def string_paths(body, path=()):
    """Where strings stand in some JSON, all elements of a list being one place."""
    if isinstance(body, dict):
        for name, value in body.items():
            yield from string_paths(value, (*path, name))
    elif isinstance(body, list):
        for value in body:
            yield from string_paths(value, (*path, "*"))
    elif isinstance(body, str):
        yield path


def changed(body, path, value):
    """The JSON with `value` in that place, wherever it is a string."""
    if not path:
        return value if isinstance(body, str) else body
    step, *rest = path
    if isinstance(body, dict) and step in body:
        return body | {step: changed(body[step], rest, value)}
    if isinstance(body, list) and step == "*":
        return [changed(item, rest, value) for item in body]
    return body
