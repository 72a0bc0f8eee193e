"""Random histories of an installation: what comes in late, twice, changed or not at all, and builds in between.

What belongs here: the steps a history is made of, and building after each as an installation does. What does not: the
random world a history starts from (`world.py`).

`python -m tests.dbt.histories [SEEDS]` tries seeds 0 up to SEEDS, with a whole build after every step.
"""

import random
import shutil
import sys
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from meterhouse.events.kinds import OUTCOMES
from meterhouse.settings import Settings
from meterhouse.warehouse.dbt import without_idle_providers
from meterhouse.warehouse.organization_snapshot import snapshot_organization
from meterhouse.warehouse.prices_snapshot import snapshot_prices
from meterhouse.warehouse.publish import publish
from tests.dbt import raw
from tests.dbt.world import DAYS, MODELS, UNKNOWN_MODEL, World

WITH_MEMORY = (
    "run",
    "--select",
    "config.materialized:incremental int_events__tagged +config.materialized:incremental,config.materialized:table",
)
"""Models that are not made anew by every build, where a history could leave a trace, and what they are made of."""
CUT_OFF = ("run", "--select", "int_events__judged int_days__touched fct_transactions int_cells__entries")
"""A build that died on its way: some models are of now, what follows from them is of before."""
BILLS = {"c-openai": ("costs", "amount_value"), "c-anthropic": ("cost_report", "amount")}


