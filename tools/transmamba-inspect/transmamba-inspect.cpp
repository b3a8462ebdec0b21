//===- transmamba-inspect.cpp - Looking into packages ---------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Report.h"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <exception>

using namespace transmamba;
using inspect::jsonReport;
using inspect::textReport;

static constexpr const char *description =
    "Shows what a TransMamba package (.tmpkg) holds: entry points, layers with "
    "their TransPoints, state, kernels, parameters, files.";

static constexpr const char *footer = R"(Examples:
  transmamba-inspect model.tmpkg
  transmamba-inspect model.tmpkg --verify --commands
  transmamba-inspect model.tmpkg --json | jq '.state_use.by_tokens'
  A package is a zip archive: unzip -p model.tmpkg manifest.json

The JSON form is the manifest (docs/package.md; without commands unless --commands is given) with
  package       path, size, checksum of the manifest, whether all checksums were verified
  state_use     bytes of state of a row, of a full batch, and in use by tokens seen
  variants[].entries[].arena_bytes_max, command_count;  variants[].kernels[].launches

Exit codes: 0 success; 1 the package cannot be read, or a checksum is wrong.)";

static void print(const std::string &text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

static int fail(const std::string &line) {
  std::fprintf(stderr, "%s\n", line.c_str());
  return 1;
}

static int inspectPackage(const std::string &path, bool json,
                          inspect::ReportOptions options) {
  auto package = package::Package::open(path);
  if (!package)
    return fail(package.error().str());
  if (options.verified)
    if (package::Error error = (*package)->verify())
      return fail(error.str());
  print(json ? jsonReport(**package, options) : textReport(**package, options));
  return std::fflush(stdout) == 0 ? 0
                                  : fail("stdout: error: cannot be written");
}

int main(int argc, char **argv) {
  try {
    CLI::App app(description, "transmamba-inspect");
    app.get_formatter()->column_width(26);
    std::string path;
    bool json = false;
    inspect::ReportOptions options;
    app.add_option("package", path, "The package to look into")
        ->option_text("FILE.tmpkg")
        ->required();
    app.add_flag("--json", json, "Print JSON")->group("Output");
    app.add_flag("--commands", options.commands,
                 "List the commands of every entry point")
        ->group("Output");
    app.add_flag("--verify", options.verified,
                 "Compare all checksums, which reads the whole file")
        ->group("Checks");
    app.set_version_flag("--version", "transmamba-inspect " TRANSMAMBA_VERSION
                                      " (without LLVM)");
    app.footer(footer);
    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError &error) {
      // Help and version are no errors.
      if (error.get_exit_code() == 0)
        return app.exit(error);
      return fail(std::string("transmamba-inspect: error: ") + error.what() +
                  " (see --help)");
    }
    return inspectPackage(path, json, options);
  } catch (const std::exception &error) {
    return fail(std::string("transmamba-inspect: error: ") + error.what());
  }
}
