"""`python -m bench.queues.client SIDE COUNT SINGLY`: submits and waits; prints what it measured as JSON."""

import importlib
import json
import sys
import time

from bench.queues import done

MOST_SECONDS = 120


def main(side: str, count: int, singly: int) -> None:
    submit = importlib.import_module(f"bench.queues.{side}").submit
    submit()  # the first one of a process is not measured
    _until(1)
    started_at = time.monotonic()
    for _ in range(count):
        submit()
    _until(1 + count)
    seconds = max(done.times()) - started_at
    delays = []
    for number in range(singly):
        asked_at = time.monotonic()
        submit()
        _until(2 + count + number)
        delays.append(done.times()[-1] - asked_at)
        time.sleep(0.002)  # until the worker waits again
    print(json.dumps({"seconds": seconds, "delays": delays}))


def _until(count: int) -> None:
    deadline = time.monotonic() + MOST_SECONDS
    while done.count() < count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{done.count()} of {count} jobs were done after {MOST_SECONDS} s")
        time.sleep(0.001)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
