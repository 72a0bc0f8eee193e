"""The group commit on each control database and on an object store: ids are shared, bounded, and never in the way."""

from concurrent.futures import ThreadPoolExecutor

import boto3
import polars as pl
import pytest
from moto.server import ThreadedMotoServer

from meterhouse.control.database import reading
from meterhouse.control.tables import SeenEventRow
from meterhouse.events.dialects.foreign import Item
from meterhouse.events.judging import Incoming, judged, open_judge
from meterhouse.events.kinds import EVENTS
from meterhouse.gateway.bodies import fit
from meterhouse.gateway.commit import Committer, Delivery, Status
from meterhouse.gateway.doors.entry import items_from
from meterhouse.settings import Settings
from tests.events.making import event, jsonl
from tests.gateway.endpoint import landed_lines
from tests.postgres import postgres_database, postgres_server  # noqa: F401


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request, tmp_path):
    url = request.getfixturevalue("postgres_database") if request.param == "postgresql" else None
    return Settings(home=tmp_path / "home", control_url=url)


def delivery(settings: Settings, *events: dict) -> Delivery:
    items = items_from(Item(line) for line in jsonl(*events).decode().splitlines())
    return Delivery(fit(items, settings), "http")


def commit(committer: Committer, settings: Settings, *events: dict) -> list[str]:
    (verdicts,) = committer.commit([delivery(settings, *events)])
    return verdicts["status"].to_list()


def test_deliveries_of_one_group_are_told_apart_and_land_in_one_file(settings):
    first, second = Committer(settings), Committer(settings)
    group = [delivery(settings, event(1), event(2)), delivery(settings, event(2), event(1, model="x"))]
    assert [one["status"].to_list() for one in first.commit(group)] == [
        ["accepted", "accepted"],
        ["duplicate", "conflict"],
    ]
    assert commit(second, settings, event(1), event(2, model="x"), event(3)) == [
        "duplicate",
        "conflict",
        "accepted",
    ]
    assert [line["event_id"] for line in landed_lines(settings)] == [
        "event-1",
        "event-2",
        "event-1",
        "event-2",
        "event-3",
    ]


def test_the_judgement_is_planned_once():
    """Planning it costs many times what a few lines do; a plan that is made anew asks for the lines' schema first."""

    class Counted(Incoming):
        count = 0

        def __arrow_c_stream__(self, requested_schema=None):
            self.count += 1
            return super().__arrow_c_stream__(requested_schema)

    incoming = Counted()
    with open_judge(threads=1) as judge:
        judge.register("incoming", incoming)
        judge.execute(f"PREPARE judge AS {judged('incoming', EVENTS)}")
        for height in (1, 3, 2):
            before = incoming.count
            incoming.set(
                pl.DataFrame(
                    {"file_line": range(height), "line": ["{}"] * height, "is_utf8": [True] * height}
                )
            )
            assert len(judge.sql("EXECUTE judge").fetchall()) == height
            assert incoming.count == before + 1


def test_ids_are_forgotten_after_the_window(settings):
    forgetful = settings.model_copy(update={"conflict_window_hours": 0.0})
    committer = Committer(forgetful)
    assert commit(committer, forgetful, event(1)) == ["accepted"]
    again = Committer(forgetful)
    assert commit(again, forgetful, event(2)) == ["accepted"]
    with reading(forgetful) as opened:
        assert opened.query(SeenEventRow).count() == 1
    assert commit(again, forgetful, event(1, model="x")) == ["accepted"]


def test_of_two_processes_with_one_id_the_earlier_is_never_refused(settings):
    """Whoever was received first stands in the warehouse, so it must not be told to send again under another id."""
    committers = [Committer(settings) for _ in range(2)]

    def send(number: int) -> tuple[str, str]:
        which, id_number = number % 2, number // 2
        one = event(1, event_id=f"raced-{id_number}", customer=f"from-{which}")
        return f"raced-{id_number} from-{which}", commit(committers[which], settings, one)[0]

    told = {}
    for number in range(0, 12, 2):
        with ThreadPoolExecutor(2) as pool:
            told.update(pool.map(send, (number, number + 1)))
    stands = {}
    for line in sorted(landed_lines(settings), key=lambda line: line["received_at"]):
        stands.setdefault(line["event_id"], line["customer"])
    assert len(stands) == 6
    assert {told[f"{event_id} {customer}"] for event_id, customer in stands.items()} == {Status.ACCEPTED}


def test_a_bucket_is_a_landing_zone_too(tmp_path, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1").create_bucket(Bucket="zone")
        settings = Settings(
            home=tmp_path / "home", landing_url="s3://zone/calls", landing_endpoint_url=endpoint
        )
        assert commit(Committer(settings), settings, event(1), event(2)) == ["accepted", "accepted"]
        assert commit(Committer(settings), settings, event(2), event(3)) == ["duplicate", "accepted"]
        assert [line["event_id"] for line in landed_lines(settings)] == ["event-1", "event-2", "event-3"]
    finally:
        server.stop()
