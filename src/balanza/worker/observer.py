"""Who measures a worker."""

from typing import Literal, Protocol

from balanza.protocol import Load


class Observer(Protocol):
    """Is told of what happens; every method must return at once."""

    def measured(self, load: Load) -> None: ...

    def running(self, jobs: int) -> None: ...

    def ended(self, status: Literal["success", "failed"], seconds: float) -> None: ...
