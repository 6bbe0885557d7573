"""Two themes of our own: quiet surfaces, and colour only where it means something."""

from __future__ import annotations

from textual.theme import Theme

NIGHT = Theme(
    name="helpdesk-night",
    primary="#7fb4e6",
    secondary="#a7c7a3",
    accent="#7fb4e6",
    warning="#e6b866",
    error="#ec7a7f",
    success="#8bc68f",
    foreground="#d3d9e3",
    background="#10141b",
    surface="#10141b",
    panel="#1d2530",
    dark=True,
    variables={
        "text-muted": "#7c899c",
        "border": "#2d3746",
        "border-blurred": "#2d3746",
        "scrollbar": "#2d3746",
        "scrollbar-hover": "#3c4a5e",
        "scrollbar-active": "#7fb4e6",
        "scrollbar-background": "#10141b",
        "scrollbar-background-hover": "#10141b",
        "scrollbar-background-active": "#10141b",
        "scrollbar-corner-color": "#10141b",
        "input-selection-background": "#7fb4e6 35%",
        "block-cursor-background": "#7fb4e6",
        "block-cursor-foreground": "#10141b",
    },
)

DAY = Theme(
    name="helpdesk-day",
    primary="#1d5f9e",
    secondary="#3c6b3a",
    accent="#1d5f9e",
    warning="#8f5d00",
    error="#b3262e",
    success="#2c7031",
    foreground="#20262e",
    background="#fafbfc",
    surface="#fafbfc",
    panel="#e9edf2",
    dark=False,
    variables={
        "text-muted": "#5d6876",
        "border": "#c3ccd7",
        "border-blurred": "#c3ccd7",
        "scrollbar": "#c3ccd7",
        "scrollbar-background": "#fafbfc",
        "scrollbar-corner-color": "#fafbfc",
    },
)

THEMES = (NIGHT, DAY)
