"""Updating the price book: newer books above the one in force, what that changes, and then, if wanted, doing it.

What belongs here: the steps, previewed before they are taken. What does not: any of the steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from meterhouse.pricing.book import Listing, PriceBook, shaped
from meterhouse.pricing.merge import differences
from meterhouse.pricing.overrides_file import load_overrides
from meterhouse.pricing.sources import Offer, read_offer
from meterhouse.pricing.versions import BookVersion, is_equal, listed_in, record, versions, with_offer
from meterhouse.settings import Settings


@dataclass(frozen=True)
class Plan:
    """New versions that are not recorded yet, one per source that says something new."""

    before: BookVersion
    steps: tuple[tuple[Offer, Listing], ...]
    """Per version what is added, and the listing with it."""
    holds_from: datetime
    price_changes: list[dict[str, Any]]
    """See `merge.differences`."""
    alias_count: int
    """How many names stand for another model, or for one for the first time."""
    book: PriceBook
    """The book that will be in force, with the overrides above it."""


def plan_update(
    settings: Settings, places: Sequence[str | None], holds_from: datetime, now: datetime
) -> Plan:
    """Read newer books, in turn, and say what they change.

    Args:
        settings: Where the installation lives.
        places: See `sources.read_offer`.
        holds_from: Since when changes hold whose day the source does not tell.
        now: When the books are retrieved.

    Raises:
        PriceSourceError: A source cannot be read.
        OverridesError: The overrides cannot be read, or something in them is wrong.
    """
    before = versions(settings)[-1]
    held = listing = listed_in(before)
    steps = []
    for place in places:
        offer = read_offer(place, listing.aliases, now)
        found = with_offer(listing, offer, holds_from)
        if not is_equal(found, listing):
            steps.append((offer, found))
            listing = found
    return Plan(
        before,
        tuple(steps),
        holds_from,
        differences(held.regional_prices, listing.regional_prices),
        listing.aliases.join(held.aliases, on=["provider", "alias", "model"], how="anti").height,
        shaped(listing, load_overrides(settings.price_overrides_file)),
    )


def apply(settings: Settings, plan: Plan, now: datetime) -> list[BookVersion]:
    """Record the versions of a plan; the last one is in force at once.

    Raises:
        UsageError: Another version was recorded since the plan was made.
    """
    before, recorded = plan.before, []
    for offer, listing in plan.steps:
        before = record(settings, before, listing, offer, plan.holds_from, now)
        recorded.append(before)
    return recorded
