"""What runs: jobs of experiments, commands in the background, the machine."""

from __future__ import annotations

import asyncio

from mltui.core.errors import MltuiError, UsageError
from mltui.ui.commands.base import Console
from mltui.ui.jobs import Running, Watch, facts, gpu_lines, machine_line

_LINES = 40
NOTHING = "Nothing runs, and nothing ran yet"
NOTHING_HINT = "Approved experiments and commands in the background are shown here"


async def jobs(console: Console, argument: str) -> None:
    """`/jobs`, `/jobs ID` for its output, `/jobs stop ID`."""
    watch = await asyncio.to_thread(Watch, console.session)
    word, _, rest = argument.partition(" ")
    id_ = rest.strip() if word == "stop" else argument
    found = await asyncio.to_thread(watch.jobs, id_)
    if word == "stop":
        job = _known(found, id_)
        console.tell("info", await stop(console, job))
    elif argument:
        job = _known(found, id_)
        printed = await asyncio.to_thread(watch.output, job, _LINES)
        console.tell("info", "\n".join([described(job), *(printed or ["It has printed nothing yet"])]))
    else:
        machine = await asyncio.to_thread(watch.machine)
        lines = [described(job) for job in found] or [NOTHING]
        hint = "/jobs ID shows what it printed, /jobs stop ID ends it" if found else NOTHING_HINT
        console.tell("info", "\n".join([*lines, "", machine_line(machine), *gpu_lines(machine.gpus)]), hint)


def described(job: Running) -> str:
    return f"{job.id}  {job.state}  {job.what}" + (f"  ({about})" if (about := facts(job)) else "")


async def stop(console: Console, job: Running) -> str:
    """Ends it. Returns: what to say. Raises: MltuiError."""
    if not job.alive:
        raise MltuiError(f"{job.id} does not run")
    if job.kind == "command":
        state, notes = await console.session.background.kill(job.id)
        return "\n".join((f"{job.id}: {state}", *notes))
    await asyncio.to_thread(console.session.experiments.stop, job.proposal_id)
    return f"{job.proposal_id} is stopped; what its runs left is kept"


def _known(found: list[Running], id_: str) -> Running:
    """Raises: UsageError."""
    for job in found:
        if id_ and id_ in (job.id, job.proposal_id):
            return job
    raise UsageError(f"There is no job {id_ or 'without an id'}", hint=f"There are: {', '.join(job.id for job in found) or 'none'}")
