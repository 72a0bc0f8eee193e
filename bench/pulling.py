"""A provider's pull: pages over HTTP on loopback → rows in the warehouse, against the bare parsing of the same bytes.

Run `python -m bench.pulling [ROWS]`. The provider is OpenAI's usage report, a day to a page, served ready-made by
another process. The raw limit parses the same pages with `orjson` and keeps nothing. The pull runs in a process of its
own, so that its peak of memory is its own; half the rows are pulled too, to show that memory does not follow them.
"""

import json
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import Process, Queue
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import parse_qs, urlsplit

import orjson

from bench.environment import peak_memory_megabytes, report
from meterhouse.connections import registry
from meterhouse.connections.sync import sync
from meterhouse.settings import Settings

DAYS, FIRST_DAY = 30, date(2026, 10, 1)
LAST_DAY = FIRST_DAY + timedelta(days=DAYS - 1)
PATH = "/organization/usage/completions"


def page(day: int, rows: int) -> bytes:
    """One day of usage as OpenAI answers it, and the cursor of the next."""
    results = [
        {
            "object": "organization.usage.completions.result",
            "input_tokens": number * 7919 % 20_000,
            "output_tokens": number * 104_729 % 2_000,
            "input_cached_tokens": number * 31 % 500,
            "input_audio_tokens": 0,
            "output_audio_tokens": 0,
            "num_model_requests": number % 90 + 1,
            "project_id": f"proj_{number % 40}",
            "user_id": None,
            "api_key_id": f"key_{number}",
            "model": "gpt-4o-2024-08-06",
            "batch": False,
            "service_tier": "default",
        }
        for number in range(rows)
    ]
    start = int(datetime(2026, 10, 1, tzinfo=UTC).timestamp()) + day * 86_400
    bucket = {"object": "bucket", "start_time": start, "end_time": start + 86_400, "results": results}
    following = f"page_{day + 1}" if day + 1 < DAYS else None
    return json.dumps(
        {"object": "page", "data": [bucket], "has_more": bool(following), "next_page": following}
    ).encode()


def serve(pages: list[bytes], ports: "Queue[int]") -> None:
    """Answer the report with the pages, and everything else with an empty list, until ended."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            asked = parse_qs(url.query).get("page", ["page_0"])[0]
            is_report = url.path.endswith(PATH)
            body = (
                pages[int(asked.removeprefix("page_"))] if is_report else b'{"data": [], "has_more": false}'
            )
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    ports.put(server.server_port)
    server.serve_forever()


def ours(home: str, address: str) -> None:
    """Pull everything, in this process; prints seconds, rows and peak memory."""
    settings = Settings(home=Path(home))
    values = {"admin_key": "sk-admin-bench", "base_url": address}
    connection = registry.add(settings, "openai", "bench", values, is_checked=False)
    began = time.perf_counter()
    result = sync(settings, connection, FIRST_DAY, LAST_DAY)
    if result.error:
        raise RuntimeError(result.error)
    print(json.dumps([time.perf_counter() - began, result.row_count, peak_memory_megabytes()]))


def pulled(rows_of_a_day: int) -> tuple[float, float, int, int]:
    """Seconds of the raw parsing and of the pull, rows pulled, and its peak of memory in megabytes."""
    pages = [page(day, rows_of_a_day) for day in range(DAYS)]
    began = time.perf_counter()
    for one in pages:
        orjson.loads(one)
    raw = time.perf_counter() - began
    ports: Queue[int] = Queue()
    server = Process(target=serve, args=(pages, ports), daemon=True)
    server.start()
    try:
        address = f"http://127.0.0.1:{ports.get()}"
        with TemporaryDirectory(prefix="meterhouse-bench-") as folder:
            command = [sys.executable, "-m", "bench.pulling", "ours", str(Path(folder) / "home"), address]
            told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    finally:
        server.kill()
    seconds, rows, megabytes = json.loads(told.splitlines()[-1])
    return raw, seconds, rows, megabytes


def main(rows: int = 300_000) -> None:
    _, _, _, megabytes_of_half = pulled(rows // DAYS // 2)
    raw, seconds, count, megabytes = pulled(rows // DAYS)
    report(
        "pulling",
        {
            "rows": count,
            "rows_per_second": round(count / seconds),
            "of_raw_parsing": round(raw / seconds, 4),
            "peak_memory_megabytes": megabytes,
            "peak_memory_megabytes_of_half_the_rows": megabytes_of_half,
        },
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["ours"]:
        ours(sys.argv[2], sys.argv[3])
    else:
        main(*map(int, sys.argv[1:]))
