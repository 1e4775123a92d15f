"""`balanza jobs`, `workers` and `why`: what a running server is doing and why, and telling it to do otherwise."""

from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from balanza.cli.options import ASK, DEFAULT_SERVER, Json
from balanza.lifecycle import JobStatus

if TYPE_CHECKING:
    from balanza.cli.api import Api

Server = Annotated[
    str | None, typer.Option("--server", envvar="BALANZA_SERVER", metavar="URL", help=f"The server [{DEFAULT_SERVER}].")
]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Keep showing, until Ctrl-C.")]
JobId = Annotated[str, typer.Argument(metavar="ID", help="The id of a job, or what it begins with.")]
WorkerId = Annotated[str, typer.Argument(metavar="ID", help="The id of a worker, such as worker_a.")]

jobs_app = typer.Typer(
    context_settings=ASK, rich_markup_mode=None, help="List the jobs of a running server, newest first."
)
workers_app = typer.Typer(context_settings=ASK, rich_markup_mode=None, help="List the workers of a running server.")


@jobs_app.callback(invoke_without_command=True)
def list_jobs(
    context: typer.Context,
    status: Annotated[JobStatus | None, typer.Option(help="Only those in this state.")] = None,
    worker: Annotated[str | None, typer.Option(metavar="ID", help="Only those of this worker.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=500, help="How many at most.")] = 50,
    watch: Watch = False,
    as_json: Json = False,
    server: Server = None,
) -> None:
    from balanza.cli import showing, tables

    context.obj = server
    if context.invoked_subcommand is None:
        asked = {"status": status.value if status else None, "worker": worker, "limit": limit}
        showing.show(_of(context), lambda api: api.get("/jobs", **asked), tables.jobs, watch=watch, as_json=as_json)


@jobs_app.command("show")
def show_job(context: typer.Context, job_id: JobId, as_json: Json = False, server: Server = None) -> None:
    """Show one job with the history of its attempts."""
    from balanza.cli import showing, tables

    showing.show(_of(context, server), lambda api: api.get(_path_of(api, job_id)), tables.job, as_json=as_json)


@jobs_app.command("cancel")
def cancel_job(context: typer.Context, job_id: JobId, as_json: Json = False, server: Server = None) -> None:
    """Cancel a job; a running conversion is killed."""
    from balanza.cli import showing

    showing.tell(
        _of(context, server),
        lambda api: api.post(f"{_path_of(api, job_id)}/cancel"),
        lambda job: f"Job {job['job_id']} is cancelled.",
        as_json=as_json,
    )


@jobs_app.command("retry")
def retry_job(context: typer.Context, job_id: JobId, as_json: Json = False, server: Server = None) -> None:
    """Try a failed or cancelled job again."""
    from balanza.cli import showing

    showing.tell(
        _of(context, server),
        lambda api: api.post(f"{_path_of(api, job_id)}/retry"),
        lambda job: f"Job {job['job_id']} is pending again.",
        as_json=as_json,
    )


@workers_app.callback(invoke_without_command=True)
def list_workers(context: typer.Context, watch: Watch = False, as_json: Json = False, server: Server = None) -> None:
    from balanza.cli import showing, tables

    context.obj = server
    if context.invoked_subcommand is None:
        showing.show(_of(context), lambda api: api.get("/workers/stats"), tables.workers, watch=watch, as_json=as_json)


@workers_app.command("drain")
def drain_worker(
    context: typer.Context,
    worker_id: WorkerId,
    grace: Annotated[
        float | None, typer.Option(min=0, metavar="SECONDS", help="Hand back what still runs then [it may finish].")
    ] = None,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """Let a worker take nothing new; it finishes what it runs."""
    from balanza.cli import showing

    within = "" if grace is None else f" within {grace:g} s"
    query = "" if grace is None else f"?grace_seconds={grace}"
    told = f"{worker_id} takes nothing new and finishes what it runs{within}."
    showing.tell(
        _of(context, server),
        lambda api: api.post(f"/workers/{_safe(worker_id)}/drain{query}"),
        lambda _: told,
        as_json=as_json,
    )


@workers_app.command("resume")
def resume_worker(context: typer.Context, worker_id: WorkerId, as_json: Json = False, server: Server = None) -> None:
    """Let a drained worker take jobs again."""
    from balanza.cli import showing

    showing.tell(
        _of(context, server),
        lambda api: api.post(f"/workers/{_safe(worker_id)}/resume"),
        lambda _: f"{worker_id} takes jobs again.",
        as_json=as_json,
    )


def why(job_id: JobId, as_json: Json = False, server: Server = None) -> None:
    """Say why a job is with its worker, and what it waits for."""
    from balanza.cli import explanation, showing

    showing.show(
        server or DEFAULT_SERVER,
        lambda api: api.get(f"{_path_of(api, job_id)}/decision"),
        explanation.explanation,
        as_json=as_json,
    )


def _of(context: typer.Context, server: str | None = None) -> str:
    """The server: `balanza jobs show ID --server URL` and `balanza jobs --server URL show ID` mean the same."""
    return server or context.obj or DEFAULT_SERVER


def _path_of(api: "Api", typed: str) -> str:
    """The path of the job whose id begins with what was typed."""
    return f"/jobs/{_safe(api.job_id(typed))}"


def _safe(name: str) -> str:
    """A part of a path, whatever was typed."""
    return quote(name, safe="") or "-"
