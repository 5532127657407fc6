"""Write the OpenAPI document: `python -m tawsil.apps.document FILE`."""

import json
import sys
from pathlib import Path
from typing import Any, cast

from tawsil.apps import wiring
from tawsil.apps.about import ABOUT
from tawsil.kernel.clock import Ids, system_now
from tawsil.kernel.db import Database
from tawsil.kernel.http import Caller, Problem, openapi
from tawsil.kernel.http.app import create_app
from tawsil.kernel.jobs import HeldJobs


def document() -> dict[str, Any]:
    """The document of every route there is; no server and no database is needed for it."""
    nowhere = Database(cast("Any", None), now=system_now, ids=Ids(system_now), jobs=HeldJobs())
    app = create_app(routes=wiring.ROUTES, database=nowhere, authenticate=_nobody)
    return openapi.document(app.routes, ABOUT)


async def _nobody(_: str) -> Caller:
    raise Problem(401, "request.token_invalid")


def main() -> None:
    path = Path(sys.argv[1])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document(), indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
