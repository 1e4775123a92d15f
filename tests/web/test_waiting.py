"""A pending conversion says what it waits for, in the language of the reader, as long as it is so."""

from dataclasses import replace

import pytest
from playwright.sync_api import expect

from tests.support.clips import clip
from tests.support.live import Live
from tests.support.waiting import eventually
from tests.web.conftest import OpenPage
from tests.web.scenes import SCENES, job, waits
from tests.web.stage import Json, Scene, Stage
from tests.web.test_live import settled

SAID: dict[str, tuple[Json | None, str, str]] = {
    "its turn": (waits("slot", "worker_a"), "Waits for worker_a", "Espera a worker_a"),
    "any slot": (waits("slot"), "Waits for a free worker", "Espera a un worker libre"),
    "any worker": (waits("worker"), "no worker is running", "no hay ningún worker en marcha"),
    "a drained worker": (waits("draining", "worker_b"), "worker_b, which takes no jobs now", "worker_b, que ahora no"),
    "a worker in quarantine": (waits("quarantined", "worker_b"), "in quarantine", "en cuarentena"),
    "a worker on probation": (
        waits("probation", "worker_b"),
        "worker_b, which is on trial",
        "worker_b, que está a prueba",
    ),
    "space": (waits("scratch"), "room for it on its disk", "tiene sitio en su disco"),
    "a tag": (waits("tag"), "no worker has the tags", "ningún worker tiene las etiquetas"),
    "an encoder": (waits("encoder"), "no worker can make this format", "ningún worker puede hacer este formato"),
    "what this page does not know": (waits("moon"), "Waits for a free worker", "Espera a un worker libre"),
    "nothing any more": (None, "Waits for a free worker", "Espera a un worker libre"),
}


def test_each_thing_to_wait_for_is_said_in_both_languages(open_page: OpenPage) -> None:
    jobs = [job(number, f"{name}.wav", "mp3", "pending", waits_for=SAID[name][0]) for number, name in enumerate(SAID)]
    with Stage(Scene(jobs=jobs)) as stage:
        for language, column in (("en-GB", 1), ("es-ES", 2)):
            page = open_page(stage.address, language=language)
            for name, said in SAID.items():
                card = page.locator(".card[data-job]", has=page.get_by_text(f"{name}.wav", exact=True))
                expect(card.locator(".middle .facts")).to_contain_text(str(said[column]))
                expect(card).not_to_contain_text("It waits.")
            page.context.close()


@pytest.mark.parametrize("event", ["registered", "left", "offline", "draining", "resumed", "quarantined", "trusted"])
def test_when_the_workers_change_pending_conversions_are_asked_for_again(open_page: OpenPage, event: str) -> None:
    stuck = job(1, "song.wav", "mp3", "pending", waits_for=waits("worker"))
    with Stage(Scene(jobs=[stuck])) as stage:
        page = open_page(stage.address)
        card = page.locator(".card[data-job]")
        expect(card).to_contain_text("no worker is running")
        before = settled(page, stage)
        stage.scene = replace(stage.scene, jobs=[{**stuck, "waits_for": waits("tag")}])
        stage.tell(f"worker.{event}", worker_id="worker_a")
        expect(card).to_contain_text("no worker has the tags")
        assert stage.asked[before:] == ["/jobs"]
        page.context.close()


def test_with_nothing_pending_nobody_asks_because_of_workers(open_page: OpenPage) -> None:
    with Stage(SCENES["completed"]) as stage:
        page = open_page(stage.address)
        expect(page.locator(".card[data-job]")).to_have_count(1)
        before = settled(page, stage)
        for _ in range(3):
            stage.tell("worker.registered", worker_id="worker_a")
        stage.tell("job.cancelled", job_id="j1")  # the page answers events in order: those before it are through
        eventually(lambda: stage.asked[before:] == ["/jobs/j1"])
        page.context.close()


def test_a_job_for_a_worker_that_is_not_there_says_so_on_a_real_fleet(live: Live, open_page: OpenPage) -> None:
    song = live.upload(clip("song.wav"), "for-the-gpu.wav")
    wanted = {"input_file": song, "output_format": "mp3", "tags": ["gpu"]}
    job_id = live.api.post("/convert", json=wanted).json()["job_id"]
    try:
        page = open_page(live.address, language="es-ES")
        card = page.locator(f'[data-job="{job_id}"]')
        expect(card).to_contain_text("Espera: ningún worker tiene las etiquetas que pide")
        page.get_by_role("button", name="English").click()
        expect(card).to_contain_text("Waits: no worker has the tags it asks for")
        card.get_by_role("button", name="Cancel").click()
        expect(card).to_contain_text("Cancelled")
    finally:
        live.api.post(f"/jobs/{job_id}/cancel")
