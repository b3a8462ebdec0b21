"""The sum that tools/check ends with: nothing that failed, crashed or did not run may count as passed."""

import subprocess
import sys

import pytest

PASSED = '<testsuite><testcase name="a"/><testcase name="b"/></testsuite>'
FAILED = '<testsuite><testcase name="a"/><testcase name="b"><failure/></testcase></testsuite>'
ERROR = '<testsuite><testcase name="a"><error/></testcase></testsuite>'
SKIPPED = '<testsuite><testcase name="a"/><testcase name="b"><skipped/></testcase></testsuite>'
NOT_RUN = '<testsuite><testcase name="a"/><testcase name="b" status="notrun"/></testsuite>'
PROGRAM = '<testsuite><testcase name="Program" status="{}">{}</testcase></testsuite>'


@pytest.fixture
def count(root, tmp_path):
    """Counts files, given as name and text; gives the last line and the exit code."""

    def run(listed, **files):
        for name, text in files.items():
            (tmp_path / f"{name}.xml").write_text(text)
        command = [sys.executable, root / "tools/lib/count_tests.py", *(tmp_path / f"{name}.xml" for name in listed)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        return result.stdout.splitlines()[-1], result.returncode

    return run


@pytest.mark.parametrize(
    "text, line, code",
    [
        (PASSED, "2 passed, 0 failed", 0),
        (FAILED, "1 passed, 1 failed", 1),
        (ERROR, "0 passed, 1 failed", 1),
        (SKIPPED, "1 passed, 0 failed, 1 skipped", 0),
        (NOT_RUN, "1 passed, 0 failed, 1 skipped", 0),
        (f"<testsuites>{PASSED}{FAILED}</testsuites>", "3 passed, 1 failed", 1),
        ("<testsuite/>", "0 passed, 1 failed", 1),
        ("<testsuite", "0 passed, 1 failed", 1),
    ],
)
def test_one_file(count, text, line, code):
    assert count(["lit"], lit=text) == (line, code)


def test_a_missing_file_is_a_failure(count):
    assert count(["lit", "pytest"], lit=PASSED) == ("2 passed, 1 failed", 1)


@pytest.mark.parametrize(
    "status, results, line, code",
    [
        ("run", PASSED, "2 passed, 0 failed", 0),
        ("fail", FAILED, "1 passed, 1 failed", 1),
        # It crashed after its last case, or before it wrote anything.
        ("fail", PASSED, "2 passed, 1 failed", 1),
        ("fail", None, "0 passed, 1 failed", 1),
        ("run", None, "1 passed, 0 failed", 0),
    ],
)
def test_unit_test_programs(count, status, results, line, code):
    files = {"ctest": PROGRAM.format(status, "<failure/>" if status == "fail" else "")}
    if results:
        files["Program"] = results
    assert count(["ctest"], **files) == (line, code)
