#!/usr/bin/env python3
"""Runs every benchmark beside every rival found, and sets each figure against the limits that the machine showed then.

Usage: report.py BUILD_DIR [--threads 1 2] [--turns 15] [--only REGEX] [--markdown FILE]
"""

import argparse
import importlib
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

import python_figures

RIVALS = ["torch", "OpenBLAS", "Eigen", "plain_loop", "streaming_loop"]
LIMITS = {"flops": ["limit_fma"], "bytes": ["limit_read", "limit_add"]}
# The most that Tenon's time may be, as a share of the rival's.
TARGETS = {
    "add_2": {"torch": 0.35},
    "add_2_recorded": {"torch": 0.35},
    "py_add_2": {"torch": 0.5},
    "py_add_2_recorded": {"torch": 0.5},
    "add_16M": {"torch": 0.5, "plain_loop": 1 / 0.9, "streaming_loop": 1 / 0.9},
    "exp_16M": {"torch": 0.5},
    "gelu_16M": {"torch": 0.5},
    **dict.fromkeys(python_figures.EXCHANGES, {python_figures.FROM_NUMPY: 1}),
}
# The calls from Python that a geometric mean is taken of, and the most that it may be.
TINY_CALLS = ["py_add_2", "py_relu_2", "py_view", "py_select", "py_mm_4", "py_linear_4", "py_sum_backward_2"]
TINY_CALLS_TARGET = 0.45
# How many times as fast two Python threads must be as one.
THREADS_GAIN_TARGET = 1.8
HEADING = "## The latest run\n\n"
JSON = "--benchmark_format=json"
# Turns of many steps each.
TURNS_BESIDE_NEIGHBOURS = 15
UNITS = [("s", 1), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9)]


class Row:
    """One figure at one number of threads: seconds per call of each contender, and the share of a limit reached."""

    def __init__(self, figure, threads, seconds, limit=""):
        self.figure, self.threads, self.seconds, self.limit = figure, threads, seconds, limit

    def ratio(self, rival):
        """Tenon's time as a share of the rival's, or None."""
        return self.seconds["tenon"] / self.seconds[rival] if rival in self.seconds else None

    def verdict(self):
        """Whether the row's targets are met; empty where it has none that can be judged."""
        targets = TARGETS.get(self.figure, {})
        judged = [(rival, most) for rival, most in targets.items() if rival in self.seconds]
        return "; ".join(
            f"{rival} {most:.2f}: {'met' if self.ratio(rival) <= most else 'missed'}" for rival, most in judged
        )

    def cells(self, rivals):
        ratios = [self.ratio(rival) for rival in rivals]
        shown = ["" if ratio is None else f"{ratio:.2f}" if ratio >= 0.01 else f"{ratio:.1g}" for ratio in ratios]
        return [self.figure, str(self.threads), duration(self.seconds["tenon"]), self.limit, *shown, self.verdict()]


def duration(seconds):
    for unit, size in UNITS:
        if seconds >= size or unit == "ns":
            return f"{seconds / size:.3g} {unit}"


