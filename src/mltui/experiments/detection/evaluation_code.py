"""Code that computes metrics, and code that makes or splits data."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from mltui.experiments.detection.facts import Finding
from mltui.experiments.detection.syntax import Module, shown
from mltui.experiments.detection.vocabulary import (
    HARNESSES,
    METRIC_CALL,
    METRIC_NAME,
    METRIC_PACKAGES,
    METRIC_PARAMETER,
    ML_ROOTS,
    SPLITTERS,
    WRITERS,
)

_SPLIT_WORD = re.compile(r"(?:^|[/_.\-{} ])(train|training|val|valid|validation|dev|test|holdout|held_out)(?=$|[/_.\-{} ])")
_DATA_LIBRARIES = frozenset(
    {"pandas", "numpy", "polars", "sklearn", "datasets", "torch", "random", "pyarrow", "PIL", "h5py", "zarr", "tiktoken"}
)
_PREPARERS = re.compile(
    r"sklearn\.(?:preprocessing|feature_\w+|impute|compose)\..*|datasets\.\w+\(?\)?.*|tiktoken\..*|tokenizers\..*|transformers\.AutoTokenizer\..*"
    r"|torchvision\.(?:datasets|transforms)\..*|tensorflow\.data\..*|tensorflow_datasets\..*|imblearn\..*|albumentations\..*|webdataset\..*"
)
_BUILDER = re.compile(r"datasets\.(?:.*\.)?\w*Builder|(?:.*\.)?LightningDataModule|tensorflow_datasets\..*Builder\w*")
_DATASET = re.compile(
    r"torch\.utils\.data\.(?:\w+\.)?(?:\w*Dataset|\w*Sampler)|torch_geometric\.data\.\w*Dataset|tensorflow\.keras\.utils\.Sequence|keras\.utils\.\w*(?:Sequence|Dataset)"
)


def evaluation(module: Module) -> Iterator[Finding]:
    """Evidence of evaluation, in no order. One metric is weak evidence: code of any kind looks at one."""
    names = module.names
    calls: dict[str, ast.Call] = {}
    for call in module.calls:
        full = names.dotted(call.func)
        root = names.root(full)
        if root not in names.roots:
            continue
        if root in HARNESSES or full.startswith(("mlflow.evaluate", "mlflow.genai.evaluate")):
            yield Finding("eval", call.lineno, shown(call))
        elif METRIC_CALL.fullmatch(full) or (root in METRIC_PACKAGES and full.count("(") == 0):
            calls.setdefault(full, call)
    for call in calls.values():
        yield Finding("eval", call.lineno, shown(call), weak=len(calls) < 2)
    definitions = [function for function in module.functions if _is_metric(function)]
    for function in definitions:
        yield Finding("eval", function.lineno, f"def {function.name}(…)", weak=len(definitions) + len(calls) < 3)
    for harness in sorted(names.roots & (HARNESSES | METRIC_PACKAGES)):
        yield Finding("eval", 1, f"imports {harness}", weak=True)


def _is_metric(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    parameters = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args) if argument.arg not in ("self", "cls")]
    return METRIC_NAME.fullmatch(function.name.lower()) is not None and any(METRIC_PARAMETER.fullmatch(name.lower()) for name in parameters)


def data(module: Module) -> Iterator[Finding]:
    """Evidence of data being made or split, in no order."""
    names = module.names
    writes: ast.Call | None = None
    for call in module.calls:
        full = names.dotted(call.func)
        splits = SPLITTERS.fullmatch(full) is not None and names.known(full)
        if splits or (full.endswith(".train_test_split") and "datasets" in names.roots):
            yield Finding("data", call.lineno, shown(call))
        elif _PREPARERS.fullmatch(full) and names.known(full):
            yield Finding("data", call.lineno, shown(call), weak=True)
        if writes is None and (full.rpartition(".")[2] in WRITERS or _opens_to_write(call)):
            writes = call
    for definition in module.classes:
        for base in names.inherits(definition.name):
            if _BUILDER.fullmatch(base):
                yield Finding("data", definition.lineno, f"class {definition.name}({base})")
            elif _DATASET.fullmatch(base):
                yield Finding("data", definition.lineno, f"class {definition.name}({base})", weak=True)
    if writes is not None and names.roots & (_DATA_LIBRARIES | ML_ROOTS):
        words = _split_words(module)
        both = words & {"train", "training"} and words - {"train", "training"}
        yield Finding("data", writes.lineno, shown(writes), weak=not both)


def _split_words(module: Module) -> set[str]:
    texts = [node.value for node in module.constants if isinstance(node.value, str) and len(node.value) < 120 and "\n" not in node.value]
    return {word for text in texts for word in _SPLIT_WORD.findall(text)}


def _opens_to_write(call: ast.Call) -> bool:
    if not (isinstance(call.func, ast.Name) and call.func.id == "open") and not (
        isinstance(call.func, ast.Attribute) and call.func.attr == "open"
    ):
        return False
    modes = [*call.args[-1:], *(keyword.value for keyword in call.keywords if keyword.arg == "mode")]
    return any(
        isinstance(mode, ast.Constant) and isinstance(mode.value, str) and re.fullmatch(r"[rbt]*[wax][bt+]*", mode.value) for mode in modes
    )
