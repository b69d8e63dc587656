#!/usr/bin/env python3
"""Build and run the benchmarks that have a goal and print each as a ratio to its floor in the same run
(in seconds where it has none).

    bench/compare.py [BUILD_DIR]

A bar has one tick per decibel beyond the goal; more than three ticks make the exit code 1.
"""
import csv
import json
import math
import pathlib
import subprocess
import sys

SOURCE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else SOURCE.parent / "build/release"


def medians(program):
    """Median real time in seconds of each benchmark of a folder's program."""
    result = subprocess.run(
        [BUILD / f"src/crossloom/{program}/{program}_bench", "--benchmark_format=json",
         "--benchmark_repetitions=5", "--benchmark_report_aggregates_only=true"],
        check=True, capture_output=True, text=True)
    unit = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1}
    return {row["run_name"]: row["real_time"] * unit[row["time_unit"]] for row in json.loads(result.stdout)["benchmarks"]
            if row["aggregate_name"] == "median"}


def main():
    subprocess.run(["cmake", "--build", BUILD, "--target", "benches"], check=True,
                   stdout=subprocess.DEVNULL)
    rows = list(csv.DictReader((SOURCE / "goals.csv").open()))
    times = {program: medians(program) for program in {row["program"] for row in rows}}
    worst = 0
    for row in rows:
        measured = times[row["program"]]
        ratio = measured[row["benchmark"]] / (measured[row["floor"]] if row["floor"] else 1)
        beyond = 10 * math.log10(ratio / float(row["goal"]))
        worst = max(worst, beyond)
        bar = "|" * max(0, math.ceil(beyond))
        print(f"{row['program']}/{row['benchmark']:<52} {ratio:6.2f} {'x' if row['floor'] else 's'}  goal {row['goal']:>4} {bar}")
    return 1 if worst > 3 else 0


if __name__ == "__main__":
    sys.exit(main())
