"""The models beside the session's own."""

from __future__ import annotations

import pytest

from mltui.config.schema import Config, ModelRoles, ModelSettings
from mltui.core.errors import AuthError, ModelRequestError, UsageError
from mltui.models import catalogue
from mltui.models.roles import RoleModels

KEY = {"ANTHROPIC_API_KEY": "k"}


def roles(config: Config | None = None, environ: dict[str, str] | None = None, session: str = "", **options: object) -> RoleModels:
    made = RoleModels(config or Config(), KEY if environ is None else environ, **options)  # type: ignore[arg-type]
    made.session_model = session
    return made


def test_roles_are_the_newest_of_their_families() -> None:
    assert roles().choose("small").id == catalogue.newest("haiku")
    assert roles().choose("architect").id == catalogue.newest("opus")


def test_no_credentials_say_what_to_do() -> None:
    with pytest.raises(AuthError, match="mltui auth login anthropic"):
        roles(environ={}).choose("small")


@pytest.mark.parametrize("own", ["scripted:x.json", "/models/qwen.GGUF"])
def test_a_session_on_a_model_of_ones_own_stays_there(own: str) -> None:
    with pytest.raises(ModelRequestError, match="set small"):
        roles(session=own).choose("small")
    assert roles(session=own, chosen={"small"}).choose("small").id == catalogue.newest("haiku")


async def test_the_effort_goes_to_models_that_reason_alone() -> None:
    config = Config(model=ModelRoles(effort="high"), models={"mine": ModelSettings(id="opus", reasoning_effort="low")})
    made = roles(config)
    assert (await made.named("opus")).info.effort == "high"
    assert (await made.named("mine")).info.effort == "low"
    assert (await made.named("gpt-4o")).info.effort == ""
    assert (await made.make("small")).info.effort == ""
    made.effort = "medium"
    assert (await made.named("mine")).info.effort == "medium"
    made.check_effort(catalogue.newest("opus") or "")
    for id in ("gpt-4o", "scripted:x", "/a/b.gguf"):
        with pytest.raises(UsageError, match="takes no effort"):
            made.check_effort(id)


async def test_settings_are_found_again_by_the_id() -> None:
    server = ModelSettings(id="openai/mine", api_base="http://127.0.0.1:1/v1", max_input_tokens=4096)
    made = roles(Config(models={"server": server}))
    model = await made.named("server")
    assert (await made.named(model.info.id)).info.context_window == 4096
    resumed = roles(Config(models={"server": server}))
    assert (await resumed.named("openai/mine")).info.context_window == 4096


def test_options_name_each_model_once_with_price_and_window() -> None:
    found = {option.name: option for option in roles(Config(model=ModelRoles(fallback=("gpt-4o", "nonesuch")))).options()}
    assert {"sonnet", "opus", "haiku", "gpt-4o"} <= set(found)
    assert "nonesuch" not in found
    assert len({option.id for option in found.values()}) == len(found)
    assert found["gpt-4o"].missing == "no key"
    assert (found["gpt-4o"].input_price, found["gpt-4o"].output_price, found["gpt-4o"].context_window) == (2.5, 10.0, 128_000)


def test_a_persona_names_the_architect_where_no_person_does() -> None:
    made = roles()
    made.propose_architect("claude-sonnet-4-5")
    assert made.choose("architect").id == "anthropic/claude-sonnet-4-5"
    chosen = roles(chosen={"architect"})
    chosen.propose_architect("claude-sonnet-4-5")
    assert chosen.choose("architect").id == catalogue.newest("opus")
