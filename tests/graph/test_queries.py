"""What is answered, and to whom."""

from graph.conftest import Graph
from ordering.conftest import CITY

ORDER = """
query One($id: ID!) {
  order(id: $id) {
    id orderNumber status paymentMethod legalMoves
    total { minor currency }
    items { name quantity unitPrice { minor } product { id available price { minor } } }
    merchant { id name open }
    deliveryLocation { latitude }
  }
}
"""


async def test_an_order_as_its_people_see_it(graph: Graph) -> None:
    for who in ("customer", "merchant", "courier", "support", "manager", "super admin"):
        answer = await graph.ask(who, ORDER, id=str(graph.order.id))
        assert answer.status == 200
        assert answer.errors == [], who
        assert answer.headers["content-type"] == "application/graphql-response+json"
        order = answer.data["order"]
        assert order["status"] == "ACCEPTED"
        assert order["total"] == {"minor": graph.order.amounts.total_minor, "currency": "AED"}
        assert order["items"][0]["product"]["id"] == str(graph.street.product_id)
        assert order["items"][0]["quantity"] == 2
        assert order["merchant"] == {
            "id": str(graph.street.merchant_id),
            "name": "Layali Grill",
            "open": True,
        }
        assert answer.extensions["requestId"] == answer.headers["x-request-id"]


async def test_names_are_in_the_language_of_the_request(graph: Graph) -> None:
    answer = await graph.ask("customer", ORDER, locale="ar", id=str(graph.order.id))
    assert answer.data["order"]["merchant"]["name"] == "مشاوي ليالي"
    assert answer.data["order"]["items"][0]["name"] == "كباب"


STRANGERS = (
    "other customer",
    "other merchant",
    "merchant of nothing",
    "other courier",
    "support elsewhere",
    "super admin elsewhere",
    "customer elsewhere",
    "merchant elsewhere",
    "manager of elsewhere",
    "manager of nothing",
)


async def test_what_is_not_ones_own_is_answered_like_what_does_not_exist(graph: Graph) -> None:
    for who in STRANGERS:
        answers = [
            await graph.ask(who, ORDER, id=id_)
            for id_ in (str(graph.order.id), str(graph.database.ids()), "no id at all")
        ]
        for answer in answers:
            assert answer.status == 200
            assert answer.data == {"order": None}
            assert answer.codes == ["NOT_FOUND"], who
        assert answers[0].errors == answers[1].errors == answers[2].errors


async def test_without_the_permission_nothing_is_asked(graph: Graph) -> None:
    answer = await graph.ask("nobody in particular", ORDER, id=str(graph.order.id))
    assert answer.data == {"order": None}
    assert answer.codes == ["FORBIDDEN"]
    assert answer.errors[0]["extensions"]["detail"] == {"permission": "order:read"}
    arabic = await graph.ask("nobody in particular", ORDER, locale="ar", id=str(graph.order.id))
    assert arabic.errors[0]["message"].startswith("لا يملك حسابك")


PRIVATE = """
query Private($id: ID!) {
  order(id: $id) {
    id handoverPin notes
    address { text instructions coordinates { latitude } }
    customer { name }
    courier { name }
  }
}
"""
SEEN: dict[str, set[str]] = {
    "customer": {"handoverPin", "notes", "address", "customer"},
    "merchant": set(),
    "courier": {"notes", "address", "courier"},
    "support": {"notes", "address", "customer", "courier"},
    "admin": {"notes", "address", "customer", "courier"},
    "manager": {"notes", "address", "customer", "courier"},
}


async def test_fields_that_are_not_ones_own_are_null_and_say_so(graph: Graph) -> None:
    for who, seen in SEEN.items():
        answer = await graph.ask(who, PRIVATE, id=str(graph.order.id))
        order = answer.data["order"]
        assert order.pop("id") == str(graph.order.id)
        assert {name for name, value in order.items() if value is not None} == seen, who
        hidden = {error["path"][1] for error in answer.errors}
        assert hidden == order.keys() - seen, who
        assert set(answer.codes) <= {"FORBIDDEN"}
    answer = await graph.ask("customer", PRIVATE, id=str(graph.order.id))
    assert answer.data["order"]["address"]["text"] == "Corniche 12"
    assert answer.data["order"]["customer"] == {"name": "Layla Haddad"}


