"""Names of the field: libraries, methods, metrics and words by which code is told apart."""

from __future__ import annotations

import re
import sys


def _words(*lines: str) -> frozenset[str]:
    return frozenset(word for line in lines for word in line.split())


ML_ROOTS = _words(
    "torch torchvision torchaudio torchtext lightning pytorch_lightning lightning_fabric sklearn xgboost lightgbm catboost tensorflow keras",
    "tf_keras jax flax optax haiku equinox transformers trl peft accelerate sentence_transformers fastai optuna hyperopt stable_baselines3",
    "sb3_contrib statsmodels prophet darts gluonts neuralprophet timm ultralytics mmcv mmengine mmdet detectron2 spacy gensim fasttext setfit",
    "implicit surprise lightfm pycaret autogluon flaml tpot mxnet paddle chainer skorch imblearn sktime river pyro numpyro pymc torch_geometric",
    "dgl bertopic umap hdbscan deepspeed composer mlx tinygrad unsloth ngboost econml lifelines cuml h2o simpletransformers datasets torchmetrics",
    "tianshou d3rlpy rl_zoo3 torchrl bitsandbytes apex xformers segmentation_models_pytorch monai tabpfn pytorch_tabnet category_encoders pmdarima",
    "skopt nevergrad axolotl torchtune litgpt diffusers kornia fairseq speechbrain nemo espnet torchvggish crepe",
)
"""Packages whose objects are fitted, trained or optimised."""

LLM_ROOTS = _words(
    "openai anthropic litellm langchain langchain_core langchain_openai langchain_anthropic langchain_community langgraph llama_index dspy",
    "guidance instructor ollama cohere mistralai groq vertexai vllm llama_cpp haystack semantic_kernel autogen crewai agents pydantic_ai",
    "smolagents promptflow outlines marvin ell replicate together mlx_lm mirascope lmql fireworks portkey_ai transformers phi agno controlflow",
    "magentic aisuite langfuse google_generativeai deepeval ragas autogen_agentchat strands llm",
)
LLM_MODULES = ("google.generativeai", "google.genai", "huggingface_hub.InferenceClient", "langchain_", "llama_index.")
"""Beginnings of dotted names that call language models, where the package alone does not say so."""

OTHER_ROOTS = frozenset(sys.stdlib_module_names) | _words(
    "rich PIL reportlab numpy scipy matplotlib plotly seaborn pandas polars django flask fastapi starlette click typer textual pydantic requests",
    "httpx sqlalchemy pytest hypothesis airflow prefect dagster dbt kubernetes docker boto3 celery redis cv2 shapely geopandas networkx fitz",
    "lmfit astropy uncertainties wx PyQt5 PySide6 tkinter pygame arcade kivy pyglet vtk",
)
"""Packages whose `fit` and `train` mean something else."""

FIT = _words("fit partial_fit fit_transform fit_predict fit_one_cycle fit_resample fit_generator fine_tune fit_regularized")
TRAIN_ROOTS = _words(
    "transformers trl sentence_transformers ultralytics setfit unsloth ray gensim detectron2 mmengine mmdet flaml simpletransformers composer",
    "spacy fasttext h2o tianshou d3rlpy paddle fastai bertopic autogluon axolotl surprise",
)
"""Packages with objects whose `train()` trains; in torch it only switches a mode."""

