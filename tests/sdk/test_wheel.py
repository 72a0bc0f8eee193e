"""The SDK's wheel alone in a clean environment: it needs nothing else, and its quick start reaches a real gateway."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from meterhouse.events.kinds import OUTCOMES, PROMPTS
from meterhouse.events.landing import list_files, open_landing_zone
from meterhouse.gateway import keys
from meterhouse.settings import Settings
from tests.gateway.endpoint import landed_lines, served

SDK = Path(__file__).resolve().parents[2] / "sdk"
QUICK_START = """
import json, sys
from meterhouse_sdk import attribute, flush, meter, outcome, stats, tool

@tool("search")
def search(query):
    return query

with attribute(customer="acme", trace_id="run", capture_prompts=True):
    meter(provider="mistral", model="mistral-large", input_tokens=900, output_tokens=120, output_text="Hello.")
    search("Hello")
    outcome("run", "answered", is_success=True)
assert flush(30)
foreign = {name.partition(".")[0] for name in sys.modules} - sys.stdlib_module_names - {"meterhouse_sdk", "__main__"}
print(json.dumps({"stats": stats(), "foreign": sorted(name for name in foreign if not name.startswith("_"))}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=SDK, check=True, capture_output=True)
    [built] = folder.glob("*.whl")
    return built


def test_the_wheel_holds_the_package_with_its_types_and_asks_for_nothing(wheel):
    with zipfile.ZipFile(wheel) as content:
        names = content.namelist()
        [metadata] = [content.read(name).decode() for name in names if name.endswith("/METADATA")]
    modules = {
        path.name for path in (SDK / "src/meterhouse_sdk").iterdir() if path.suffix in (".py", ".typed")
    }
    assert {Path(name).name for name in names if name.startswith("meterhouse_sdk/")} == modules
    needs = [
        line for line in metadata.splitlines() if line.startswith("Requires-Dist") and "extra ==" not in line
    ]
    assert needs == []
    assert "Requires-Python: >=3.9" in metadata


def test_the_quick_start_works_in_an_environment_that_holds_nothing_else(wheel, tmp_path):
    clean = tmp_path / "clean"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(clean)], check=True)
    python = clean / "bin" / "python"
    install = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--quiet",
        "--no-index",
        "--no-deps",
    ]
    subprocess.run([*install, str(wheel)], check=True)
    settings = Settings(home=tmp_path / "home", prompts="on")
    key = keys.create(settings, "clean").key
    with served(settings) as url:
        told = {
            "METERHOUSE_URL": url,
            "METERHOUSE_API_KEY": key,
            "METERHOUSE_SPOOL_FOLDER": str(tmp_path / "spool"),
        }
        run = subprocess.run(
            [str(python), "-c", QUICK_START],
            env={"PATH": os.environ["PATH"], **told},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
    answer = json.loads(run.stdout)
    assert answer["foreign"] == []
    assert (answer["stats"]["sent"], answer["stats"]["failed"]) == (3, 0)
    events = landed_lines(settings)
    assert [(event["customer"], event["trace_id"]) for event in events] == [("acme", "run")] * 2
    zone = open_landing_zone(settings)
    assert [len(list_files(zone, kind=kind)) for kind in (OUTCOMES, PROMPTS)] == [1, 1]
