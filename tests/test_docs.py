"""What the documentation says of the code is what the code says."""

from scripts.lifecycle_doc import DOCUMENT, redrawn


def test_the_lifecycle_page_is_drawn_from_the_transition_table() -> None:
    text = DOCUMENT.read_text()
    assert text == redrawn(text), "run: python scripts/lifecycle_doc.py"
