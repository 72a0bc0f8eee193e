"""The shape of the house, held by sentences."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dlt_sources.contract import Provider
from dlt_sources.registry import PROVIDERS

ROOT = Path(__file__).resolve().parents[2]
PROVIDERS_MACRO = ROOT / "dbt_project" / "macros" / "providers.sql"
PACKAGES = ("orchestration", "sensors", "assets", "meterhouse", "dlt_sources", "sandbox")


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_name_means_our_folder(package: str) -> None:
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).is_relative_to(ROOT)


def test_the_arrows_between_packages_point_down() -> None:
    lint = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert lint.returncode == 0, lint.stdout + lint.stderr


def test_every_page_that_code_or_page_sends_a_reader_to_exists() -> None:
    texts = [ROOT / "README.md", ROOT / "sdk" / "README.md", *(ROOT / "docs").rglob("*.md")]
    texts += [file for name in PACKAGES for file in (ROOT / name).rglob("*.py")]
    named = {(path, page) for path in texts for page in re.findall(r"\bdocs/[\w/-]+\.md\b", path.read_text())}
    assert len(named) > 20
    assert (
        sorted(f"{path.relative_to(ROOT)}: {page}" for path, page in named if not (ROOT / page).exists())
        == []
    )


def test_every_module_opens_by_saying_what_belongs_in_it() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for package in (*PACKAGES, "sdk/src")
        for path in (ROOT / package).rglob("*.py")
        if not path.read_text().lstrip().startswith(('"""', 'r"""'))
    ]
    assert not silent, f"these modules have no opening docstring: {silent}"


def test_only_the_settings_read_the_environment() -> None:
    readers = [
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if re.search(r"os\.(environ|getenv)", path.read_text()) and path.name != "settings.py"
    ]
    assert not readers


def test_only_staging_says_source() -> None:
    models = ROOT / "dbt_project" / "models"
    offenders = [
        str(path.relative_to(models))
        for path in models.rglob("*.sql")
        if "source(" in path.read_text() and path.relative_to(models).parts[0] != "staging"
    ]
    assert not offenders


def test_no_dependency_lock_names_an_address() -> None:
    for lock in ROOT.glob("requirements*.lock"):
        assert "://" not in lock.read_text(), f"{lock.name} names an address"


def test_every_test_folder_is_a_package() -> None:
    folders = {path.parent for path in (ROOT / "tests").rglob("*.py")}
    assert not [str(folder) for folder in folders if not (folder / "__init__.py").exists()]


@pytest.mark.parametrize("provider", PROVIDERS.values(), ids=lambda p: p.name)
def test_a_provider_has_all_its_pieces(provider: Provider) -> None:
    name = provider.name
    missing = []
    if not (ROOT / "dlt_sources" / name / "__init__.py").exists():
        missing.append(f"its folder dlt_sources/{name}/")
    if not (ROOT / "docs" / "providers" / f"{name}.md").exists():
        missing.append(f"its page docs/providers/{name}.md")
    staging = ROOT / "dbt_project" / "models" / "staging" / name
    missing += [
        f"the staging model stg_{name}__{table}.sql"
        for table in provider.tables
        if not (staging / f"stg_{name}__{table}.sql").exists()
    ]
    entry = re.search(rf"'name': '{name}', 'conforms': \[(.*?)\]", PROVIDERS_MACRO.read_text())
    listed = re.findall(r"'(\w+)'", entry[1]) if entry else []
    if not listed:
        missing.append("its entry, with the kinds it conforms, in dbt_project/macros/providers.sql")
    intermediate = ROOT / "dbt_project" / "models" / "intermediate"
    for kind in ("charges", "gateway_costs", "usage"):
        exists = bool(list(intermediate.rglob(f"int_{name}__{kind}.sql")))
        if exists and kind not in listed:
            missing.append(f"the kind {kind} in its entry in dbt_project/macros/providers.sql")
        if kind in listed and not exists:
            missing.append(f"the conformed model int_{name}__{kind}.sql")
    data = ROOT / "tests" / "data"
    if not list(data.rglob(f"{name}_*.json")) and not (data / name).is_dir():
        missing.append("recorded payloads in tests/data")
    if not any((ROOT / "sandbox" / name / module).exists() for module in ("api.py", "files.py")):
        missing.append(f"its API in sandbox/{name}/api.py (or its files in files.py)")
    fields = provider.credentials.model_fields
    missing += [
        f"a title and help for its credential field {f}"
        for f, info in fields.items()
        if not (info.title and info.description)
    ]
    assert not missing, f"provider {name} lacks: " + "; ".join(missing)
