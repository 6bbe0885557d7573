"""Where questions go: a labelled table, half of it never used for tuning; overrides, teaching, and when to ask."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path

import pytest

from agents.router import Name, Profile, Router, Taught
from inventory.errors import UserError
from tests.router.sentences import SENTENCES

AGENTS = (
    Profile(
        "database",
        "Diagnoses PostgreSQL by rules.",
        ("postgresql",),
        ("Triage Finds what is wrong on a server",),
    ),
    Profile("kubernetes", "Looks at clusters.", ("k8s",), ("Workloads Why pods do not run",)),
    Profile("host", "Looks at Linux hosts.", ("linux",), ("Resources Processor, memory, disks, services",)),
    Profile("incident", "Writes incidents up, and bundles.", ("bundle",), ("Bundle Collects and redacts",)),
)
NAMES = (Name("orders-prod"), Name("billing-db"), Name("analytics.eu"))


@pytest.fixture
def router() -> Router:
    return Router(AGENTS, NAMES)


def held_out(sentence: str) -> bool:
    """Half of the table, by a hash that nobody chose."""
    return hashlib.sha256(sentence.encode()).digest()[0] % 2 == 1


def wrong(router: Router, sentences: list[tuple[str, str]]) -> list[str]:
    return [
        f"{text!r}: {router.route(text).agent or 'nobody'} instead of {agent or 'nobody'} ({router.route(text).why})"
        for text, agent in sentences
        if router.route(text).agent != agent
    ]


@pytest.mark.parametrize("half", [False, True], ids=["tuned", "held out"])
def test_nine_of_ten_sentences_go_where_they_belong(router: Router, half: bool) -> None:
    sentences = [item for item in SENTENCES if held_out(item[0]) == half]
    assert len(sentences) >= 75
    mistakes = wrong(router, sentences)
    assert len(mistakes) <= len(sentences) / 10, "\n".join(mistakes)


def test_the_table_is_large_and_says_nothing_twice() -> None:
    assert len({text for text, _ in SENTENCES}) == len(SENTENCES) >= 150


@pytest.mark.parametrize(
    "text", ["an important passport was reported", "import job failed", "postpone the meeting"]
)
def test_a_word_inside_another_word_decides_nothing(router: Router, text: str) -> None:
    assert router.route(text).agent == ""


def test_the_same_words_go_the_same_way() -> None:
    routes = [
        [Router(agents, NAMES).route(text) for text, _ in SENTENCES] for agents in (AGENTS, AGENTS[::-1])
    ]
    assert routes[0] == routes[1]


def test_it_says_why(router: Router) -> None:
    assert "deadlock" in router.route("a deadlock again").why
    assert "deadlock?" in router.route("a deadlok again").why
    assert "orders-prod is in the inventory" in router.route("orders-prod is odd").why


def test_a_name_of_the_inventory_is_the_target(router: Router) -> None:
    assert router.route("Is ORDERS-PROD, well, slow?").target == "orders-prod"
    assert router.route("analytics.eu: who blocks?").target == "analytics.eu"
    assert router.route("orders-prod-2 is slow").target == ""
    assert router.route("restart the pod that talks to orders-prod").agent == "kubernetes"


@pytest.mark.parametrize("call", ["@kubernetes", "@kube", "@k8s", "@Kubernetes:", "@kubernetes,"])
def test_an_agent_that_is_called_gets_the_question(router: Router, call: str) -> None:
    route = router.route(f"{call} vacuum the table on orders-prod")
    assert (route.agent, route.text, route.target) == (
        "kubernetes",
        "vacuum the table on orders-prod",
        "orders-prod",
    )


def test_db_is_the_database(router: Router) -> None:
    assert router.route("@db pods are crashlooping").agent == "database"


def test_an_agent_that_is_not_there_is_not_guessed(router: Router) -> None:
    route = router.route("@network what now")
    assert route.agent == ""
    assert "no agent @network" in route.why
    assert "was said" not in router.route("mail root@kubernetes about the deadlock").why


def test_a_call_that_fits_two_agents_is_asked_about() -> None:
    router = Router([Profile("db-eu", tags=("postgresql",)), Profile("db-us", tags=("postgresql",))])
    route = router.route("@db who blocks?")
    assert (route.agent, route.candidates) == ("", ("db-eu", "db-us"))
    assert router.route("@db-us who blocks?").agent == "db-us"


def test_two_agents_of_one_field_are_a_question(router: Router) -> None:
    router = Router(
        [*AGENTS, Profile("reporting", "PostgreSQL of the warehouse team", ("postgresql", "warehouse"))]
    )
    assert router.route("deadlock on accounts").agent == ""
    assert set(router.route("deadlock on accounts").candidates) == {"database", "reporting"}
    assert router.route("deadlock in the warehouse of the warehouse team").agent == "reporting"


def test_what_no_agent_knows_goes_to_nobody() -> None:
    route = Router(AGENTS[:1], NAMES).route("pods are crashlooping")
    assert route.agent == ""
    assert "kubernetes" in route.why


def test_a_card_with_words_of_its_own_is_found() -> None:
    card = {
        "description": "Rotates certificates of the mesh",
        "skills": [
            {"name": "Rotate", "description": "Renews certificates", "examples": ["renew the certificate"]}
        ],
    }
    router = Router([*AGENTS, Profile.of_card("pki", card)])
    assert router.route("renew the certificate and rotate it").agent == "pki"


def test_what_is_taught_counts_at_once_and_for_what_is_said_alike(router: Router, tmp_path: Path) -> None:
    word = secrets.token_hex(4)
    text = f"the {word} exporter shows gaps"
    assert router.route(text).agent == ""
    router.teach(text, "host")
    assert router.route(text).agent == "host"
    assert "taught" in router.route(text).why
    assert router.route(f"why does {word} exporter show gaps again?").agent == "host"
    router.teach(text, "incident")
    assert router.route(text).agent == "incident"


def test_what_was_taught_wins_over_the_rules(router: Router) -> None:
    text = "who holds the lock on public.payments"
    router.teach(text, "incident")
    assert router.route(text).agent == "incident"
    assert router.route("deadlock on accounts").agent == "database"


def test_what_was_taught_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "routes.toml"
    Router(AGENTS, NAMES, Taught.load(path)).teach('the "exporter"\nshows gaps', "host")
    assert path.stat().st_mode & 0o077 == 0
    assert Router(AGENTS, NAMES, Taught.load(path)).route("exporter shows gaps").agent == "host"
    path.write_text("taught = 5")
    with pytest.raises(UserError, match=r"routes\.toml"):
        Taught.load(path)


@pytest.mark.parametrize(
    "text", ["", " ", "\x00", "@", "@@", "🙂" * 50, "a" * 100_000, "sperr " * 20_000, "ẞ́" * 999]
)
def test_odd_input_is_no_trouble(router: Router, text: str) -> None:
    router.route(text)
