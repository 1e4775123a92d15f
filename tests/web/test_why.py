"""The dialog that says why a conversion is where it is."""

from dataclasses import replace

from playwright.sync_api import expect

from tests.support.clips import clip
from tests.support.live import Live
from tests.web.conftest import OpenPage
from tests.web.scenes import SCENES
from tests.web.stage import Stage


def test_it_names_the_chosen_one_the_policy_every_candidate_and_the_moves(open_page: OpenPage) -> None:
    with Stage(SCENES["why"]) as stage:
        page = open_page(stage.address, language="es-ES")
        page.get_by_role("button", name="¿Por qué holiday.mkv está donde está?").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("worker_a lo está convirtiendo.")
        choice, move = dialog.locator(".why > li").all()
        expect(choice).to_contain_text("Se eligió a worker_b.Por least_loaded: el que tiene menos trabajos")
        rows = choice.locator("tbody")
        expect(rows).to_have_count(3)
        expect(rows.first).to_have_class("chosen")
        expect(rows.nth(1)).to_contain_text("worker_a")
        expect(rows.nth(1)).to_contain_text("tenía 2 trabajos; worker_b, 0")
        expect(rows.nth(1)).to_contain_text("latido de hace 0,8")
        expect(move).to_contain_text("Pasó de worker_b a worker_a: worker_a no tenía nada que hacer.")
        expect(move).to_contain_text("Era el siguiente porque se preveía el más corto.")
        expect(rows.first).to_contain_text("listo en 4,0 s, según la predicción")
        expect(dialog).to_contain_text("Se prevé que dure 42 s en un worker normal")
        expect(move.locator("table")).to_be_hidden()
        move.locator("summary").click()
        expect(move.locator("table")).to_be_visible()
        expect(move.locator("[lang=en]")).to_have_text("is on strike")  # of a newer server than the page
        page.keyboard.press("Escape")
        expect(page.get_by_role("button", name="¿Por qué holiday.mkv")).to_be_focused()
        page.context.close()


def test_it_follows_the_job_while_it_is_open(open_page: OpenPage) -> None:
    with Stage(SCENES["why-waiting"]) as stage:
        page = open_page(stage.address)
        page.locator(".card").get_by_role("button", name="Why").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("Waits: no worker has the tags it asks for.")
        expect(dialog).to_contain_text(
            "No worker can take it: worker_a has no tag gpu; worker_b is offline; and 2 more."
        )
        expect(dialog).to_contain_text("Nobody could take it then: it went to the general queue.")
        expect(dialog).to_contain_text("low priority")
        expect(dialog).to_contain_text("one of several submitted together")
        (job,) = stage.scene.jobs
        running = {**job, "status": "processing", "worker_id": "worker_c", "waits_for": None}
        answer = {**stage.scene.decision, "status": "processing", "worker_id": "worker_c", "waits_for": None}
        stage.scene = replace(stage.scene, jobs=[running], decision=answer)
        stage.tell("job.leased", job_id=job["job_id"])
        expect(dialog).to_contain_text("worker_c is converting it.")
        stage.scene = replace(stage.scene, jobs=[{**running, "priority": 90}])
        stage.tell("job.leased", job_id=job["job_id"])
        expect(dialog).to_contain_text("priority 90")
        page.context.close()


def test_a_real_job_is_explained(live: Live, open_page: OpenPage) -> None:
    wanted = {"input_file": live.upload(clip("song.wav"), "explained.wav"), "output_format": "flac"}
    job_id = live.api.post("/convert", json=wanted).json()["job_id"]
    page = open_page(live.address)
    page.locator(f'[data-job="{job_id}"]').get_by_role("button", name="Why").click()
    first = page.get_by_role("dialog").locator(".why > li").first
    expect(first).to_contain_text("was chosen for it.")
    expect(first.locator("tbody")).to_have_count(2)
