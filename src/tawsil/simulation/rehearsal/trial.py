"""A week under a candidate beside one under what is live: the same week, the same luck."""

import asyncio
import os
import sys
from collections.abc import Callable

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tawsil.dispatch import public as dispatch
from tawsil.kernel.db import Database
from tawsil.simulation.rehearsal.week import Setting, week
from tawsil.simulation.rehearsal.world import rehearse


class Weeks(Struct, frozen=True, kw_only=True):
    """What to live through, and under which two policies."""

    setting: Setting
    candidate: dispatch.Policy
    live: dispatch.Policy


class Lived(Struct, frozen=True, kw_only=True):
    candidate: dispatch.Metrics
    live: dispatch.Metrics


def live_through(weeks: Weeks) -> Lived:
    """Both weeks, one after the other; some seconds each."""
    scenario, seed = week(weeks.setting), weeks.setting.seed
    return Lived(
        candidate=rehearse(scenario, weeks.candidate, seed=seed).metrics,
        live=rehearse(scenario, weeks.live, seed=seed).metrics,
    )


class Trials:
    """The job of living through trials, in a process of its own: a worker has more to do."""

    def __init__(
        self, *, database: Database, setting: Callable[[int], Setting] | None = None
    ) -> None:
        """`setting` gives the week of a seed, if it is not to be the usual one."""
        self._database = database
        self._setting = setting or _usual

    async def run(self, job: dispatch.TrialJob) -> None:
        """Live through the weeks of a trial and judge them; one that is over stays as it is."""
        async with self._database.transaction() as tx:
            task = await dispatch.trial_task(tx, trial_id=job.trial_id)
        if task is None:
            return
        setting = replace(self._setting(task.trial.seed), rules=task.rules)
        lived = await _elsewhere(Weeks(setting=setting, candidate=task.candidate, live=task.live))
        async with self._database.transaction() as tx:
            await dispatch.finish_trial(tx, task=task, candidate=lived.candidate, live=lived.live)


def _usual(seed: int) -> Setting:
    return Setting(seed=seed)


async def _elsewhere(weeks: Weeks) -> Lived:
    """In another process, which ends with whoever asked.

    Raises:
        RuntimeError: the process failed; its complaint stands on standard error.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tawsil.simulation.rehearsal",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        said, _ = await process.communicate(msgspec.msgpack.encode(weeks))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise RuntimeError(f"the simulated weeks ended with code {process.returncode}")
    return msgspec.msgpack.decode(said, type=Lived)


def main() -> None:
    """Read what to live through, say what came of it; after everybody else's work."""
    os.nice(10)
    weeks = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Weeks)
    sys.stdout.buffer.write(msgspec.msgpack.encode(live_through(weeks)))