_OPTIMISERS = r"(?:torch|tensorflow|keras|tf_keras|jax|mlx|paddle|apex|bitsandbytes|torch_optimizer|timm|chainer)"
TRAINING_CALL = re.compile(
    rf"""
      (?:xgboost|lightgbm|catboost)\.(?:dask\.)?(?:train|cv)
    | sklearn\.model_selection\.(?:\w*SearchCV|cross_val\w*|learning_curve|validation_curve|permutation_test_score)
    | {_OPTIMISERS}\.(?:.*\.)?(?:optim|optimizers?|optimizers\.legacy)\.[A-Za-z]\w*(?:\.[A-Z]\w*)?
    | optax\.\w+
    | flax\.training\.train_state\.TrainState(?:\.create)?
    | optuna\.(?:create_study|study\.create_study|integration\.\w+SearchCV)
    | hyperopt\.fmin | skopt\.\w*(?:minimize|SearchCV)
    | ray\.(?:tune\.(?:run|Tuner)|train\..*Trainer|rllib\..*(?:Config|Trainer))
    | transformers\.(?:\w*TrainingArguments|\w*Trainer|AdamW|Adafactor|get_\w*schedule\w*)
    | trl\.(?:.*\.)?\w*(?:Trainer|Config)
    | peft\.(?:get_peft_model|\w+Config|prepare_model_for_kbit_training)
    | (?:lightning|pytorch_lightning)(?:\.\w+)*\.(?:Trainer|Fabric)
    | lightning_fabric\.Fabric
    | sentence_transformers\.(?:.*\.)?\w*Trainer\w* | setfit\.\w*Trainer
    | deepspeed\.initialize | accelerate\.Accelerator | composer\.(?:.*\.)?Trainer
    | torch\.(?:cuda\.)?amp\.GradScaler | torch\.nn\.parallel\.DistributedDataParallel | torch\.distributed\.fsdp\.\w+
    | fastai\..*[lL]earner | fasttext\.train_\w+
    | gensim\.models\.(?:\w+\.)?(?:Word2Vec|FastText|Doc2Vec|Lda\w+|LsiModel)
    | pycaret\.\w+\.(?:create_model|compare_models|tune_model)
    | (?:pymc|numpyro\.infer)\.(?:sample|fit|MCMC|SVI) | pyro\.infer\.SVI
    | spacy\.(?:.*\.)?(?:train|minibatch) | mlx\.nn\.value_and_grad
    | tinygrad\.nn\.optim\.\w+
    | detectron2\.engine\.\w*Trainer | mmengine\.runner\.Runner
    """,
    re.VERBOSE,
)
FINE_TUNING = re.compile(r"(?:.*\.)?(?:fine_tuning\.jobs|fine_tunes|fine_tuning)\.create")

RECEIVER = re.compile(
    r"(?:.*_)?(?:model|clf|classifier|regressor|reg|estimator|pipe|pipeline|net|network|trainer|learner|booster|grid|search|forest|svm|svc"
    r"|knn|kmeans|pca|vectorizer|vec|scaler|imputer|autoencoder|gbm|ensemble|ranker|lasso|ridge|agent|algo|recommender|tokenizer)\d*(?:_.*)?"
)
"""Names of variables that hold something to be fitted."""

FIT_ARGUMENT = re.compile(
    r"[Xx]|[Xx]_?(?:tr|trn|train|fit|all|full|pool|scaled|features)\w*|[Yy]|[Yy]_?(?:tr|trn|train|fit|all|full)\w*|\w*train\w*|features|labels|targets"
)
FIT_KEYWORDS = _words(
    "epochs batch_size validation_data validation_split eval_set sample_weight steps_per_epoch early_stopping_rounds max_epochs",
    "train_dataloaders train_dataloader datamodule train_objectives cat_features",
)

RATE = re.compile(r"(?:.*_)?(?:lr|learning_rate|eta|alpha|step_size|rate)(?:_?t|_?[wb])?", re.IGNORECASE)
GRADIENT = re.compile(r"(?:.*_)?(?:grads?|gradients?|d_?[wbvuhx]\d?|deltas?|m_?hat|velocity)\d*(?:_.*)?", re.IGNORECASE)
DISCOUNT = re.compile(r"gamma|discount(?:_.*)?", re.IGNORECASE)

