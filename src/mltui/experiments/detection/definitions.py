"""What makes a module part of the training that imports it: models, losses, data sets, features, hyperparameters."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from mltui.experiments.detection.evaluation_code import data, evaluation
from mltui.experiments.detection.facts import Finding
from mltui.experiments.detection.prompt_text import prompts
from mltui.experiments.detection.syntax import Module, shown
from mltui.experiments.detection.training_code import training
from mltui.experiments.detection.vocabulary import ARRAYS, COLUMN_LIST, FRAMEWORKS, HYPERPARAMETERS, ML_ROOTS, PLOTTING

_MODEL = re.compile(
    r"torch\.nn\..*|torch\.autograd\.Function|(?:tensorflow\.)?keras\..*(?:Model|Layer|Loss|Callback|Metric|Regularizer)|flax\.(?:linen|nnx)\.Module"
    r"|equinox\.Module|haiku\.Module|mlx\.nn\.Module|sklearn\.base\.\w+|transformers\..*|stable_baselines3\..*|gymnasium\.\w*(?:Env|Wrapper)"
    r"|gym\.\w*(?:Env|Wrapper)|lightning\..*|pytorch_lightning\..*|torch_geometric\..*|torch\.optim\..*"
)
_TRANSFORM = re.compile(
    r"torchvision\.(?:transforms|models)\..*|albumentations\..*|sklearn\.(?:preprocessing|pipeline|compose|feature_\w+|decomposition|impute)\..*"
    r"|sklearn\.(?!metrics|model_selection|utils|datasets|exceptions)\w+\.[A-Z]\w*|torch\.nn\.(?!utils)\w+(?:\.\w+)?|timm\.create_model|torchaudio\.transforms\..*"
    r"|(?:xgboost|lightgbm|catboost)\.\w+|(?:tensorflow\.)?keras\.(?:layers|Sequential|applications|losses)\b.*|transformers\.\w+\.from_pretrained|flax\.linen\.\w+"
)
_FEATURE = re.compile(
    r"(?:.*_)?(?:features?|featuri[sz]e|preprocess\w*|tokeni[sz]e\w*|augment\w*|normali[sz]e\w*|encode|collate\w*|transforms?|batchify|reward|loss)(?:_.*)?"
)
_NUMERIC = frozenset({"numpy", "pandas", "polars", "cupy", "scipy", "gymnasium", "gym", "PIL", "cv2"}) | ML_ROOTS


def definitions(module: Module) -> Iterator[Finding]:
    """Evidence that counts in a module which training code imports; what would count anywhere is part of it."""
    names = module.names
    for definition in module.classes:
        base = next((base for base in names.inherits(definition.name) if _MODEL.fullmatch(base)), None)
        if base is not None:
            yield Finding("train", definition.lineno, f"class {definition.name}({base})")
    for call in module.calls:
        full = names.dotted(call.func)
        if _TRANSFORM.fullmatch(full) and names.known(full):
            yield Finding("train", call.lineno, shown(call))
    if names.roots & _NUMERIC:
        for function in module.functions:
            if _FEATURE.fullmatch(function.name.lower()):
                yield Finding("train", function.lineno, f"def {function.name}(…)")
    libraries = names.roots & (FRAMEWORKS if names.roots & PLOTTING else FRAMEWORKS | ARRAYS)
    if libraries and module.functions:
        first = min(module.functions, key=lambda function: function.lineno)
        yield Finding("train", first.lineno, f"def {first.name}(…), with {min(libraries)}")
    yield from _hyperparameters(module)
    yield from training(module)
    yield from prompts(module)
    yield from (
        finding for finding in (*evaluation(module), *data(module)) if not finding.weak or finding.text.startswith(("class", "def"))
    )


def _hyperparameters(module: Module) -> Iterator[Finding]:
    for assign in module.assigns:
        target = assign.targets[0] if isinstance(assign, ast.Assign) else assign.target
        if isinstance(target, ast.Name) and COLUMN_LIST.fullmatch(target.id) and _are_names(assign.value):
            yield Finding("train", assign.lineno, shown(assign))
        if isinstance(target, ast.Name) and target.id.lower() in HYPERPARAMETERS and _is_number(assign.value):
            yield Finding("hparam", assign.lineno, shown(assign))
    for mapping in module.dicts:
        for key, value in zip(mapping.keys, mapping.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str) and key.value.lower() in HYPERPARAMETERS and _is_number(value):
                yield Finding("hparam", value.lineno, f"{key.value!r}: {shown(value)}")


def _are_names(node: ast.expr | None) -> bool:
    if isinstance(node, ast.BinOp):
        return _are_names(node.left) or _are_names(node.right)
    parts = node.elts if isinstance(node, (ast.List, ast.Tuple, ast.Set)) else ()
    return bool(parts) and all(isinstance(part, ast.Constant) and isinstance(part.value, str) for part in parts)


def _is_number(node: ast.expr | None) -> bool:
    if isinstance(node, ast.UnaryOp):
        node = node.operand
    return isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and not isinstance(node.value, bool)
