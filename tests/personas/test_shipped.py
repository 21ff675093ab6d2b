from __future__ import annotations

import re
from pathlib import Path

import pytest

from mltui.personas import loader
from mltui.personas.document import sections

REFERENCE = Path(__file__).parent / "fixtures"
SHIPPED = loader.load_all([loader.shipped_folder()], {})
READ_ONLY = {"Read", "Glob", "Grep", "CheckData", "TodoWrite", "AskUserQuestion", "ExperimentStatus"}

CONSTRAINTS = {
    "Must use experiment tracking.": "experiment tracking",
    "Cannot deploy to production without performance validation.": "performance validation",
    "Must provide clear metrics and visualizations.": "statistical significance",
    "Jupyter notebooks for exploratory analysis only, not production code.": "exploratory analysis only",
    "Must version datasets and models.": "datasets and models",
    "Must document experiment rationale.": "hypothesis, methodology",
}
ESCALATIONS = {
    "request clarification": "request clarification",
    "coordinate with the infrastructure engineer": "infrastructure-engineer",
    "consult with domain experts": "domain experts",
    'Permission to say "I don\'t know."': "\"I don't know",
}
COMPETENCIES = {
    "Data Preprocessing": ("ml-engineer", "data preprocessing"),
    "Feature Engineering": ("ml-engineer", "feature engineering"),
    "Model Training": ("ml-engineer", "model training"),
    "Model Evaluation": ("ml-engineer", "model evaluation"),
    "Basic Hyperparameter Tuning": ("ml-engineer", "hyperparameter tuning"),
    "Libraries and Frameworks": ("ml-engineer", "scikit-learn, xgboost, lightgbm, catboost"),
    "Common ML Algorithms": ("ml-engineer", "linear and logistic regression"),
    "LLM Orchestration": ("ml-engineer", "langchain and litellm"),
    "Evaluation": ("data-scientist", "llm-as-judge"),
}


def body(name: str) -> str:
    return " ".join(SHIPPED.personas[name].body.split())


def reference(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


def test_the_shipped_personas_are_these_and_have_no_problem() -> None:
    assert set(SHIPPED.personas) == {"ml-engineer", "senior-ml-engineer", "data-scientist", "infrastructure-engineer", "reviewer"}
    assert SHIPPED.problems == ()
    assert SHIPPED.personas["ml-engineer"].model == "sonnet"
    assert SHIPPED.personas["senior-ml-engineer"].model == "opus"
    assert set(SHIPPED.personas["reviewer"].tools or ()) <= READ_ONLY


def test_every_constraint_of_the_reference_is_kept_by_all_who_change_things() -> None:
    stated = re.findall(r"^- \*\*(.+?)\*\*", sections(reference("machine-learning-engineer.md"))["constraints"][1], re.MULTILINE)
    assert set(stated) == set(CONSTRAINTS)
    for name in SHIPPED.personas:
        for phrase in CONSTRAINTS.values():
            assert phrase in body(name).lower(), (name, phrase)


def test_every_escalation_path_of_the_reference_is_in_every_persona() -> None:
    stated = re.findall(r"\*\*(.+?)\*\*", sections(reference("machine-learning-engineer.md"))["when to escalate"][1])
    assert set(stated) == set(ESCALATIONS)
    for name in SHIPPED.personas:
        for phrase in ESCALATIONS.values():
            assert phrase.lower() in body(name).lower() or phrase == name, (name, phrase)  # nobody refers to himself
    assert "Consult senior-ml-engineer for complex architectural decisions" in reference("ml-engineer.md")
    assert "`senior-ml-engineer`" in body("ml-engineer")
    assert "`reviewer`" in body("ml-engineer")


def test_every_competence_of_the_reference_has_its_persona() -> None:
    headings = re.findall(r"^### (.+)$", reference("ml-engineer.md"), re.MULTILINE)
    headings += [name for name in ("LLM Orchestration", "Evaluation") if f"**{name}**" in reference("machine-learning-engineer.md")]
    assert set(headings) == set(COMPETENCIES)
    for name, phrase in COMPETENCIES.values():
        assert phrase in body(name).lower(), (name, phrase)


def test_the_engineer_keeps_the_reference_terms() -> None:
    """Of each bullet of the competencies, its terms of art: nothing of the reference got lost in the retelling."""
    terms = "SMOTE PCA t-SNE UMAP TF-IDF Optuna GridSearchCV DBSCAN dropout early stopping checkpointing AUC-ROC leakage Polars plotly"
    for term in (
        *terms.split(),
        "mutual information",
        "recursive elimination",
        "rolling statistics",
        "Ray Tune",
        "fixed random seeds",
        "Start simple",
    ):
        assert term.lower() in reference("ml-engineer.md").lower(), term
        assert term.lower() in body("ml-engineer").lower(), term


@pytest.mark.parametrize("name", sorted(SHIPPED.personas))
def test_every_persona_knows_how_mltui_works(name: str) -> None:
    assert "**Goal > Code > CLI > Prompts > Agents.**" in body(name)
    assert "AskUserQuestion" in body(name)
    assert "sk instead of guessing" in body(name)
    assert "error bars" in body(name)
    if name != "reviewer":
        for phrase in ("staged", "ProposeExperiment", "ConcludeExperiment", "I need to test this", "fixed random seeds"):
            assert phrase.lower() in body(name).lower(), phrase
