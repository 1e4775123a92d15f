"""What a figure should be, and by how much it is missed."""


def at_most(value: float, aim: float, unit: str = "") -> str:
    """What to print behind a figure that should be small."""
    return f"aim: at most {_written(aim, unit)}{_missed(value - aim, aim, unit)}"


def at_least(value: float, aim: float, unit: str = "") -> str:
    """What to print behind a figure that should be large."""
    return f"aim: at least {_written(aim, unit)}{_missed(aim - value, aim, unit)}"


def _missed(by: float, aim: float, unit: str) -> str:
    return f", missed by {_written(by, unit)} ({100 * by / aim:.0f} %)" if by > 0 else ", met"


def _written(value: float, unit: str) -> str:
    return f"{value:.3g} {unit}".strip()
