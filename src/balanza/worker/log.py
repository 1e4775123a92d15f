"""The log of a worker."""

import logging
from collections.abc import MutableMapping
from typing import Any


class NamedLog(logging.LoggerAdapter[logging.Logger]):
    """Begins each line with the worker's id, as the seed shows it."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        return f"[{(self.extra or {}).get('worker_id')}] {msg}", kwargs
