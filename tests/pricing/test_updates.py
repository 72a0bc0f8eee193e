"""New versions of the price book: what holds since when, what is previewed, and that repricing does just that."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import duckdb
import polars as pl
import pytest
from typer.testing import CliRunner

from meterhouse.cli.main import app
from meterhouse.events.landing import open_landing_zone, write_file
from meterhouse.events.load import load_partition, partitions_with_new_files
from meterhouse.pricing.book import as_text, listed, load_price_book, read_listed
from meterhouse.pricing.merge import merged
from meterhouse.pricing.versions import current_book, versions
from meterhouse.settings import Settings
from tests.events.making import FOLDER, event, jsonl
from tests.events.test_load import LATEST_LOADS, query
from tests.killing import killed_at

NOW = datetime.now(UTC)
TODAY = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
FROM = datetime(2026, 10, 1, tzinfo=UTC)
COLUMNS = ["provider", "model", "tier", "token_type", "above_input_tokens", "valid_from", "valid_to"]
COLUMNS += ["unit_price_usd", "price_version", "source"]


def book(*rows: str, source: str = "genai-prices") -> pl.DataFrame:
    cells = [["acme", *row.split(","), source] for row in rows]
    frame = pl.DataFrame(cells, schema=COLUMNS, orient="row")
    return listed(frame.with_columns(pl.col("valid_from", "valid_to").replace("", None)))


def said(prices: pl.DataFrame) -> list[tuple]:
    rows = as_text(prices).select("model", "token_type", "valid_from", "valid_to", "unit_price_usd")
    return rows.with_columns(pl.col("valid_from", "valid_to").str.slice(0, 10)).rows()


HELD = ("m,standard,input,0,,,0.5,v1", "m,standard,output,0,,,0.75,v1")
DATED = "2026-09-01T00:00:00Z"


@pytest.mark.parametrize(
    ("offered", "expected"),
    [
        pytest.param(
            ["m,standard,input,0,,,0.4,v2", "m,standard,output,0,,,0.75,v2"],
            [
                *(("m", "input", None, "2026-10-01", "0.5"), ("m", "output", None, "2026-10-01", "0.75")),
                *(("m", "input", "2026-10-01", None, "0.4"), ("m", "output", "2026-10-01", None, "0.75")),
            ],
            id="a change without a day holds from the day given",
        ),
        pytest.param(
            [
                *(f"m,standard,input,0,,{DATED},0.5,v1", f"m,standard,output,0,,{DATED},0.75,v1"),
                f"m,standard,input,0,{DATED},,0.4,v2",
            ],
            [
                *(("m", "input", None, "2026-09-01", "0.5"), ("m", "output", None, "2026-09-01", "0.75")),
                ("m", "input", "2026-09-01", None, "0.4"),
            ],
            id="a change with a day holds from it, as the whole sheet",
        ),
        pytest.param(
            [*HELD, "m,standard,cache_read,0,,,0.1,v2"],
            [
                *(("m", "cache_read", None, None, "0.1"), ("m", "input", None, None, "0.5")),
                ("m", "output", None, None, "0.75"),
            ],
            id="what only adds to a sheet holds always",
        ),
        pytest.param(
            ["n,standard,input,0,,,0.9,v9"],
            [
                *(("m", "input", None, None, "0.5"), ("m", "output", None, None, "0.75")),
                ("n", "input", None, None, "0.9"),
            ],
            id="a model that is listed no more keeps its price, and a new one comes",
        ),
    ],
)
def test_a_newer_book_changes_what_it_can_date_and_takes_nothing_away(offered, expected):
    held = book(*HELD)
    after = merged(held, book(*offered), FROM)
    assert said(after) == expected
    assert merged(after, book(*offered), FROM + timedelta(days=30)).equals(after), (
        "the same book again says nothing new"
    )


def test_a_second_change_without_a_day_leaves_what_held_in_between():
    held = book(*HELD)
    once = merged(held, book("m,standard,input,0,,,0.4,v2", HELD[1]), FROM)
    twice = merged(once, book("m,standard,input,0,,,0.3,v3", HELD[1]), FROM + timedelta(days=31))
    assert [row for row in said(twice) if row[1] == "input"] == [
        ("m", "input", None, "2026-10-01", "0.5"),
        ("m", "input", "2026-10-01", "2026-11-01", "0.4"),
        ("m", "input", "2026-11-01", None, "0.3"),
    ]
    dated = book(
        *(row.replace(",0,,,", f",0,,{DATED},") for row in HELD),
        *(f"m,standard,input,0,{DATED},,0.4,v2", f"m,standard,output,0,{DATED},,0.75,v2"),
    )
    learnt = merged(once, dated, FROM + timedelta(days=31))
    assert [row for row in said(learnt) if row[1] == "input"] == [
        ("m", "input", None, "2026-09-01", "0.5"),
        ("m", "input", "2026-09-01", None, "0.4"),
    ], "the source told the day later"


def test_the_second_book_fills_and_never_replaces():
    held = book(*HELD)
    offered = book("m,standard,input,0,,,9,l1", "m,batch,input,0,,,0.2,l2", source="litellm")
    after = merged(held, offered, FROM)
    assert {(row["tier"], row["token_type"], row["source"]) for row in after.iter_rows(named=True)} == {
        *(("standard", name, "genai-prices") for name in ("input", "output")),
        ("batch", "input", "litellm"),
    }


def test_a_book_written_and_read_again_is_the_same(tmp_path):
    prices = read_listed(load_price_book.__defaults__[1]).prices
    as_text(prices).write_csv(tmp_path / "price_book.csv")
    assert listed(pl.read_csv(tmp_path / "price_book.csv", infer_schema=False)).equals(prices)


# ---------------------------------------------------------------- the installation

GENAI = [
    {
        "id": "openai",
        "name": "OpenAI",
        "api_pattern": "x",
        "models": [
            {"id": "gpt-4o", "match": {"equals": "gpt-4o"}, "prices": {"input_mtok": 2, "output_mtok": 10}},
            {
                "id": "brand-new",
                "match": {"equals": "brand-new"},
                "prices": {"input_mtok": 3, "output_mtok": 5},
            },
        ],
    }
]
YESTERDAY = NOW - timedelta(days=1)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Two files of an hour: a listed model in both, an unlisted one in the first, one nobody prices in the second."""
    settings = Settings(home=tmp_path_factory.mktemp("updates") / "home")
    zone = open_landing_zone(settings)
    at = {"started_at": YESTERDAY.isoformat(), "output_tokens": None}
    old = {"started_at": (NOW - timedelta(days=50)).isoformat(), "output_tokens": 7}
    files = {
        "a": [event(1, **at), event(2, model="brand-new", **at), event(3, model="brand-new", **old)],
        "b": [
            event(4, **at),
            event(5, **(at | {"started_at": NOW.isoformat()})),
            event(6, model="never", **at),
        ],
    }
    for name, events in files.items():
        write_file(zone, f"{FOLDER}/{name}.jsonl", jsonl(*events))
    build(settings)
    return settings.home_path


