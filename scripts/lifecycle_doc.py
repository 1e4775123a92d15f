"""Draws the part of docs/job-lifecycle.md that comes from the transition table: `python scripts/lifecycle_doc.py`."""

from pathlib import Path

from balanza.lifecycle import TRANSITIONS, JobStatus

DOCUMENT = Path(__file__).parents[1] / "docs" / "job-lifecycle.md"
BEGIN = "<!-- drawn from src/balanza/lifecycle.py by scripts/lifecycle_doc.py -->"
END = "<!-- end of the drawn part -->"


def drawn() -> str:
    """The diagram and the table of every transition, as Markdown."""
    arrows = [
        f"    {source} --> {transition.target}: {transition.action}"
        for transition in TRANSITIONS
        for source in JobStatus
        if source in transition.sources
    ]
    rows = [
        f"| `{transition.action}` | {_names(transition.sources)} | {transition.target} "
        f"| {transition.moved_by} | {transition.meaning} |"
        for transition in TRANSITIONS
    ]
    return "\n".join(
        [
            BEGIN,
            "",
            "```mermaid",
            "stateDiagram-v2",
            "    [*] --> pending: submit",
            *arrows,
            "```",
            "",
            "| action | from | to | who | what happens |",
            "|---|---|---|---|---|",
            *rows,
            "",
            END,
        ]
    )


def redrawn(text: str) -> str:
    """The document with its drawn part made anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + drawn() + after


def _names(statuses: frozenset[JobStatus]) -> str:
    return ", ".join(status for status in JobStatus if status in statuses)


if __name__ == "__main__":
    DOCUMENT.write_text(redrawn(DOCUMENT.read_text()))
