"""The versions of the price book in one installation: whole books in numbered folders that never change.

Version 0 is the book shipped with the release, in force until the installation has one of its own
(`meterhouse prices update`). What belongs here: keeping and finding them. What does not: what is in a new one
(`merge.py`), and overrides, which stand above whichever version is in force (`overrides.py`).
"""

import json
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl
from filelock import FileLock

from meterhouse.disk import sync_to_disk
from meterhouse.errors import UsageError
from meterhouse.pricing.book import SEEDS_FOLDER, Listing, PriceBook, as_text, load_price_book, read_listed
from meterhouse.pricing.merge import merged
from meterhouse.pricing.premiums import merged_premiums, write_premiums
from meterhouse.pricing.sources import SHIPPED, Offer
from meterhouse.settings import Settings

_ABOUT = "version.json"


@dataclass(frozen=True)
class BookVersion:
    """One version: its number, where it is kept, when it was recorded, and the source that it added."""

    number: int
    folder: Path
    recorded_at: datetime | None = None
    source: str = SHIPPED
    source_version: str | None = None
    place: str = SHIPPED
    holds_from: datetime | None = None


def versions(settings: Settings) -> list[BookVersion]:
    """All versions, oldest first; version 0 is always there."""
    folders = sorted(one for one in versions_folder(settings).glob("[0-9]*") if one.name.isdigit())
    return [BookVersion(0, SEEDS_FOLDER), *map(_read, folders)]


def version_of(settings: Settings, number: int) -> BookVersion:
    """One version.

    Raises:
        UsageError: There is none of this number.
    """
    found = {one.number: one for one in versions(settings)}
    if number not in found:
        raise UsageError(
            f"There is no version {number} of the price book.", "`meterhouse prices versions` lists them."
        )
    return found[number]


def current_book(settings: Settings, overrides_file: Path | None = None) -> PriceBook:
    """The price book in force, with the overrides above it: what every event is priced by.

    Args:
        settings: Where the installation lives.
        overrides_file: In place of the installation's own.

    Raises:
        OverridesError: The overrides cannot be read, or something in them is wrong.
    """
    return load_price_book(overrides_file or settings.price_overrides_file, versions(settings)[-1].folder)


def with_offer(listing: Listing, offer: Offer, holds_from: datetime) -> Listing:
    """A listing with a newer book above it; every priced model names itself."""
    prices = merged(listing.prices, offer.listing.prices, holds_from)
    itself = prices.select("provider", alias="model", model="model").unique().sort("provider", "alias")
    known = pl.concat([offer.listing.aliases, listing.aliases, itself]).unique(
        ["provider", "alias"], keep="first", maintain_order=True
    )
    priced = listing.prices.select("provider", "model").unique()
    premiums = merged_premiums(listing.premiums, offer.listing.premiums, priced, holds_from)
    return Listing(prices, known.sort("provider", "alias"), premiums)


def record(
    settings: Settings,
    before: BookVersion,
    listing: Listing,
    offer: Offer,
    holds_from: datetime,
    now: datetime,
) -> BookVersion:
    """Keep a new version; it is there whole, or not at all.

    Args:
        settings: Where the installation lives.
        before: The version that it was made from.
        listing: What it lists.
        offer: What was added.
        holds_from: Since when changes hold whose day the source does not tell.
        now: When it is recorded.

    Raises:
        UsageError: Another version was recorded meanwhile.
    """
    home = versions_folder(settings)
    home.mkdir(exist_ok=True)
    with FileLock(home / ".lock"):
        if versions(settings)[-1].number != before.number:
            raise UsageError("Another version of the price book was recorded meanwhile.", "Run this again.")
        fresh, folder = home / ".fresh", home / f"{before.number + 1:04d}"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        as_text(listing.prices).write_csv(fresh / "price_book.csv")
        listing.aliases.write_csv(fresh / "model_aliases.csv")
        write_premiums(fresh, listing.premiums)
        about = {
            "recorded_at": now.isoformat(),
            "source": offer.source,
            "source_version": offer.source_version,
            "place": offer.place,
            "holds_from": holds_from.isoformat(),
        }
        (fresh / _ABOUT).write_text(json.dumps(about, indent=2))
        for file in (*fresh.iterdir(), fresh):
            sync_to_disk(file)
        fresh.rename(folder)
        sync_to_disk(home)
    return _read(folder)


def listed_in(version: BookVersion) -> Listing:
    """What a version lists, without overrides."""
    return read_listed(version.folder)


def is_equal(one: Listing, other: Listing) -> bool:
    """Whether two listings say the same, wherever they are from."""
    said = ["source", "source_version", "retrieved_at", "price_version"]
    return all(
        a.drop(said, strict=False).sort(pl.all()).equals(b.drop(said, strict=False).sort(pl.all()))
        for a, b in (
            (one.prices, other.prices),
            (one.aliases, other.aliases),
            (one.premiums, other.premiums),
        )
    )


def versions_folder(settings: Settings) -> Path:
    """Where the installation keeps its versions; not there before the first."""
    return settings.home_path / "price_book"


def _read(folder: Path) -> BookVersion:
    about = json.loads((folder / _ABOUT).read_text())
    for name in ("recorded_at", "holds_from"):
        about[name] = datetime.fromisoformat(about[name])
    return BookVersion(int(folder.name), folder, **about)
