"""A bounded run of the fuzzer; `python test/Fuzz/mutate.py --help` tells how to run more."""

import mutate


def test_no_crash(tmp_path, capsys):
    failed = mutate.main(["--cases=150", "--seconds=30"])
    output = capsys.readouterr().out
    assert not failed, output
