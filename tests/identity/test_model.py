from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tawsil.identity import model
from tawsil.identity.events import EVENTS, RevokedBecause, Role, SessionRevoked
from tawsil.identity.model.sessions import Device, RefreshToken, Session
from tawsil.identity.model.users import LOGIN_FAILED, NewUser, User
from tawsil.identity.permissions import PERMISSIONS, permissions_of
from tawsil.kernel.decisions import Accepted, Refusal, accept
from tawsil.kernel.http import Caller

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
MONTH = timedelta(days=31)


def user() -> User:
    new = NewUser(
        id=UUID(int=3),
        tenant_id=UUID(int=2),
        email="mona@example.org",
        name="Mona",
        password_hash="unused",
    )
    return model.users.register(new, at=AT).state


def session(**fields: object) -> Session:
    started = model.sessions.start_session(user(), session_id=UUID(int=1), device=Device(), at=AT)
    assert isinstance(started, Accepted)
    return replace(started.state, **fields)


def token(n: int, *, issued_at: datetime = AT) -> RefreshToken:
    return RefreshToken(
        jti=UUID(int=100 + n),
        session_id=UUID(int=1),
        token_hash=bytes(32),
        issued_at=issued_at,
        expires_at=issued_at + MONTH,
    )


@given(st.lists(st.integers(min_value=0, max_value=5), max_size=12))
def test_a_session_lives_exactly_as_long_as_only_its_newest_token_is_shown(shown: list[int]):
    """`shown[i]` says how far back from the newest token the i-th one shown lies."""
    chain, now_session = [token(0)], session()
    for back in shown:
        index = max(0, len(chain) - 1 - back)
        newest = index == len(chain) - 1
        alive = now_session.revoked_at is None
        decision = model.sessions.rotate(
            now_session, token=chain[index], user_disabled=False, now=AT
        )
        if not alive:
            assert isinstance(decision, Refusal)
            continue
        assert isinstance(decision, Accepted)
        now_session = decision.state
        assert (now_session.revoked_at is None) == newest
        assert bool(decision.events) == (not newest)
        if newest:
            chain[index] = replace(chain[index], spent_at=AT)
            chain.append(token(len(chain)))


def test_reuse_of_a_spent_token_revokes_the_session_and_says_why():
    decision = model.sessions.rotate(
        session(), token=replace(token(0), spent_at=AT), user_disabled=False, now=AT
    )
    assert isinstance(decision, Accepted)
    assert decision.state.revoked_because is RevokedBecause.TOKEN_REUSED
    assert decision.events == (
        SessionRevoked(
            session_id=UUID(int=1), user_id=UUID(int=3), because=RevokedBecause.TOKEN_REUSED
        ),
    )
    assert decision.state.version == session().version + 1


def test_a_token_ends_at_its_expiry():
    before = model.sessions.rotate(
        session(), token=token(0), user_disabled=False, now=AT + MONTH - timedelta(seconds=1)
    )
    at = model.sessions.rotate(session(), token=token(0), user_disabled=False, now=AT + MONTH)
    assert isinstance(before, Accepted)
    assert isinstance(at, Refusal)


def test_a_disabled_user_is_signed_out_by_the_next_refresh():
    decision = model.sessions.rotate(session(), token=token(0), user_disabled=True, now=AT)
    assert isinstance(decision, Accepted)
    assert decision.state.revoked_because is RevokedBecause.USER_DISABLED


def test_a_disabled_user_starts_no_session_and_stays_disabled_since_the_first_time():
    out = model.users.disable(user(), at=AT).state
    assert model.users.disable(out, at=AT + MONTH) == accept(out)
    refused = model.sessions.start_session(out, session_id=UUID(int=1), device=Device(), at=AT)
    assert refused == LOGIN_FAILED


def test_revoking_twice_changes_nothing():
    once = model.sessions.revoke(session(), because=RevokedBecause.LOGGED_OUT, at=AT).state
    twice = model.sessions.revoke(once, because=RevokedBecause.TOKEN_REUSED, at=AT + MONTH)
    assert twice.state == once
    assert twice.events == ()


