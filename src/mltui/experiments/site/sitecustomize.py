"""Notes in a file when a Python program trains. Stands first on PYTHONPATH of the agent's commands.

It is run by whatever Python (3.8 or later) a command starts, so it imports nothing that is not loaded anyway, says nothing,
and whatever goes wrong in it is nobody's concern but its own. A line of the file is a JSON object:
`event` (`import`, `trained`, `model` or `exit`), `name`, `pid`, `argv`, `at` (`file:line`), `test` (a test runner started it),
`cpu` (seconds of this process) and `time`.
"""

# It loads no pathlib and no contextlib, and must not fail.
# ruff: noqa: PTH100, PTH120, S110, SIM105, SIM905, UP031
# pyright: basic

import os
import sys

LIBRARIES = frozenset((
    "torch tensorflow keras jax flax sklearn xgboost lightgbm catboost transformers lightning pytorch_lightning trl peft "
    "accelerate deepspeed optax fastai sentence_transformers timm ultralytics mxnet paddle stable_baselines3 spacy gensim"
).split())  # fmt: skip
MODELS = (".pt", ".pth", ".ckpt", ".safetensors", ".pkl", ".joblib", ".onnx", ".gguf", ".h5", ".keras", ".npz", ".bst", ".cbm")
TRAINERS = {
    "torch.autograd": ("backward",),
    "keras.src.backend.tensorflow.trainer": ("TensorFlowTrainer.fit",),
    "keras.src.backend.jax.trainer": ("JAXTrainer.fit",),
    "keras.src.backend.torch.trainer": ("TorchTrainer.fit",),
    "keras.src.engine.training": ("Model.fit",),
    "keras.engine.training": ("Model.fit",),
    "xgboost.training": ("train",),
    "lightgbm.engine": ("train",),
    "catboost.core": ("CatBoost._fit",),
    "optax": ("apply_updates",),
}
"""Functions that train; the first call is noted, and the function is as it was from then on."""
SAVERS = {"torch.serialization": ("save",), "safetensors.torch": ("save_file",), "safetensors.numpy": ("save_file",)}
"""Functions that write model files by code that is not Python's."""
STEPS = "torch.optim.optimizer"
FITS = "sklearn.base"


class _Notebook:
    """Writes each thing down once a process."""

    def __init__(self, log):
        self.log = log
        self.noted = set()
        self.busy = False

    def note(self, event, name, at=""):
        if self.busy or (event, name) in self.noted or len(self.noted) > 200:
            return
        self.busy = True
        try:
            self.noted.add((event, name))
            self.write(event, name, at)
        except Exception:
            pass
        finally:
            self.busy = False

    def write(self, event, name, at):
        import json
        import time

        line = {
            "event": event,
            "name": str(name)[:300],
            "pid": os.getpid(),
            "argv": [str(word)[:200] for word in getattr(sys, "argv", [])[:12]],
            "at": at,
            "test": _tests(),
            "cpu": round(time.process_time(), 3),
            "time": time.time(),
        }
        data = (json.dumps(line) + "\n").encode("utf-8", "replace")
        handle = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, data)
        finally:
            os.close(handle)

    def heard(self, event, args):
        """An audit hook; also called while the interpreter goes down, when names may be gone."""
        try:
            if event == "open" and not self.busy:
                path, mode, flags = args
                if isinstance(path, str) and path.endswith(MODELS):
                    writes = any(sign in mode for sign in "wax+") if mode else flags & (os.O_WRONLY | os.O_RDWR)
                    if writes:
                        self.note("model", os.path.abspath(path))
        except Exception:
            pass

    def leave(self):
        if self.noted:
            self.note("exit", "")


