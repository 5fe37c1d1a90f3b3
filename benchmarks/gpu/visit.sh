#!/bin/sh
# All that one visit to a machine with a GPU is for, within nine minutes: what there is, the suite, the benchmark, the
# shapes of launches. Whatever fails is noted, and the rest goes on. Logs and results are left in a folder:
#
#   PYTHON=/path/to/python sh benchmarks/gpu/visit.sh FOLDER
#
# The python needs CuPy, pytest and what thincopt itself needs; torch and optax are compared if it has them.
set -u
out=${1:?say into which folder: sh benchmarks/gpu/visit.sh FOLDER}
mkdir -p "$out" && out=$(cd "$out" && pwd) || exit 2
cd "$(dirname "$0")/../.." || exit 2
python=${PYTHON:-python3}
export PYTHONUNBUFFERED=1 THINCOPT_REQUIRE_GPU=1 PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"
: >"$out/summary.txt"
failed=0

# part NAME SECONDS LINES COMMAND…: run it for so long at most, keep its output, show so much of the end.
part() {
    name=$1 limit=$2 lines=$3
    shift 3
    begun=$(date +%s)
    timeout -k 10 "$limit" "$@" >"$out/$name.log" 2>&1
    status=$?
    case $status in
        0) told=done ;;
        124 | 137) told="STOPPED after $limit seconds" failed=1 ;;
        *) told="FAILED with status $status" failed=1 ;;
    esac
    echo "== $name: $told, $(($(date +%s) - begun)) s" | tee -a "$out/summary.txt"
    tail -n "$lines" "$out/$name.log"
}

hello='
import cupy, numpy, platform, sys
import thincopt
print(sys.version, platform.platform())
print("numpy", numpy.__version__, "cupy", cupy.__version__, "CUDA", cupy.cuda.runtime.runtimeGetVersion())
print(cupy.cuda.runtime.getDeviceProperties(0)["name"], thincopt.info())
optimizer = thincopt.AdamW()
weights, gradient = cupy.ones(5, "float32"), cupy.ones(5, "float32")
optimizer("w", weights, gradient)
print("one step:", weights, gradient, optimizer.nr_update)
'
part device 60 45 sh -c 'nvidia-smi; "$0" -c "$1"' "$python" "$hello"
part suite 230 60 "$python" -m pytest tests/gpu -p no:cacheprovider --durations=15 -rfE --tb=short
part bench 170 45 "$python" -m benchmarks.gpu --to "$out"
part shapes 50 70 "$python" -m benchmarks.gpu --shapes
cat "$out/summary.txt"
exit $failed