@pytest.fixture
def place(home, tmp_path, monkeypatch) -> Settings:
    shutil.copytree(home, tmp_path / "home")
    monkeypatch.setenv("METERHOUSE_HOME", str(tmp_path / "home"))
    return Settings()


def build(settings: Settings) -> None:
    """Load what is due, and publish `fct_transactions` as the silver model has it, without dbt."""
    for partition in partitions_with_new_files(settings):
        load_partition(settings, partition)
    settings.published_path.parent.mkdir(parents=True, exist_ok=True)
    settings.published_path.unlink(missing_ok=True)
    with duckdb.connect(str(settings.published_path)) as marts:
        marts.execute(
            f"attach '{settings.warehouse_path}' as w (read_only); set timezone = 'UTC'; create schema marts"
        )
        latest = LATEST_LOADS.replace("raw_metering.events", "w.raw_metering.events")
        marts.execute(
            "create table marts.fct_transactions as select * rename (canonical_model as model,"
            " model as requested_model, response_model as served_model, connection as requested_connection),"
            " case when is_batch then 'batch' else coalesce(service_tier, 'standard') end as tier,"
            f" cast(started_at as date) as event_date from ({latest})"
        )


def run(*arguments, code: int = 0):
    done = CliRunner().invoke(app, ["prices", *map(str, arguments)])
    assert done.exit_code == code, done.output
    return done


