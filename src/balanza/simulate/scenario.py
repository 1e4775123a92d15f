"""A scenario as it is written down: fleet, jobs and mishaps, with a sentence for everything that cannot be."""

import tomllib
from math import exp
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from balanza.balancer.order import Order
from balanza.balancer.policies import POLICIES
from balanza.errors import InvalidRequest
from balanza.simulate.rules import Rules

MOST_WORKERS = 10_000
MOST_JOBS = 2_000_000

_Positive = Annotated[float, Field(ge=1e-9, le=1e9, allow_inf_nan=False)]
_NotNegative = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Workers(_Part):
    """Several that are alike, or between two speeds."""

    count: int = Field(default=1, ge=1, le=MOST_WORKERS)
    speed: _Positive = 1.0
    """How many times as fast as a worker of speed 1, each slot by itself."""
    fastest: _Positive | None = None
    """The last one's speed; those between have speeds between."""
    slots: int = Field(default=1, ge=1, le=1000)


class Size(_Part):
    """How long jobs take on a worker of speed 1."""

    distribution: Literal["lognormal", "exponential", "fixed"] = "lognormal"
    median_seconds: _Positive | None = None
    """Of a log-normal one; or its mean."""
    mean_seconds: _Positive = 29.0
    sigma: Annotated[float, Field(ge=0, le=4)] = 1.6

    @property
    def median(self) -> float:
        """Of a log-normal distribution."""
        return self.median_seconds or self.mean_seconds / exp(self.sigma**2 / 2)

    @property
    def mean(self) -> float:
        if self.distribution == "lognormal":
            return self.median * exp(self.sigma**2 / 2)
        return self.mean_seconds


class Jobs(_Part):
    """Those that come one after the other; at once when neither `load` nor `per_second` is given."""

    count: int = Field(default=10_000, ge=0, le=MOST_JOBS)
    load: Annotated[float, Field(gt=0, le=10)] | None = None
    """Of the whole fleet's speed: 0.9 is nine tenths of what it can do."""
    per_second: _Positive | None = None
    size: Size = Size(median_seconds=8.0)
    prediction_sigma: Annotated[float, Field(ge=0, le=4)] = 0.0
    """Predictions are off by log-normal factors of this sigma: 0.5 is a factor of 1.65 either way."""
    batch: bool = False
    """They ask for the shortest total time."""
    warm_up: int = Field(default=0, ge=0, le=MOST_JOBS)
    """The first so many are run, and not counted in the means."""

    @model_validator(mode="after")
    def _one_rate(self) -> Self:
        if self.load is not None and self.per_second is not None:
            raise ValueError("give load or per_second, not both")
        if self.warm_up and self.warm_up >= self.count:
            raise ValueError("warm_up must leave jobs to measure: it is not less than count")
        return self


class Owner(_Part):
    """Whose jobs come one after the other, in proportion to `share`."""

    name: str = Field(min_length=1, max_length=100)
    share: _Positive = 1.0


class Burst(_Part):
    """Many jobs at once."""

    at_seconds: _NotNegative = 0.0
    jobs: int = Field(ge=1, le=MOST_JOBS)
    owner: str = "burst"
    size: Size | None = None
    batch: bool = False


class Slowdown(_Part):
    """One worker changes its speed, for a while or for good."""

    worker: int = Field(default=1, ge=1)
    """Its number, from 1."""
    at_seconds: _NotNegative = 0.0
    factor: _Positive = 0.125
    for_seconds: _Positive | None = None


class Failures(_Part):
    """Workers vanish in the middle of their jobs, and come back."""

    every_seconds: _Positive
    """Of one worker, on average; exponentially distributed."""
    down_seconds: _Positive = 60.0


class Scenario(_Part):
    """The file that `balanza simulate` reads."""

    seed: int = Field(default=1, ge=0)
    workers: tuple[Workers, ...] = Field(min_length=1)
    jobs: Jobs = Jobs(load=0.9, prediction_sigma=0.5)
    owners: tuple[Owner, ...] = ()
    bursts: tuple[Burst, ...] = ()
    slowdowns: tuple[Slowdown, ...] = ()
    failures: Failures | None = None
    sample_seconds: _NotNegative = 5.0
    """How old a CPU load can be; job counts are live."""
    speeds_known: bool = False
    """The server has learned already how fast each worker is."""
    policy: str = "least_loaded"
    order: Order = Order.BALANCED
    pausing: bool = True

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        size = sum(some.count for some in self.workers)
        if not 1 <= size <= MOST_WORKERS:
            raise ValueError(f"{size} workers are too many; at most {MOST_WORKERS} are simulated")
        if self.policy not in POLICIES:
            raise ValueError(f"there is no policy {self.policy}; there are {', '.join(POLICIES)}")
        if self.jobs.count + sum(burst.jobs for burst in self.bursts) < 1:
            raise ValueError("there are no jobs")
        late = [one.worker for one in self.slowdowns if one.worker > size]
        if late:
            raise ValueError(f"slowdowns name worker {late[0]}, and there are {size}")
        return self

    @property
    def rules(self) -> Rules:
        return Rules(self.policy, self.order, self.pausing)

    @property
    def speeds(self) -> list[tuple[float, int]]:
        """Of each worker its speed and its slots."""
        return [
            (some.speed + (some.fastest - some.speed) * at / (some.count - 1), some.slots)
            if some.fastest is not None and some.count > 1
            else (some.speed, some.slots)
            for some in self.workers
            for at in range(some.count)
        ]

    @property
    def top_speeds(self) -> list[tuple[float, int]]:
        """Of each worker at its best: a factor above 1 makes it faster."""
        best = [1.0] * len(self.speeds)
        for change in self.slowdowns:
            best[change.worker - 1] *= max(1.0, change.factor)
        return [(speed * factor, slots) for (speed, slots), factor in zip(self.speeds, best, strict=True)]

    @property
    def arrivals_per_second(self) -> float:
        """0: all at once."""
        if self.jobs.load is None:
            return self.jobs.per_second or 0.0
        return self.jobs.load * sum(speed * slots for speed, slots in self.speeds) / self.jobs.size.mean


def read(text: str) -> Scenario:
    """Raises InvalidRequest, with a sentence that names what is wrong."""
    try:
        return scenario_from(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise InvalidRequest(f"The scenario is not TOML: {error}.") from error


def scenario_from(values: dict[str, Any]) -> Scenario:
    """Raises InvalidRequest, with a sentence that names what is wrong."""
    try:
        return Scenario.model_validate(values)
    except ValidationError as error:
        raise InvalidRequest(f"The scenario cannot be simulated: {_sentence(error)}.") from error


def _sentence(error: ValidationError) -> str:
    wrong = error.errors()[0]
    where = ".".join(str(part + 1 if isinstance(part, int) else part) for part in wrong["loc"])
    if wrong["type"] in _SAID:
        return _SAID[wrong["type"]].format(where)
    said = wrong["msg"].removeprefix("Value error, ")
    if wrong["type"] == "value_error":
        return f"{where}: {said}" if where else said
    return f"{where} cannot be {wrong['input']!r}: {said[0].lower()}{said[1:]}"


_SAID = {
    "extra_forbidden": "there is no setting {0}",
    "missing": "{0} is missing",
    "too_short": "there are no {0}",
    "tuple_type": "{0} is not written as [[{0}]], once for each",
    "model_type": "{0} is not written as a part with settings of its own",
}
"""By pydantic's name of what is wrong."""
