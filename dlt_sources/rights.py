"""Proof of rights: read one closed day of every report with the very requests a sync makes.

What belongs here: what every provider's `check` shares. What does not: who the account is (the provider's
folder).
"""

from collections.abc import Iterable
from datetime import date, timedelta

from dlt_sources.contract import Credentials, Dimension, Fault, ProviderError, Report, Window


def readable_tables(
    credentials: Credentials, reports: Iterable[Report], dimensions: Iterable[Dimension], today: date
) -> tuple[str, ...]:
    """Names of the tables these credentials may read: all reports, and those lists of names they are allowed.

    Raises:
        ProviderError: a report cannot be read; the message begins with its name. A list of names that is not
            permitted is left out instead: spend is complete without it.
    """
    yesterday = Window(today - timedelta(days=1), today)
    readable = []
    for report in reports:
        try:
            for _ in report.fetch(credentials, yesterday):
                pass
        except ProviderError as error:
            raise ProviderError(error.fault, f"{report.name}: {error.message}", error.next_step) from None
        readable.append(report.name)
    for dimension in dimensions:
        try:
            next(iter(dimension.fetch(credentials)), None)
        except ProviderError as error:
            if error.fault is not Fault.PERMISSION:
                raise
        else:
            readable.append(dimension.name)
    return tuple(readable)
