"""The doctor on installations that are well, empty or broken."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from meterhouse.doctor import Finding, Health, examine
from meterhouse.settings import PROJECT_ROOT, Settings
from sandbox.catalogue import ACME_INTERNAL
from tests.killing import run


def found(settings: Settings, area: str) -> list[Finding]:
    return [finding for finding in examine(settings, datetime.now(UTC)) if finding.area == area]


def test_a_well_installation_has_no_fault_and_says_so(built: Settings) -> None:
    findings = examine(built, datetime.now(UTC))
    odd = [finding for finding in findings if finding.area != "alerts" and finding.health is not Health.OK]
    assert [finding.area for finding in odd] == ["prices"], odd
    assert f"have no price: openai {ACME_INTERNAL.asked}." in odd[0].message, "the world's one unlisted model"
    outcome = run(["doctor", "--json"], built)
    assert outcome.returncode == 0, outcome.stderr
    assert {"area", "health", "message", "next_step"} == set(json.loads(outcome.stdout)[0])


def test_an_empty_installation_is_told_how_to_begin(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    [no_provider] = found(settings, "connections")
    assert "connections add" in str(no_provider.next_step)
    [no_event] = found(settings, "event files")
    assert "METERHOUSE_LANDING_URL" in str(no_event.next_step)
    [nothing] = found(settings, "published marts")
    assert "meterhouse build" in str(nothing.next_step)


def test_a_home_that_others_may_look_into_is_named_and_a_closed_one_is_well(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    [closed] = found(settings, "home")
    settings.home_path.chmod(0o755)
    [opened] = found(settings, "home")
    assert (closed.health, opened.health) == (Health.OK, Health.WARNING)
    assert opened.next_step == f"Close it with `chmod 700 {settings.home_path}`."


def test_files_that_are_not_loaded_are_named(landed: Settings) -> None:
    assert any("not loaded yet" in finding.message for finding in found(landed, "event files"))


def test_a_lost_vault_key_is_a_fault_that_hides_nothing_else(built: Settings) -> None:
    built.vault_key_path.unlink()
    [lost] = found(built, "credentials")
    assert lost.health is Health.FAULT
    assert lost.next_step
    assert len(found(built, "connections")) == 2
    assert run(["doctor"], built).returncode == 1


@pytest.mark.parametrize("rules", ["- name: x\n", "not: [closed"])
def test_a_wrong_rules_file_is_a_fault(rules: str, tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(rules)
    settings = Settings(home=tmp_path / "home", rules_file=tmp_path / "rules.yaml")
    assert [finding.health for finding in found(settings, "alerts")] == [Health.FAULT]


def test_rules_that_tell_slack_without_slack_are_named(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", rules_file=PROJECT_ROOT / "alert_rules.yaml")
    assert any("send-test slack" in str(finding.next_step) for finding in found(settings, "alerts"))
