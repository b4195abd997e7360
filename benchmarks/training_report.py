#!/usr/bin/env python3
"""Measures training steps beside PyTorch's: time in interleaved turns of two processes, and peak memory.

Usage: training_report.py BUILD_DIR [--threads 1 2] [--turns 15] [--only REGEX] [--markdown FILE]
"""

import argparse
import contextlib
import importlib
import json
import math
import pathlib
import re
import statistics
import subprocess
import sys
import time

from report import aligned, duration, machine
from training_models import STEPS

LIBRARIES = ("tenon", "torch")
# PyTorch's time as a multiple of Tenon's: the least of any step, and the least geometric mean.
LEAST, LEAST_MEAN = 1.0, 1.4
HEADING = "## Training steps: the latest run\n\n"
FIRST_STEPS = 5
SECONDS_PER_TURN = 0.25
# The threads of either library have ceased to spin by then.
PAUSE = 0.05


def status(field):
    """A size in /proc/self/status, in bytes."""
    return 1024 * int(re.search(rf"{field}:\s+(\d+) kB", pathlib.Path("/proc/self/status").read_text())[1])


def work(library, figure, threads):
    """Answers each line of stdin, a number of steps, with their seconds, their losses and how much memory grew."""
    torch = importlib.import_module(library)
    before = status("VmRSS")
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    step = STEPS[figure](torch)
    # One thread's own time leaves out what other processes took of its core.
    clock = time.process_time if threads == 1 else time.perf_counter
    for line in sys.stdin:
        start = clock()
        losses = [step() for _ in range(int(line))]
        seconds = clock() - start
        print(json.dumps({"seconds": seconds, "losses": losses, "memory": status("VmHWM") - before}), flush=True)


class Worker:
    """A process that trains one model by one library when it is asked to, and sleeps otherwise."""

    def __init__(self, build, library, figure, threads):
        command = [sys.executable, __file__, str(build), "--work", library, "--only", figure, "--threads", str(threads)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def steps(self, count):
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class Row:
    """One step at one number of threads: {library: seconds} and {library: bytes}."""

    def __init__(self, figure, threads, seconds, memory):
        self.figure, self.threads, self.seconds, self.memory = figure, threads, seconds, memory
        self.gain = seconds["torch"] / seconds["tenon"]

    def cells(self):
        memory = [f"{self.memory[library] / 2**20:.1f} MiB" for library in LIBRARIES]
        seconds = [duration(self.seconds[library]) for library in LIBRARIES]
        verdicts = {"time": self.gain >= LEAST, "memory": self.memory["tenon"] <= self.memory["torch"]}
        missed = [name for name, met in verdicts.items() if not met]
        verdict = f"missed: {', '.join(missed)}" if missed else "met"
        return [self.figure, str(self.threads), *seconds, f"{self.gain:.2f}", *memory, verdict]


def measure(build, figure, threads, turns):
    with contextlib.ExitStack() as stack:
        workers = {}
        for library in LIBRARIES:
            workers[library] = Worker(build, library, figure, threads)
            stack.callback(workers[library].close)
        first = {library: worker.steps(FIRST_STEPS) for library, worker in workers.items()}
        for ours, theirs in zip(first["tenon"]["losses"], first["torch"]["losses"]):
            assert math.isclose(ours, theirs, rel_tol=1e-3), f"{figure}: the losses {ours} and {theirs} differ"
        slower = max(worker.steps(FIRST_STEPS)["seconds"] for worker in workers.values())
        count = max(FIRST_STEPS, round(SECONDS_PER_TURN * FIRST_STEPS / slower))
        seconds, memory = {library: [] for library in LIBRARIES}, {}
        for _ in range(turns):
            for library, worker in workers.items():
                time.sleep(PAUSE)
                worker.steps(1)
                turn = worker.steps(count)
                seconds[library].append(turn["seconds"] / count)
                memory[library] = turn["memory"]
    return Row(figure, threads, {library: statistics.median(turns) for library, turns in seconds.items()}, memory)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--only", default="", help="steps whose name this regular expression finds")
    parser.add_argument("--markdown", type=pathlib.Path, help="a page whose section of training steps is renewed")
    parser.add_argument("--work", choices=LIBRARIES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        sys.path.insert(0, str(options.build / "bindings" / "python"))
        work(options.work, options.only, options.threads[0])
        return

    lines = [f"Machine: {machine()}."]
    print(lines[0], flush=True)
    rows = []
    for threads in options.threads:
        for figure in filter(re.compile(options.only).search, STEPS):
            rows.append(measure(options.build, figure, threads, options.turns))
            print(" ".join(rows[-1].cells()), flush=True)
    heads = ["step", "threads", *LIBRARIES, "torch / tenon", *(f"memory, {name}" for name in LIBRARIES), "target"]
    lines.append(aligned([heads, *(row.cells() for row in rows)]))
    for threads in options.threads:
        mean = statistics.geometric_mean(row.gain for row in rows if row.threads == threads)
        verdict = "met" if mean >= LEAST_MEAN else "missed"
        lines.append(f"Geometric mean, {threads} threads: {mean:.2f} (at least {LEAST_MEAN}: {verdict}).")
    report = "\n\n".join(lines)
    print(report)
    if options.markdown:
        before, _, after = options.markdown.read_text().partition(HEADING)
        options.markdown.write_text(before + HEADING + report + "\n\n" + after[after.index("## ") :])


if __name__ == "__main__":
    main()
