"""Code that trains: estimators that are fitted, optimisers that step, trainers that are started, weights updated by hand."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from mltui.experiments.detection.facts import Finding
from mltui.experiments.detection.syntax import Module, Names, keywords, shown, written
from mltui.experiments.detection.vocabulary import (
    ARRAYS,
    DISCOUNT,
    FINE_TUNING,
    FIT,
    FIT_ARGUMENT,
    FIT_KEYWORDS,
    GRADIENT,
    ML_ROOTS,
    OTHER_ROOTS,
    RATE,
    RECEIVER,
    TRAIN_ROOTS,
    TRAINING_CALL,
)

_OPTIMISER = re.compile(r"(?:.*_)?(?:optimi[sz]ers?|optim|opt)\d*(?:_.*)?")
_STEPPERS = frozenset({"torch", "accelerate", "lightning", "pytorch_lightning", "jax", "optax", "tinygrad", "mlx", "apex", "transformers"})
_TRAINER = re.compile(r"(?:.*\.)?(?:LightningModule|\w*Trainer)")


def training(module: Module) -> Iterator[Finding]:
    """Evidence of training, in no order."""
    names = module.names
    for call in module.calls:
        if _trains(call, names):
            yield Finding("train", call.lineno, shown(call))
    for definition in module.classes:
        base = next((base for base in names.inherits(definition.name) if _is_trainer(base, names)), None)
        if base is not None:
            yield Finding("train", definition.lineno, f"class {definition.name}({base})")
        elif _is_estimator(definition) and names.roots & (ML_ROOTS | ARRAYS):
            yield Finding("train", definition.lineno, f"class {definition.name} with fit() and predict()")
    if names.roots & ML_ROOTS or names.roots & {"numpy", "cupy"} or not names.roots - {"random", "math", "json"}:
        for assign in module.assigns:
            if _is_update(assign):
                yield Finding("train", assign.lineno, shown(assign))


def _is_estimator(definition: ast.ClassDef) -> bool:
    methods = {node.name: node for node in definition.body if isinstance(node, ast.FunctionDef)}
    return (
        "fit" in methods
        and len(methods["fit"].args.args) > 1
        and not methods.keys().isdisjoint({"predict", "predict_proba", "transform", "sample"})
    )


def _is_trainer(base: str, names: Names) -> bool:
    return _TRAINER.fullmatch(base) is not None and names.root(base) in ML_ROOTS


def _trains(call: ast.Call, names: Names) -> bool:
    full = names.dotted(call.func)
    root = names.root(full)
    if TRAINING_CALL.fullmatch(full) and root in names.roots:
        return not full.startswith("gensim.") or bool(call.args or "sentences" in keywords(call) or "corpus" in keywords(call))
    if FINE_TUNING.fullmatch(full):
        return True
    if not isinstance(call.func, ast.Attribute):
        return False
    method, receiver = call.func.attr, call.func.value
    if method in FIT:
        return _fits(call, receiver, full, names)
    return _method_trains(call, method, receiver, full, names)


def _method_trains(call: ast.Call, method: str, receiver: ast.expr, full: str, names: Names) -> bool:
    root, name = names.root(full), written(receiver).rpartition(".")[2]
    given = keywords(call)
    match method:
        case "backward" | "manual_backward":
            return "loss" in written(receiver).lower() or bool(names.roots & ML_ROOTS and call.args) or _holds_loss(receiver)
        case "step":
            typed = "optim" in full and root in ML_ROOTS
            return (typed or _OPTIMISER.fullmatch(name) is not None) and bool(names.roots & (_STEPPERS | ML_ROOTS)) and len(call.args) <= 1
        case "compile":
            return "optimizer" in given or ("loss" in given and "metrics" in given)
        case "apply_gradients" | "apply_updates" | "train_on_batch" | "train_step":
            return bool(names.roots & ML_ROOTS)
        case "learn":
            return "total_timesteps" in given or root in ("stable_baselines3", "sb3_contrib")
        case "optimize":
            return root == "optuna" or ("optuna" in names.roots and "study" in name)
        case "train":
            return _train_method(call, full, name, names)
        case "update":
            return root == "spacy" or ("spacy" in names.roots and name == "nlp")
        case "tune" | "train_model" | "train_supervised" | "initialize_training" | "begin_training":
            return root in TRAIN_ROOTS or (names.roots & TRAIN_ROOTS != set() and RECEIVER.fullmatch(name.lower()) is not None)
        case _:
            return False


def _train_method(call: ast.Call, full: str, name: str, names: Names) -> bool:
    """`train()` of a trainer; in torch the method of the same name switches a mode."""
    root = names.root(full)
    if root in TRAIN_ROOTS and not re.search(r"from_pretrained\(\)\.train|AutoModel", full):
        return True
    if full.removesuffix(".train").removesuffix("()") in names.bases:
        return any(_is_trainer(base, names) for base in names.inherits(full.removesuffix(".train").removesuffix("()")))
    return "trainer" in name.lower() and bool(names.roots & ML_ROOTS)


def _fits(call: ast.Call, receiver: ast.expr, full: str, names: Names) -> bool:
    root = names.root(full)
    if (root in ML_ROOTS and root in names.roots) or full.startswith("pyspark.ml."):
        return True
    if root in OTHER_ROOTS and root in names.roots:
        return False
    local = full.partition("(")[0]
    if local in names.bases:
        bases = list(names.inherits(local))
        return any(names.root(base) in ML_ROOTS for base in bases) or (
            not bases and _gives_data(call) and _names_estimator(receiver, local)
        )
    ml, data = bool(names.roots & ML_ROOTS), _gives_data(call)
    estimator = _names_estimator(receiver, full)
    if root in names.roots:
        return data and (ml or estimator)
    return (ml and (data or estimator)) or (estimator and data)


def _names_estimator(receiver: ast.expr, full: str) -> bool:
    name = written(receiver).rpartition(".")[2]
    return (
        RECEIVER.fullmatch(name.lower()) is not None or re.search(r"(?:Model|Classifier|Regressor|Estimator|Pipeline)\b", full) is not None
    )


def _gives_data(call: ast.Call) -> bool:
    if FIT_KEYWORDS & keywords(call).keys():
        return True
    arguments = [*call.args, *(value for name, value in keywords(call).items() if name in ("X", "y", "x", "data"))]
    return any(FIT_ARGUMENT.fullmatch(written(argument).rpartition(".")[2]) for argument in arguments)


def _holds_loss(receiver: ast.expr) -> bool:
    return any(isinstance(node, ast.Name) and "loss" in node.id.lower() for node in ast.walk(receiver))


def _is_update(assign: ast.Assign | ast.AnnAssign | ast.AugAssign) -> bool:
    """Weights moved by a rate times a gradient, `w -= lr * grad`, or values towards a target, `q[s] += alpha * (r + gamma * …)`."""
    if isinstance(assign, ast.AugAssign) and isinstance(assign.op, (ast.Sub, ast.Add)):
        moved = assign.value
    elif isinstance(assign, ast.Assign) and isinstance(assign.value, ast.BinOp) and isinstance(assign.value.op, (ast.Sub, ast.Add)):
        target = assign.targets[0]
        if ast.dump(assign.value.left, annotate_fields=False).replace("Load", "Store") != ast.dump(target, annotate_fields=False):
            return False
        moved = assign.value.right
    else:
        return False
    factors = list(_factors(moved))
    if len(factors) < 2 or not any(RATE.fullmatch(written(factor).rpartition(".")[2]) for factor in factors):
        return False
    others = [node for factor in factors for node in ast.walk(factor) if isinstance(node, (ast.Name, ast.Attribute))]
    said = [node.id if isinstance(node, ast.Name) else node.attr for node in others]
    return any(GRADIENT.fullmatch(name) or DISCOUNT.fullmatch(name) for name in said) or _is_residual(said)


def _is_residual(said: list[str]) -> bool:
    return any(name in ("T", "dot", "matmul", "outer") for name in said) and any(
        re.search(r"err|resid|diff|loss|x_?i?$", name, re.I) for name in said
    )


def _factors(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mult, ast.Div)):
        yield from _factors(node.left)
        yield from _factors(node.right)
    elif isinstance(node, ast.UnaryOp):
        yield from _factors(node.operand)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
        yield from _factors(node.left)
        yield node
    else:
        yield node