class Program:
    """tenon_bench: figures named figure/contender."""

    def __init__(self, path):
        self.path = path
        listed = self.output("--benchmark_list_tests=true").split()
        self.contenders = {}
        for name in listed:
            figure, contender = name.split("/")[:2]
            self.contenders.setdefault(figure, []).append(contender)
        # One quick run says what each figure's work is, and so which limits it is set against.
        runs = json.loads(self.output("--benchmark_filter=/tenon/", "--benchmark_min_time=0.001", JSON))["benchmarks"]
        self.limits = {
            run["name"].split("/")[0]: [probe for work, probes in LIMITS.items() if run[work] for probe in probes]
            for run in runs
        }

    def output(self, *flags):
        return subprocess.run([self.path, *flags], check=True, capture_output=True, text=True).stdout

    def measure(self, figure, threads, turns):
        """{(figure, contender): {"seconds": median per call, "fastest": least, "flops": ..., "bytes": ...}} from
        interleaved turns."""
        names = "|".join([re.escape(figure), *self.limits[figure]])
        out = self.output(
            f"--threads={threads}",
            f"--benchmark_filter=^({names})/",
            f"--benchmark_repetitions={turns}",
            "--benchmark_enable_random_interleaving=true",
            "--benchmark_min_time=0.02",
            JSON,
        )
        runs = {}
        for run in json.loads(out)["benchmarks"]:
            if run["run_type"] == "iteration":
                runs.setdefault(tuple(run["name"].split("/")[:2]), []).append(run)
        # One thread's own time leaves out what other processes took of its core.
        clock = "cpu_time" if threads == 1 else "real_time"
        medians = {}
        for name, samples in runs.items():
            first = samples[0]
            assert first["time_unit"] == "ns"
            turns_seconds = [sample[clock] * 1e-9 / first["calls"] for sample in samples]
            medians[name] = {
                "seconds": statistics.median(turns_seconds),
                "fastest": min(turns_seconds),
                "flops": first["flops"],
                "bytes": first["bytes"],
            }
        return medians

    def row(self, figure, threads, turns):
        medians = self.measure(figure, threads, turns)
        seconds = {contender: entry["seconds"] for (name, contender), entry in medians.items() if name == figure}
        return Row(figure, threads, seconds, share_of_limit(medians, figure))


def share_of_limit(medians, figure):
    """Which part of the machine's multiply-adds or memory traffic per second Tenon's body of a figure reached."""
    ours = medians[figure, "tenon"]
    for work, probes in LIMITS.items():
        found = [medians[p, "machine"] for p in probes if (p, "machine") in medians]
        rates = [probe[work] / probe["fastest"] for probe in found]
        if ours[work] and rates:
            return f"{100 * ours[work] / ours['seconds'] / max(rates):.0f} % {'FMA' if work == 'flops' else 'memory'}"
    return ""


def program_rows(program, threads, turns, only):
    for figure, limits in program.limits.items():
        # What is set against no limit is overhead, which has nothing to share.
        if only.search(figure) and (limits or threads == 1):
            yield program.row(figure, threads, turns)


def python_rows(libraries, turns, only):
    bodies = {name: python_figures.call_bodies(library) for name, library in libraries.items()}
    if numpy := find("numpy"):
        for name, exchanges in python_figures.exchange_bodies(libraries, numpy).items():
            bodies[name] = bodies.get(name, {}) | exchanges
    for figure in bodies["tenon"]:
        if not only.search(figure):
            continue
        contenders = {name: found[figure] for name, found in bodies.items() if figure in found}
        times = python_figures.in_turns(contenders, turns, time.thread_time)
        medians = {name: statistics.median(values) / python_figures.CALLS for name, values in times.items()}
        yield Row(figure, 1, medians)
    if only.search("py_chain"):
        phases = {name: python_figures.chain_times(library) for name, library in libraries.items()}
        for phase in phases["tenon"]:
            yield Row(phase, 1, {name: values[phase] for name, values in phases.items()})


def tiny_calls_line(rows):
    """The geometric mean of the tiny calls' shares of PyTorch's time."""
    ratios = {row.figure: row.ratio("torch") for row in rows if row.figure in TINY_CALLS and row.ratio("torch")}
    if len(ratios) == len(TINY_CALLS):
        mean = statistics.geometric_mean(ratios.values())
        yield (f"tiny calls from Python ({', '.join(TINY_CALLS)}): geometric mean {mean:.2f} of torch's time "
               f"(at most {TINY_CALLS_TARGET}: {'met' if mean <= TINY_CALLS_TARGET else 'missed'})")


