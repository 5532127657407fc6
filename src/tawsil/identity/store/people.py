"""Finding people by how something about them begins."""

from uuid import UUID

from tawsil.kernel.db import Tx
from tawsil.kernel.lists import starting


async def people(tx: Tx, *, tenant_id: UUID, words: str, most: int) -> list[UUID]:
    """Users of a tenant whose name, e-mail address or telephone number begins with some words."""
    rows = await tx.rows(
        """
        select id from identity.app_user
        where tenant_id = $1
            and (lower(name) like lower($2) or email_key like lower($2) or phone like $2)
        order by id limit $3
        """,
        tenant_id,
        starting(words),
        most,
    )
    return [row["id"] for row in rows]
