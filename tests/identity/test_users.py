"""Users for those who look after them: lists, files, making, changing, keeping out."""

import csv
from collections.abc import Sequence
from datetime import timedelta
from io import StringIO
from typing import Any
from uuid import UUID

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import TENANT
from identity.conftest import Postbox
from tawsil.geography import public as geography
from tawsil.geography.public import Level
from tawsil.identity.permissions import GRANTS, PERMISSIONS, grantable, permissions_of
from tawsil.identity.public import NewUser, Role, User, create_users, get_many
from tawsil.identity.routes import routes
from tawsil.kernel.clock import Ids, VirtualClock
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import By
from tawsil.kernel.places import Place

INVITED = {"email": "sami@example.org", "name": "Sami", "roles": ["support_staff"]}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


class Office:
    """The routes of users, asked by whoever has a role."""

    def __init__(self, client: httpx.AsyncClient, callers: Any) -> None:
        self.client = client
        self.callers = callers

    def who(self, role: Role, **fields: Any) -> dict[str, str]:
        token: str = self.callers.token(role.value, *PERMISSIONS[role], **fields)
        return bearer(token)

    async def names(self, as_: Role = Role.ADMIN, *, who: Any = None, **query: Any) -> list[str]:
        headers = who or self.who(as_)
        answer = await self.client.get("/v4/users", params=query, headers=headers)
        assert answer.status_code == 200, answer.text
        return [user["name"] for user in answer.json()["data"]]


@pytest.fixture
async def office(serve: Any, callers: Any, by: By) -> Office:
    return Office(await serve(routes, default_tenant_id=by.tenant_id), callers)


@pytest.fixture
async def people(database: Database, ids: Ids, clock: VirtualClock) -> Sequence[User]:
    """Six users, each made an hour after the one before; the last of another tenant."""
    made: list[User] = []
    for name, role, fields in (
        ("Élodie", Role.CUSTOMER, {"phone": "+33123456789"}),
        ("منى", Role.CUSTOMER, {"locale": "ar", "email_verified": False}),
        ("Zed", Role.MERCHANT, {"location_id": ids()}),
        ("=cmd()", Role.DELIVERY_PARTNER, {}),
        ("Root", Role.SUPER_ADMIN, {}),
        ("Elsewhere", Role.CUSTOMER, {"tenant_id": ids()}),
    ):
        user = NewUser(
            **{
                "id": ids(),
                "tenant_id": TENANT,
                "email": f"Person{len(made)}@example.org",
                "name": name,
                "password_hash": None,
                "roles": (role,),
                **fields,
            }
        )
        async with database.transaction() as tx:
            made += [u for u in await create_users(tx, users=[user]) if isinstance(u, User)]
        clock.advance(timedelta(hours=1))
    return made


async def test_lists_are_filtered_searched_and_sorted(office: Office, people: Sequence[User]):
    mona, zed = people[1], people[2]
    everybody = ["Root", "=cmd()", "Zed", "منى", "Élodie"]
    assert await office.names() == everybody
    assert await office.names(Role.SUPPORT_STAFF) == everybody
    assert await office.names(sort="created_at") == everybody[::-1]
    assert await office.names(sort="name", limit=2, page=2) == ["Zed", "Élodie"]
    assert await office.names(role=["merchant", "super_admin"]) == ["Root", "Zed"]
    assert await office.names(verified=False) == ["منى"]
    assert await office.names(status="disabled") == []
    assert await office.names(location_id=str(zed.location_id)) == ["Zed"]
    assert await office.names(**{"from": mona.created_at.isoformat()}) == everybody[:4]
    assert await office.names(to=mona.created_at.isoformat()) == ["Élodie"]
    for words, found in (
        ("person3", ["=cmd()"]),
        ("PERSON3@EXAMPLE.ORG", ["=cmd()"]),
        ("من", ["منى"]),
        ("+331", ["Élodie"]),
        ("ze", ["Zed"]),
        ("%", []),
        ("_ed", []),
    ):
        assert await office.names(q=words) == found, words


async def test_a_list_is_read_on_by_cursor(office: Office, people: Sequence[User]):
    assert people
    seen: list[str] = []
    cursor: str | None = None
    who = office.who(Role.ADMIN)
    while True:
        params = {"limit": "2", **({"cursor": cursor} if cursor else {})}
        answer = await office.client.get("/v4/users", params=params, headers=who)
        seen += [user["name"] for user in answer.json()["data"]]
        cursor = answer.json()["meta"]["pagination"].get("next_cursor")
        if cursor is None:
            break
    assert seen == ["Root", "=cmd()", "Zed", "منى", "Élodie"]


