# Shared by the scripts of this folder: finds Python and uv and makes the environment in .venv.
# Sourced, never run. Written for bash 3.2 and later (macOS), and prints to stderr alone.

_scripts=${BASH_SOURCE[0]%/*}
ROOT=$(cd "$_scripts/.." && pwd -P)
VENV=$ROOT/.venv
TOOLS=$ROOT/.venv-tools # a private uv, the lock and the set-up's log
LOG=$TOOLS/setup.log
STAMPS=$VENV/.mltui # what was installed, written last
PYTHON=
UV=

say() { printf '%s\n' "$*" >&2; }

fail() {
    printf 'mltui set-up: %s\n' "$*" >&2
    exit 1
}

is_python() { command "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    local candidate
    for candidate in python3 python3.13 python3.12 python3.11 python3.14 python; do
        if is_python "$candidate"; then
            PYTHON=$(command "$candidate" -c 'import sys; print(sys.executable)')
            return
        fi
    done
    fail "Python 3.11 or newer is needed and was not found on PATH (Debian: apt install python3 python3-venv; Fedora: dnf install python3; macOS: brew install python)."
}

find_git() {
    command -v git >/dev/null 2>&1 || fail "git is needed and was not found on PATH (Debian: apt install git; Fedora: dnf install git; macOS: xcode-select --install)."
}

find_compiler() {
    local cc=${CC:-} cxx=${CXX:-} name
    for name in cc gcc clang; do [[ -n $cc ]] || ! command -v "$name" >/dev/null 2>&1 || cc=$name; done
    for name in c++ g++ clang++; do [[ -n $cxx ]] || ! command -v "$name" >/dev/null 2>&1 || cxx=$name; done
    # CC may hold a launcher or options as well ("ccache gcc"): its first word is the command.
    if [[ -z $cc || -z $cxx ]] || ! command -v "${cc%% *}" >/dev/null 2>&1 || ! command -v "${cxx%% *}" >/dev/null 2>&1; then
        fail "a C and C++ compiler is needed to build llama.cpp (Debian: apt install build-essential; Fedora: dnf install gcc-c++; macOS: xcode-select --install)."
    fi
}

# uv from PATH, or a private one at the locked version.
find_uv() {
    if command uv --version >/dev/null 2>&1; then
        UV=uv
        return
    fi
    UV=$TOOLS/uv/bin/uv
    if "$UV" --version >/dev/null 2>&1 && cmp -s "$ROOT/requirements/uv.txt" "$TOOLS/uv/installed.txt"; then
        return
    fi
    say "mltui set-up: getting uv, the package installer, from pip"
    mkdir -p "$TOOLS"
    install_uv >"$LOG" 2>&1 || explain_failure "uv could not be installed with pip (Debian needs: apt install python3-venv)"
    cp "$ROOT/requirements/uv.txt" "$TOOLS/uv/installed.txt"
}

install_uv() {
    rm -rf "$TOOLS/uv"
    # A pip that installs somewhere else by its environment would not install where we look.
    unset PIP_USER PIP_TARGET PIP_PREFIX PIP_ROOT PIP_REQUIRE_HASHES PIP_NO_BINARY
    if "$PYTHON" -m venv "$TOOLS/uv"; then
        "$TOOLS/uv/bin/python" -m pip install --require-hashes -r "$ROOT/requirements/uv.txt"
    else # Debian without python3-venv but with pip
        rm -rf "$TOOLS/uv"
        "$PYTHON" -m pip install --target "$TOOLS/uv" --require-hashes -r "$ROOT/requirements/uv.txt"
    fi
}

# Ends with one line that says why, as far as the log tells it.
explain_failure() {
    if grep -qiE 'no space left on device|disk quota exceeded' "$LOG"; then
        fail "the disk is full: about 3 GB are needed under $ROOT and in uv's cache ($LOG has the details)."
    elif grep -qiE 'dns error|name resolution|network is unreachable|connection (refused|reset)|error sending request|failed to connect|newconnectionerror|maxretryerror|operation timed out|are you offline' "$LOG"; then
        fail "the package registry cannot be reached: check the network and the proxy, then run this again; what was downloaded is kept ($LOG has the details)."
    elif grep -qE 'permission denied|Permission denied' "$LOG"; then
        fail "no permission to write under $ROOT or to the package cache ($LOG has the details)."
    fi
    tail -n 20 "$LOG" >&2
    fail "$1; the lines above are the end of $LOG."
}

# Prints the seconds since the start, until it is killed: in place on a terminal, else each 30 s.
tick() {
    local text=$1 start=$SECONDS now
    while :; do
        now=$text
        if grep -q 'Building llama-cpp-python' "$LOG" 2>/dev/null && ! grep -q 'Built llama-cpp-python' "$LOG"; then
            now="compiling llama.cpp, about six minutes on two cores, once"
        fi
        if [[ -t 2 ]]; then
            printf '\r\033[K  %s: %d s' "$now" $((SECONDS - start)) >&2
            sleep 1
        else
            sleep 30
            printf '  %s: %d s\n' "$now" $((SECONDS - start)) >&2
        fi
    done
}

# run_logged TEXT COMMAND...: runs a command with its output in the log and its progress on stderr.
run_logged() {
    local text=$1 start=$SECONDS status=0 job ticker
    shift
    : >"$LOG"
    # Job control gives both a process group, so that an interrupt ends compilers and all.
    set -m
    "$@" </dev/null >>"$LOG" 2>&1 &
    job=$!
    tick "$text" </dev/null >/dev/null &
    ticker=$!
    set +m
    # shellcheck disable=SC2064 # the ids of now are meant
    trap "kill -TERM -- -$job -$ticker 2>/dev/null; say ''; say 'mltui set-up: interrupted; run it again to go on.'; exit 130" INT TERM HUP
    wait "$job" || status=$?
    trap - INT TERM HUP
    kill -TERM -- "-$ticker" 2>/dev/null || true
    wait "$ticker" 2>/dev/null || true
    [[ ! -t 2 ]] || printf '\r\033[K' >&2
    [[ $status == 0 ]] || explain_failure "$text failed"
    say "  $text: done in $((SECONDS - start)) s"
}

# uv_install ARGUMENT...: from uv's cache if everything is there, whatever the registry says of its age; else from the registry.
uv_install() {
    set -- pip install --python "$VENV/bin/python" --no-deps "$@"
    "$UV" "$@" --offline && return
    : >"$LOG"
    "$UV" "$@"
}

# split_requirements FILE: llama.cpp's requirement into one file, the others into another.
split_requirements() {
    awk -v llama="$TOOLS/llama.txt" -v others="$TOOLS/packages.txt" '
        /^[A-Za-z0-9]/ { target = /^llama-cpp-python==/ ? llama : others }
        { print > target }' "$1"
}

# is_installed LEVEL: nothing but what every start can afford to look at.
is_installed() {
    local place=
    [[ -x $VENV/bin/python && -f $VENV/bin/mltui && ! -e $STAMPS/unfinished ]] || return 1
    [[ -r $STAMPS/place ]] && IFS= read -r place <"$STAMPS/place"
    [[ $place == "$ROOT" ]] && cmp -s "$ROOT/requirements/$1.txt" "$STAMPS/$1.txt"
}

# One set-up at a time; the lock goes with this process, however it ends.
lock_environment() {
    mkdir -p "$TOOLS" || fail "cannot write to $ROOT."
    exec 9>>"$TOOLS/lock"
    # flock(2) belongs to the open file, so it outlives the Python that takes it; flock(1) is not everywhere.
    "$PYTHON" - 9<&9 <<'PY' || true
import fcntl, sys
try:
    fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    print("mltui set-up: another set-up of this checkout is under way; waiting for it", file=sys.stderr)
    fcntl.flock(9, fcntl.LOCK_EX)
PY
}

# make_environment LEVEL: `base` runs mltui, `dev` tests it as well.
make_environment() {
    local level=$1 cores
    find_uv
    cores=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
    export CMAKE_BUILD_PARALLEL_LEVEL=${CMAKE_BUILD_PARALLEL_LEVEL:-$cores}
    say "mltui set-up: making $VENV with $("$PYTHON" -V) and $("$UV" --version | cut -d' ' -f1,2)."
    say "  If nothing is cached yet, about 600 MB are downloaded and llama.cpp is compiled: six to seven minutes on two cores ($cores here), once."
    # A folder that an interrupted set-up left, or whose Python is gone, is made anew; any other is kept and completed.
    if [[ -e $STAMPS/unfinished ]] || ! is_python "$VENV/bin/python"; then
        run_logged "making the virtual environment" "$UV" venv --clear --python "$PYTHON" "$VENV"
    fi
    mkdir -p "$STAMPS"
    : >"$STAMPS/unfinished"
    # llama.cpp by itself, so that a change of anything else does not compile it again.
    split_requirements "$ROOT/requirements/$level.txt"
    run_logged "installing the locked packages" uv_install --require-hashes -r "$TOOLS/packages.txt"
    run_logged "installing llama.cpp" uv_install --require-hashes -r "$TOOLS/llama.txt"
    run_logged "installing mltui" uv_install --reinstall-package mltui --editable "$ROOT"
    # dev is a superset of base with the same pins.
    cp "$ROOT/requirements/base.txt" "$STAMPS/base.txt"
    [[ $level == base ]] || cp "$ROOT/requirements/dev.txt" "$STAMPS/dev.txt"
    printf '%s\n' "$ROOT" >"$STAMPS/place"
    rm -f "$STAMPS/unfinished"
    say "mltui set-up: ready."
}

# ensure_environment LEVEL
ensure_environment() {
    local level=$1
    is_installed "$level" && return
    find_python
    find_git
    find_compiler
    lock_environment
    # A development environment stays one when only mltui is run from it.
    [[ ! -e $STAMPS/dev.txt ]] || level=dev
    is_installed "$level" || make_environment "$level"
    exec 9>&-
}
