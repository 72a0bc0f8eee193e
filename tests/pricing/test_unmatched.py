"""`meterhouse prices unmatched`, and the doctor: calls without a price are told, and why."""

import json
from datetime import UTC, datetime, timedelta

from typer.testing import CliRunner

from meterhouse.cli.main import app
from meterhouse.doctor import Health, examine
from meterhouse.settings import Settings
from tests.pricing.published import publish

NOW = datetime.now(UTC)
CALL = {"provider": "openai", "model": "gpt-4o", "started_at": NOW - timedelta(hours=1), "input_tokens": 1000}


def test_calls_without_a_price_are_told_with_the_reason_and_by_the_doctor(tmp_path, monkeypatch):
    monkeypatch.setenv("METERHOUSE_HOME", str(tmp_path / "home"))
    settings = Settings()
    publish(
        settings,
        [
            CALL,
            *2 * [CALL | {"model": "gtp-4o"}],
            CALL | {"model": "gpt-4o-mini", "service_tier": "flex"},
            CALL
            | {"model": "gpt-4o-mini", "response_model": "gpt-4o-mini-2024-07-18", "video_input_tokens": 3},
            CALL | {"model": "house", "started_at": NOW - timedelta(days=40)},
            CALL | {"model": "house", "input_tokens": None},
            CALL | {"provider": "aws_bedrock", "model": "us-gov.amazon.nova-pro-v1:0"},
        ],
    )
    done = CliRunner().invoke(app, ["prices", "unmatched", "--json"])
    rows = json.loads(done.stdout)
    assert (rows[0]["model"], rows[0]["event_count"]) == ("gtp-4o", 2)
    assert {(row["model"], row["tier"]): row["reason"] for row in rows} == {
        ("gtp-4o", "standard"): "the model is unknown",
        ("gpt-4o-mini", "flex"): "the tier flex has no price",
        ("gpt-4o-mini-2024-07-18", "standard"): "no price for video_input",
        ("us-gov.amazon.nova-pro-v1:0", "standard"): "no price in this region or at that time",
    }
    assert "gpt-4o" in rows[0]["near"]
    assert "the model is unknown" in CliRunner().invoke(app, ["prices", "unmatched"]).stdout
    fine, missing = (one for one in examine(settings, NOW) if one.area == "prices")
    assert fine.health is Health.OK
    assert "version 0" in fine.message
    assert missing.health is Health.WARNING
    assert missing.message.startswith("5 calls of the last 30 days have no price: openai gtp-4o")
    assert "prices unmatched" in missing.next_step
