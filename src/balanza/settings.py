"""What can be set from outside: each field is the environment variable BALANZA_<NAME>."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

PolicyName = Literal["least_loaded", "power_of_two", "round_robin", "random"]
Seconds = Annotated[float, Field(gt=0, le=30 * 86400)]
"""A duration. Bounded, because a date that much later must still be one."""


class Settings(BaseSettings):
    """Settings of the server and of its workers. Times are in seconds."""

    model_config = SettingsConfigDict(env_prefix="BALANZA_", frozen=True)

    data: Path = Path("data")
    """The folder that holds the database and the stored files."""
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    database_url: str | None = None
    """A SQLAlchemy URL (`postgresql+psycopg://…`); without one, SQLite inside `data`."""
    ffmpeg: str | None = None
    """The ffmpeg program; without one, the program that imageio-ffmpeg brings."""

    heartbeat_seconds: Seconds = 1.0
    offline_after_seconds: Seconds = 5.0
    """Silent for this long, a worker is offline: five missed heartbeats."""
    lease_seconds: Seconds = 10.0
    """How long a lease lasts without a heartbeat: twice the time after which its worker is offline."""
    max_attempts: int = Field(default=3, ge=1)
    stall_seconds: Seconds = 60.0
    """A conversion without any progress for this long is killed, and its attempt has failed."""
    trash_days: float = Field(default=7.0, ge=0, le=3650)
    """How long a deleted file can be taken back from the trash."""
    events_kept: int = Field(default=100_000, ge=1000)
    """How many events a client that was away can still catch up on."""

    policy: PolicyName = "least_loaded"
    """How a worker is chosen for a job; docs/balancing.md says what each guarantees."""
    decisions_kept: int = Field(default=20_000, ge=100)
    """How many decisions about jobs that have ended are kept."""
    quarantine_after: int = Field(default=3, ge=1)
    """A worker that failed at so many jobs that others completed, without a success between, gets no more for now."""
    quarantine_seconds: Seconds = 60.0
    """The first time; doubled each time in a row, up to an hour."""

    prometheus_url: str | None = None
    """A Prometheus that scrapes the workers, e.g. http://127.0.0.1:9090; without one, heartbeats tell their load."""
    prometheus_scrape_seconds: Seconds = 5.0
    """How often it scrapes them. A sample older than three scrapes says nothing any more."""

    allowed_hosts: str = ""
    """Names, separated by commas, under which others in a private network reach the server, e.g. `api`."""

    @property
    def storage_folder(self) -> Path:
        return self.data / "storage"

    @property
    def scratch_folder(self) -> Path:
        return self.data / "scratch"

    @property
    def database(self) -> str | Path:
        """A URL, or the file of SQLite."""
        return self.database_url or self.data / "balanza.db"
