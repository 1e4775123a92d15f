"""Sessions, tokens, invitations and log-ins as time passes, on each database."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from balanza.dispatch.accounts import Accounts, Newcomer
from balanza.dispatch.login import Caller, Login, network_of
from balanza.errors import Conflict, NotFound, TooManyAttempts, WrongLogin
from balanza.model import LOCAL_USER, Role, Scope, User
from balanza.store import credentials
from tests.dispatch.conftest import World
from tests.store.test_races import together

PASSWORD = "a word after another"
HERE = Caller("192.0.2.1", "a test")


@pytest.fixture
def accounts(world: World) -> Accounts:
    settings = world.desk.settings.model_copy(update={"auth": "on"})
    return Accounts(world.desk.database, settings, world.clock, world.desk.settle)


@pytest.fixture
def login(world: World, accounts: Accounts) -> Login:
    return Login(world.desk.database, accounts, world.clock)


def test_a_session_lasts_thirty_days_after_it_was_last_used(world: World, accounts: Accounts, login: Login) -> None:
    user = accounts.add(Newcomer("berta", PASSWORD), Role.USER)
    secret = login.start_session(user, HERE)

    for _ in range(2):
        world.clock.pass_seconds(29 * 86400)
        principal = login.principal_of(secret)
        assert principal is not None
        assert (principal.user_id, principal.scope) == (user.id, Scope.CONVERT)
    world.clock.pass_seconds(30 * 86400)
    assert login.principal_of(secret) is None


def test_of_each_account_the_newest_browsers_are_known(
    world: World, accounts: Accounts, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("balanza.dispatch.login.MOST_DEVICES", 2)
    berta, carla = (accounts.add(Newcomer(name, PASSWORD), Role.USER) for name in ("berta", "carla"))
    devices = []
    for user in (carla, berta, berta, berta):
        devices.append((user, login.keep_device(user, HERE)))
        world.clock.pass_seconds(1)
    for _ in range(20):
        for user in (carla, berta):
            with pytest.raises(WrongLogin):
                login.log_in(user.name or "", "wrong", HERE)

    def may_try(user: User, device: str) -> bool:
        try:
            login.log_in(user.name or "", PASSWORD, replace(HERE, device=device))
        except TooManyAttempts:
            return False
        return True

    assert [may_try(*one) for one in devices] == [True, False, True, True]


def test_a_token_lasts_as_long_as_was_said(world: World, accounts: Accounts, login: Login) -> None:
    user = accounts.add(Newcomer("berta", PASSWORD), Role.USER)
    principal = login.principal_of(login.start_session(user, HERE))
    assert principal is not None
    _, short = login.make_token(principal, "short", Scope.READ, timedelta(days=1))
    _, long = login.make_token(principal, "long", Scope.READ, None)

    world.clock.pass_seconds(86400)

    assert login.principal_of(short) is None
    assert login.principal_of(long) is not None
    assert [token.used_at for token in login.tokens(principal) if token.name == "long"] == [world.clock.now]


def test_an_invitation_is_over_after_its_time(world: World, accounts: Accounts) -> None:
    accounts.add(Newcomer("ana", PASSWORD), Role.ADMIN)
    _, secret = accounts.invite(Role.USER, timedelta(hours=1), LOCAL_USER)

    world.clock.pass_seconds(3600)

    with pytest.raises(NotFound, match="too old"):
        accounts.sign_up(Newcomer("berta", PASSWORD), secret)


def test_log_ins_are_tried_again_after_a_quarter_of_an_hour(
    world: World, accounts: Accounts, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("balanza.dispatch.login.ATTEMPTS_OF_ACCOUNT", 1)
    accounts.add(Newcomer("berta", PASSWORD), Role.USER)
    with pytest.raises(WrongLogin):
        login.log_in("berta", "wrong", HERE)
    world.clock.pass_seconds(10)
    with pytest.raises(TooManyAttempts) as refused:
        login.log_in("berta", PASSWORD, HERE)
    assert refused.value.retry_after_seconds == 890

    world.clock.pass_seconds(890)

    assert login.log_in("berta", PASSWORD, HERE).name == "berta"


def test_of_people_who_use_one_invitation_at_once_one_gets_in(world: World, accounts: Accounts) -> None:
    accounts.add(Newcomer("ana", PASSWORD), Role.ADMIN)
    _, secret = accounts.invite(Role.USER, timedelta(hours=1), LOCAL_USER)

    def sign_up(name: str) -> str:
        try:
            return accounts.sign_up(Newcomer(name), secret).name or ""
        except NotFound:
            return "refused"

    made = together(*[lambda name=name: sign_up(name) for name in ("berta", "carla", "dora")])

    assert sorted(made).count("refused") == 2
    assert len(accounts.list_users()) == 2


def test_the_first_administrator_is_whose_the_files_are_and_only_that_one(accounts: Accounts) -> None:
    user = accounts.add(Newcomer("berta", PASSWORD), Role.USER)
    first = accounts.add(Newcomer("ana", PASSWORD), Role.ADMIN)
    second = accounts.add(Newcomer("anton", PASSWORD), Role.ADMIN)

    assert first.id == LOCAL_USER
    assert LOCAL_USER not in {user.id, second.id}


def test_the_link_for_the_first_administrator_is_good_for_no_second_one(accounts: Accounts) -> None:
    secret = accounts.invite_first()
    assert secret is not None
    accounts.add(Newcomer("ana", PASSWORD), Role.ADMIN)

    with pytest.raises(NotFound):
        accounts.look_at_invitation(secret)
    with pytest.raises(NotFound):
        accounts.sign_up(Newcomer("berta", PASSWORD), secret)


def test_a_name_is_one_person_however_it_is_written(accounts: Accounts) -> None:
    accounts.add(Newcomer("José", PASSWORD), Role.USER)

    for name in ("José", "JOSÉ", " josé "):
        with pytest.raises(Conflict, match="josé is taken"):
            accounts.add(Newcomer(name, PASSWORD), Role.USER)
        assert accounts.named(name).name == "josé"


def test_what_is_over_is_forgotten(world: World, accounts: Accounts, login: Login) -> None:
    user = accounts.add(Newcomer("ana", PASSWORD), Role.ADMIN)
    secret = login.start_session(user, HERE)
    accounts.invite(Role.USER, timedelta(hours=1), user.id)
    with pytest.raises(WrongLogin):
        login.log_in("ana", "wrong", HERE)
    world.clock.pass_seconds(31 * 86400)

    world.upkeep.run_once()

    assert login.principal_of(secret) is None
    assert accounts.invitations() == []
    later = world.clock.now + timedelta(minutes=1)
    count = world.desk.database.write(
        lambda tx: credentials.count_login(tx, "address 192.0.2.1", world.clock.now, later)
    )
    assert count == (1, later)


@pytest.mark.parametrize("change", [{"role": Role.USER}, {"disabled": True}])
def test_two_administrators_who_demote_each_other_at_once_leave_one(
    world: World, accounts: Accounts, change: dict[str, Any]
) -> None:
    ids = [accounts.add(Newcomer(name, None), Role.ADMIN).id for name in ("ana", "anton")]

    def demote(user_id: str) -> bool:
        try:
            accounts.change(user_id, **change)
        except Conflict:
            return False
        return True

    for _ in range(3):
        assert sorted(together(*[lambda one=one: demote(one) for one in ids])) == [False, True]
        for one in ids:
            accounts.change(one, role=Role.ADMIN, disabled=False)


def test_a_name_in_capitals_of_two_marks_is_the_same_name(accounts: Accounts) -> None:
    accounts.add(Newcomer("\u03b9\u0308\u0301", None), Role.USER)

    with pytest.raises(Conflict, match="is taken"):
        accounts.add(Newcomer("\u0399\u0308\u0301", None), Role.USER)


@pytest.mark.parametrize("change", [{"role": Role.USER}, {"disabled": True}])
def test_who_is_no_administrator_any_more_has_invited_nobody(accounts: Accounts, change: dict[str, Any]) -> None:
    accounts.add(Newcomer("ana", None), Role.ADMIN)
    other = accounts.add(Newcomer("anton", None), Role.ADMIN)
    _, secret = accounts.invite(Role.ADMIN, timedelta(hours=1), other.id)
    _, kept = accounts.invite(Role.USER, timedelta(hours=1), LOCAL_USER)

    accounts.change(other.id, **change)

    with pytest.raises(NotFound):
        accounts.sign_up(Newcomer("berta", PASSWORD), secret)
    assert accounts.sign_up(Newcomer("berta", PASSWORD), kept).name == "berta"
    assert [one.created_by for one in accounts.invitations()] == [LOCAL_USER]


def test_once_sign_up_is_closed_no_invitation_is_good(world: World, accounts: Accounts) -> None:
    accounts.add(Newcomer("ana", None), Role.ADMIN)
    _, secret = accounts.invite(Role.USER, timedelta(hours=1), LOCAL_USER)
    settings = world.desk.settings.model_copy(update={"auth": "on", "signup": "closed"})

    with pytest.raises(NotFound):
        Accounts(world.desk.database, settings, world.clock).sign_up(Newcomer("berta", PASSWORD), secret)


def test_nothing_is_hashed_for_whom_nobody_has_invited(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts.add(Newcomer("ana", None), Role.ADMIN)
    monkeypatch.setattr("balanza.dispatch.passwords.hash_of", lambda _: pytest.fail("hashed"))

    with pytest.raises(NotFound):
        accounts.sign_up(Newcomer("berta", PASSWORD), "bai_none")


def test_an_address_that_tried_too_often_locks_out_nobody(
    accounts: Accounts, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("balanza.dispatch.login.ATTEMPTS_OF_ACCOUNT", 3)
    monkeypatch.setattr("balanza.dispatch.login.ATTEMPTS_FROM_ADDRESS", 1)
    accounts.add(Newcomer("berta", PASSWORD), Role.USER)
    with pytest.raises(WrongLogin):
        login.log_in("nobody", "wrong", HERE)

    for _ in range(4):
        with pytest.raises(TooManyAttempts):
            login.log_in("berta", "wrong", HERE)

    assert login.log_in("berta", PASSWORD, Caller("192.0.2.2")).name == "berta"


@pytest.mark.parametrize(
    ("first", "second", "are_one"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("x" * 1000, "x" * 999, False),
    ],
)
def test_whoever_has_a_network_of_ipv6_is_one_address(first: str, second: str, are_one: bool) -> None:
    assert (network_of(first) == network_of(second)) is are_one
    assert len(network_of(first)) <= 64


def test_from_one_network_accounts_are_tried_and_made_so_often_and_no_more(
    login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("balanza.dispatch.login.ATTEMPTS_FROM_ADDRESS", 1)
    here, there, elsewhere = (Caller(address) for address in ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"))
    with pytest.raises(WrongLogin):
        login.log_in("nobody", "wrong", here)
    with pytest.raises(TooManyAttempts):
        login.log_in("somebody", "wrong", there)
    with pytest.raises(NotFound):
        login.sign_up(Newcomer("berta", PASSWORD), "bai_none", here)
    with pytest.raises(TooManyAttempts):
        login.sign_up(Newcomer("berta", PASSWORD), "bai_none", there)
    with pytest.raises(NotFound):
        login.sign_up(Newcomer("berta", PASSWORD), "bai_none", elsewhere)


def test_who_is_locked_out_by_others_can_still_change_the_password(
    accounts: Accounts, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("balanza.dispatch.login.ATTEMPTS_OF_ACCOUNT", 1)
    user = accounts.add(Newcomer("berta", PASSWORD), Role.USER)
    principal = login.principal_of(login.start_session(user, HERE))
    assert principal is not None
    for _ in range(2):
        with pytest.raises((WrongLogin, TooManyAttempts)):
            login.log_in("berta", "wrong", Caller("192.0.2.66"))

    login.change_password(principal, PASSWORD, "other words in a row")
    with pytest.raises(WrongLogin):
        login.change_password(principal, PASSWORD, "a word after another one")
    with pytest.raises(TooManyAttempts):
        login.change_password(principal, PASSWORD, "a word after another one")
