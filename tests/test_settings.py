"""settings.toml: read with clear errors, written without losing what the operator wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpdesk_tui import settings
from inventory.errors import UserError


def test_no_file_is_all_defaults() -> None:
    assert settings.load() == settings.Settings()


def test_what_the_workbench_keeps_leaves_comments_and_thresholds_alone() -> None:
    path = settings.default_path()
    path.parent.mkdir()
    path.write_text('# mine\n[thresholds."lock.blocking_tree"]\nwait_warning = 9\n')
    settings.keep({"theme": "helpdesk-day"})
    settings.keep({"mouse": False})
    kept = settings.load()
    assert (kept.theme, kept.mouse) == ("helpdesk-day", False)
    assert kept.thresholds == {"lock.blocking_tree": {"wait_warning": 9}}
    assert path.read_text().startswith("# mine\n")
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ('[workbench.look]\ntheme = "pink"\n', 2, "helpdesk-day"),
        ("[workbench.look]\n\nmouse = 3\n", 3, "true or false"),
        ("[workbench.look]\ncolour = 1\n", 2, "theme, mouse or slow_link"),
        ("thresholds = 1\n", 1, "tables"),
        ("[workbench\n", 1, "TOML"),
    ],
)
def test_bad_settings_name_file_line_and_what_was_expected(
    tmp_path: Path, text: str, line: int, expected: str
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(text)
    with pytest.raises(UserError) as error:
        settings.load(file)
    assert str(error.value).startswith(f"{file}:{line}: ")
    assert expected in str(error.value)


def test_thresholds_of_a_file_go_over_those_of_the_settings() -> None:
    kept = {"a": {"x": 1, "y": 2}, "b": {"z": 3}}
    assert settings.merged(kept, {"a": {"y": 5}}) == {"a": {"x": 1, "y": 5}, "b": {"z": 3}}
