"""What mltui itself costs: a headless task of Bash steps against a scripted provider on loopback, over the wire protocols.

python scripts/bench.py [--steps 30] [--rounds 3]

step ms    from the end of one answer to the arrival of the next request: the tool's run, the session file, the next request
step cpu   CPU milliseconds of mltui's own process for the same, without the tool's; to be trusted on a busy machine
at 10, 100, 300
           the step cpu around that step (medians of ten steps), where there were so many: what a growing conversation costs
first ms   from the start of the process to the arrival of the first request: litellm's import is most of it
cpu s      user and system time of the process and its children
MB         the most memory that the process held
one-shot   the last lines: CPU and memory of a headless run of one answer
prefix     the least share of a request's prompt that the next one repeats from its beginning; 1 means that a provider's
           prompt cache always hits
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from aiohttp import web  # noqa: E402
from tests.servers import wire  # noqa: E402
from tests.servers.provider import Provider  # noqa: E402

PROTOCOLS = {
    "anthropic": ("anthropic/claude-sonnet-4-5", "ANTHROPIC_BASE_URL", "{url}", "ANTHROPIC_API_KEY"),
    "openai": ("openai/scripted", "OPENAI_BASE_URL", "{url}/v1", "OPENAI_API_KEY"),
    "responses": ("openai/responses/scripted", "OPENAI_BASE_URL", "{url}/v1", "OPENAI_API_KEY"),
}


class TimedProvider(Provider):
    """A provider that notes when each answer was out, and what CPU time its client had used by then.

    Attributes:
        client: the client's process id.
        asked_cpu: CPU milliseconds of the client when each request came; ended_cpu: when each answer was out.
    """

    def __init__(self, script: list[Any]) -> None:
        super().__init__(script)
        self.client = 0
        self.ended: list[float] = []
        self.asked_cpu: list[float] = []
        self.ended_cpu: list[float] = []

    async def _answer(self, request: web.Request, protocol: wire.Protocol) -> web.StreamResponse:
        self.asked_cpu.append(thread_cpu_ms(self.client))
        response = await super()._answer(request, protocol)
        self.ended.append(time.monotonic())
        self.ended_cpu.append(thread_cpu_ms(self.client))
        return response


def thread_cpu_ms(process: int) -> float:
    """CPU time of a process's living threads, exact to the nanosecond where `/proc` is Linux's; 0 elsewhere."""
    return sum(int(file.read_text().split()[0]) for file in Path(f"/proc/{process}/task").glob("*/schedstat")) / 1e6


@dataclass(frozen=True)
class Measured:
    step_ms: list[float]
    step_cpu_ms: list[float]
    first_ms: float
    cpu_s: float
    memory_mb: float
    prefix: float
    requests: int


def without_cache_marks(value: Any) -> Any:
    """The prompt without Anthropic's cache marks, which move with the end of the conversation and are no part of it."""
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value)
        return {key: without_cache_marks(inner) for key, inner in items.items() if key != "cache_control"}
    if isinstance(value, list):
        return [without_cache_marks(inner) for inner in cast("list[Any]", value)]
    return value


def prompt_bytes(body: dict[str, Any]) -> bytes:
    """Tools, system and messages, in the order in which a provider reads them, without the closing bracket."""
    parts = [without_cache_marks(body.get(key)) for key in ("tools", "system", "instructions", "messages", "input")]
    return json.dumps(parts, ensure_ascii=False).rstrip("]").encode()


def prefix_share(bodies: list[dict[str, Any]]) -> float:
    """The least share of a prompt that the following one starts with."""
    prompts = [prompt_bytes(body) for body in bodies]
    shares = [_common(before, after) / len(before) for before, after in itertools.pairwise(prompts)]
    return min(shares, default=1.0)


def _common(before: bytes, after: bytes) -> int:
    """Bytes that both begin with."""
    different = (place for place, (one, other) in enumerate(zip(before, after, strict=False)) if one != other)
    return next(different, min(len(before), len(after)))