async def test_users(graph: Graph) -> None:
    query = "query U($id: ID!) { user(id: $id) { id name roles } }"
    id_ = str(graph.street.customer_id)
    for who in ("support", "admin", "super admin", "manager"):
        answer = await graph.ask(who, query, id=id_)
        assert answer.data["user"] == {"id": id_, "name": "Layla Haddad", "roles": ["CUSTOMER"]}
    for who in ("customer", "merchant", "courier"):
        answer = await graph.ask(who, query, id=id_)
        assert (answer.data, answer.codes) == ({"user": None}, ["FORBIDDEN"]), who
    for who in (
        "support elsewhere",
        "super admin elsewhere",
        "manager of elsewhere",
        "manager of nothing",
    ):
        answer = await graph.ask(who, query, id=id_)
        assert (answer.data, answer.codes) == ({"user": None}, ["NOT_FOUND"]), who
    mine = await graph.ask("customer", "{ me { id email } }")
    assert mine.data["me"] == {"id": id_, "email": "customer@example.org"}
    gone = await graph.ask("customer elsewhere", "{ me { id } }")
    assert gone.codes == ["NOT_FOUND"]


async def test_lists_of_users(graph: Graph) -> None:
    query = """
    query L($after: String, $role: [Role!], $q: String, $sort: String) {
      users(first: 1, after: $after, role: $role, q: $q, sort: $sort) {
        totalCount nodes { name cityId } pageInfo { hasNextPage endCursor }
      }
    }
    """
    for who, count in (
        ("support", 2),
        ("manager", 2),
        ("manager of elsewhere", 0),
        ("manager of nothing", 0),
        ("support elsewhere", 0),
    ):
        answer = await graph.ask(who, query)
        assert answer.data["users"]["totalCount"] == count, who
    for who in ("customer", "merchant", "courier", "nobody in particular"):
        answer = await graph.ask(who, query)
        assert (answer.data, answer.codes) == ({"users": None}, ["FORBIDDEN"]), who
    first = (await graph.ask("admin", query, sort="name")).data["users"]
    assert first["nodes"] == [{"name": "Layla Haddad", "cityId": str(CITY)}]
    after = first["pageInfo"]["endCursor"]
    second = (await graph.ask("admin", query, sort="name", after=after)).data["users"]
    assert [user["name"] for user in second["nodes"]] == ["Yusuf Karam"]
    assert second["pageInfo"]["hasNextPage"] is False
    couriers = (await graph.ask("admin", query, role=["DELIVERY_PARTNER"])).data["users"]
    assert couriers["totalCount"] == 1
    found = (await graph.ask("admin", query, q="lay")).data["users"]
    assert [user["name"] for user in found["nodes"]] == ["Layla Haddad"]


async def test_merchants_of_ones_tenant_and_what_they_sell(graph: Graph) -> None:
    query = """
    { merchants(near: {latitude: 24.12, longitude: 53.1}, q: "layali") {
        totalCount pageInfo { hasNextPage endCursor }
        edges { cursor node { id distanceM products(first: 1) { nodes { name price { minor } } } } }
    } }
    """
    for who in ("customer", "courier", "support"):
        found = (await graph.ask(who, query)).data["merchants"]
        assert found["totalCount"] == 1
        assert found["pageInfo"]["hasNextPage"] is False
        (edge,) = found["edges"]
        assert edge["node"]["id"] == str(graph.street.merchant_id)
        assert edge["node"]["products"]["nodes"] == [{"name": "Kebab", "price": {"minor": 2500}}]
    elsewhere = await graph.ask("support elsewhere", query)
    assert elsewhere.data["merchants"]["edges"] == []
    one = "query M($id: ID!) { merchant(id: $id) { name } }"
    id_ = str(graph.street.merchant_id)
    assert (await graph.ask("customer", one, id=id_)).data["merchant"]["name"] == "Layali Grill"
    for wrong, who in ((id_, "super admin elsewhere"), ("nowhere", "customer")):
        answer = await graph.ask(who, one, id=wrong)
        assert (answer.data, answer.codes) == ({"merchant": None}, ["NOT_FOUND"])
    for wrong in ("{latitude: 91, longitude: 0}", "{latitude: 0, longitude: -181}"):
        answer = await graph.ask("customer", f"{{ merchants(near: {wrong}) {{ totalCount }} }}")
        assert answer.problems == ["request.invalid"]


async def test_pages_of_a_menu(graph: Graph) -> None:
    query = """
    query P($id: ID!, $after: String) { merchant(id: $id) { products(first: 1, after: $after) {
        nodes { name } pageInfo { hasNextPage endCursor } } } }
    """
    id_ = str(graph.street.merchant_id)
    first = (await graph.ask("customer", query, id=id_)).data["merchant"]["products"]
    assert first["pageInfo"] == {"hasNextPage": False, "endCursor": "1"}
    after = await graph.ask("customer", query, id=id_, after="1")
    assert after.data["merchant"]["products"]["nodes"] == []
    for wrong in ("2", "-1", "x", "²", "9" * 40, ""):
        answer = await graph.ask("customer", query, id=id_, after=wrong)
        assert answer.problems == ["request.cursor_invalid"], wrong
