"""`tawsil dispatch`: try a policy, ask what another would have done, check what was decided."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, cast
from uuid import UUID

import msgspec
import typer
from msgspec import Struct
from msgspec.structs import asdict, fields
from rich.console import Console
from rich.table import Table

from tawsil.apps import wiring
from tawsil.apps.cli.database import running_database
from tawsil.apps.cli.simulate import shown
from tawsil.apps.platform import open_database
from tawsil.dispatch import public as dispatch
from tawsil.dispatch.public import Metrics, Policy
from tawsil.geography import public as geography
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.decisions import By, Refusal
from tawsil.kernel.i18n import text
from tawsil.kernel.settings import Settings, load_settings
from tawsil.simulation.rehearsal.recorded import Past, recorded
from tawsil.simulation.rehearsal.trial import Weeks, live_through
from tawsil.simulation.rehearsal.week import Setting
from tawsil.simulation.rehearsal.whatif import CAVEAT, Comparison, Range, compare

app = typer.Typer(help="Dispatch: policies and decisions.", no_args_is_help=True)
console = Console(highlight=False)

_SENTENCES: Final[Mapping[str, str]] = {
    "orders": "orders",
    "delivered": "delivered",
    "click_to_door_min": "order to door, mean (min)",
    "click_to_door_p90_min": "order to door, p90 (min)",
    "ready_to_pickup_min": "food waits (min)",
    "courier_wait_min": "courier waits at the counter (min)",
    "unassigned_pct": "without a courier when it mattered (%)",
    "time_to_assign_p95_s": "time to assign, p95 (s)",
    "acceptance_pct": "offers accepted (%)",
    "km_per_order": "ridden for each order (km)",
    "pay_per_order_minor": "paid for each order (minor units)",
    "orders_per_trip": "orders collected together",
}
_UNMEASURED: Final = frozenset({"km_per_order"})

CitySlug = Annotated[str, typer.Option("--city", help="The city's name in addresses.")]
_INSTANTS: Final = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"]
From = Annotated[datetime, typer.Option("--from", formats=_INSTANTS, help="Since when, UTC.")]
To = Annotated[datetime, typer.Option("--to", formats=_INSTANTS, help="Until when, UTC.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object, last.")]


@app.command()
def trial(
    *,
    city: CitySlug,
    policy: Annotated[str, typer.Option(help="Which version, as name:version.")],
    seed: Annotated[int, typer.Option(min=0, help="Which week.")] = 7,
    as_json: AsJson = False,
) -> None:
    """Live through a simulated week under a policy and under what is live; keep the verdict.

    Ends with 1 when it is not passed.
    """
    with running_database(load_settings()) as settings:
        tried = asyncio.run(_trial(settings, city_slug=city, policy=policy, seed=seed))
    assert tried.candidate is not None
    assert tried.live is not None
    if as_json:
        print(msgspec.json.encode(msgspec.structs.replace(tried, weights_hash=b"")).decode())
    else:
        _show_trial(tried, tried.candidate, tried.live, policy)
    if not tried.passed:
        raise typer.Exit(1)


async def _trial(settings: Settings, *, city_slug: str, policy: str, seed: int) -> dispatch.Trial:
    name, number = _named(policy)
    async with open_database(settings, most=2) as database:
        async with database.transaction() as tx:
            place = await _city(tx, city_slug)
            version = await _version(tx, place.tenant_id, name, number)
            asked = await dispatch.begin_trial(
                tx,
                dispatch.AskForTrial(
                    by=By(tenant_id=place.tenant_id, correlation_id=tx.ids()),
                    name=name,
                    number=version.number,
                    city_id=place.id,
                    seed=seed,
                ),
            )
            assert not isinstance(asked, Refusal), "city and version are there"
            task = await dispatch.trial_task(tx, trial_id=asked.id)
        assert task is not None, "a trial that was just asked for is to be done"
        setting = Setting(seed=seed, rules=task.rules)
        weeks = Weeks(setting=setting, candidate=task.candidate, live=task.live)
        lived = await asyncio.to_thread(live_through, weeks)
        async with database.transaction() as tx:
            return await dispatch.finish_trial(
                tx, task=task, candidate=lived.candidate, live=lived.live
            )


def _show_trial(tried: dispatch.Trial, candidate: Metrics, live: Metrics, policy: str) -> None:
    table = Table(title=f"A simulated week, seed {tried.seed}")
    table.add_column(style="dim")
    table.add_column(policy, justify="right")
    table.add_column(f"live: {tried.against}", justify="right")
    for name, sentence in _SENTENCES.items():
        table.add_row(sentence, _figure(getattr(candidate, name)), _figure(getattr(live, name)))
    console.print(table)
    for finding in tried.reasons:
        params = {"value": finding.value, "bound": finding.bound}
        sentence = text(f"dispatch.trial_{finding.check}", params=params)
        console.print(("[green]passed[/]  " if finding.passed else "[red]failed[/]  ") + sentence)
    console.print("It may be set live." if tried.passed else "It is not good enough to be live.")


# What if


class Told(Struct, frozen=True, kw_only=True):
    """What `whatif --json` says."""

    window: str
    decisions: int
    recorded_policy: str
    other_policy: str
    seeds: int
    real: Metrics
    recorded: dict[str, Range]
    other: dict[str, Range]
    caveat: str = CAVEAT


class Verified(Struct, frozen=True, kw_only=True):
    """What `whatif --verify --json` says."""

    decisions: int
    identical: int
    different: tuple[UUID, ...]


@app.command()
def whatif(
    *,
    city: CitySlug,
    from_: From,
    to: To,
    policy: Annotated[
        str | None,
        typer.Option(help="name, name:version, or a JSON file of weights that are otherwise."),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, max=50, help="How many moods of couriers.")] = 5,
    verify: Annotated[
        bool, typer.Option(help="Plan every decision of the window again and compare the bits.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """What a recorded window might have come to under another policy.

    With --verify: whether each of its decisions comes out the same from what was kept; ends with
    1 if any does not.
    """
    from_at, to_at = from_.replace(tzinfo=UTC), to.replace(tzinfo=UTC)
    if from_at >= to_at:
        raise ValueError("the window ends before it begins: give --from before --to")
    if not verify and policy is None:
        raise ValueError("say which policy to compare with (--policy), or --verify")
    with running_database(load_settings()) as settings:
        if verify:
            _verify(settings, city, from_at, to_at, as_json=as_json)
        else:
            assert policy is not None
            _compare(settings, city, from_at, to_at, policy, seeds=seeds, as_json=as_json)


def _verify(
    settings: Settings, city: str, from_at: datetime, to_at: datetime, *, as_json: bool
) -> None:
    async def verify() -> Verified:
        async with open_database(settings, most=2) as database:
            return await verified(database, city_slug=city, from_at=from_at, to_at=to_at)

    found = asyncio.run(verify())
    if as_json:
        print(msgspec.json.encode(found).decode())
    else:
        console.print(
            f"{found.decisions} decisions planned again: {found.identical} are the same to the "
            f"last bit, {len(found.different)} are not."
        )
        for id_ in found.different[:20]:
            console.print(f"[red]different[/]  {id_}")
    if found.different:
        raise typer.Exit(1)


async def verified(
    database: Database, *, city_slug: str, from_at: datetime, to_at: datetime
) -> Verified:
    """Plan every kept decision of a window again."""
    different: list[UUID] = []
    count = 0
    async with database.transaction() as tx:
        place = await _city(tx, city_slug)
        async for row in dispatch.decisions_between(
            tx, city_id=place.id, from_at=from_at, to_at=to_at
        ):
            count += 1
            if not dispatch.reproduces(row):
                different.append(row.id)
    return Verified(decisions=count, identical=count - len(different), different=tuple(different))


def _compare(
    settings: Settings,
    city: str,
    from_at: datetime,
    to_at: datetime,
    policy: str,
    *,
    seeds: int,
    as_json: bool,
) -> None:
    async def read() -> tuple[Past, Policy]:
        async with open_database(settings, most=2) as database, database.transaction() as tx:
            place = await _city(tx, city)
            past = await recorded(
                tx, registry=wiring.REGISTRY, city=place, from_at=from_at, to_at=to_at
            )
            return past, await _policy(tx, place, policy)

    past, other = asyncio.run(read())
    was = past.policies[0]
    with shown("rehearsing") as progress:
        lived = compare(
            past.scenario, recorded=was, other=other, seeds=range(1, seeds + 1), progress=progress
        )
    told = Told(
        window=past.scenario.name,
        decisions=past.decisions,
        recorded_policy=f"{was.name}:{was.version}",
        other_policy=f"{other.name}:{other.version}",
        seeds=seeds,
        real=past.real,
        recorded=lived.recorded,
        other=lived.other,
    )
    if as_json:
        print(msgspec.json.encode(told).decode())
    else:
        _show_comparison(told, past, lived)


def _show_comparison(told: Told, past: Past, lived: Comparison) -> None:
    table = Table(title=f"{told.window}: {told.decisions} decisions, {told.seeds} rehearsals each")
    table.add_column(style="dim")
    table.add_column("really", justify="right")
    table.add_column(f"rehearsed: {told.recorded_policy}", justify="right")
    table.add_column(f"rehearsed: {told.other_policy}", justify="right")
    real: dict[str, Any] = asdict(past.real)
    for field in fields(Metrics):
        name = field.name
        table.add_row(
            _SENTENCES[name],
            "?" if name in _UNMEASURED else _figure(real[name]),
            _range(lived.recorded[name]),
            _range(lived.other[name]),
        )
    console.print(table)
    if len(past.policies) > 1:
        others = ", ".join(f"{p.name}:{p.version}" for p in past.policies[1:])
        console.print(f"The window was decided by {others} as well; only the first is rehearsed.")
    console.print(CAVEAT)


def _figure(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.2f}"


def _range(figures: Range) -> str:
    if figures.least == figures.most:
        return _figure(figures.mean)
    return f"{figures.mean:.2f} ({figures.least:.2f} to {figures.most:.2f})"


# Names


def _named(policy: str) -> tuple[str, int | None]:
    name, _, number = policy.partition(":")
    if number and not number.isdigit():
        raise ValueError(f"{policy!r} is not name:version, such as evening:2")
    return name, int(number) if number else None


async def _policy(tx: Tx, place: geography.City, policy: str) -> Policy:
    """By name, or the live one with the weights of a file."""
    if not policy.endswith(".json"):
        name, number = _named(policy)
        if name == dispatch.LIVE_POLICY.name and number is None:
            return dispatch.LIVE_POLICY
        return (await _version(tx, place.tenant_id, name, number)).policy
    live = await dispatch.live_policy(tx, city_id=place.id)
    made = dispatch.with_weights(live, _weights(policy), name=Path(policy).stem)
    match made:
        case Refusal():
            raise ValueError(f"{policy}: {_said(made)}")
        case _:
            return made


def _weights(path: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(Path(path).read_bytes(), type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise ValueError(f"{path}: {error}; it must hold an object of weights") from error


def _said(refusal: Refusal) -> str:
    return text(refusal.code, params={name: _shown(v) for name, v in refusal.detail.items()})


def _shown(value: Any) -> str:
    return ", ".join(map(str, cast("list[Any]", value))) if isinstance(value, list) else str(value)


async def _version(
    tx: Tx, tenant_id: UUID, name: str, number: int | None
) -> dispatch.PolicyVersion:
    found = await dispatch.policy_version(tx, tenant_id=tenant_id, name=name, number=number)
    if found is None:
        asked = name if number is None else f"{name}:{number}"
        raise ValueError(f"there is no policy {asked}; GET /v4/dispatch/policies lists them all")
    return found


async def _city(tx: Tx, slug: str) -> geography.City:
    cities: Sequence[geography.City] = await geography.cities(tx)
    found = [city for city in cities if slug in {city.slug, str(city.id)}]
    if len(found) == 1:
        return found[0]
    known = ", ".join(sorted(f"{city.slug} ({city.id})" for city in cities)) or "none"
    if found:
        raise ValueError(f"several cities are called {slug}: say which by its id; {known}")
    raise ValueError(f"there is no city {slug}; those there are: {known}")
