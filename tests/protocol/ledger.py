"""A small real expert for tests: it reads files and processes, and can change both."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agents.kernel import targets
from agents.kernel.canonical import canonical_json, utc_now
from agents.kernel.expert import Question, Skill, Work
from agents.kernel.records import Evidence, Finding, NotChecked, Report
from agents.kernel.tool import Outcome, Preview, Refused, Tool, ToolCall, Victim

TEXT = {"type": "string", "minLength": 1, "maxLength": 4096}
PID = {"type": "integer", "minimum": 2}


def parameters(**properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def evidence(
    tool: str, statement: str, target: str, columns: tuple[str, ...], *rows: tuple[Any, ...]
) -> Evidence:
    return Evidence.capture(
        tool=tool,
        statement=statement,
        target=target,
        captured_at=utc_now(),
        duration_ms=1.5,
        columns=columns,
        rows=rows,
    )


def started_of(pid: int) -> str:
    """When the process began, as ps tells it; empty where there is none (or only its remains)."""
    told = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True
    ).stdout
    state, _, started = told.strip().partition(" ")
    return "" if state.startswith("Z") else started.strip()


async def read_file(arguments: Mapping[str, Any], target: str) -> Evidence:
    lines = Path(arguments["path"]).read_text().splitlines()
    rows = [(number, line) for number, line in enumerate(lines, start=1)]
    return evidence("read_file", f"read {arguments['path']}", target, ("line", "text"), *rows)


async def wait_for_file(arguments: Mapping[str, Any], target: str) -> Evidence:
    """Waits for `path`; says `path.waiting` when it waits, and `path.cancelled` when it is cancelled."""
    path = Path(arguments["path"])
    path.with_suffix(".waiting").touch()
    try:
        while not path.exists():
            await asyncio.sleep(0.01)
    except asyncio.CancelledError:
        path.with_suffix(".cancelled").touch()
        raise
    return evidence("wait_for_file", f"wait for {path}", target, ("there",), (True,))


async def preview_stop(arguments: Mapping[str, Any], target: str) -> Preview:
    pid = arguments["pid"]
    if pid == os.getpid():
        raise Refused("that is this very process")
    started = started_of(pid)
    if not started:
        raise Refused(f"process {pid} is gone")
    return Preview(
        action=f"stop process {pid} on {target}",
        victims=(Victim({"pid": pid, "started": started}, {"command": "sleep"}),),
        effect=("1 process ends",),
        reversible="not reversible: the process is gone",
        alternatives=("wait for its end",),
        confirmation=str(pid),
        captured_at=utc_now(),
        evidence=(evidence("processes", f"ps -p {pid}", target, ("pid", "started"), (pid, started)),),
    )


async def stop(arguments: Mapping[str, Any], target: str, preview: Preview) -> Outcome:
    pid = arguments["pid"]
    os.kill(pid, signal.SIGTERM)
    while started_of(pid):
        await asyncio.sleep(0.01)
    seen = evidence("processes", f"ps -p {pid}", target, ("pid", "started"))
    return Outcome(True, f"Process {pid} ended.", True, freed=(pid + 1,), evidence=(seen,))


async def preview_append(arguments: Mapping[str, Any], target: str) -> Preview:
    path = Path(arguments["path"])
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Preview(
        action=f"append a line to {path.name}",
        victims=(Victim({"path": str(path), "sha256": digest}, {"bytes": path.stat().st_size}),),
        effect=("1 line more",),
        reversible="cut the line off again",
        alternatives=(),
        confirmation=path.name,
        captured_at=utc_now(),
        undo={"sha256": digest},
    )


async def append(arguments: Mapping[str, Any], target: str, preview: Preview) -> Outcome:
    """Writes the line; a line `crash` ends this process right after, `break` raises, `hold` waits for `path.go`."""
    path, text = Path(arguments["path"]), arguments["text"]
    with path.open("a") as file:
        file.write(text + "\n")
    if text == "crash":
        os.kill(os.getpid(), signal.SIGKILL)
    if text == "break":
        raise OSError("the connection broke")
    while text == "hold" and not path.with_suffix(".go").exists():
        await asyncio.sleep(0.01)
    return Outcome(True, f"One line is in {path.name}.", path.read_text().endswith(text + "\n"))


async def preview_text(arguments: Mapping[str, Any], target: str) -> Preview:
    path = Path(arguments["path"])
    old = path.read_text()
    return Preview(
        action=f"write {path.name}",
        victims=(Victim({"path": str(path), "text": old}, {}),),
        effect=("the file holds other words",),
        reversible="set_text with the old words",
        alternatives=(),
        confirmation=path.name,
        captured_at=utc_now(),
        undo={"tool": "set_text", "arguments": {"path": str(path), "text": old}},
    )


async def set_text(arguments: Mapping[str, Any], target: str, preview: Preview) -> Outcome:
    path = Path(arguments["path"])
    path.write_text(arguments["text"])
    return Outcome(True, f"{path.name} is written.", path.read_text() == arguments["text"])


async def preview_remove(arguments: Mapping[str, Any], target: str) -> Preview:
    """Each file is a victim: its lines are rows, its age that of a transaction."""
    paths = sorted(Path(arguments["directory"]).glob("*.txt"))
    victims = tuple(
        Victim(
            {"path": str(path)},
            {"rows": len(path.read_text().splitlines()), "xact_s": time.time() - path.stat().st_mtime},
        )
        for path in paths
    )
    return Preview(
        action=f"remove {len(paths)} files",
        victims=victims,
        effect=(f"{len(paths)} files are gone",),
        reversible="not reversible: the files are gone",
        alternatives=(),
        confirmation=Path(arguments["directory"]).name,
        captured_at=utc_now(),
    )


async def remove(arguments: Mapping[str, Any], target: str, preview: Preview) -> Outcome:
    for victim in preview.victims:
        Path(victim.identity["path"]).unlink()
    return Outcome(True, f"{len(preview.victims)} files are gone.", True)


TOOLS = (
    Tool("read_file", "read", "Lines of a file", parameters(path=TEXT), run=read_file),
    Tool("wait_for_file", "read", "Wait until a file is there", parameters(path=TEXT), run=wait_for_file),
    Tool("stop_process", "destructive", "End a process", parameters(pid=PID), preview=preview_stop, change=stop),
    Tool("append_line", "write", "Append a line", parameters(path=TEXT, text=TEXT), preview=preview_append,
         change=append),
    Tool("set_text", "write", "Write a file", parameters(path=TEXT, text=TEXT), preview=preview_text,
         change=set_text),
    Tool("remove_files", "write", "Remove text files", parameters(directory=TEXT), preview=preview_remove,
         change=remove),
)  # fmt: skip


class Ledger:
    name = "ledger"
    description = "Reads files and processes, and changes them when it may."
    skills = (Skill("files", "Files", "Reads files", ("what is in the file?",), ("files",)),)
    tools: Mapping[str, Tool] = {tool.name: tool for tool in TOOLS}

    async def answer(self, question: Question, work: Work) -> None:
        kind = question.request.get("kind", "echo")
        await getattr(self, f"_{kind}")(question, work)

    async def _tool(self, question: Question, work: Work) -> None:
        request = question.request
        call = ToolCall(request["tool"], request["arguments"], question.target, request.get("finding", ""))
        if self.tools.get(call.tool) and self.tools[call.tool].risk != "read":
            await work.change(call, {"title": "asked for", "evidence": [], "causes": []})
        seen = await work.read(call)
        await work.message(f"{len(seen.rows)} rows")

    _remedy = _tool

    async def _count(self, question: Question, work: Work) -> None:
        for number in range(question.request["to"]):
            work.recorder.emit("note", {"text": f"{number}"})
            if number % 10 == 0:
                await asyncio.sleep(0)

    async def _say(self, question: Question, work: Work) -> None:
        words = question.request["words"]
        for word in words:
            work.say(word)
            await asyncio.sleep(0.001)
        await work.message("".join(words))

    async def _silence(self, question: Question, work: Work) -> None:
        await asyncio.sleep(question.request["seconds"])
        await work.message("here I am")

    async def _fail(self, question: Question, work: Work) -> None:
        print("on the terminal, password=hunter2")
        raise RuntimeError("boom password=hunter2")

    async def _where(self, question: Question, work: Work) -> None:
        await work.message(canonical_json(targets.describe(question.target)))

    async def _echo(self, question: Question, work: Work) -> None:
        await work.message(f"You said: {question.text}")

    async def _wonder(self, question: Question, work: Work) -> None:
        """Asks until the reply is `enough`."""
        if question.reply == "enough":
            await work.message(f"{question.text} on {question.target}, then {question.reply}")
            return
        work.ask(f"Go on after {question.reply or 'nothing'}?", ("more", "enough"))

    async def _triage(self, question: Question, work: Work) -> None:
        path = question.request["path"]
        seen = await work.read(ToolCall("read_file", {"path": path}, question.target))
        subject = {"path": path}
        finding = Finding(
            Finding.id_for("file.long", subject), "file.long", "warning", "A long file", "It is long.", subject,
            (seen.id,),
        )  # fmt: skip
        await work.found(finding)
        report = Report(
            target={"name": question.target},
            server={"version": "1", "role": "primary"},
            findings=(finding,),
            evidence=(seen,),
            not_checked=(NotChecked("file.wide", "not readable", "chmod"),),
            timing={"total_ms": 1.25, "first_finding_ms": None},
        )
        await work.conclude("The file is long.", report)

    async def close(self) -> None:
        return


def create() -> Ledger:
    return Ledger()
