"""The page as a person uses it, in either language: what is pressed and what is read, by the words on the screen."""

from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Locator, Page, Response, expect


@dataclass(frozen=True)
class Words:
    locale: str
    choose: str
    convert: str
    start: str
    play: str
    delete: str
    more: str
    cancel: str
    retry: str
    completed: str
    failed: str
    cancelled: str
    converting: str
    assigned_to: str
    processed_by: str


SPANISH = Words(
    locale="es-ES",
    choose="Elegir archivos",
    convert="Convertir",
    start="Empezar",
    play="Reproducir",
    delete="Borrar",
    more="Más para",
    cancel="Cancelar",
    retry="Reintentar",
    completed="Completada",
    failed="Fallida",
    cancelled="Cancelada",
    converting="Convirtiendo",
    assigned_to="🎯 Asignado a: worker_",
    processed_by="⚙️ Procesado por: worker_",
)
ENGLISH = Words(
    locale="en-GB",
    choose="Choose files",
    convert="Convert",
    start="Start",
    play="Play",
    delete="Delete",
    more="More for",
    cancel="Cancel",
    retry="Try again",
    completed="Completed",
    failed="Failed",
    cancelled="Cancelled",
    converting="Converting",
    assigned_to="🎯 Assigned to: worker_",
    processed_by="⚙️ Processed by: worker_",
)

_LISTED = """async () => {
  const query = new URLSearchParams([...new URLSearchParams(location.search), ['limit', 50]]);
  const get = async (address) => (await fetch(address)).json();
  const [{ media }, { jobs }] = await Promise.all([get(`media?${query}`), get('jobs?limit=50')]);
  return [media.length, jobs.length];
}"""
"""How many files and conversions the page shows."""


def wait_until_drawn(page: Page) -> None:
    """The lists are drawn a few rows at a time; afterwards they are whole."""
    expect(page.locator(".row, .empty").first).to_be_visible()
    files, conversions = page.evaluate(_LISTED)
    expect(page.locator(".row")).to_have_count(files)
    expect(page.locator(".card[data-job]")).to_have_count(conversions)


class Screen:
    """One open page."""

    def __init__(self, page: Page, words: Words) -> None:
        self.page = page
        self.words = words
        # Choosers are caught only once Chromium has been told to, which takes a while: so from the start.
        page.on("filechooser", lambda _: None)
        wait_until_drawn(page)

    def add(self, *files: Path) -> None:
        """Uploads, and waits until all are in the library."""
        before = self.page.locator(".row").count()
        self.upload(*files)
        expect(self.page.locator(".row")).to_have_count(before + len(files))

    def upload(self, *files: Path) -> None:
        with self.page.expect_file_chooser() as chooser:
            self.page.get_by_role("button", name=self.words.choose).click()
        chooser.value.set_files(list(files))

    def row(self, name: str) -> Locator:
        """The newest file of that name in the library."""
        return self.page.locator(".row", has=self.page.get_by_text(name, exact=True)).first

    def card(self, name: str) -> Locator:
        """The newest conversion of the file of that name."""
        return self.page.locator(".card[data-job]", has=self.page.get_by_text(name, exact=True)).first

    def more(self, name: str, action: str) -> Locator:
        """Chooses from the row's menu; answers the dialog."""
        self.row(name).get_by_role("button", name=f"{self.words.more} {name}").click()
        self.row(name).get_by_role("button", name=action).click()
        return self.page.get_by_role("dialog")

    def convert(self, name: str, output_format: str) -> Locator:
        """Converts through the dialog; answers the new card."""
        before = self.page.locator(".card[data-job]").count()
        self.row(name).get_by_role("button", name=f"{self.words.convert} {name}").click()
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_role("combobox").select_option(output_format)
        dialog.get_by_role("button", name=self.words.start).click()
        expect(dialog).to_have_count(0)
        expect(self.page.locator(".card[data-job]")).to_have_count(before + 1)
        return self.page.locator(f'[data-job="{self.card(name).get_attribute("data-job")}"]')


def partial_answers(page: Page) -> list[Response]:
    """Fills with the answers to requests for a part of a file, from now on."""
    found: list[Response] = []
    page.on("response", lambda response: found.append(response) if response.status == 206 else None)
    return found