SPLITTERS = re.compile(
    r"sklearn\.model_selection\.(?:train_test_split|\w*KFold|\w*ShuffleSplit|TimeSeriesSplit|LeaveOneOut|LeaveOneGroupOut|PredefinedSplit)"
    r"|torch\.utils\.data\.(?:\w+\.)?random_split|iterstrat\..*|splitfolders\.\w+|datasets\.load_dataset\(\)\.train_test_split"
)
WRITERS = _words(
    "to_csv to_parquet to_feather to_pickle to_json to_disk save_to_disk push_to_hub savez savez_compressed write_table write_parquet",
    "write_csv write_text write_bytes writerow writerows write dump save copy copy2 move symlink_to copyfile",
)
METRIC_PACKAGES = _words(
    "evaluate sacrebleu rouge_score bert_score seqeval jiwer pycocotools pytrec_eval ir_measures ranx torchmetrics lpips pytorch_fid cleanfid"
)
HARNESSES = _words("lm_eval inspect_ai ragas deepeval trulens trulens_eval mteb beir helm opencompass promptfoo bigcode_eval")
METRIC_CALL = re.compile(
    r"sklearn\.metrics\.(?!pairwise|make_scorer|euclidean|cosine|ConfusionMatrixDisplay|RocCurveDisplay)\w+|nltk\.(?:translate|metrics)\..*"
    r"|mlflow\.(?:evaluate|metrics\..*|genai\.evaluate)|scipy\.stats\.(?:spearmanr|kendalltau)"
)
METRIC_NAME = re.compile(
    r"_?(?:compute_|calc_|calculate_|get_|mean_|macro_|micro_|weighted_|balanced_|token_)*"
    r"(?:accuracy|f1|f_?beta|precision|recall|auc|auroc|roc_auc|average_precision|map|bleu|rouge(?:_?l)?|ndcg|mrr|hit_rate|exact_match|perplexity"
    r"|mae|mse|rmse|mape|smape|r2|iou|dice|wer|cer|ece|brier|log_loss|confusion_matrix|faithfulness|win_rate|pass_at_k|metrics|reciprocal_rank)"
    r"(?:_score|_at_\w+|_k|_rate)?"
)
METRIC_PARAMETER = re.compile(
    r"\w*(?:pred|true|label|target|gold|ref|hyp|truth|expected|actual|answer|relevan|ranked|logits|probs?|scores?|output|retrieved|qrels)\w*|y|yhat|y_hat"
)

HYPERPARAMETERS = _words(
    "lr learning_rate base_lr max_lr min_lr batch_size train_batch_size micro_batch_size epochs num_epochs n_epochs max_epochs hidden_size",
    "hidden_dim hidden_units embed_dim embedding_dim d_model n_heads num_heads n_layers num_layers dropout dropout_rate weight_decay momentum",
    "n_estimators max_depth num_leaves min_child_weight warmup_steps warmup_ratio max_steps total_steps total_timesteps gamma tau lora_r",
    "lora_alpha label_smoothing grad_clip clip_range ent_coef gradient_accumulation_steps accumulate_grad_batches subsample colsample_bytree",
    "reg_lambda reg_alpha l2_regularization kernel_size latent_dim max_seq_len max_length num_classes patience test_size val_fraction",
)

COLUMN_LIST = re.compile(
    r"(?:.*_)?(?:features?|columns?|cols|cats?|nums?|categor\w*|numer\w*|numbers|targets?|labels?|classes|vocab\w*|keep)(?:_.*)?",
    re.IGNORECASE,
)
FRAMEWORKS = _words("torch jax tensorflow keras flax equinox haiku mlx tinygrad paddle optax")
ARRAYS = _words("numpy pandas polars cupy scipy numba")
PLOTTING = _words("matplotlib seaborn plotly rich tqdm wandb tensorboard")