class _Watcher:
    """Stands first among the finders of modules; finds nothing itself, and looks on while others do."""

    def __init__(self, notes):
        self.notes = notes

    def find_spec(self, name, path=None, target=None):
        try:
            if name in LIBRARIES:
                self.notes.note("import", name, _caller())
            if name != FITS and name != STEPS and name not in TRAINERS and name not in SAVERS:
                return None
            for finder in sys.meta_path:
                if finder is self or not hasattr(finder, "find_spec"):
                    continue
                spec = finder.find_spec(name, path, target)
                if spec is not None:
                    self.listen(name, spec.loader)
                    return spec
        except Exception:
            pass
        return None

    def listen(self, name, loader):
        """Lets `loaded` know when the module has been executed. The loader stays what it is."""
        execute = loader.exec_module

        def exec_module(module):
            try:
                del loader.exec_module
            except Exception:
                pass
            execute(module)
            try:
                self.loaded(name, module)
            except Exception:
                pass

        loader.exec_module = exec_module

    def loaded(self, name, module):
        notes = self.notes
        if name == STEPS and hasattr(module, "register_optimizer_step_post_hook"):
            module.register_optimizer_step_post_hook(lambda *args: notes.note("trained", "torch", _caller()))
        if name == FITS:
            _note_fits(module, notes)
        for event, table in (("trained", TRAINERS), ("model", SAVERS)):
            for path in table.get(name, ()):
                owner, _, attribute = path.rpartition(".")
                _note_call(getattr(module, owner) if owner else module, attribute, event, name.partition(".")[0], notes)


def _note_call(owner, attribute, event, name, notes):
    """Notes that a function was called; after the first call of one that trains it is what it was."""
    import functools

    original = getattr(owner, attribute)

    def noting(*args, **kwargs):
        try:
            if event == "model":
                target = args[1] if len(args) > 1 else kwargs.get("f", kwargs.get("filename", ""))
                if isinstance(target, (str, os.PathLike)):
                    notes.note("model", os.path.abspath(target))
            else:
                notes.note(event, name, _caller())
                if getattr(owner, attribute, None) is noting:
                    setattr(owner, attribute, original)
        except Exception:
            pass
        return original(*args, **kwargs)

    functools.update_wrapper(noting, original)
    setattr(owner, attribute, noting)


def _note_fits(module, notes):
    """Every estimator of scikit-learn declares its `fit` through this decorator; a transformer is no model."""
    import functools

    original = module._fit_context

    def fit_context(*args, **kwargs):
        decorate = original(*args, **kwargs)

        def decorated(method):
            fit = decorate(method)

            def noting(self, *values, **named):
                try:
                    if ("trained", "sklearn") not in notes.noted and hasattr(self, "predict"):
                        notes.note("trained", "sklearn", _caller())
                except Exception:
                    pass
                return fit(self, *values, **named)

            return functools.update_wrapper(noting, fit)

        return decorated

    module._fit_context = fit_context


def _tests():
    """Whether a test runner started this; a library may load one for its own purposes."""
    program = (getattr(sys, "argv", None) or [""])[0].replace("\\", "/")
    runs = program.endswith(("/pytest", "/py.test", "/pytest/__main__.py", "/unittest/__main__.py"))
    return runs or "PYTEST_CURRENT_TEST" in os.environ or "PYTEST_XDIST_WORKER" in os.environ


def _caller():
    """The innermost line that is the project's own, else that of whoever asked."""
    first = ""
    frame = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith("<frozen") and name != __file__:
            place = "%s:%d" % (name, frame.f_lineno)
            first = first or place
            if "-packages" not in name and not name.startswith(sys.base_prefix + "/lib/python"):
                return place
        frame = frame.f_back
    return first


def _start(log):
    import atexit

    notes = _Notebook(log)
    sys.meta_path.insert(0, _Watcher(notes))
    sys.addaudithook(notes.heard)
    atexit.register(notes.leave)


def _hand_on():
    """Runs the sitecustomize that this one stands before, as if it were the only one."""
    own = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != own]
    for finder in sys.meta_path:
        spec = finder.find_spec("sitecustomize", None, None) if hasattr(finder, "find_spec") else None
        if spec is not None and spec.loader is not None and spec.origin != __file__:
            module = type(sys)("sitecustomize")
            module.__spec__, module.__loader__, module.__file__ = spec, spec.loader, spec.origin
            sys.modules["sitecustomize"] = module
            spec.loader.exec_module(module)
            return


try:
    if os.environ.get("MLTUI_TRAINING_LOG"):
        _start(os.environ["MLTUI_TRAINING_LOG"])
except Exception:
    pass
try:
    if os.environ.get("MLTUI_AUTOLOG"):
        import mltui_autolog

        mltui_autolog.start()
except Exception:
    pass
_hand_on()