def threads_lines(libraries, turns):
    for name, library in libraries.items():
        gains = python_figures.threads_gain(library, turns)
        (threads, share), (processes, share_of_processes) = gains["threads"], gains["processes"]
        verdict = "met" if threads >= THREADS_GAIN_TARGET else "missed"
        yield (f"{name}: two Python threads are {threads:.2f} times as fast as one"
               + f" (at least {THREADS_GAIN_TARGET}: {verdict})" * (name == "tenon")
               + f" with {100 * share:.0f} % of two cores, two processes {processes:.2f} times with "
               + f"{100 * share_of_processes:.0f} %")


def neighbour_lines(libraries, threads):
    """What a second thread does to a training step, alone and beside a busy process."""
    for neighbours in (0, 1):
        times = python_figures.neighbour_times(libraries, TURNS_BESIDE_NEIGHBOURS, neighbours, threads)
        for name in libraries:
            one, many = (times[name, count] for count in threads)
            yield (f"{name}, beside {neighbours} busy ones: a training step takes {duration(one)} on {threads[0]} "
                   f"thread and {duration(many)} on {threads[1]}, {many / one:.2f} of it")


def table(rows):
    rivals = [rival for rival in [*RIVALS, python_figures.FROM_NUMPY] if any(rival in row.seconds for row in rows)]
    lines = [["figure", "threads", "tenon", "share of limit", *(f"/ {rival}" for rival in rivals), "target"]]
    return aligned(lines + [row.cells(rivals) for row in rows])


def aligned(lines):
    """A table of Markdown whose first line is its head."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    ruled = [lines[0], ["-" * width for width in widths], *lines[1:]]
    return "\n".join("| " + " | ".join(cell.ljust(w) for cell, w in zip(line, widths)) + " |" for line in ruled)


def machine():
    models = re.findall(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    cores, load = len(os.sched_getaffinity(0)), os.getloadavg()[0]
    busy = "; others were busy, so rows of several threads show how each library bears that, not its speed"
    found = f"{models[0] if models else 'unknown CPU'}, {cores} cores, load {load:.1f} at the start"
    return found + busy * (load > cores / 2)


def find(module):
    """The module, or None where it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError:
        return None


def find_libraries(build):
    sys.path.insert(0, str(build / "bindings" / "python"))
    libraries = {"tenon": importlib.import_module("tenon")}
    if torch := find("torch"):
        libraries["torch"] = torch
    return libraries


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--only", type=re.compile, default=re.compile(""), help="figures whose name this finds")
    parser.add_argument("--markdown", type=pathlib.Path, help="a page whose last section the report becomes")
    options = parser.parse_args()

    program = Program(options.build / "benchmarks" / "tenon_bench")
    libraries = find_libraries(options.build)
    found = set(sum(program.contenders.values(), []))
    absent = [rival for rival in RIVALS if rival not in found] + ["torch in Python"] * ("torch" not in libraries)
    head = [f"Machine: {machine()}.", f"Rivals that are absent: {', '.join(absent) or 'none'}."]
    if "machine" not in found:
        head.append("The machine's limits are unknown: their probes need AVX2.")
    print("\n".join(head), flush=True)

    rows = []
    for threads in options.threads:
        for row in program_rows(program, threads, options.turns, options.only):
            rows.append(row)
            print(" ".join(filter(None, row.cells(RIVALS))), flush=True)
    for library in libraries.values():
        library.set_num_threads(1)
    rows += python_rows(libraries, options.turns, options.only)
    lines = list(tiny_calls_line(rows))
    if options.only.search("py_threads"):
        lines += threads_lines(libraries, options.turns)
    if options.only.search("neighbour"):
        lines += neighbour_lines(libraries, (1, 2))
    report = "\n\n".join([" ".join(head), table(rows), *lines])
    print(report)
    if options.markdown:
        kept, heading, _ = options.markdown.read_text().partition(HEADING)
        options.markdown.write_text(kept + (heading or HEADING) + report + "\n")


if __name__ == "__main__":
    main()
