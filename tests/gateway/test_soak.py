"""Programs meter by the SDK while the endpoint is killed, full and wrong about the time: nothing is lost or doubled."""

from bench.soak import check, soak
from meterhouse.settings import Settings


def test_what_was_metered_is_what_landed_and_what_was_refused_with_a_reason(tmp_path):
    settings = Settings(home=tmp_path / "home", settle_seconds=0)
    produced = soak(settings, producer_count=2, kill_count=1, seconds_between=1)
    figures = check(settings, produced)
    assert figures["rejected"] > 0
    assert figures["other_bodies"] > 0
    assert figures["events"] + figures["rejected"] < figures["metered"]
