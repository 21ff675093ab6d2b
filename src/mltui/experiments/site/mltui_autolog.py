"""Turns MLflow's autologging on in a training run, for the library that trains and at the moment when it begins to.

Loaded by `sitecustomize` beside it in whatever Python (3.8 or later) a run starts. It imports nothing that is not loaded
anyway; MLflow is imported when a supported library is used for the first time, never before, and models are not logged.
Whatever goes wrong in it becomes a line of the file `MLTUI_AUTOLOG` and is nobody's concern but its own.
"""

# It loads no pathlib, and must not fail.
# ruff: noqa: S110, SIM105, UP031
# pyright: basic

import functools
import os
import sys
from _thread import _local

SWITCH = "MLTUI_AUTOLOG"
"""Variable with the file for notes. Whoever turned autologging on takes it away: the workers of a fit do not log too."""

MOST_RUNS = 50
"""After so many fits that were logged the rest goes unlogged: a script that fits thousands of models must not be slowed."""

USES = {
    "xgboost.sklearn": ("xgboost", ("XGBModel.__init__",)),
    "xgboost.core": ("xgboost", ("DMatrix.__init__", "QuantileDMatrix.__init__")),
    "lightgbm.sklearn": ("lightgbm", ("LGBMModel.__init__",)),
    "lightgbm.basic": ("lightgbm", ("Dataset.__init__",)),
    "catboost.core": ("catboost", ("_CatBoostBase.__init__",)),
    "pytorch_lightning.trainer.trainer": ("pytorch", ("Trainer.__init__",)),
    "lightning.pytorch.trainer.trainer": ("pytorch", ("Trainer.__init__",)),
    "keras.src.trainers.trainer": ("keras", ("Trainer.compile",)),
    "keras.src.engine.training": ("tensorflow", ("Model.compile",)),
    "tf_keras.src.engine.training": ("tensorflow", ("Model.compile",)),
    "transformers.trainer": ("transformers", ("Trainer.__init__",)),
    "statsmodels.base.model": ("statsmodels", ("Model.__init__",)),
    "openai._base_client": ("openai", ("BaseClient.__init__",)),
    "anthropic._base_client": ("anthropic", ("BaseClient.__init__",)),
    "litellm.main": ("litellm", ("completion", "acompletion")),
    "langchain_core.callbacks.base": ("langchain", ("BaseCallbackManager.__init__",)),
}
"""By module: MLflow's name of the library, and what is called before anything is trained or asked."""

ASKED = ("openai", "anthropic")
"""Libraries that LiteLLM asks in turn; a question is recorded once."""

TRAINS = ("xgboost.training", "lightgbm.engine")
"""Modules with a function `train`, which a script looks up before it makes the data that it calls it with."""

FITS, SCORES = "sklearn.base", "sklearn.metrics"
URIS = "mlflow.tracking._tracking_service.utils"
CLIENT = "mlflow.tracking.client"

PLOTS, PLOTTERS = "matplotlib.pyplot", ("mlflow/xgboost/__init__.py", "mlflow/lightgbm/__init__.py")
"""MLflow draws the importance of features where it can load this, which takes as long as many a fit; it logs the numbers anyway."""

OPTIONS = {
    "log_models": False,
    "log_datasets": False,
    "log_input_examples": False,
    "log_model_signatures": False,
    "disable_for_unsupported_versions": False,
    "silent": True,
}