@pytest.mark.parametrize(
    ("length", "fits"), [(0, False), (7, False), (8, True), (128, True), (129, False)]
)
def test_a_password_has_8_to_128_characters(length: int, *, fits: bool):
    password = "بتثجحخدذ" * 20
    refused = model.users.check_password(password[:length], email="m@example.org", name="Mona")
    assert (refused is None) == fits


@given(
    st.sampled_from(["mona", "haddad", "MONA.HADDAD@example.org", "Mona Haddad", "example", ""]),
    st.sampled_from(["mona", "Haddad", "EXAMPLE", "mona.haddad", ""]),
    st.text("bcdfgjkpqvwxz0123456789", max_size=12),
)
def test_a_password_needs_more_than_its_users_name(one: str, other: str, own: str):
    password = f"{one}{own}{other}"
    refused = model.users.check_password(
        password, email="mona.haddad@example.org", name="Mona Haddad"
    )
    enough = len(password) >= 8 and len(own) >= 4 and len(set(password)) >= 4
    assert (refused is None) == enough


@pytest.mark.parametrize(
    "other", ["MONA@Example.ORG", " mona@example.org ", "\uff4dona@example.org", "mOnA@EXAMPLE.org"]
)
def test_an_address_is_the_same_in_any_case_and_form(other: str):
    assert model.users.email_key(other) == model.users.email_key("mona@example.org")


def test_every_role_has_permissions_of_the_agreed_form():
    assert set(PERMISSIONS) == set(Role)
    scopes = {"own", "assigned", "municipality", "district", "region", "country"}
    for granted in PERMISSIONS.values():
        assert granted
        assert len(set(granted)) == len(granted)
        for permission in granted:
            resource, action, *scope = permission.split(":")
            assert resource
            assert action
            assert len(scope) <= 1
            assert set(scope) <= scopes


@pytest.mark.parametrize(
    ("role", "permission", "scopes"),
    [
        (Role.SUPER_ADMIN, "plugin:create", {"all"}),
        (Role.ADMIN, "order:read", {"all"}),
        (Role.ADMIN, "plugin:create", set()),
        (Role.COUNTRY_DISTRIBUTOR, "user:read", {"country"}),
        (Role.REGIONAL_MANAGER, "order:read", {"region"}),
        (Role.DISTRICT_MANAGER, "merchant:read", {"district"}),
        (Role.MUNICIPAL_MANAGER, "analytics:read", {"municipality"}),
        (Role.MUNICIPAL_MANAGER, "order:update", set()),
        (Role.MERCHANT, "menu:delete", {"own"}),
        (Role.MERCHANT, "order:update", {"assigned"}),
        (Role.DELIVERY_PARTNER, "location:update", {"own"}),
        (Role.DELIVERY_PARTNER, "order:create", set()),
        (Role.CUSTOMER, "order:create", {"all"}),
        (Role.CUSTOMER, "order:read", {"own"}),
        (Role.CUSTOMER, "user:read", set()),
        (Role.SUPPORT_STAFF, "ticket:update", {"all"}),
        (Role.SUPPORT_STAFF, "user:update", set()),
        (Role.ADMIN, "ticket:update", {"all"}),
        (Role.CUSTOMER, "ticket:create", {"own"}),
        (Role.CUSTOMER, "ticket:update", set()),
    ],
)
def test_what_a_role_may_do(role: Role, permission: str, scopes: set[str]):
    caller = Caller(
        user_id=UUID(int=1),
        tenant_id=UUID(int=2),
        session_id=UUID(int=3),
        roles=(role.value,),
        permissions=frozenset(permissions_of([role])),
    )
    assert caller.scopes(permission) == scopes


def test_several_roles_add_up_without_repeating():
    both = permissions_of([Role.MERCHANT, Role.CUSTOMER])
    assert set(both) == {*PERMISSIONS[Role.MERCHANT], *PERMISSIONS[Role.CUSTOMER]}
    assert len(both) == len(set(both))


def test_events_carry_no_personal_data():
    fields = {name for event in EVENTS for name in event.__struct_fields__}
    assert fields == {
        "user_id", "session_id", "roles", "before", "location_id", "because",
        "issuer", "account_id", "api_key_id", "permissions", "expires_at", "old_until_at",
    }  # fmt: skip
