# What a change has to pass; also what `just` does by itself.
check: lint types contracts
    .venv/bin/python scripts/check_sizes.py
    scripts/test tests

# Makes or completes .venv; the other recipes need it.
setup:
    bash -c '. scripts/lib.sh && ensure_environment dev'

test *ARGS:
    scripts/test {{ARGS}}

lint: setup
    .venv/bin/ruff check
    .venv/bin/ruff format --check

types: setup
    .venv/bin/pyright

contracts: setup
    .venv/bin/lint-imports

# Writes the golden transcripts again from what mltui does now; read the diff before you commit it.
golden:
    scripts/test tests/golden --update-golden

# Writes the screens' snapshots again; look at them before you commit them.
snapshots:
    scripts/test tests/tui --snapshot-update

# Makes the pictures in docs/ from the app.
screenshots: setup
    .venv/bin/python scripts/screenshot.py

bench: setup
    .venv/bin/python scripts/bench.py
    .venv/bin/python scripts/cold_start.py
    .venv/bin/python scripts/bench_journal.py
    .venv/bin/python scripts/bench_runs.py

# The main job, on the embedded model.
try *ARGS:
    scripts/mltui try {{ARGS}}

# Remakes requirements/*.txt.
lock *ARGS:
    scripts/lock {{ARGS}}

# Writes docs/keys.md again.
keys: setup
    .venv/bin/python scripts/keys_doc.py

# Writes docs/events.schema.json again.
schema: setup
    .venv/bin/python scripts/events_schema.py
