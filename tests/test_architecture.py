"""The house keeps its shape: imports run downward, the command line stays light, keys of the floor plan hold."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FLOORS = ("helpdesk_tui", "agents", "bundles", "inventory")
MAX_LINES = 400
CLIENT_SIDE = (
    "agents.kernel",
    "agents.loading",
    "agents.log",
    "agents.governance",
    "agents.protocol",
    "agents.router",
    "agents.command_group",
    "agents.commands",
    "agents.mcp.config",
    "agents.models.listing",
    "agents.secret_places",
)
ECHOES = tuple(
    f"helpdesk_tui/{name}.py" for name in ("cli", "commands/output", "commands/doctor", "commands/counting")
)
"""Where a text was made inert before: errors, the printers themselves, and lines with colours of ours."""
KEPT = (ast.Call, ast.Import, ast.ImportFrom, ast.Attribute)
CALLS_TOOLS = tuple(f"agents/kernel/{name}.py" for name in ("executor", "asking", "action", "asked_read"))
"""Where the functions of a tool are called; `asked_read` makes an action of a read, for the executor."""
MADE_IN = {
    "Executor": ("agents/protocol/server.py", "agents/mcp/serving.py"),
    "Work": ("agents/protocol/bridge.py", "agents/mcp/reads.py"),
    "act": ("agents/database/tools/",),
    "changing": ("agents/database/tools/",),
    "connect(read_only)": ("agents/database/tools/acting.py",),
    # The tasks and the locks that several servers share.
    "open_session(settings)": ("agents/protocol/shared.py",),
}
"""What leads to a change → where it is called; a session that is not read-only is one."""
HEAVY = (
    *("a2a", "anthropic", "asyncpg", "chromadb", "google.genai", "httpx", "keyring", "kubernetes", "mcp"),
    *("openai", "psycopg", "pydantic", "sqlalchemy", "starlette", "textual", "uvicorn"),
)


def sources(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Every module that the file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def nodes() -> list[tuple[str, ast.AST, ast.AST]]:
    """Every call, import and attribute of the source with its file and its parent."""
    found = []
    for path in (path for room in FLOORS for path in sources(room)):
        waiting: list[ast.AST] = [ast.parse(path.read_text())]
        while waiting:
            parent = waiting.pop()
            children = list(ast.iter_child_nodes(parent))
            waiting += children
            found += [(str(path.relative_to(ROOT)), one, parent) for one in children if isinstance(one, KEPT)]
    return found


@pytest.mark.parametrize("room", FLOORS)
def test_imports_run_downward(room: str) -> None:
    above = FLOORS[: FLOORS.index(room)]
    upward = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources(room)
        for name in imports(path)
        if name.split(".")[0] in above
    ]
    assert not upward


def test_no_modules_import_each_other_in_a_circle() -> None:
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): path
        for room in FLOORS
        for path in sources(room)
    }
    needs = {name: modules.keys() & set(imports(path)) - {name} for name, path in modules.items()}
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


def test_the_workbench_knows_the_client_side_of_agents_alone() -> None:
    beyond = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources("helpdesk_tui")
        for name in imports(path)
        if name.startswith("agents.") and not name.startswith(CLIENT_SIDE)
    ]
    assert not beyond


def test_the_executor_alone_calls_a_tool() -> None:
    """Elsewhere it is asked of a tool whether it reads or changes, and its functions are not handed on."""
    found = []
    for path, node, parent in nodes():
        if isinstance(node, ast.Attribute) and node.attr in {"run", "preview", "change"}:
            of_tool = re.search(r"\btool$|\btools(\.get)?[(\[].*[)\]]$", ast.unparse(node.value))
            looked_at = isinstance(parent, ast.Compare | ast.BoolOp | ast.If)
            if of_tool and not looked_at and path not in CALLS_TOOLS:
                found.append(f"{path}:{node.lineno}: {ast.unparse(node)}")
    assert not found


def test_what_leads_to_a_change_is_called_in_few_places() -> None:
    found = []
    for path, node, _ in nodes():
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func).rpartition(".")[2]
            if name == "connect" and any(word.arg == "read_only" for word in node.keywords):
                name = "connect(read_only)"
            if name == "open_session" and len(node.args) + len(node.keywords) > 2:
                name = "open_session(settings)"
            if not path.startswith(MADE_IN.get(name, "")):
                found.append(f"{path}:{node.lineno}: {name}")
    assert not found


def test_what_commands_print_is_inert() -> None:
    """Texts with parts put in go through `print_text` or `print_table`; click's echo shows them as they are."""
    found = [
        f"{path}:{node.lineno}"
        for path, node, _ in nodes()
        if path.startswith("helpdesk_tui/") and path not in ECHOES
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "click.echo"
        if not isinstance(node.args[0], ast.Constant | ast.Name)
        and not ast.unparse(node.args[0]).startswith("report_text(")
    ]
    assert not found


async def test_nothing_is_changed_outside_of_a_call_of_the_executor() -> None:
    from agents.database.tools.acting import act

    with pytest.raises(LookupError):
        await act("nowhere", b"SELECT 1")


def test_every_module_has_a_docstring_and_a_readable_length() -> None:
    for room in FLOORS:
        for path in sources(room):
            text = path.read_text()
            assert not text.strip() or ast.get_docstring(ast.parse(text)), f"{path}: no docstring"
            assert len(text.splitlines()) <= MAX_LINES, f"{path}: longer than {MAX_LINES} lines"


def loaded_by(code: str) -> set[str]:
    """Top-level names of HEAVY that a fresh interpreter has loaded after running `code`."""
    script = f"import sys\n{code}\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_the_command_line_loads_nothing_heavy() -> None:
    assert loaded_by("import helpdesk_tui.cli") == set()
    assert loaded_by("from helpdesk_tui.cli import main; main(['--version'])") == set()
    assert loaded_by("from helpdesk_tui.cli import main; main(['--help'])") == set()


def test_conditions_are_listed_without_a_driver() -> None:
    loaded = loaded_by("from helpdesk_tui.cli import main; main(['conditions', 'list'])")
    assert loaded <= {"pydantic"}


def test_the_workbench_paints_before_it_loads_a_protocol_or_a_driver() -> None:
    assert loaded_by("import helpdesk_tui.app") <= {"textual"}