def usual_environment() -> dict[str, str]:
    """This process's environment, in which Python keeps the bytecode of what it imports."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def shell_ms() -> float:
    """What starting and ending a shell takes on this machine, which no step can do without: the median of 20."""
    took: list[float] = []
    for _ in range(20):
        started = time.monotonic()
        subprocess.run(["bash", "-c", "true 1"], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        took.append((time.monotonic() - started) * 1000)
    return statistics.median(took)


def run(protocol: str, steps: int) -> Measured:
    """One headless task in a project of its own.

    Raises:
        SystemExit: mltui did not do all the steps.
    """
    model, url_name, url, key_name = PROTOCOLS[protocol]
    script: list[Any] = [{"calls": [{"name": "Bash", "arguments": {"command": f"true {step}"}}]} for step in range(steps)]
    provider = TimedProvider([*script, "done"])
    with tempfile.TemporaryDirectory(prefix="mltui-bench-") as name, provider, Path(name, "stderr").open("w+") as err:
        folder = Path(name) / "project"
        folder.mkdir()
        subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
        env = {**usual_environment(), "MLTUI_HOME": f"{name}/home", url_name: url.format(url=provider.url), key_name: "k"}
        command = [sys.executable, "-m", "mltui", "--headless", "run the commands", "--model", model, "--trust"]
        started = time.monotonic()
        process = subprocess.Popen(
            [*command, "--allowed-tools", "Bash(true *)"],
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=err,
        )
        provider.client = process.pid
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        asked = [request for request in provider.requests if request.body.get("tools")]
        if process.returncode != 0 or len(asked) != steps + 1:
            err.seek(0)
            raise SystemExit(f"{protocol}: exit {process.returncode} after {len(asked)} of {steps + 1} requests\n{err.read()}")
        gaps = [(later.at - end) * 1000 for end, later in zip(provider.ended, asked[1:], strict=False)]
        return Measured(
            step_ms=gaps,
            step_cpu_ms=[later - end for end, later in zip(provider.ended_cpu, provider.asked_cpu[1:], strict=False)],
            first_ms=(asked[0].at - started) * 1000,
            cpu_s=usage.ru_utime + usage.ru_stime,
            memory_mb=usage.ru_maxrss / 1024,
            prefix=prefix_share([request.body for request in asked]),
            requests=len(asked),
        )


def around(values: list[float], step: int) -> float | None:
    """The median of the ten values around a step, or None where there are not so many."""
    near = values[max(0, step - 5) : step + 5]
    return statistics.median(near) if len(near) >= 5 else None


def growth(rounds: list[Measured]) -> str:
    """The CPU of a step at the three places, as the median of the rounds."""
    at = [[value for measured in rounds if (value := around(measured.step_cpu_ms, step)) is not None] for step in (10, 100, 300)]
    return " ".join(f"{statistics.median(values):.1f}" if values else "-" for values in at)


def one_shots(rounds: int) -> None:
    for protocol in PROTOCOLS:
        runs = [run(protocol, 0) for _ in range(rounds)]
        cpu, memory = [measured.cpu_s for measured in runs], [measured.memory_mb for measured in runs]
        print(f"one-shot {protocol:<12}{statistics.median(cpu):.2f} [{min(cpu):.2f}] s of CPU, {statistics.median(memory):.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description="What a tool step of mltui costs.")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    machine = f"{os.cpu_count()} cores, Python {sys.version.split()[0]}, a shell by itself {shell_ms():.1f} ms"
    print(f"{arguments.steps} Bash steps, medians of {arguments.rounds} rounds, [least]; {machine}")
    print(
        f"{'protocol':<12}{'step ms':>16}{'step cpu':>16}{'at 10, 100, 300':>19}"
        f"{'first ms':>18}{'cpu s':>14}{'MB':>6}{'prefix':>9}{'requests':>10}"
    )
    for protocol in PROTOCOLS:
        rounds = [run(protocol, arguments.steps) for _ in range(arguments.rounds)]
        steps = [statistics.median(measured.step_ms) for measured in rounds]
        step_cpu = [statistics.median(measured.step_cpu_ms) for measured in rounds]
        first = [measured.first_ms for measured in rounds]
        cpu = [measured.cpu_s for measured in rounds]
        print(
            f"{protocol:<12}"
            f"{f'{statistics.median(steps):.1f} [{min(steps):.1f}]':>16}"
            f"{f'{statistics.median(step_cpu):.1f} [{min(step_cpu):.1f}]':>16}"
            f"{growth(rounds):>19}"
            f"{f'{statistics.median(first):.0f} [{min(first):.0f}]':>18}"
            f"{f'{statistics.median(cpu):.2f} [{min(cpu):.2f}]':>14}"
            f"{statistics.median(measured.memory_mb for measured in rounds):>6.0f}"
            f"{min(measured.prefix for measured in rounds):>9.3f}"
            f"{rounds[0].requests:>10}",
            flush=True,
        )
    one_shots(arguments.rounds)


if __name__ == "__main__":
    main()