async def test_a_file_holds_the_same_and_runs_no_formula(office: Office, people: Sequence[User]):
    assert people
    answer = await office.client.get("/v4/users.csv", headers=office.who(Role.ADMIN))
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(StringIO(answer.text)))
    assert [row["name"] for row in rows] == ["Root", "'=cmd()", "Zed", "منى", "Élodie"]
    assert rows[3]["email_verified"] == "false"
    assert rows[0]["role_names"] == "super_admin"


@pytest.fixture
async def riviera(database: Database, ids: Ids, by: By, people: Sequence[User]) -> UUID:
    """A municipality with one city, in which Élodie and Zed are at home."""
    city = geography.City(
        id=ids(),
        tenant_id=TENANT,
        slug="nice",
        name_en="Nice",
        name_ar="نيس",
        currency="EUR",
        timezone="Europe/Paris",
        centre=Place(latitude=43.7, longitude=7.26),
    )
    async with database.transaction() as tx:
        await geography.create_tenant(
            tx, tenant=geography.Tenant(id=TENANT, slug="wasla", name="Wasla")
        )
        await geography.create_city(tx, city=city)
        area_id: UUID | None = None
        for level in (Level.COUNTRY, Level.REGION, Level.DISTRICT, Level.MUNICIPALITY):
            (area,) = await geography.create_area(
                tx,
                [
                    geography.CreateArea(
                        by=by,
                        area_id=ids(),
                        slug=level.value,
                        name_en=level.value,
                        name_ar=level.value,
                        parent_id=area_id,
                    )
                ],
            )
            assert isinstance(area, geography.Area)
            area_id = area.id
        assert area_id is not None
        await geography.place_city(
            tx, [geography.PlaceCity(by=by, city_id=city.id, municipality_id=area_id)]
        )
    for user in (people[0], people[2]):
        await database.pool.execute(
            "update identity.app_user set city_id = $1 where id = $2", city.id, user.id
        )
    return area_id


async def test_managers_see_whoever_is_at_home_in_their_area(
    office: Office, people: Sequence[User], riviera: UUID
):
    elodie, mona = people[0], people[1]
    manager = office.who(Role.MUNICIPAL_MANAGER, location_id=riviera)
    assert await office.names(who=manager) == ["Zed", "Élodie"]
    for user, status in ((elodie, 200), (mona, 404)):
        answer = await office.client.get(f"/v4/users/{user.id}", headers=manager)
        assert answer.status_code == status
    rows = (await office.client.get("/v4/users.csv", headers=manager)).text.splitlines()
    assert len(rows) == 3
    stranger = office.who(Role.MUNICIPAL_MANAGER, location_id=UUID(int=1))
    assert await office.names(who=stranger) == []


@pytest.mark.parametrize(
    "role", [Role.CUSTOMER, Role.MERCHANT, Role.DELIVERY_PARTNER, Role.SUPPORT_STAFF]
)
async def test_who_may_not_change_users(office: Office, people: Sequence[User], role: Role):
    path = f"/v4/users/{people[0].id}"
    who = office.who(role)
    body = {"name": "Other"}
    for answer in (
        await office.client.post("/v4/users", json=INVITED, headers=who),
        await office.client.put(path, json=body, headers=who),
        await office.client.post(f"{path}/disable", headers=who),
        await office.client.post(f"{path}/enable", headers=who),
    ):
        assert answer.status_code == 403


def code(answer: httpx.Response) -> str:
    return answer.json()["errors"][0]["code"]


async def test_an_administrator_invites_whoever_may_do_no_more(
    office: Office, postbox: Postbox, database: Database
):
    admin = office.who(Role.ADMIN)
    key = {**admin, "Idempotency-Key": "once"}
    made = await office.client.post("/v4/users", json=INVITED, headers=key)
    assert made.status_code == 201
    assert made.json()["data"]["email_verified"] is False
    again = await office.client.post("/v4/users", json=INVITED, headers=key)
    assert again.content == made.content
    (message,) = await postbox.empty()
    assert (message["To"], message["Subject"]) == ("sami@example.org", "Your account is ready")
    taken = await office.client.post("/v4/users", json=INVITED, headers=admin)
    assert (taken.status_code, code(taken)) == (409, "identity.email_taken")
    for roles, refusal in (
        (["super_admin"], "identity.may_not_grant"),
        (["customer", "super_admin"], "identity.may_not_grant"),
        (["merchant"], "identity.location_missing"),
        (["regional_manager"], "identity.location_missing"),
    ):
        body = {**INVITED, "email": "new@example.org", "roles": roles}
        refused = await office.client.post("/v4/users", json=body, headers=admin)
        assert code(refused) == refusal
    root = office.who(Role.SUPER_ADMIN)
    body = {**INVITED, "email": "new@example.org", "roles": ["super_admin"]}
    assert (await office.client.post("/v4/users", json=body, headers=root)).status_code == 201
    assert len(await postbox.empty()) == 1
    count = await database.pool.fetchval("select count(*) from identity.app_user")
    assert count == 2


