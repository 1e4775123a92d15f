"""What can be set from outside: each field is the environment variable BALANZA_<NAME>."""

import ipaddress
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

PolicyName = Literal["least_loaded", "earliest_finish", "power_of_two", "round_robin", "random"]
OrderName = Literal["balanced", "fifo", "lpt"]
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
    pausing: bool = True
    """Whether a long conversion pauses for a short job when all slots of its worker are taken."""
    trash_days: float = Field(default=7.0, ge=0, le=3650)
    """How long a deleted file can be taken back from the trash."""
    events_kept: int = Field(default=100_000, ge=1000)
    """How many events a client that was away can still catch up on."""

    policy: PolicyName = "least_loaded"
    """How a worker is chosen for a job; docs/balancing.md says what each guarantees."""
    order: OrderName = "balanced"
    """Which pending job runs next: fair and short ones first, in order of arrival, or the longest first."""
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
    public_url: str | None = None
    """Where people reach the server when a proxy stands before it, e.g. https://media.example.org/balanza."""
    trusted_proxies: str = ""
    """Addresses of proxies, separated by commas, whose X-Forwarded-For and X-Forwarded-Proto are believed."""

    auth: Literal["auto", "on", "off"] = "auto"
    """Whether people log in. `auto`: when others than this computer can reach the server."""
    signup: Literal["open", "invitation", "closed"] = "invitation"
    """Who can make an account."""
    public_stats: bool | None = None
    """Whether anybody may read /workers/stats; without a value, only where nobody logs in."""
    fleet_token: SecretStr | None = None
    """The secret that workers show to a server with accounts, the same on both sides."""
    token: SecretStr | None = None
    """The API token that `balanza jobs`, `why`, `workers` and `convert --server` show."""
    quota_bytes: int | None = Field(default=None, ge=0)
    """How much each person may store, unless an administrator allows them something else."""
    quota_jobs: int | None = Field(default=None, ge=0)
    """How many jobs of each person may be pending or running."""
    oidc_issuer: str | None = None
    """An OpenID Connect provider to log in through, e.g. https://id.example.org."""
    oidc_client_id: str | None = None
    oidc_client_secret: SecretStr | None = None
    oidc_name: str = "OpenID Connect"
    """What the button that leads there says."""

    @property
    def has_accounts(self) -> bool:
        return self.auth == "on" or (self.auth == "auto" and not is_loopback(self.host))

    @property
    def has_public_stats(self) -> bool:
        return not self.has_accounts if self.public_stats is None else self.public_stats

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


@lru_cache(maxsize=100)
def is_loopback(name: str) -> bool:
    """Whether a host name or address always means this very computer (RFC 6761 section 6.3 for the name)."""
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
