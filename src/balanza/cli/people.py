"""The commands of `balanza user` and their options."""

from pathlib import Path
from typing import Annotated

import typer

from balanza.cli.options import ASK, Json, settings_from

user_app = typer.Typer(
    context_settings=ASK,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Manage the accounts of a server, on the machine and in the folder where it runs.",
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="What is typed to log in, such as an e-mail address.")]
Data = Annotated[
    Path | None, typer.Option(metavar="DIR", help="The folder of the database and the files [BALANZA_DATA, or data].")
]
PasswordStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]


@user_app.command("add")
def add(
    name: Name,
    admin: Annotated[bool, typer.Option("--admin", help="With all rights.")] = False,
    password_stdin: PasswordStdin = False,
    data: Data = None,
) -> None:
    """Make an account. The first administrator gets what was in the server before it had accounts."""
    from balanza.cli import users
    from balanza.model import Role

    role = Role.ADMIN if admin else Role.USER
    users.add(settings_from(data=data), name, role, password_from_stdin=password_stdin)


@user_app.command("list")
def show(data: Data = None, as_json: Json = False) -> None:
    """List the accounts."""
    from balanza.cli import users

    users.show(settings_from(data=data), as_json=as_json)


@user_app.command("password")
def password(name: Name, password_stdin: PasswordStdin = False, data: Data = None) -> None:
    """Give somebody a new password, and log them out everywhere."""
    from balanza.cli import users

    users.set_password(settings_from(data=data), name, password_from_stdin=password_stdin)


@user_app.command("disable")
def disable(name: Name, data: Data = None) -> None:
    """Let somebody in no more, at once, and cancel their conversions. Their files stay."""
    from balanza.cli import users

    users.change(settings_from(data=data), name, disabled=True)


@user_app.command("enable")
def enable(name: Name, data: Data = None) -> None:
    """Let somebody in again."""
    from balanza.cli import users

    users.change(settings_from(data=data), name, disabled=False)


@user_app.command("delete")
def delete(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether you are sure.")] = False,
    data: Data = None,
) -> None:
    """Delete an account with all files, conversions and links, for ever."""
    from balanza.cli import users

    users.delete(settings_from(data=data), name, is_sure=yes)