class History:
    """One seed's history, in the home of a warehouse that was built once."""

    def __init__(self, world: World, warehouse: Path, home: Path, seed: int) -> None:
        self.chance = random.Random(seed)
        self.overrides = home / "overrides.yaml"
        self.overrides.write_text("prices: []\n")
        self.settings = Settings(home=home, price_overrides_file=self.overrides)
        self.path = self.settings.warehouse_path
        self.events = list(world.events)
        self.load = 1
        self.hours = 1000
        self.outcomes: list[dict] = []
        shutil.copy(warehouse, self.path)
        snapshot_organization(self.settings)
        snapshot_prices(self.settings)
        publish(self.settings)

    def steps(self) -> Iterator[tuple[str, Callable[[], None]]]:
        """Every kind of step twice, in an order of the seed's own."""
        kinds = [
            self.late, self.duplicate, self.conflicting, self.read_again, self.refused, self.restated, self.vanished,
            self.believed_again, self.renamed, self.tagged, self.called_otherwise, self.achieved, self.cut_off,
        ]  # fmt: skip
        order = [*kinds, *kinds]
        self.chance.shuffle(order)
        return ((kind.__name__, kind) for kind in order)

    def late(self) -> None:
        """Calls of long ago, of hours that have others and of hours that had none."""
        made = []
        for event in self._some():
            number = len(self.events) + len(made)
            moved = timedelta(hours=self.chance.choice([0, 0, 1, 60]))
            made.append(event | {"event_id": f"e{number}", "started_at": event["started_at"] + moved})
        self._land(made)

    def duplicate(self) -> None:
        """The same calls in another file."""
        self._land([dict(event) for event in self._some()])

    def conflicting(self) -> None:
        """Ids that were there, with another content, at other hours near and far, before or after the first."""
        self._land(
            [
                event
                | {
                    "content_hash": f"{event['content_hash']}-{self.chance.choice('ab')}",
                    "started_at": event["started_at"] + timedelta(hours=self.chance.choice([0, -2, 30, 48, 49])),
                    "received_at": event["received_at"] + timedelta(minutes=self.chance.choice([-30, 30])),
                }
                for event in self._some()
            ]
        )  # fmt: skip

    def read_again(self) -> None:
        """Lines of files that are read again at other prices, some with another name of the model."""
        again = [
            event
            | {
                "cost_usd": None if event["cost_usd"] is None else event["cost_usd"] * self.chance.choice([1, 2]),
                "model": self.chance.choice([event["model"], event["model"], UNKNOWN_MODEL]),
            }
            for event in self._some()
        ]  # fmt: skip
        self.load += 1
        raw.load_events(self.path, again, self.load)

    def refused(self) -> None:
        """Lines that were events once, and are refused when read again."""
        self.load += 1
        refused = [
            {
                "file_url": event["file_url"],
                "file_line": event["file_line"],
                "raw_text": "{",
                "reason": "not JSON",
                "first_seen_at": event["received_at"],
            }
            for event in self._some(4)
        ]
        raw.load_rejects(self.path, refused, self.load)

    def restated(self) -> None:
        """A bill whose amounts are others now."""

        def changed(content: list[dict], amount: str) -> list[dict]:
            factor = Decimal(self.chance.choice(["0.9", "1.000001", "2"]))
            return [row | {amount: f"{Decimal(row[amount]) * factor:.12f}"} for row in content]

        self._bill(changed)

    def vanished(self) -> None:
        """A bill that loses lines, or all of them."""
        kept = self.chance.choice([0, 0.5])
        self._bill(lambda content, _: [row for row in content if self.chance.random() < kept])

    def believed_again(self) -> None:
        """A bill that says again what it said first."""
        connection, day = self._billed_day()
        report, _ = BILLS[connection]
        [first] = raw.rows(
            self.path,
            f"select content_hash, row_count from raw_{raw.CONNECTIONS[connection]}.pulled_days"
            f" where connection_id = '{connection}' and report = '{report}' and day = '{day}'"
            " order by pull_id limit 1",
        )
        self._pull(connection, day, self._content(connection, day, first["content_hash"]))

    def renamed(self) -> None:
        """A connection by another name, or by the one that its calls know."""
        connection = self.chance.choice(list(BILLS))
        name = self.chance.choice([f"name of {connection}", f"{connection} renamed", "acme"])
        with raw.connect(self.path) as database:
            database.execute(
                "update raw_control.connections set name = ? where connection_id = ?", [name, connection]
            )

    def tagged(self) -> None:
        """Other tagging rules and another place of a business unit."""
        product, pattern = self.chance.choice("pq"), self.chance.choice(["gpt-4o*", "claude-*", "*"])
        unit, parent = self.chance.choice(["ads/eu", "bids"]), self.chance.choice(["growth", "sales"])
        (self.settings.home_path / "tagging_rules.yaml").write_text(
            f"rules:\n  - name: by model\n    when: {{model: '{pattern}'}}\n"
            f"    set: {{product: {product}, business_unit: bids}}\n"
            "  - {name: tenants, when: {metadata.team: search}, copy: {customer: metadata.tenant}, overwrite: true}\n"
        )
        (self.settings.home_path / "business_units.yaml").write_text(
            f"business_units:\n  - {{unit: growth}}\n  - {{unit: sales}}\n  - {{unit: {unit}, parent: {parent}}}\n"
        )
        snapshot_organization(self.settings)

    def called_otherwise(self) -> None:
        """Another price agreed, and a model that gets another name on bills too."""
        percent = self.chance.randrange(1, 50)
        model = self.chance.choice(MODELS["c-openai"])
        self.overrides.write_text(
            f"discounts: [{{provider: openai, percent: {percent}}}]\n"
            f"aliases: [{{provider: openai, alias: {UNKNOWN_MODEL}, model: {model}}}]\n"
        )
        snapshot_prices(self.settings)

    def achieved(self) -> None:
        """Outcomes of traces, new ones and those that came before."""
        made = [
            {
                "outcome_id": f"o{self.chance.randrange(12)}",
                "trace_id": f"t{self.chance.randrange(4)}",
                "name": "ticket_resolved",
                "is_success": self.chance.choice([True, False, None]),
                "value_usd": self.chance.choice([None, Decimal("1.5")]),
                "at": raw.after(self.chance.choice(DAYS), 3),
                "workflow": self.chance.choice([None, "triage"]),
                "received_at": raw.after(DAYS[-1], 40),
                "content_hash": self.chance.choice("ab"),
            }
            for _ in range(5)
        ]
        self._land(made, OUTCOMES.name)

    def cut_off(self) -> None:
        """Calls, and a build that dies over them while a connection has another name, which it loses again."""
        self.late()
        rename = "update raw_control.connections set name = {} where connection_id = 'c-openai'"
        [before] = raw.rows(
            self.path, "select name from raw_control.connections where connection_id = 'c-openai'"
        )
        for name, scope in (("of an hour", CUT_OFF), (before["name"], None)):
            with raw.connect(self.path) as database:
                database.execute(rename.format("?"), [name])
            if scope:
                self.build(*scope)

    def build(self, *scope: str) -> None:
        """Build as an installation does: what has no memory anew, the rest where it changed."""
        assert raw.dbt(self.path, *(scope or ("run", *without_idle_providers(self.settings)))) == []

    def rebuilt(self, folder: Path) -> Path:
        """A new warehouse with the same raw tables, and everything built from nothing."""
        path = folder / "warehouse.duckdb"
        with raw.connect(path) as database:
            database.execute(f"attach '{self.path}' as stepped (read_only)")
            tables = database.execute(
                "select table_schema, table_name from information_schema.tables where table_catalog = 'stepped'"
                " and (table_schema like 'raw%' or table_schema = 'seeds')"
            ).fetchall()
            for schema, table in tables:
                database.execute(f"create schema if not exists {schema}")
                database.execute(f'create table {schema}."{table}" as from stepped.{schema}."{table}"')
        assert raw.dbt(path, "run", "--full-refresh") == []
        return path

    def differences(self, rebuilt: Path) -> dict[str, list[tuple]]:
        """Rows of the marts that stand in one of the two warehouses alone, by mart."""
        with raw.connect(self.path) as database:
            database.execute(f"attach '{rebuilt}' as rebuilt (read_only)")
            names = [
                name
                for (name,) in database.execute(
                    "select distinct table_name from information_schema.tables where table_schema = 'marts'"
                ).fetchall()
            ]
            found = {}
            for name in names:
                stepped, whole = f"from warehouse.marts.{name}", f"from rebuilt.marts.{name}"
                rows = database.execute(
                    f"(({stepped}) except all ({whole})) union all (({whole}) except all ({stepped}))"
                ).fetchall()
                if rows:
                    found[name] = rows
            assert len(names) > 20
            return found

    def billed(self) -> Decimal:
        """What the bills say now, by the newest pull of every day that was over: the ledger of the history itself."""
        total = Decimal(0)
        for connection, (report, amount) in BILLS.items():
            schema = f"raw_{raw.CONNECTIONS[connection]}"
            [row] = raw.rows(
                self.path,
                f"with newest as (select connection_id, day, arg_max(content_hash, pull_id) as content_hash"
                f" from {schema}.pulled_days where report = '{report}' and observed_at >= day + interval 1 day"
                f" group by all) select sum(cast({amount} as decimal(38, 14))) as usd"
                f" from {schema}.{report} semi join newest using (connection_id, day, content_hash)",
            )
            total += (row["usd"] or 0) * (1 if connection == "c-openai" else Decimal("0.01"))
        return total

    def _some(self, most: int = 12) -> list[dict]:
        return self.chance.sample(self.events, self.chance.randrange(2, most))

    def _land(self, records: list[dict], table: str = "events") -> None:
        self.load += 1
        landed = [
            record | {"file_url": f"f{self.load}", "file_line": line} for line, record in enumerate(records)
        ]
        if table == OUTCOMES.name:
            raw.load_kind(self.path, OUTCOMES, landed, self.load)
            return
        self.events += landed
        raw.load_events(self.path, landed, self.load)

    def _billed_day(self) -> tuple[str, date]:
        return self.chance.choice(list(BILLS)), self.chance.choice(DAYS)

    def _content(self, connection: str, day: date, digest: str) -> list[dict]:
        report, _ = BILLS[connection]
        rows = raw.rows(
            self.path,
            "select * exclude (connection_id, day, content_hash, row_id)"
            f" from raw_{raw.CONNECTIONS[connection]}.{report}"
            f" where connection_id = '{connection}' and day = '{day}' and content_hash = '{digest}' order by row_id",
        )
        return [{name: value for name, value in row.items() if value is not None} for row in rows]

    def _bill(self, change: Callable[[list[dict], str], list[dict]]) -> None:
        connection, day = self._billed_day()
        report, amount = BILLS[connection]
        [now] = raw.rows(
            self.path,
            f"select arg_max(content_hash, pull_id) as digest from raw_{raw.CONNECTIONS[connection]}.pulled_days"
            f" where connection_id = '{connection}' and report = '{report}' and day = '{day}'",
        )
        self._pull(connection, day, change(self._content(connection, day, now["digest"]), amount))

    def _pull(self, connection: str, day: date, content: list[dict]) -> None:
        self.hours += 1
        raw.pull(self.path, connection, BILLS[connection][0], day, content, raw.after(DAYS[-1], self.hours))


def main(seeds: int = 5) -> None:
    with TemporaryDirectory() as folder:
        world = World(seed=2)
        built = Path(folder) / "warehouse.duckdb"
        world.write(built)
        assert raw.dbt(built, "build") == []
        for seed in range(seeds):
            home = Path(folder) / str(seed)
            (home / "whole").mkdir(parents=True)
            history = History(world, built, home, seed)
            done = []
            for name, step in history.steps():
                step()
                history.build()
                done.append(name)
            differences = history.differences(history.rebuilt(home / "whole"))
            print(f"seed {seed}: {', '.join(done)}: {differences or 'the same, row for row'}", flush=True)
            assert not differences
            shutil.rmtree(home)


if __name__ == "__main__":
    main(*(int(one) for one in sys.argv[1:2]))
