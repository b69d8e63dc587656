#!/usr/bin/env python3
"""Build and run the benchmarks that have a goal and print each as a ratio to its floor in the same run
(in seconds where it has none).

    bench/compare.py [--record] [--program NAME] [BUILD_DIR]

A bar has one tick per decibel beyond the goal; more than three ticks make the exit code 1. With --record
the figures are added to history.csv, with the commit and the processor they come from.
"""
import argparse
import csv
import datetime
import json
import math
import pathlib
import subprocess
import sys

SOURCE = pathlib.Path(__file__).resolve().parent
HISTORY = SOURCE / "history.csv"


def medians(build, program):
    """Median time in seconds of each benchmark of a folder's program: of all threads together where
    its name ends in process_time, else real time."""
    result = subprocess.run(
        [build / f"src/crossloom/{program}/{program}_bench", "--benchmark_format=json",
         "--benchmark_repetitions=5", "--benchmark_report_aggregates_only=true"],
        check=True, capture_output=True, text=True)
    unit = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1}
    times = {}
    for row in json.loads(result.stdout)["benchmarks"]:
        if row["aggregate_name"] != "median":
            continue
        clock = "cpu_time" if row["run_name"].endswith("process_time") else "real_time"
        times[row["run_name"]] = row[clock] * unit[row["time_unit"]]
    return times


def processor():
    """Model and vector instructions."""
    text = pathlib.Path("/proc/cpuinfo").read_text()
    lines = {key.strip(): value for key, _, value in (line.partition(":") for line in text.splitlines())}
    flags = lines.get("flags", "").split()
    vectors = next((name for name in ("avx512f", "avx2") if name in flags), "")
    return f"{lines.get('model name', '?').strip()} {vectors}".strip()


def record(ratios):
    commit = subprocess.run(["git", "-C", SOURCE, "rev-parse", "--short", "HEAD"], check=True,
                            capture_output=True, text=True).stdout.strip()
    is_new = not HISTORY.exists()
    with HISTORY.open("a", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        if is_new:
            table.writerow(["date", "commit", "processor", "benchmark", "ratio"])
        for name, ratio in ratios:
            table.writerow([datetime.date.today(), commit, processor(), name, f"{ratio:.4g}"])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--program", help="only the benchmarks of this folder")
    parser.add_argument("build", nargs="?", type=pathlib.Path, default=SOURCE.parent / "build/release")
    arguments = parser.parse_args()
    subprocess.run(["cmake", "--build", arguments.build, "--target", "benches"], check=True,
                   stdout=subprocess.DEVNULL)
    rows = [row for row in csv.DictReader((SOURCE / "goals.csv").open())
            if arguments.program in (None, row["program"])]
    times = {program: medians(arguments.build, program) for program in {row["program"] for row in rows}}
    worst = 0
    ratios = []
    for row in rows:
        measured = times[row["program"]]
        ratio = measured[row["benchmark"]] / (measured[row["floor"]] if row["floor"] else 1)
        beyond = 10 * math.log10(ratio / float(row["goal"]))
        worst = max(worst, beyond)
        ratios.append((f"{row['program']}/{row['benchmark']}", ratio))
        bar = "|" * max(0, math.ceil(beyond))
        print(f"{row['program']}/{row['benchmark']:<52} {ratio:6.2f} {'x' if row['floor'] else 's'}  goal {row['goal']:>4} {bar}")
    if arguments.record:
        record(ratios)
    return 1 if worst > 3 else 0


if __name__ == "__main__":
    sys.exit(main())
