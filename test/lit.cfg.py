# -*- Python -*-
"""How lit runs the tests below this directory."""

import os
import shutil

import lit.formats
import lit.util

config.name = "TransMamba"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".json", ".test", ".py"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.build_dir, "test")

# Unit tests are run by ctest, Python tests by pytest; inputs are not tests.
config.excludes = ["Unit", "python", "Inputs", "Fuzz", "Benchmark", "lit.cfg.py", "lit.site.cfg.py", "conftest.py"]

# Own tools first, so that an installed LLVM never shadows them.
config.environment["PATH"] = os.pathsep.join([config.tools_dir, config.llvm_tools_dir, os.environ.get("PATH", "")])
# Debian's libMLIR is found by rpath; a sanitizer's options must reach the tools.
for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "LD_LIBRARY_PATH"):
    if name in os.environ:
        config.environment[name] = os.environ[name]

config.substitutions.append(("%source_dir", config.source_dir))
config.substitutions.append(("%build_dir", config.build_dir))
# The Python of tools/check has what test/requirements.txt says.
venv = os.path.join(config.source_dir, ".venv", "bin", "python")
if os.path.exists(venv):
    config.python = venv
config.substitutions.append(("%python", config.python))
config.substitutions.append(("%llvm_tools", config.llvm_tools_dir))

# With TRANSMAMBA_VERIFY_ROUNDTRIP=1 every run of the optimizer also prints its module, as text and as bytecode, reads it
# back and compares. Nothing but the command in a RUN line is replaced, and only as a whole word.
opt = os.path.join(config.tools_dir, "transmamba-opt")
if os.environ.get("TRANSMAMBA_VERIFY_ROUNDTRIP") == "1":
    opt += " --verify-roundtrip"
config.substitutions.append((r"(?<![\w/.-])transmamba-opt(?![\w/.-])", opt))

# A test that needs a tool says `REQUIRES: transmamba-run`: then it is reported as unsupported where that tool is not built.
for name in sorted(os.listdir(config.tools_dir)) if os.path.isdir(config.tools_dir) else []:
    if name.startswith("transmamba-"):
        config.available_features.add(name)

# `REQUIRES: ptxas`, looked for as lib/Target/NVPTX does.
if shutil.which("ptxas") or any(
        os.path.exists(os.path.join(root, "bin", "ptxas")) for root in (os.environ.get("CUDA_HOME", ""), "/usr/local/cuda")):
    config.available_features.add("ptxas")
