"""`balanza simulate`: what it prints and draws, and what it says of what cannot be."""

import json
from datetime import timedelta
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from balanza.store.database import Database
from tests.store.scene import Scene
from tests.support.commands import balanza, balanza_here, said

SCENARIO = "[[workers]]\ncount = 2\n[jobs]\ncount = 60\nload = 0.8\nprediction_sigma = 0.5\n"


def simulate(folder: Path, *arguments: str, scenario: str = SCENARIO) -> "CompletedProcess[bytes]":
    (folder / "scenario.toml").write_text(scenario)
    return balanza_here("simulate", *arguments, folder=folder)


def figures(done: "CompletedProcess[bytes]") -> dict[str, Any]:
    assert done.returncode == 0, said(done)
    body: dict[str, Any] = json.loads(done.stdout)
    return body


def test_it_prints_the_figures_of_a_scenario(tmp_path: Path) -> None:
    done = simulate(tmp_path, "scenario.toml")
    assert done.returncode == 0, said(done)
    lines = {line[:24].strip(): line.split()[-1] for line in done.stdout.decode().splitlines()}
    assert lines["jobs completed"] == "60"
    assert {"makespan", "÷ bound", "slowdown", "p95 wait", "imbalance", "wasted", "decisions/s"} <= set(lines)


def test_it_compares_on_the_same_jobs_and_draws_that(tmp_path: Path) -> None:
    names = "least_loaded,no_pausing,lpt,first_version,clairvoyant"
    body = figures(
        simulate(tmp_path, "scenario.toml", "--compare", names, "--seeds", "2", "--json", "--chart", "c.svg")
    )
    assert [one["name"] for one in body["runs"]] == names.split(",")
    assert {one["completed"] for one in body["runs"]} == {60}
    assert len({one["bound_seconds"] for one in body["runs"]}) == 1
    drawn = (tmp_path / "c.svg").read_bytes()
    assert drawn.startswith(b"<?xml")
    simulate(tmp_path, "scenario.toml", "--compare", names, "--seeds", "2", "--json", "--chart", "c.svg")
    assert (tmp_path / "c.svg").read_bytes() == drawn


def test_it_says_how_many_workers_are_enough(tmp_path: Path) -> None:
    body = figures(simulate(tmp_path, "scenario.toml", "--workers", "1..4", "--json"))
    waits = [one["wait_p95_seconds"] for one in body["runs"]]
    assert [one["workers"] for one in body["runs"]] == [1, 2, 3, 4]
    assert body["workers_needed"] == next(size for size, wait in enumerate(waits, 1) if wait <= 10)
    done = simulate(tmp_path, "scenario.toml", "--workers", "1..4", "--chart", "w.png")
    assert f"With {body['workers_needed']} workers, 95 of 100 jobs wait for at most 10 s." in done.stdout.decode()
    assert (tmp_path / "w.png").read_bytes().startswith(b"\x89PNG")


def test_the_same_seed_gives_the_same_in_another_process(tmp_path: Path) -> None:
    here = figures(simulate(tmp_path, "scenario.toml", "--seed", "7", "--json"))
    arguments = ("simulate", "scenario.toml", "--seed", "7", "--json")
    there = figures(balanza(*arguments, folder=tmp_path, environment={"PYTHONHASHSEED": "1"}))
    assert here["runs"] == there["runs"]
    assert here["runs"] != figures(simulate(tmp_path, "scenario.toml", "--seed", "8", "--json"))["runs"]


def test_it_takes_what_the_server_has_run(tmp_path: Path) -> None:
    with Database.open(_folder(tmp_path) / "balanza.db") as database:
        scene = Scene(database)
        for worker_id, seconds in (("worker_a", 2), ("worker_b", 8)) * 6:
            token = f"{worker_id} {scene.now}"
            scene.worker(worker_id)
            scene.submit(f"job {token}", worker_id)
            scene.leased(worker_id, token)
            scene.now += timedelta(seconds=seconds)
            scene.complete(token, result_id=f"result {token}")
    body = figures(balanza_here("simulate", "--from-history", "--json", folder=tmp_path))
    assert (body["runs"][0]["completed"], body["runs"][0]["workers"]) == (12, 2)
    sized = figures(balanza_here("simulate", "--from-history", "--workers", "1..3", "--json", folder=tmp_path))
    assert [one["completed"] for one in sized["runs"]] == [12, 12, 12]