@pytest.mark.parametrize("field", ["id", "tenant_id", "password", "email_verified", "version"])
async def test_nobody_sets_what_is_not_theirs_to_set(office: Office, field: str):
    who = office.who(Role.SUPER_ADMIN)
    answer = await office.client.post("/v4/users", json={**INVITED, field: "x"}, headers=who)
    assert answer.status_code == 400


async def test_an_administrator_changes_users_but_none_who_may_do_more(
    office: Office, people: Sequence[User], database: Database
):
    elodie, root = people[0], people[4]
    admin = office.who(Role.ADMIN)
    body = {"name": "Élodie Martin", "phone": None, "locale": "en"}
    answer = await office.client.put(f"/v4/users/{elodie.id}", json=body, headers=admin)
    assert answer.status_code == 200
    assert answer.json()["data"]["name"] == "Élodie Martin"
    assert answer.json()["data"]["roles"] == ["customer"]
    promoted = {**body, "roles": ["support_staff", "customer"]}
    answer = await office.client.put(f"/v4/users/{elodie.id}", json=promoted, headers=admin)
    assert answer.json()["data"]["roles"] == ["support_staff", "customer"]
    for user, change, refusal in (
        (root, body, "identity.stronger_than_you"),
        (elodie, {**body, "roles": ["super_admin"]}, "identity.may_not_grant"),
        (people[5], body, "request.not_found"),
    ):
        refused = await office.client.put(f"/v4/users/{user.id}", json=change, headers=admin)
        assert code(refused) == refusal
    assert code(await office.client.post(f"/v4/users/{root.id}/disable", headers=admin)) == (
        "identity.stronger_than_you"
    )
    myself = office.who(Role.ADMIN, user_id=elodie.id)
    for path in ("disable", "enable"):
        refused = await office.client.post(f"/v4/users/{elodie.id}/{path}", headers=myself)
        assert code(refused) == "identity.not_yourself"
    rows = await database.pool.fetch(
        "select data from kernel.event where type = 'user.roles_changed.v1'"
    )
    assert len(rows) == 1
    assert "Martin" not in repr(rows)


async def test_who_is_kept_out_is_let_in_again(
    office: Office, people: Sequence[User], database: Database
):
    elodie = people[0]
    admin = office.who(Role.ADMIN)
    path = f"/v4/users/{elodie.id}"
    out = await office.client.post(f"{path}/disable", headers=admin)
    assert out.json()["data"]["disabled_at"] is not None
    assert await office.names(status="disabled") == ["Élodie"]
    back = await office.client.post(f"{path}/enable", headers=admin)
    assert back.json()["data"]["disabled_at"] is None
    async with database.transaction() as tx:
        (user,) = (await get_many(tx, tenant_id=TENANT, ids=[elodie.id])).values()
    assert user.version == elodie.version + 2


async def test_other_roles_end_the_sessions_that_carry_the_old_ones(
    client: httpx.AsyncClient, office: Office, mona: dict[str, Any], clock: VirtualClock
):
    admin = office.who(Role.ADMIN)
    path = f"/v4/users/{mona['user']['id']}"
    body = {"name": "Mona", "roles": ["customer"]}

    async def status() -> int:
        clock.advance(timedelta(seconds=0.5))
        answer = await client.get("/v4/users/profile", headers=bearer(mona["access_token"]))
        return answer.status_code

    assert (await office.client.put(path, json=body, headers=admin)).status_code == 200
    assert await status() == 200
    body["roles"] = ["support_staff"]
    assert (await office.client.put(path, json=body, headers=admin)).status_code == 200
    assert await status() == 401


@given(st.sets(st.sampled_from(Role), min_size=1), st.data())
def test_whoever_holds_less_than_their_roles_grants_nothing(roles: set[Role], data: Any):
    held = permissions_of(roles)
    granted = grantable(roles, permissions=held)
    assert granted == frozenset().union(*(GRANTS.get(role, frozenset()) for role in roles))
    assert Role.SUPER_ADMIN in roles or Role.SUPER_ADMIN not in granted
    lost = data.draw(st.sampled_from(held))
    fewer = [permission for permission in held if permission != lost]
    if Role.SUPER_ADMIN not in roles and lost.endswith(":*"):
        assert grantable(roles, permissions=fewer) == frozenset()
