"""The files that Prometheus is given: it accepts them, and each alert fires when it should and not otherwise."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.prometheus import DEPLOY, need_prometheus

CASES = Path(__file__).with_name("alerts.yml")
ALERT = re.compile(r"^ +- alert: (\w+)$", re.MULTILINE)


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "config", str(DEPLOY / "prometheus.yml")),
        ("check", "rules", str(DEPLOY / "rules.yml")),
        ("test", "rules", str(CASES)),
    ],
    ids=" ".join,
)
def test_promtool_is_satisfied(arguments: tuple[str, ...]) -> None:
    need_prometheus()
    checked = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "SUCCESS" in checked.stdout


def test_each_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    alerts = ALERT.findall((DEPLOY / "rules.yml").read_text())
    cases = CASES.read_text()
    fires = re.findall(r"alertname: (\w+)\n +exp_alerts:", cases)
    silent = re.findall(r"alertname: (\w+)}", cases)
    assert len(alerts) == 8
    assert set(fires) == set(silent) == set(alerts)


def test_each_alert_is_explained_in_the_manual() -> None:
    manual = (DEPLOY.parent / "docs" / "operations.md").read_text()
    explained = re.findall(r"^### (Balanza\w+)$", manual, re.MULTILINE)
    assert sorted(explained) == sorted(ALERT.findall((DEPLOY / "rules.yml").read_text()))