def test_a_history_that_is_not_there_is_told(tmp_path: Path) -> None:
    nowhere = balanza_here("simulate", "--from-history", folder=tmp_path)
    assert (nowhere.returncode, nowhere.stderr.decode()[:29]) == (2, "balanza: There is no database")
    Database.open(_folder(tmp_path) / "balanza.db").close()
    empty = balanza_here("simulate", "--from-history", folder=tmp_path)
    assert empty.returncode == 2
    assert "completed no conversion yet" in empty.stderr.decode()


@pytest.mark.parametrize(
    ("scenario", "sentence"),
    [
        ("seed = ", "The scenario is not TOML"),
        ("seed = 1", "workers is missing"),
        ("workers = []", "there are no workers"),
        ("[[workers]]\ncount = 0", "workers.1.count cannot be 0"),
        ("[[workers]]\ncount = 9000\n[[workers]]\ncount = 9000", "18000 workers are too many"),
        ("[[workers]]\nspeed = -1", "workers.1.speed cannot be -1"),
        ("[[workers]]\nspeed = inf", "workers.1.speed cannot be inf"),
        ("[[workers]]\nspeeed = 1", "there is no setting workers.1.speeed"),
        ("policy = 'fastest'\n[[workers]]", "there is no policy fastest; there are least_loaded"),
        ("order = 'shortest'\n[[workers]]", "order cannot be 'shortest'"),
        ("[[workers]]\n[jobs]\nload = 0.5\nper_second = 1", "jobs: give load or per_second, not both"),
        ("[[workers]]\n[jobs]\ncount = 5\nwarm_up = 5", "jobs: warm_up must leave jobs to measure"),
        ("[[workers]]\n[jobs]\ncount = 0", "there are no jobs"),
        ("[[workers]]\n[jobs.size]\ndistribution = 'pareto'", "jobs.size.distribution cannot be 'pareto'"),
        ("[[workers]]\n[[slowdowns]]\nworker = 2", "slowdowns name worker 2, and there are 1"),
        ("[[workers]]\n[failures]\ndown_seconds = 5", "failures.every_seconds is missing"),
        ("[[workers]]\n[[bursts]]\njobs = 'many'", "bursts.1.jobs cannot be 'many'"),
        ("[workers]\ncount = 3", "workers is not written as [[workers]]"),
        ("workers = 3", "workers is not written as [[workers]]"),
        ("workers = [3]", "workers.1 is not written as a part with settings of its own"),
        ("[[workers]]\n[[jobs]]\ncount = 3", "jobs is not written as a part with settings of its own"),
        ("[[workers]]\nspeed = 1e-300", "workers.1.speed cannot be 1e-300"),
        ("[[workers]]\nspeed = nan", "workers.1.speed cannot be nan"),
    ],
)
def test_what_cannot_be_in_a_scenario_is_told(tmp_path: Path, scenario: str, sentence: str) -> None:
    done = simulate(tmp_path, "scenario.toml", scenario=scenario)
    assert done.returncode == 2
    assert sentence in done.stderr.decode()


def test_a_scenario_saved_by_an_editor_of_windows_is_read(tmp_path: Path) -> None:
    plain = figures(simulate(tmp_path, "scenario.toml", "--json"))
    (tmp_path / "scenario.toml").write_bytes(b"\xef\xbb\xbf" + SCENARIO.replace("\n", "\r\n").encode())
    assert figures(balanza_here("simulate", "scenario.toml", "--json", folder=tmp_path))["runs"] == plain["runs"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "Name a scenario"),
        (["scenario.toml", "--from-history"], "one of the two"),
        (["nowhere.toml"], "nowhere.toml cannot be read: No such file"),
        (["scenario.toml", "--compare", "least_loaded,quickest"], "There is nothing called 'quickest'"),
        (["scenario.toml", "--workers", "0..3"], "'0..3' is no number of workers"),
        (["scenario.toml", "--workers", "many"], "'many' is no number of workers"),
        (["scenario.toml", "--workers", "8..1"], "'8..1' is no number of workers"),
        (["scenario.toml", "--workers", "1..900"], "'1..900' is no number of workers"),
        (["scenario.toml", "--workers", "2", "--compare", "fifo"], "not for both at once"),
        (["scenario.toml", "--chart", "chart.gif"], "ends in .svg or .png"),
        (["scenario.toml", "--chart", "nowhere/chart.svg"], "cannot be written: No such file"),
    ],
)
def test_what_cannot_be_asked_for_is_told(tmp_path: Path, arguments: list[str], sentence: str) -> None:
    done = simulate(tmp_path, *arguments)
    assert done.returncode == 2
    assert sentence in done.stderr.decode()


def _folder(path: Path) -> Path:
    folder = path / "data"
    folder.mkdir()
    return folder