def answer(*arguments):
    return json.loads(run(*arguments, "--json").stdout)


def costs(settings: Settings) -> dict[str, Decimal | None]:
    return dict(query(settings, f"select event_id, cost_usd from ({LATEST_LOADS})"))


@pytest.fixture
def newer(tmp_path):
    file = tmp_path / "data.json"
    file.write_text(json.dumps(GENAI))
    return file


def test_an_update_shows_its_change_in_money_and_changes_nothing_until_it_is_applied(place, newer):
    before = costs(place)
    shown = answer("update", "--from", newer)
    assert (shown["is_applied"], shown["versions"]) == (False, [])
    assert costs(place) == before
    assert [one.number for one in versions(place)] == [0]
    models = {row["model"]: row for row in shown["models"]}
    assert models.keys() == {"gpt-4o", "brand-new"}
    # Three calls of gpt-4o and one of brand-new in 30 days; two of brand-new in the files that are loaded again.
    assert (models["gpt-4o"]["event_count"], models["brand-new"]["event_count"]) == (3, 1)
    assert (models["gpt-4o"]["now_usd"], models["gpt-4o"]["new_usd"]) == ("0.007525", "0.00602")
    # What the source does not date holds from today: of the calls of gpt-4o one is repriced.
    assert (models["gpt-4o"]["repriced_count"], models["gpt-4o"]["before_usd"]) == (1, "0.0025125")
    assert (models["brand-new"]["repriced_count"], models["brand-new"]["newly_priced_count"]) == (2, 2)


def test_what_is_applied_is_what_was_shown_to_the_last_decimal(place, newer):
    before, shown = costs(place), answer("update", "--from", newer)
    done = answer("update", "--from", newer, "--apply")
    assert done == shown | {"is_applied": True, "versions": [1]}
    after = costs(place)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"event-2", "event-3", "event-5"}
    assert sum(after[n] for n in changed) == Decimal(shown["after_usd"])
    assert sum(before[n] or 0 for n in changed) == Decimal(shown["before_usd"])
    assert after["event-3"] == 1003 * Decimal("0.000003") + 7 * Decimal("0.000005")
    assert after["event-6"] is None
    build(place)
    nothing = answer("update", "--from", newer, "--apply")
    assert (nothing["versions"], nothing["models"], nothing["price_changes"]) == ([], [], [])
    [zero, one] = answer("versions")
    assert (zero["version"], one["version"], one["source"]) == (0, 1, "genai-prices")
    assert one["source_version"].startswith("sha256:")
    rows = answer("diff", 0, 1)
    cut = {
        (row["token_type"], row["before_usd"], row["after_usd"]) for row in rows if row["model"] == "gpt-4o"
    }
    assert ("input", "0.0000025", "0.000002") in cut
    assert {row["valid_from"][:10] for row in rows if row["model"] == "gpt-4o" and row["valid_from"]} == {
        f"{TODAY:%Y-%m-%d}"
    }
    assert "brand-new" in run("diff", 0, 1).stdout
    run("diff", 0, 7, code=2)


@pytest.mark.parametrize(
    ("step", "when"),
    [
        ("meterhouse.pricing.update:record", "after"),
        ("dlt:Pipeline.load", "after"),
    ],
)
def test_killed_anywhere_and_run_again_it_is_what_was_shown(place, newer, step, when):
    before, shown = costs(place), answer("update", "--from", newer)
    killed_at(step, ["prices", "update", "--from", str(newer), "--apply"], place, when)
    answer("update", "--from", newer, "--apply")
    build(place)
    after = costs(place)
    changed = [name for name in before if before[name] != after[name]]
    difference = sum(after[name] - (before[name] or 0) for name in changed)
    assert difference == Decimal(shown["difference_usd"])
    assert [one.number for one in versions(place)] == [0, 1]
    assert answer("reprice")["models"] == []