PROMPT_KEYWORDS = _words(
    "messages system prompt instructions system_prompt system_instruction system_message template user_prompt contents input"
)
PROMPT_FACTORY = re.compile(
    r"(?:.*\.)?\w*Prompt\w*(?:Template)?(?:\.(?:from_messages|from_template|partial))?|(?:.*\.)?(?:SystemMessage|HumanMessage|AIMessage)"
    r"|(?:.*\.)?\w*MessagePromptTemplate\.from_template"
)
MODEL_CALL = re.compile(
    r"(?:.*\.)?(?:chat\.completions\.(?:create|parse|stream)|completions\.create|messages\.(?:create|stream)|responses\.(?:create|parse|stream)"
    r"|generate_content(?:_async)?|a?completion|text_generation|chat_completion|converse|invoke_model)"
)
PROMPT_NAME = re.compile(r"(?:.*_)?(?:prompts?|instructions?|persona|preamble|few_?shots?(?:_examples)?|rubric)\d*(?:_.*)?", re.IGNORECASE)
PROMPT_NAME_DOUBTFUL = re.compile(
    r"(?:.*_)?(?:system|template|(?:system|user|developer)_?(?:msg|message|text)|judge|guidelines|task)(?:_.*)?", re.IGNORECASE
)
CUE = re.compile(
    r"\byou are (?:an?|the|now)\b|\byour (?:task|job|role|goal|answer)\b|\brespond\b|\banswer (?:the|in|only|with|as|using|from)\b|\bassistant\b"
    r"|\bsummari[sz]e\b|\bclassify\b|\btranslate\b|\bstep by step\b|\b(?:return|output|reply)\b.{0,30}\b(?:json|only|with)\b|\bdo not (?:make up|invent|guess)\b"
    r"|\bgiven the (?:following|context|text|question)|\b(?:context|question|answer|document|passage|transcript)\s*:|\bexpert\b|\bcite\b|\bconcise\b"
    r"|\bextract (?:the|all|every)\b|\brewrite\b|\buse only\b|<(?:document|context|example|instructions)s?>",
    re.IGNORECASE | re.DOTALL,
)
MODEL_TOOL = re.compile(
    r"(?:.*\.)?(?:tool|function_tool|ai_function|ai_fn|kernel_function|mcp\.(?:tool|prompt)|prompt|tool_plain|skill|action|agent\.tool\w*|llm)(?:\(\))?"
)
"""Decorators that hand a function's docstring to a model."""
SIGNATURE = re.compile(r"dspy\.(?:.*\.)?Signature|(?:.*\.)?(?:BaseTool|BaseModel|TypedDict|OpenAISchema|Signature)")
"""Bases of classes whose docstring a model may be shown."""

EVALUATION_FILE = re.compile(
    r"(?:evaluat\w*|eval|evals|scor(?:e|er|ers|ing)|metrics?|benchmark|judge|grad(?:er|ing)|leaderboard)(?:[_-].*)?|.*[_-](?:eval|evals|evaluat\w*|metrics?|scorer|judge|benchmark)",
    re.IGNORECASE,
)
JUDGE_FILE = re.compile(r"(?:.*[_-])?(?:judge|grader|eval|evals|evaluat\w*)(?:[_-].*)?", re.IGNORECASE)
"""Names of files whose prompts judge the answers of others."""

DATA_FILE = re.compile(
    r"(?:split|splits|make_?(?:data|splits?|dataset|corpus|folds)|prep(?:are)?_?\w*data\w*|preprocess\w*|build_?(?:data|dataset|corpus|features|splits?)|create_?(?:data|dataset|splits?|folds)|featuri[sz]e|"
    r"features|datasets?|datamodule|tokeni[sz]e_\w+|sample_data|label_data|curate|dedup\w*|process_data|data_?(?:prep|loader|module|set|split|splitting|pipeline)\w*|clean_data|generate_data|gen_data)"
    r"(?:[_-].*)?|.*[_-](?:splits?|dataset|preprocess\w*|features|datamodule)",
    re.IGNORECASE,
)
