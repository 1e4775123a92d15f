"""The commands and their options. What a command does is imported when it runs."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from balanza.cli.asking import jobs_app, why, workers_app
from balanza.cli.options import ASK, DEFAULT_SERVER, Json, Pausing, settings_from
from balanza.cli.people import user_app
from balanza.cli.simulate import simulate

app = typer.Typer(
    help="Converts media files on a fleet of workers: each job goes to the least loaded one.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings=ASK,
)
app.add_typer(jobs_app, name="jobs")
app.add_typer(workers_app, name="workers")
app.add_typer(user_app, name="user")
app.command("why")(why)
app.command("simulate")(simulate)

Host = Annotated[
    str | None,
    typer.Option(help="The address to listen on: one of this computer's own [BALANZA_HOST, or 127.0.0.1]."),
]
Port = Annotated[
    int | None,
    typer.Option(min=0, max=65535, help="The port of page and API; 0 takes a free one [BALANZA_PORT, or 8000]."),
]
Data = Annotated[
    Path | None, typer.Option(metavar="DIR", help="The folder of the database and the files [BALANZA_DATA, or data].")
]
Slots = Annotated[int, typer.Option(min=1, help="How many conversions a worker runs at once.")]


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        from balanza import __version__

        typer.echo(f"balanza {__version__}")
        raise typer.Exit


@app.command()
def up(
    workers: Annotated[int, typer.Option(min=0, max=500, help="How many workers to start.")] = 2,
    slots: Slots = 1,
    host: Host = None,
    port: Port = None,
    data: Data = None,
    metrics_port: Annotated[
        int, typer.Option(min=0, max=65535, help="The metrics port of the first worker; 0 is none.")
    ] = 9101,
    pausing: Pausing = None,
) -> None:
    """Start the server and its workers, and keep them running. Ctrl-C stops them; nothing is lost."""
    from balanza.cli.up import Fleet
    from balanza.cli.up import up as start

    settings = settings_from(host=host, port=port, data=data, pausing=pausing)
    raise typer.Exit(start(settings, Fleet(workers, slots, metrics_port)))


@app.command()
def serve(host: Host = None, port: Port = None, data: Data = None) -> None:
    """Start the server alone: web page, API, and the queues that workers ask for jobs."""
    from balanza.server.main import serve as run

    run(settings_from(host=host, port=port, data=data))


@app.command()
def worker(
    worker_id: Annotated[
        str, typer.Option("--id", metavar="ID", envvar="BALANZA_WORKER_ID", help="The worker's name, such as worker_a.")
    ],
    server: Annotated[
        str, typer.Option(metavar="URL", envvar="BALANZA_SERVER", help="The server to work for.")
    ] = DEFAULT_SERVER,
    slots: Annotated[
        int, typer.Option(min=1, envvar="BALANZA_SLOTS", help="How many conversions it runs at once.")
    ] = 1,
    tag: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="What jobs can ask for, such as gpu; may be repeated [BALANZA_TAGS, with commas]."
        ),
    ] = None,
    grace: Annotated[
        float,
        typer.Option(
            min=0,
            metavar="SECONDS",
            envvar="BALANZA_GRACE_SECONDS",
            help="How long it may go on after SIGTERM; what still runs then goes back to the server.",
        ),
    ] = 30.0,
    metrics_port: Annotated[
        int, typer.Option(min=0, max=65535, envvar="BALANZA_METRICS_PORT", help="Metrics for Prometheus; 0 is none.")
    ] = 0,
    metrics_host: Annotated[
        str, typer.Option(metavar="ADDRESS", envvar="BALANZA_METRICS_HOST", help="Where it serves them.")
    ] = "127.0.0.1",
    pausing: Pausing = None,
    scratch: Annotated[Path | None, typer.Option(metavar="DIR", help="The folder to work in.")] = None,
) -> None:
    """Start one worker. It reaches its server over HTTP only. SIGTERM has it finish what it can, and leave."""
    import asyncio

    from balanza.worker.main import WorkerSettings, run_worker, tags_from

    settings = settings_from(pausing=pausing)
    asyncio.run(
        run_worker(
            WorkerSettings(
                server=server,
                worker_id=worker_id,
                slots=slots,
                tags=tags_from(tag),
                grace_seconds=grace,
                metrics_port=metrics_port,
                metrics_host=metrics_host,
                scratch=scratch or settings.scratch_folder,
                ffmpeg=settings.ffmpeg,
                stall_seconds=settings.stall_seconds,
                pausing=settings.pausing,
                fleet_token=settings.fleet_token.get_secret_value() if settings.fleet_token else None,
            )
        )
    )


@app.command()
def check(data: Data = None, as_json: Json = False) -> None:
    """List what was found, what each format needs, and what is missing."""
    from balanza.cli.check import check as look

    raise typer.Exit(look(settings_from(data=data), as_json=as_json))


@app.command()
def convert(  # noqa: PLR0913, PLR0917 - typer makes an option of each
    files: Annotated[list[str], typer.Argument(metavar="FILE", help="Files, folders, globs, or - for a pipe.")],
    to: Annotated[str, typer.Option("--to", "-t", metavar="FORMAT", help="The format to make, such as mp3 or mp4.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Where results go [beside their sources].")
    ] = None,
    jobs: Annotated[int | None, typer.Option("--jobs", "-j", min=1, help="How many at once [one per core].")] = None,
    force: Annotated[bool, typer.Option("--force", "-f", help="Overwrite what is there.")] = False,
    quality: Annotated[str | None, typer.Option("--quality", "-q", help="small, balanced or best.")] = None,
    option: Annotated[
        list[str] | None, typer.Option("--option", metavar="NAME=VALUE", help="Such as bitrate=192k; may be repeated.")
    ] = None,
    server: Annotated[
        str | None, typer.Option("--server", metavar="URL", help="Let a running server do the work.")
    ] = None,
    priority: Annotated[
        int | None,
        typer.Option(min=0, max=100, help="With --server: a higher one goes first; above 50 for administrators [50]."),
    ] = None,
    goal: Annotated[
        Literal["slowdown", "makespan"] | None,
        typer.Option(
            help="With --server and several files: each as early as possible, the shortest first; or all, the longest "
            "first, once all are uploaded [slowdown]."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Convert files. No server is needed."""
    from balanza.cli.convert import Way, options_from
    from balanza.cli.convert import convert as run
    from balanza.cli.inputs import Wanted

    wanted = Wanted(to, options_from(quality, option or []), jobs, priority, goal)
    raise typer.Exit(run(files, wanted, Way(output, force, server, as_json), settings_from()))
