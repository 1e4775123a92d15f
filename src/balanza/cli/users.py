"""`balanza user`: accounts, straight in the database, for whoever runs the server. The server may run meanwhile."""

import json
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from getpass import getpass
from pathlib import Path

from rich.text import Text

from balanza.cli.report import human_bytes
from balanza.cli.tables import console, table_of
from balanza.dispatch.accounts import LONGEST_PASSWORD, Accounts, Newcomer
from balanza.errors import InvalidRequest, StartupError
from balanza.model import Role, User
from balanza.settings import Settings
from balanza.store.accounts import Usage
from balanza.store.database import Database


def add(settings: Settings, name: str, role: Role, *, password_from_stdin: bool) -> None:
    """Makes an account; the first administrator gets the files that were there before. Raises BalanzaError."""
    with _opened(settings, may_be_new=True) as accounts:
        user = accounts.add(Newcomer(name, _password(from_stdin=password_from_stdin)), role)
    sys.stdout.write(f"Made the account {user.name} ({user.role}).\n")
    if not settings.has_accounts:
        sys.stdout.write("The server asks who one is when it is started with BALANZA_AUTH=on.\n")


def set_password(settings: Settings, name: str, *, password_from_stdin: bool) -> None:
    """Afterwards that person is logged out everywhere. Raises BalanzaError."""
    with _opened(settings) as accounts:
        user = accounts.named(name)
        accounts.set_password(user, _password(from_stdin=password_from_stdin))
    sys.stdout.write(f"{user.name} has a new password and is logged out everywhere.\n")


def change(settings: Settings, name: str, *, disabled: bool | None = None, role: Role | None = None) -> None:
    """Raises BalanzaError."""
    with _opened(settings) as accounts:
        user, _ = accounts.change(accounts.named(name).id, disabled=disabled, role=role)
    state = "disabled" if user.disabled_at else "enabled"
    sys.stdout.write(f"{user.name} is {user.role}, {state}.\n")


def delete(settings: Settings, name: str, *, is_sure: bool) -> None:
    """The account and all that is theirs; a server removes the bytes within minutes, those of uploads that were
    not complete within a day. Raises BalanzaError."""
    with _opened(settings) as accounts:
        user = accounts.named(name)
        if not is_sure and not _is_sure(user):
            raise InvalidRequest("Nothing was deleted.")
        accounts.remove(user.id)
    sys.stdout.write(f"{user.name} is deleted, with all files, conversions and links.\n")


def show(settings: Settings, *, as_json: bool) -> None:
    """Lists the accounts. Raises BalanzaError."""
    with _opened(settings) as accounts:
        found = accounts.list_users()
    if as_json:
        sys.stdout.write(json.dumps([_entry(user, used) for user, used in found], indent=2) + "\n")
        return
    if not found:
        console().print(Text("There are no accounts. Make one with `balanza user add NAME --admin`."))
        return
    table = table_of("name", "role", "state", ">files", ">stored", ">live jobs")
    for user, used in found:
        state = "disabled" if user.disabled_at else "enabled"
        row = (user.name or "", user.role, state, str(used.files), human_bytes(used.stored_bytes), str(used.live_jobs))
        table.add_row(*row)
    console().print(table)


def _entry(user: User, used: Usage) -> dict[str, object]:
    return {
        "id": user.id,
        "name": user.name,
        "role": user.role,
        "disabled": user.disabled_at is not None,
        "files": used.files,
        "stored_bytes": used.stored_bytes,
        "live_jobs": used.live_jobs,
    }


@contextmanager
def _opened(settings: Settings, *, may_be_new: bool = False) -> Iterator[Accounts]:
    if isinstance(settings.database, Path) and not settings.database.exists() and not may_be_new:
        raise StartupError(
            f"There is no database {settings.database}. Run this where the server runs, or name its folder with --data."
        )
    with closing(Database.open(settings.database, checkpoints=False)) as database:
        yield Accounts(database, settings)


def _is_sure(user: User) -> bool:
    """Raises StartupError when there is nobody to ask."""
    if not sys.stdin.isatty():
        raise StartupError("There is nobody to ask whether you are sure. Say so with --yes.")
    return input(f"All of {user.name} is deleted for ever. Type the name to go on: ") == user.name


def _password(*, from_stdin: bool) -> str:
    """Typed twice, unseen; or the first line of standard input. Never an argument: those everybody can read."""
    if from_stdin:
        return sys.stdin.readline(LONGEST_PASSWORD + 2).rstrip("\n")
    if not sys.stdin.isatty():
        raise StartupError("There is nobody to type the password. Give it on standard input with --password-stdin.")
    password = getpass("Password: ")
    if getpass("Again: ") != password:
        raise InvalidRequest("The two passwords differ. Nothing was changed; try again.")
    return password
