"""What the SDK writes is what Meterhouse reads: every field arrives as it was metered."""

import json
from datetime import UTC, datetime
from decimal import Decimal

from meterhouse_sdk import flush, meter

from meterhouse.events.landing import list_files, open_landing_zone
from meterhouse.events.reader import read_landing_file
from meterhouse.events.schema import EVENT_FIELDS, SCHEMA_VERSION, Kind
from meterhouse.settings import Settings

AT = datetime(2026, 11, 23, 9, 30, 0, 123456, UTC)
VALUES = {
    Kind.TEXT: 'zoë "1" \n',
    Kind.TIMESTAMP: AT,
    Kind.COUNT: 999_999_999_999,
    Kind.QUANTITY: Decimal("0.333333"),
    Kind.MONEY: Decimal("1.000000000001"),
    Kind.RATIO: Decimal("0.5"),
    Kind.FLAG: True,
    Kind.JSON: {"a": 1, "b": "two", "c": 0.1},
}
MADE_BY_THE_SDK = {"source": "sdk", "schema_version": SCHEMA_VERSION}


def test_every_field_metered_is_read_back_exactly(landing):
    metered = {
        field.name: field.choices[0] if field.choices else VALUES[field.kind]
        for field in EVENT_FIELDS
        if field.name not in ("received_at", *MADE_BY_THE_SDK)
    }
    meter(**metered, ticket="T-7")
    assert flush(10)
    zone = open_landing_zone(Settings(home=landing.path.parent / "home", landing_url=str(landing.path)))
    (file,) = list_files(zone)
    reading = read_landing_file(zone, file, settle_seconds=0, now=datetime.now(UTC))
    assert reading.rejects["reason"].to_pylist() == []
    (event,) = reading.events.to_pylist()
    assert json.loads(event.pop("usage_raw")) == metered.pop("usage_raw")
    assert json.loads(event.pop("metadata")) == {**metered.pop("metadata"), "ticket": "T-7"}
    assert {name: event[name] for name in metered} == metered
    assert {name: event[name] for name in MADE_BY_THE_SDK} == MADE_BY_THE_SDK
    assert event["received_at"] is not None
