"""The console at a year of 10,000 calls a day: how long the server takes for each page.

Run `python -m bench.console [CALLS]`. The marts are made as tables and published as a build publishes them: calls lie
in the order of their builds, half a day each, and in disorder inside one. The console serves them from a process of its
own. Told of each page: its first answer, the median of five more, and the processor time of one.
"""

import multiprocessing
import statistics
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import httpx
import uvicorn

from bench.environment import report
from bench.gateway import cpu_seconds
from meterhouse.console.app import build_app
from meterhouse.settings import Settings
from meterhouse.warehouse.lock import warehouse
from meterhouse.warehouse.publish import publish
from tests.console.serving import make_marts
from tests.gateway.endpoint import free_port

DAYS, CALLS = 365, 3_650_000
REPEATS = 5
AIM_MS = 300
SEARCHED = 1_234_567
NOW = datetime.now(UTC).replace(microsecond=0)
TODAY = NOW.date()

CALLS_SQL = f"""
    insert into marts.fct_transactions by name
    select
        md5(i::varchar) as event_id,
        'resp_' || md5((i + 1)::varchar) as provider_request_id,
        'sdk' as source,
        started_at, started_at as received_at, date_trunc('hour', started_at) as started_hour,
        cast(started_at as date) as event_date,
        100 + (i * 7919) % 9000 as duration_ms,
        'provider-' || (i % 6) as provider,
        'model-' || (i % 23) as model,
        'chat' as operation,
        case when i % 50 = 0 then 'error' when i % 997 = 0 then 'blocked' else 'ok' end as outcome,
        i % 4000 as input_tokens, i % 900 as output_tokens,
        i % 4000 as total_input_tokens, i % 900 as total_output_tokens,
        'customer-' || (i % 501) as customer,
        'product-' || (i % 11) as product,
        'subscriber-' || (i % 20011) as subscriber_id,
        'agent-' || (i % 31) as agent,
        'workflow-' || (i % 17) as workflow,
        'unit-' || (i % 13) as business_unit,
        'production' as environment,
        md5('trace' || (i // 4)::varchar) as trace_id,
        md5('span' || i::varchar) as span_id,
        '{{"ticket": ' || i || '}}' as metadata,
        cast((i * 104729) % 90000 as decimal(38, 12)) * 0.000001 as input_cost_usd,
        case when i % 211 <> 0 then cast((i * 104729) % 90000 as decimal(38, 12)) * 0.000001 end as cost_usd,
        case when i % 211 <> 0 then 'priced' else 'unpriced' end as cost_status,
        'v1' as price_version, 'events/file-' || (i // 1000) as file_url, i % 1000 as file_line
    from (
        select i, to_timestamp({NOW.timestamp()} - (i + 1) * ({DAYS} * 86400.0 / $calls)) as started_at
        from range($calls) as calls(i)
        order by i // 5000 desc, hash(i)
    )
"""
OTHERS_SQL = (
    """insert into marts.fct_traces by name
    select trace_id, 'run' as trace_name, any_value(workflow) as workflow, any_value(customer) as customer,
        min(event_date) as trace_date, min(started_at) as started_at, count(*) as call_count,
        count(*) filter (outcome = 'error') as error_count, 0 as unpriced_count, 0 as usage_missing_count,
        sum(cost_usd) as cost_usd, 5000 as duration_ms, true as is_success, 'solved' as outcome_names
    from marts.fct_transactions group by trace_id""",
    """insert into marts.fct_outcomes by name
    select trace_id as outcome_id, trace_id, 'solved' as outcome_name, true as is_success,
        cast(0.5 as decimal(38, 12)) as value_usd, started_at as achieved_at from marts.fct_traces""",
    """insert into marts.fct_attributed_costs by name
    select cast(event_date as varchar) || customer || model as attributed_cost_id, event_date as cost_date,
        'connection-' || provider as connection_id, provider, 'attributed' as allocation, model,
        'input' as token_type, customer, product, agent, workflow, business_unit, environment,
        sum(cost_usd) as metered_cost_usd, sum(cost_usd) as billed_cost_usd, false as is_provisional
    from marts.fct_transactions where customer <= 'customer-2'
    group by all""",
    """insert into marts.fct_reconciliation by name
    select md5(cast(cost_date as varchar) || provider || model) as cell_id, cost_date as reconciliation_date, provider,
        connection_id, model, 'input' as token_type, false as is_provisional,
        sum(billed_cost_usd) as billed_cost_usd, sum(metered_cost_usd) as metered_cost_usd,
        sum(metered_cost_usd) as quantity_usd
    from marts.fct_attributed_costs group by all""",
    """insert into marts.rpt_daily_spend by name
    select cost_date as spend_date, connection_id, connection_id as connection_name, provider,
        sum(billed_cost_usd) as billed_cost_usd, sum(metered_cost_usd) as metered_cost_usd
    from marts.fct_attributed_costs group by all""",
    """insert into marts.rpt_workflows by name
    select trace_date as report_date, workflow, count(*) as run_count, 0 as failed_run_count, sum(call_count) as
        call_count, 0 as costless_call_count, sum(cost_usd) as cost_usd, count(*) as success_count
    from marts.fct_traces group by all""",
    """insert into marts.fct_budgets by name
    select 'customers' as budget_name, 'metered' as source, 'month' as period, 'UTC' as timezone,
        '{"customer": "' || customer || '"}' as group_key,
        date_trunc('month', event_date) as period_started_at,
        date_trunc('month', event_date) + interval 1 month as period_ends_at,
        cast(100 as decimal(38, 12)) as amount_usd, sum(cost_usd) as used_usd,
        cast(sum(cost_usd) as decimal(18, 4)) as used_percent, cast(50 as decimal(38, 12)) as expected_usd,
        0 as unpriced_count, 'within' as status
    from marts.fct_transactions group by all""",
    """insert into marts.rejected_events by name
    select event_id as reject_id, file_url, file_line, metadata as raw_text, 'no model' as reason,
        started_at as first_seen_at
    from marts.fct_transactions where file_line % 100 = 0""",
    """insert into marts.fct_data_trust by name
    select spend_date as trust_date, connection_id, provider, 0.9 as trust_score, billed_cost_usd as attributed_cost_usd
    from marts.rpt_daily_spend""",
    """insert into marts.dim_provider by name
    select distinct provider, provider as provider_name from marts.rpt_daily_spend""",
    "insert into marts.dim_model by name select distinct provider, model from marts.fct_reconciliation",
)


