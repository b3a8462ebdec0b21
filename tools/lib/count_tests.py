"""Sums JUnit XML files up to the line `N passed, N failed[, N skipped]`; exits with 1 if a test failed.

usage: count_tests.py FILE.xml...

A file that is missing or cannot be read counts as one failure: its suite crashed. A `ctest.xml` has one case for each test
program; the cases of a program are in PROGRAM.xml beside it, and a program that failed without a failed case there, or
without leaving one, counts as one failure more.
"""

import pathlib
import sys
import xml.etree.ElementTree as ElementTree


class Count:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.failures = []

    def fail(self, name):
        self.failed += 1
        self.failures.append(name)

    def add_case(self, suite, case):
        name = f"{suite}: {case.get('classname', '')} {case.get('name', '')}"
        if case.find("failure") is not None or case.find("error") is not None:
            self.fail(name)
        elif case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
            self.skipped += 1
        else:
            self.passed += 1

    def add_file(self, path):
        try:
            cases = list(ElementTree.parse(path).getroot().iter("testcase"))
        except (OSError, ElementTree.ParseError) as error:
            self.fail(f"{path}: no results: {error}")
            return
        if path.name == "ctest.xml":
            self.add_programs(path, cases)
            return
        for case in cases:
            self.add_case(path.stem, case)

    def add_programs(self, path, programs):
        for program in programs:
            results = path.with_name(f"{program.get('name')}.xml")
            failed = program.find("failure") is not None or program.get("status") == "fail"
            before = self.failed
            if results.exists():
                self.add_file(results)
            elif not failed:
                # A test that is no GoogleTest program: one case.
                self.add_case(path.stem, program)
            if failed and self.failed == before:
                self.fail(f"{path.parent}: {program.get('name')} did not end well")


def main():
    count = Count()
    for name in sys.argv[1:]:
        count.add_file(pathlib.Path(name))
    if not count.passed + count.failed:
        count.fail("no test ran")
    for name in count.failures:
        print(f"FAILED {name}")
    skipped = f", {count.skipped} skipped" if count.skipped else ""
    print(f"{count.passed} passed, {count.failed} failed{skipped}")
    return 1 if count.failed else 0


if __name__ == "__main__":
    sys.exit(main())
