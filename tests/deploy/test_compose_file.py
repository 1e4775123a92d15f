"""What compose.yaml promises, as far as reading it tells."""

import re
import subprocess
import sys

import pytest
import yaml

from balanza.server.addresses import allowed_names
from balanza.settings import Settings, is_loopback
from tests.deploy import compose
from tests.deploy.dockerfile import ROOT, all_stages

SERVICES = ("api", "worker_a", "worker_b", "prometheus")
every_service = pytest.mark.parametrize("name", SERVICES)


def test_the_file_follows_the_compose_specification() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*command, ROOT / "compose.yaml"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_services_and_their_containers_are_called_as_in_the_seed() -> None:
    services = compose.services()
    assert tuple(services) == SERVICES
    for name, service in services.items():
        assert (service["container_name"], service["hostname"]) == (name, name)


def test_ports_are_published_on_this_computers_own_address_only() -> None:
    published = {name: service["ports"] for name, service in compose.services().items() if "ports" in service}
    assert published == {"api": ["127.0.0.1:8000:8000"], "prometheus": ["127.0.0.1:9090:9090"]}
    assert all(is_loopback(port.split(":")[0]) for ports in published.values() for port in ports)
    assert not re.search(r"network_mode|privileged|docker\.sock", compose.text())


@every_service
def test_a_container_may_do_as_little_as_possible(name: str) -> None:
    service = compose.services()[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] == "unless-stopped"
    assert service["init"] is True
    user = service.get("user") or all_stages()["base"].arguments("USER")[0]
    assert all(int(number) > 0 for number in user.split(":"))


@every_service
def test_what_is_written_lies_on_a_named_volume_and_what_is_configured_is_read_only(name: str) -> None:
    volumes = set(compose.file()["volumes"])
    for volume in compose.services()[name]["volumes"]:
        source = volume.split(":")[0]
        assert source in volumes or (source.startswith("./deploy/") and volume.endswith(":ro")), volume


def test_workers_share_the_files_but_never_the_database() -> None:
    services = compose.services()
    api = compose.mounts(services["api"])
    database = services["api"]["environment"]["BALANZA_DATABASE_URL"]
    assert api == {"/data": "files", "/database": "database"}
    assert database.startswith("sqlite:////database/")
    for name in ("worker_a", "worker_b"):
        assert compose.mounts(services[name]) == {"/data": "files"}


def test_nothing_leads_out_of_a_workers_network() -> None:
    services, networks = compose.services(), compose.file()["networks"]
    assert [name for name, network in networks.items() if network.get("internal")] == ["fleet"]
    assert all("fleet" in service["networks"] for service in services.values())
    assert services["worker_a"]["networks"] == services["worker_b"]["networks"] == ["fleet"]


@every_service
def test_a_container_is_healthy_only_when_it_answers_and_others_wait_for_that(name: str) -> None:
    service = compose.services()[name]
    kind, *command = service["healthcheck"]["test"]
    assert kind == "CMD"
    assert command
    waited_for = service.get("depends_on", {})
    assert waited_for == ({} if name == "api" else {"api": {"condition": "service_healthy"}})


def test_a_worker_is_left_time_to_finish_when_it_is_stopped() -> None:
    for name in ("worker_a", "worker_b"):
        service = compose.services()[name]
        grace = float(service["environment"]["BALANZA_GRACE_SECONDS"])
        assert compose.seconds(service["stop_grace_period"]) >= grace + 10


def test_the_two_workers_differ_in_nothing_but_their_names() -> None:
    services = compose.services()
    worker_a = re.sub("worker_a", "worker_b", repr(services["worker_a"]))
    assert worker_a == repr(services["worker_b"])


def test_the_server_is_allowed_the_name_by_which_the_workers_ask_for_it() -> None:
    services = compose.services()
    allowed = allowed_names(services["api"]["environment"]["BALANZA_ALLOWED_HOSTS"])
    for name in ("worker_a", "worker_b"):
        assert services[name]["environment"]["BALANZA_SERVER"] == "http://api:8000"
    assert allowed == {"api"}


def test_both_images_are_built_from_stages_that_exist() -> None:
    built = {name: one["build"] for name, one in compose.services().items() if "build" in one}
    assert {name: one["target"] for name, one in built.items()} == {
        "api": "api",
        "worker_a": "worker",
        "worker_b": "worker",
    }
    assert {one["context"] for one in built.values()} == {"."}
    assert {one["target"] for one in built.values()} <= set(all_stages())


def test_prometheus_asks_the_server_for_its_targets_as_often_as_the_server_expects() -> None:
    configuration = yaml.safe_load((ROOT / "deploy/prometheus.yml").read_text())
    expected = Settings.model_fields["prometheus_scrape_seconds"].default
    assert compose.seconds(configuration["global"]["scrape_interval"]) == expected
    discovered = [found["url"] for job in configuration["scrape_configs"] for found in job.get("http_sd_configs", ())]
    assert discovered == ["http://api:8000/prometheus/targets"]