def made(settings: Settings, calls: int) -> float:
    """Make the marts and publish them; seconds that publishing took."""
    with warehouse(settings, "bench") as path, duckdb.connect(path) as connection:
        connection.execute("set timezone = 'UTC'")
        make_marts(connection)
        connection.execute(CALLS_SQL, {"calls": calls})
        for sql in OTHERS_SQL:
            connection.execute(sql)
    began = time.perf_counter()
    publish(settings)
    return time.perf_counter() - began


def pages(found: dict[str, str]) -> dict[str, str]:
    """What is asked for, by what it is."""
    at = f"after={found['event']}&day={found['day']}"
    year = f"from={TODAY - timedelta(days=DAYS)}&to={TODAY}"
    return {
        "connections": "/connections",
        "costs, 30 days": "/costs",
        "costs, a year by customer, compared": f"/costs?{year}&by=customer&compare=1",
        "budgets": "/budgets",
        "log, 7 days": "/transactions",
        "log, a year": f"/transactions?{year}",
        "log, a year by cost": f"/transactions?{year}&sort=cost_usd",
        "log, a year, a page in its middle": f"/transactions?{year}&{at}",
        "log, a year by cost, a page in its middle": f"/transactions?{year}&sort=cost_usd&{at}",
        "log, a year of a customer": f"/transactions?{year}&customer=customer-7",
        "log, an id": f"/transactions?id={found['event'][:16]}",
        "a call": f"/transactions/call?id={found['event']}&day={found['day']}",
        "a call, by its id alone": f"/transactions/call?id={found['event']}",
        "a trace": f"/transactions/trace?id={found['trace']}",
        "rejected events": "/rejects",
        "rejected events, page 300": "/rejects?page=300",
        "alerts": "/alerts",
        "integrations": "/integrations",
        "health": "/health",
        "audit": "/audit",
    }


def serve(settings: Settings, port: int) -> None:
    uvicorn.run(build_app(settings, asks_log_in=False), port=port, log_level="error")


def measured(url: str, pid: int, asked: dict[str, str]) -> dict[str, dict[str, float]]:
    """Milliseconds to the whole answer of each page: the first one, the median of the next, and of CPU."""
    figures = {}
    with httpx.Client(base_url=url, timeout=120) as http:
        for name, path in asked.items():
            took, before = [], cpu_seconds(pid)
            for _ in range(REPEATS + 1):
                began = time.perf_counter()
                answer = http.get(path)
                took.append(1000 * (time.perf_counter() - began))
                assert answer.status_code == httpx.codes.OK, (name, answer.text)
            cpu = 1000 * (cpu_seconds(pid) - before) / len(took)
            median = statistics.median(took[1:])
            figures[name] = {"first_ms": round(took[0]), "median_ms": round(median), "cpu_ms": round(cpu)}
    return figures


def main(calls: int = CALLS) -> None:
    with TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder))
        publishing = made(settings, calls)
        with duckdb.connect(settings.published_path, read_only=True) as marts:
            event, day, trace = marts.execute(
                "select event_id, event_date, trace_id from marts.fct_transactions where event_id = md5($n::varchar)",
                {"n": min(SEARCHED, calls // 2)},
            ).fetchall()[0]
        port = free_port()
        console = multiprocessing.get_context("spawn").Process(
            target=serve, args=(settings, port), daemon=True
        )
        console.start()
        url = f"http://127.0.0.1:{port}"
        _wait(url)
        figures = measured(url, console.pid or 0, pages({"event": event, "day": str(day), "trace": trace}))
        console.terminate()
        size = settings.published_path.stat().st_size
    report(
        "console",
        {
            "calls": calls,
            "published_megabytes": size // 2**20,
            "publishing_seconds": round(publishing, 1),
            "over_the_aim": [name for name, took in figures.items() if took["median_ms"] > AIM_MS],
            "pages": figures,
        },
    )


def _wait(url: str) -> None:
    """Until the console answers, and its drawing engine has started."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            httpx.get(f"{url}/health", timeout=60)
            time.sleep(3)
            return
        except httpx.ConnectError:
            time.sleep(0.2)


if __name__ == "__main__":
    main(*(int(one) for one in sys.argv[1:2]))
