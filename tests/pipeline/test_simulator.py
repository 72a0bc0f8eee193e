"""A quick run of the fault simulator: the whole is `make faults`."""

import duckdb

from meterhouse.events.load import load_partition, partitions_with_new_files
from meterhouse.settings import Settings
from meterhouse.warehouse import dbt
from meterhouse.warehouse.publish import publish
from tests.faults.simulator import simulate

QUICK = (2, 9, 11, 12, 16, 26, 28, 35)


def publish_events(settings: Settings) -> None:
    """What the last run does here: of the marts only those the events alone decide."""
    for partition in partitions_with_new_files(settings):
        load_partition(settings, partition)
    dbt.run_models(settings, "+fct_transactions +rejected_events")
    publish(settings)


def test_files_with_faults_and_killed_loads_end_in_the_truth(built: Settings) -> None:
    run = simulate(built, 7, faults=QUICK, load_kills=1, build_kills=(), last_run=publish_events)
    assert run.holds, (run.wrong, run.by_fault)
    assert {fault for fault, found in run.by_fault.items() if found.sent} == set(QUICK)
    with duckdb.connect(str(built.published_path)) as marts:
        marts.execute("delete from marts.fct_transactions where event_id = 's7-fault-12-2'")
        marts.execute(
            "insert into marts.fct_transactions from marts.fct_transactions where event_id = 's7-fault-09-2'"
        )
        marts.execute(
            "update marts.fct_transactions set cost_usd = cost_usd + 0.000000000001 where event_id = 's7-fault-28-3'"
        )
        marts.execute("update marts.fct_transactions set cost_usd = 0 where event_id = 's7-fault-26-2'")
        marts.execute("delete from marts.rejected_events where file_url like '%cut.jsonl.gz'")
    spoiled = run.again()
    told = {fault for fault, found in spoiled.by_fault.items() if not found.holds}
    assert told == {9, 11, 12, 26, 28}, "a difference from the truth was not told"
