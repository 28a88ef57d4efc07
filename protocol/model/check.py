#!/usr/bin/env python3
"""Runs the model's questions with ProVerif and compares every result with what the question expects.

Each question (*.pv) says in its first comment which libraries it takes and what is to come out:

    libraries  crypto format ...
    expect     true, but false: NAME ...; undecided: NAME ...
    run        what a run gave, and its processor time

A result is expected to be false, or that ProVerif cannot decide, where the text of its query has one of those names in
it, else to be true. Prints a table, and exits with 1 where anything differs. Run it by hand: check.py [--proverif PATH] [--record] [QUESTION...]
"""

import argparse
import pathlib
import re
import resource
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
SECONDS_MAX = 900  # of processor time, for one question


class Question:
    def __init__(self, path):
        self.path = path
        self.text = path.read_text()
        self.libraries = self.field("libraries").split()
        rest, _, undecided = self.field("expect").partition("; undecided:")
        default, _, false = rest.partition(", but false:")
        self.default, self.false, self.undecided = default, false.split(), undecided.split()

    def field(self, name):
        """A field of the first comment, with its further lines, which are indented deeper than its name."""
        found = re.search(rf"^   {name} +(.*(?:\n {{6,}}\S.*)*)", self.text, re.MULTILINE)
        return " ".join(found.group(1).replace("*)", "").split())

    def expected(self, query):
        if any(name in query for name in self.undecided):
            return "cannot be proved"
        return "false" if any(name in query for name in self.false) else self.default

    def command(self, proverif):
        libraries = [word for name in self.libraries for word in ("-lib", f"{name}.pvl")]
        return [proverif, *libraries, self.path.name]

    def record(self, line):
        self.path.write_text(re.sub(r"^   run .*?( \*\))?$", rf"   run        {line}\1", self.text, 1, re.MULTILINE))


def limit():
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS_MAX, SECONDS_MAX))


def ask(question, proverif):
    """The results, as (query, verdict), in the order of the queries; and the seconds of processor time."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = subprocess.run(question.command(proverif), cwd=HERE, preexec_fn=limit, capture_output=True, text=True)
    seconds = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    output = done.stdout + done.stderr
    if "rror" in output and "RESULT" not in output:
        sys.exit(f"{question.path.name}: {output.strip()[-500:]}")
    results = re.findall(r"^RESULT (.*) (?:is )?(true|false|cannot be proved)\.$", output, re.MULTILINE)
    return results, done.returncode, seconds


def verdict(question, results, code):
    """What came out, in a few words, and whether it is what was expected."""
    wrong = [f"{query}: {got}" for query, got in results if got != question.expected(query)]
    if code != 0:
        return f"not decided ({len(results)} results)", wrong, False
    counts = [(got, sum(one == got for _, one in results)) for got in ("true", "false", "cannot be proved")]
    return ", ".join(f"{count} {got}" for got, count in counts if count), wrong, bool(results) and not wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--proverif", default="proverif", help="the program")
    parser.add_argument("--record", action="store_true", help="write what came out into the questions")
    parser.add_argument("questions", nargs="*", type=pathlib.Path, default=sorted(HERE.glob("*.pv")))
    arguments = parser.parse_args()
    all_good = True
    print("| question | expected | got | seconds |\n| --- | --- | --- | --- |")
    for path in arguments.questions:
        question = Question(HERE / path.name)
        results, code, seconds = ask(question, arguments.proverif)
        got, wrong, good = verdict(question, results, code)
        print(f"| `{path.stem}` | {question.field('expect')} | {got} | {seconds:.0f} |", flush=True)
        for line in wrong:
            print(f"  differs: {line}", flush=True)
        if arguments.record and good:
            question.record(f"{got}; {seconds:.0f} s")
        all_good &= good
    sys.exit(0 if all_good else 1)


if __name__ == "__main__":
    main()
