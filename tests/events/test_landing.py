"""The landing zone on a folder: what is a file of it, and what is said when it cannot be used."""

import os
from pathlib import Path

import pytest

from meterhouse.events.landing import (
    LandingZoneError,
    list_files,
    list_partitions,
    open_landing_zone,
    read_bytes,
    write_file,
)
from meterhouse.settings import Settings
from tests.events.making import FOLDER, HOUR


def zone_in(folder: Path):
    return open_landing_zone(Settings(home=folder / "home"))


def test_a_written_file_is_found_whole_and_leaves_nothing_aside(tmp_path):
    zone = zone_in(tmp_path)
    write_file(zone, f"{FOLDER}/a.jsonl", b"1")
    write_file(zone, f"{FOLDER}/a.jsonl", b"22")
    (file,) = list_files(zone)
    assert (file.url, file.partition, file.size_bytes) == (f"{FOLDER}/a.jsonl", HOUR, 2)
    assert file.modified_at.tzinfo is not None
    assert read_bytes(zone, file.url) == b"22"
    assert [path.name for path in Path(zone.root, FOLDER).iterdir()] == ["a.jsonl"]


def test_files_being_written_and_files_elsewhere_do_not_exist(tmp_path):
    zone = zone_in(tmp_path)
    for name in (".a.jsonl", "_a.jsonl", "a.jsonl.tmp", "a.tmp-1.jsonl"):
        write_file(zone, f"{FOLDER}/{name}", b"1")
    write_file(zone, "events/date=2026-11-23/stray.jsonl", b"1")
    write_file(zone, "events/date=2026-11-23/hour=09/b.jsonl.gz", b"1")
    assert [file.url for file in list_files(zone)] == ["events/date=2026-11-23/hour=09/b.jsonl.gz"]
    assert list_partitions(zone) == ["2026-11-23T09"]
    assert list_files(zone, HOUR) == []


@pytest.mark.parametrize("url", ["../outside.jsonl", "events/../../x", "/etc/passwd", "other/a.jsonl", ""])
def test_no_path_leads_out_of_the_zone(tmp_path, url):
    zone = zone_in(tmp_path)
    for act in (lambda: read_bytes(zone, url), lambda: write_file(zone, url, b"1")):
        with pytest.raises(LandingZoneError, match="landing zone"):
            act()


def test_a_link_out_of_the_zone_is_not_followed(tmp_path):
    zone = zone_in(tmp_path)
    write_file(zone, f"{FOLDER}/a.jsonl", b"1")
    (tmp_path / "secret.jsonl").write_text("secret")
    Path(zone.root, FOLDER, "b.jsonl").symlink_to(tmp_path / "secret.jsonl")
    with pytest.raises(LandingZoneError, match="leads out"):
        read_bytes(zone, f"{FOLDER}/b.jsonl")


@pytest.mark.parametrize("url", ["/nowhere/at/all", "file:///nowhere/at/all", "ftp://host/x"])
def test_a_zone_that_cannot_be_used_is_named_with_a_next_step(tmp_path, url):
    with pytest.raises(LandingZoneError) as caught:
        open_landing_zone(Settings(home=tmp_path, landing_url=url))
    assert url.removeprefix("file://") in caught.value.message
    assert "METERHOUSE_LANDING_URL" in caught.value.next_step


def test_a_secret_in_the_url_is_never_said(tmp_path):
    url = "ftp://key:canary@host/x?secret=canary"
    with pytest.raises(LandingZoneError) as caught:
        open_landing_zone(Settings(home=tmp_path, landing_url=url))
    assert "canary" not in repr(caught.value) + str(caught.value) + str(caught.value.next_step)
    assert caught.value.__suppress_context__


def test_a_zone_that_may_not_be_listed_says_so(tmp_path):
    zone = zone_in(tmp_path)
    Path(zone.root, "events").write_text("a file, not a folder")
    with pytest.raises(LandingZoneError, match=str(tmp_path)):
        list_files(zone)


def test_a_key_in_a_bucket_url_is_never_said(tmp_path):
    settings = Settings(
        home=tmp_path, landing_url="s3://key:canary@bucket/x", landing_endpoint_url="http://127.0.0.1:1"
    )
    with pytest.raises(LandingZoneError, match="s3://bucket/x") as caught:
        open_landing_zone(settings)
    assert "canary" not in caught.value.message


def test_a_file_that_cannot_be_one_of_ours_is_told_once_and_hides_no_other(tmp_path, caplog):
    zone = zone_in(tmp_path)
    write_file(zone, f"{FOLDER}/a.jsonl", b"1")
    Path(os.fsdecode(os.fsencode(f"{zone.root}/{FOLDER}/") + b"\xff.jsonl")).touch()
    no_hour = Path(zone.root, "events/date=2026-11-23/hour=25")
    no_hour.mkdir()
    (no_hour / "b.jsonl").touch()
    for _ in range(2):
        assert [file.url for file in list_files(zone)] == [f"{FOLDER}/a.jsonl"]
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert any("not UTF-8" in sentence for sentence in told)
    assert any("hour=25/b.jsonl" in sentence for sentence in told)
