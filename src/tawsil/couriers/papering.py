"""Documents are shown, seen and withdrawn; before a shift somebody looks whether all are there."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from tawsil.couriers import paper_store, papers, store
from tawsil.couriers.model import Courier
from tawsil.couriers.papers import Document, Lacking
from tawsil.geography import public as geography
from tawsil.geography.public import City, CourierDocument
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Command, Refusal, refuse

NOT_FOUND = refuse("request.not_found", status=404)


class AddDocument(Command, frozen=True, kw_only=True):
    """It takes the place of the one of its kind. `verified`: whoever adds it has seen the paper."""

    courier_id: UUID
    document_id: UUID
    kind: CourierDocument
    sealed_number: bytes
    number_end: str
    expires_on: date
    verified: bool


class VerifyDocument(Command, frozen=True, kw_only=True):
    courier_id: UUID
    document_id: UUID


class WithdrawDocument(Command, frozen=True, kw_only=True):
    courier_id: UUID
    document_id: UUID


async def add_document(tx: Tx, commands: Sequence[AddDocument]) -> list[Document | Refusal]:
    return [await _add(tx, command) for command in commands]


async def _add(tx: Tx, command: AddDocument) -> Document | Refusal:
    courier = await _own(tx, command, command.courier_id)
    if courier is None:
        return NOT_FOUND
    city = (await geography.cities_by_id(tx, ids=[courier.city_id]))[courier.city_id]
    document = Document(
        id=command.document_id,
        tenant_id=courier.tenant_id,
        city_id=courier.city_id,
        courier_id=courier.id,
        kind=command.kind,
        sealed_number=command.sealed_number,
        number_end=command.number_end,
        expires_on=command.expires_on,
        added_at=tx.now,
        added_by_id=command.by.actor_id,
        verified_at=tx.now if command.verified else None,
        verified_by_id=command.by.actor_id if command.verified else None,
    )
    decision = papers.add(document, today=_today(city, tx.now))
    if isinstance(decision, Refusal):
        return decision
    before = await paper_store.in_force(tx, courier_ids=[courier.id], locked=True)
    replaced = [
        papers.withdraw(one, at=tx.now)
        for one in before.get(courier.id, [])
        if one.kind is command.kind
    ]
    await paper_store.save(tx, [one.state for one in replaced])
    await paper_store.add(tx, decision.state)
    await tx.record([(command, one) for one in [*replaced, decision]])
    return decision.state


async def verify_document(tx: Tx, commands: Sequence[VerifyDocument]) -> list[Document | Refusal]:
    outcomes: list[Document | Refusal] = []
    for command in commands:
        document = await _document(tx, command)
        if document is None:
            outcomes.append(NOT_FOUND)
            continue
        decision = papers.verify(document, by_id=command.by.actor_id, at=tx.now)
        if isinstance(decision, Refusal):
            outcomes.append(decision)
            continue
        await paper_store.save(tx, [decision.state])
        await tx.record([(command, decision)])
        outcomes.append(decision.state)
    return outcomes


async def withdraw_document(
    tx: Tx, commands: Sequence[WithdrawDocument]
) -> list[Document | Refusal]:
    outcomes: list[Document | Refusal] = []
    for command in commands:
        document = await _document(tx, command)
        if document is None:
            outcomes.append(NOT_FOUND)
            continue
        decision = papers.withdraw(document, at=tx.now)
        await paper_store.save(tx, [decision.state])
        await tx.record([(command, decision)])
        outcomes.append(decision.state)
    return outcomes


async def documents_of(tx: Tx, *, courier_id: UUID) -> tuple[list[Document], date] | None:
    """A courier's documents, and which day it is where they ride."""
    courier = (await store.get_many(tx, ids=[courier_id])).get(courier_id)
    if courier is None:
        return None
    city = (await geography.cities_by_id(tx, ids=[courier.city_id]))[courier.city_id]
    found = await paper_store.in_force(tx, courier_ids=[courier_id])
    return found.get(courier_id, []), _today(city, tx.now)


async def lacking(tx: Tx, *, couriers: Iterable[Courier]) -> Mapping[UUID, Lacking]:
    """Who lacks what their city asks for; a city that asks for nothing costs one query."""
    known = list(couriers)
    cities = await geography.cities_by_id(tx, ids=list({courier.city_id for courier in known}))
    asked = [c for c in known if c.city_id in cities and cities[c.city_id].rules.courier_documents]
    if not asked:
        return {}
    shown = await paper_store.in_force(tx, courier_ids=[courier.id for courier in asked])
    return {
        courier.id: found
        for courier in asked
        for city in [cities[courier.city_id]]
        for found in [
            papers.lacking(
                shown.get(courier.id, ()),
                needed=city.rules.courier_documents,
                today=_today(city, tx.now),
            )
        ]
        if found is not None
    }


async def _own(tx: Tx, command: Command, courier_id: UUID) -> Courier | None:
    courier = (await store.lock(tx, ids=[courier_id])).get(courier_id)
    return courier if courier is not None and courier.tenant_id == command.by.tenant_id else None


async def _document(tx: Tx, command: VerifyDocument | WithdrawDocument) -> Document | None:
    if await _own(tx, command, command.courier_id) is None:
        return None
    found = await paper_store.in_force(tx, courier_ids=[command.courier_id], locked=True)
    mine = found.get(command.courier_id, [])
    return next((one for one in mine if one.id == command.document_id), None)


def _today(city: City, now: datetime) -> date:
    return now.astimezone(ZoneInfo(city.timezone)).date()