def test_overrides_reprice_what_is_stored_when_told_to(place, tmp_path, monkeypatch):
    file = tmp_path / "overrides.yaml"
    file.write_text("prices:\n- {provider: openai, model: never, usd_per_million: {input: 1}}\n")
    monkeypatch.setenv("METERHOUSE_PRICE_OVERRIDES_FILE", str(file))
    shown = answer("reprice")
    assert (shown["repriced_events"], shown["after_usd"], shown["is_applied"]) == (1, "0.001006", False)
    said = run("reprice").output
    assert (
        "Nothing is applied. With --apply, stored events change from 0 USD to 0.001006 USD (+0.001006)."
        in said
    )
    assert "openai never" in said
    assert costs(place)["event-6"] is None
    answer("reprice", "--apply")
    assert costs(place)["event-6"] == Decimal("0.001006")


def test_files_that_are_gone_keep_their_prices_and_are_told(place, newer):
    (place.home_path / "landing" / FOLDER / "a.jsonl").unlink()
    shown = answer("update", "--from", newer)
    assert (shown["files"], shown["files_gone"], shown["repriced_events"]) == (1, 1, 1)
    assert "in the landing zone no more" in run("update", "--from", newer).output


def test_since_says_how_far_back_a_change_without_a_day_holds(place, newer):
    shown = answer("update", "--from", newer, "--since", f"{YESTERDAY:%Y-%m-%d}")
    [row] = [row for row in shown["models"] if row["model"] == "gpt-4o"]
    assert (row["repriced_count"], row["before_usd"], row["after_usd"]) == (3, "0.007525", "0.00602")


@pytest.fixture
def served(newer):
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self):
            found = self.path.startswith("/data.json")
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(newer.read_bytes() if found else b"no")

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()


def test_a_url_is_a_source_and_no_secret_of_it_is_kept(tmp_path, monkeypatch, served):
    monkeypatch.setenv("METERHOUSE_HOME", str(tmp_path / "fresh"))
    place = Settings()
    answer("update", "--from", f"http://me:canary@{served}/data.json?token=canary", "--apply")
    kept = "".join(file.read_text() for file in (place.home_path / "price_book/0001").iterdir())
    assert f"http://{served}/data.json" in kept
    assert "canary" not in kept
    assert current_book(place).sheets.filter(pl.col("model") == "brand-new").height == 1
    assert "answered 404" in run("update", "--from", f"http://{served}/none", code=1).output
    assert "cannot be reached" in run("update", "--from", "http://127.0.0.1:9/x", code=1).output


@pytest.mark.parametrize(
    "content", ["{}", "[]", "no json", '[{"id": 1}]', '{"azure/gpt-4o": {"mode": "chat"}}', '{"a": 1}']
)
def test_what_is_no_price_book_is_refused_in_words(tmp_path, monkeypatch, content):
    monkeypatch.setenv("METERHOUSE_HOME", str(tmp_path / "home"))
    file = tmp_path / "prices.json"
    file.write_text(content)
    assert "holds no price book that can be read" in run("update", "--from", file, code=1).output
    assert "cannot be read" in run("update", "--from", tmp_path / "none", code=1).output


def test_a_price_book_of_our_own_form_is_a_source(place, tmp_path):
    file = tmp_path / "ours.csv"
    file.write_text(
        "provider,model,tier,region,token_type,above_input_tokens,valid_from,valid_to,unit_price_usd\n"
        "openai,never,standard,,input,0,,,0.000001\n"
    )
    shown = answer("update", "--from", file)
    [row], [change] = shown["models"], shown["price_changes"]
    assert (row["model"], row["after_usd"]) == ("never", "0.001006")
    assert (change["before_usd"], change["after_usd"]) == (None, "0.000001")
    file.write_text(file.read_text() + "openai,never,standard,,input,0,,,0.000002\n")
    assert "The price book prices" in run("update", "--from", file, code=1).output