class _Autolog:
    """Stands first among the finders of modules; finds nothing itself, and looks on while others do."""

    def __init__(self, notes):
        self.notes = notes
        self.said = set()
        self.on = set()
        self.runs = 0
        self.store = os.environ.get("MLFLOW_TRACKING_URI", "")
        self.listeners = dict.fromkeys(USES, self.uses)
        self.listeners.update(dict.fromkeys(TRAINS, self.trains))
        self.listeners.update({FITS: self.fits, SCORES: self.scores, URIS: self.uris, CLIENT: self.client})

    def find_spec(self, name, path=None, target=None):
        if name == PLOTS and self.on and _asked_by(PLOTTERS):
            raise ImportError("mltui: pictures are not drawn in a run")
        if name not in self.listeners:
            return None
        try:
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
        """Calls the listener when the module has been executed. The loader stays what it is."""
        execute = loader.exec_module

        def exec_module(module):
            try:
                del loader.exec_module
            except Exception:
                pass
            execute(module)
            try:
                self.listeners[name](module)
            except Exception as error:
                self.say("autologging: %s is not as expected (%s)" % (name, _told(error)))

        loader.exec_module = exec_module

    def say(self, text):
        if text in self.said:
            return
        self.said.add(text)
        try:
            handle = os.open(self.notes, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(handle, (" ".join(text.split())[:500] + "\n").encode("utf-8", "replace"))
            finally:
                os.close(handle)
        except Exception:
            pass

    # ── what is used ─────────────────────────────────────────────────────────────

    def uses(self, module):
        flavor, paths = USES[module.__name__]
        for path in paths:
            owner, _, name = path.rpartition(".")
            holder = getattr(module, owner, None) if owner else module
            if holder is not None and hasattr(holder, name):
                self.at_first_call(holder, name, flavor)

    def at_first_call(self, holder, name, flavor):
        """Turns a library's autologging on before the first call, which goes to what MLflow has put there, if it has."""
        original = getattr(holder, name)

        @functools.wraps(original)
        def first(*args, **kwargs):
            if self.turn_on(flavor):
                current = getattr(holder, name, first)
                if current is not first:
                    return current(*args, **kwargs)
            return original(*args, **kwargs)

        setattr(holder, name, first)

    def trains(self, module):
        """Lets `xgboost.train(params, xgboost.DMatrix(X, y))` go to what MLflow puts there while its arguments are made."""
        original, package = module.train, sys.modules[module.__name__.partition(".")[0]]

        @functools.wraps(original)
        def train(*args, **kwargs):
            current = getattr(package, "train", train)
            # MLflow, which calls this in turn, logs already.
            logged = "/mlflow/utils/" in sys._getframe(1).f_code.co_filename.replace("\\", "/")
            return (original if logged or current is train else current)(*args, **kwargs)

        module.train = train

    def fits(self, module):
        """Every estimator of scikit-learn declares its `fit` through this decorator; a transformer alone is no model."""
        original = getattr(module, "_fit_context", None)
        if original is None:
            self.say("autologging: this scikit-learn is too old (1.3 or later is needed), its training was not logged")
            return

        def fit_context(*args, **kwargs):
            decorate = original(*args, **kwargs)

            def decorated(method):
                fit = decorate(method)

                @functools.wraps(fit)
                def first(estimator, *values, **named):
                    if "sklearn" not in self.on and hasattr(estimator, "predict") and self.turn_on("sklearn"):
                        return getattr(type(estimator), fit.__name__)(estimator, *values, **named)
                    return fit(estimator, *values, **named)

                return first

            return decorated

        module._fit_context = fit_context

    def scores(self, module):
        """A script that imported `accuracy_score` before it fitted anything gets MLflow's too."""
        for name in module.__all__:
            function = getattr(module, name, None)
            if isinstance(function, type(_told)):
                setattr(module, name, _Score(function, module, self.on))

    def turn_on(self, flavor):
        """Whether MLflow's autologging of a library was turned on now."""
        if flavor in self.on:
            return False
        self.on.add(flavor)
        if not self.allowed() or (flavor in ASKED and "litellm" in self.on):
            return False
        import importlib
        import importlib.util
        import inspect

        if importlib.util.find_spec("mlflow") is None:
            self.say("%s trained without being logged: mlflow is not installed in the run's environment" % flavor)
            return False
        try:
            if flavor == "catboost":
                return _log_catboost(sys.modules["catboost.core"], importlib.import_module("mlflow"))
            with _NoCollection():
                integration = importlib.import_module("mlflow." + flavor)
                if flavor == "sklearn":
                    _know_searches(importlib.import_module("mlflow.sklearn.utils"))
                takes = inspect.signature(integration.autolog).parameters
                integration.autolog(**{name: value for name, value in OPTIONS.items() if name in takes})
            _draw_nothing()
            _write_in_turn()
        except BaseException as error:
            self.say("autologging of %s failed: %s" % (flavor, _told(error)))
            if not isinstance(error, Exception):
                raise
            return False
        return True

    def allowed(self):
        """Whether this process logs. The first one that does keeps those that it starts from doing it again."""
        return bool(os.environ.pop(SWITCH, "")) or len(self.on) > 1

    # ── what MLflow does ─────────────────────────────────────────────────────────

    def uris(self, module):
        """Sends what a script logs to its run's folder, whatever address it names: a run may have no network, and no key."""
        if os.environ.get("MLFLOW_TRACKING_URI", "") != self.store:
            self.redirect(os.environ.get("MLFLOW_TRACKING_URI", ""))
            os.environ["MLFLOW_TRACKING_URI"] = self.store
        set_uri, resolve = module.set_tracking_uri, module._resolve_tracking_uri

        @functools.wraps(set_uri)
        def set_tracking_uri(uri):
            return set_uri(self.redirect(uri))

        @functools.wraps(resolve)
        def resolve_tracking_uri(tracking_uri=None):
            return resolve(self.redirect(tracking_uri))

        module.set_tracking_uri, module._resolve_tracking_uri = set_tracking_uri, resolve_tracking_uri

    def redirect(self, uri):
        if uri is None or not str(uri) or str(uri) == self.store:
            return uri
        self.say("the script sets its own MLflow tracking URI (%s); what it logs was recorded with this run instead" % _shown(str(uri)))
        return self.store

    def client(self, module):
        """Counts runs, and turns autologging off when there are too many of them."""
        create = module.MlflowClient.create_run

        @functools.wraps(create)
        def create_run(*args, **kwargs):
            self.runs += 1
            if self.runs == MOST_RUNS and self.on:
                self.turn_off()
            return create(*args, **kwargs)

        module.MlflowClient.create_run = create_run

    def turn_off(self):
        try:
            for flavor in self.on - {"catboost"}:
                sys.modules["mlflow." + flavor].autolog(disable=True, silent=True)
            self.say("autologging stopped after %d fits, so that the run is not slowed" % MOST_RUNS)
        except Exception as error:
            self.say("autologging: %s" % _told(error))


class _Score:
    """A metric of scikit-learn which calls what stands under its name now, once autologging is on."""

    inside = _local()

    def __init__(self, function, module, on):
        functools.update_wrapper(self, function)
        self._function = function
        self._module = module
        self._on = on

    def __call__(self, *args, **kwargs):
        current = getattr(self._module, self._function.__name__, self)
        if current is self or "sklearn" not in self._on or getattr(self.inside, "on", False):
            return self._function(*args, **kwargs)
        self.inside.on = True
        try:
            return current(*args, **kwargs)
        finally:
            self.inside.on = False

    def __reduce__(self):
        return functools.partial, (self._function,)


def _log_catboost(core, mlflow):
    """MLflow has no autologging for CatBoost: parameters, the curve of every metric, and the best values."""
    fit = core.CatBoost._fit

    @functools.wraps(fit)
    def fit_and_log(model, *args, **kwargs):
        result = fit(model, *args, **kwargs)
        try:
            with mlflow.start_run(nested=mlflow.active_run() is not None) as run:
                _write_catboost(model, mlflow, run.info.run_id)
        except Exception:
            pass
        return result

    core.CatBoost._fit = fit_and_log
    return False


def _write_catboost(model, mlflow, run_id):
    import time

    from mlflow.entities import Metric, Param

    now, points = int(time.time() * 1000), []
    for part, metrics in model.get_evals_result().items():
        for name, values in metrics.items():
            points += [Metric("%s-%s" % (part, name), float(value), now, step) for step, value in enumerate(values)]
    for part, metrics in (model.get_best_score() or {}).items():
        points += [Metric("best-%s-%s" % (part, name), float(value), now, 0) for name, value in metrics.items()]
    params = [Param(str(name)[:250], str(value)[:500]) for name, value in model.get_params().items()]
    client = mlflow.MlflowClient()
    client.log_batch(run_id, params=params[:100])
    for start in range(0, len(points), 1000):
        client.log_batch(run_id, metrics=points[start : start + 1000])


def _draw_nothing():
    """Pictures of the training set's confusion cost more than the rest together, and mltui draws its own from predictions."""
    utils = sys.modules.get("mlflow.sklearn.utils")
    if utils is not None and hasattr(utils, "_get_classifier_artifacts"):
        # Without any it would still load matplotlib; with an error, which `silent` keeps quiet, it goes on.
        setattr(utils, "_get_classifier_artifacts", None)  # noqa: B010


def _write_in_turn():
    """MLflow writes the runs of a search in threads, which stumble over each other in a store of files where all name one dataset.

    The search was then taken for failed, and the metrics of its predictions were lost.
    """
    client = sys.modules.get("mlflow.utils.autologging_utils.client")
    pool = getattr(client, "_AUTOLOGGING_QUEUEING_CLIENT_THREAD_POOL", None)
    if pool is not None:
        setattr(client, "_AUTOLOGGING_QUEUEING_CLIENT_THREAD_POOL", type(pool)(max_workers=1))  # noqa: B010


def _know_searches(utils):
    """MLflow takes no `HalvingGridSearchCV` for a search, and would log neither its best score nor what it tried."""
    base = getattr(sys.modules.get("sklearn.model_selection._search"), "BaseSearchCV", None)
    if base is not None and hasattr(utils, "_is_parameter_search_estimator"):
        setattr(utils, "_is_parameter_search_estimator", lambda estimator: isinstance(estimator, base))  # noqa: B010


def _asked_by(files):
    """Whether one of these files imports what is being imported."""
    frame = sys._getframe(2)
    while frame is not None and frame.f_code.co_filename.startswith("<frozen"):
        frame = frame.f_back
    return frame is not None and frame.f_code.co_filename.replace("\\", "/").endswith(files)


class _NoCollection:
    """Puts the collection of garbage off: an import makes hundreds of thousands of objects that all stay, and takes a third less so."""

    def __enter__(self):
        import gc

        self._on = gc.isenabled()
        gc.disable()

    def __exit__(self, *error):
        import gc

        if self._on:
            gc.enable()


def _shown(uri):
    """Without a password."""
    head, at, tail = uri.rpartition("@")
    return "%s://***@%s" % (head.partition("://")[0], tail) if at else uri


def _told(error):
    return ("%s: %s" % (type(error).__name__, error)).strip()[:300]


def start():
    sys.meta_path.insert(0, _Autolog(os.environ[SWITCH]))
