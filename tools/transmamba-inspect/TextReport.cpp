//===- TextReport.cpp - A package for people ------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Report.h"
#include "StateUse.h"
#include "Table.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iterator>

namespace transmamba::inspect {

using package::Argument;
using package::Command;
using package::ElementType;
using package::EntryPoint;
using package::Expression;
using package::Input;
using package::Manifest;
using package::Package;
using package::PositionRule;
using package::Variant;

int64_t valueAtMaximum(const EntryPoint &entry, const Expression &expression) {
  // Validation has evaluated every expression so.
  package::Result<int64_t> value = expression.evaluate(entry.maxima());
  return value ? *value : 0;
}

size_t launchesOf(const EntryPoint &entry, const std::string &kernel) {
  return static_cast<size_t>(
      std::count_if(entry.commands.begin(), entry.commands.end(),
                    [&](const Command &c) { return c.kernel == kernel; }));
}

/// "1.5 MiB".
static std::string byteText(uint64_t bytes) {
  static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(units)) {
    value /= 1024;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof(text), unit == 0 ? "%.0f %s" : "%.1f %s", value,
                units[unit]);
  return text;
}

static std::string typeText(ElementType type) {
  return std::string(package::name(type));
}

static std::string shapeText(const std::vector<int64_t> &shape) {
  std::string text;
  for (int64_t extent : shape)
    text += (text.empty() ? "" : ", ") + std::to_string(extent);
  return "[" + text + "]";
}

static std::string shapeText(const std::vector<Expression> &shape) {
  std::string text;
  for (const Expression &extent : shape)
    text += (text.empty() ? "" : ", ") + extent.str();
  return "[" + text + "]";
}

/// A number of a kernel, or "-" where it is not known.
static std::string knownText(int64_t value) {
  return value < 0 ? "-" : std::to_string(value);
}

static std::string transPointText(const package::LayerInfo &layer,
                                  int64_t maxSequence) {
  if (!layer.transPoint)
    return "-";
  std::string text = std::to_string(*layer.transPoint);
  if (*layer.transPoint == 0)
    return text + " (SSM)";
  if (*layer.transPoint >= maxSequence)
    return text + " (attention)";
  return text;
}

namespace {
class TextReport {
public:
  TextReport(const Package &package, const ReportOptions &options)
      : package(package), manifest(package.manifest()), options(options) {}

  std::string build() {
    header();
    layers();
    states();
    for (const Variant &variant : manifest.variants)
      describe(variant);
    parameters();
    files();
    return std::move(out);
  }

private:
  void line(const std::string &text = "") { out += text + "\n"; }
  void section(const std::string &title) {
    line();
    line(title);
  }

  void header();
  void layers();
  void states();
  void parameters();
  void files();
  void describe(const Variant &variant);
  void describe(const EntryPoint &entry);
  void listCommands(const EntryPoint &entry);
  std::string argumentText(const EntryPoint &entry, const Argument &arg) const;

  const Package &package;
  const Manifest &manifest;
  const ReportOptions &options;
  std::string out;
};
} // namespace

void TextReport::header() {
  const package::ModelInfo &model = manifest.model;
  uint64_t weightBytes = 0;
  for (const package::Parameter &parameter : manifest.parameters)
    weightBytes += parameter.bytes();
  line(package.path() + ": " + byteText(package.size()) + ", format " +
       std::to_string(package::formatVersion) + ", written by " +
       manifest.producer);
  line("Model       " + model.name + ", " + typeText(model.elementType));
  line("Tokens      " +
       (model.tokenizer == "bytes" ? std::string("bytes")
                                   : "numbers (no tokenizer)") +
       ", vocabulary " + std::to_string(model.vocabulary));
  line("Limits      batch " + std::to_string(model.maxBatch) + ", sequence " +
       std::to_string(model.maxSequence));
  line("Parameters  " + std::to_string(manifest.parameters.size()) +
       " tensors, " + byteText(weightBytes));
  line("State       " + byteText(manifest.stateBytesPerRow()) +
       " for each row, " +
       byteText(manifest.stateBytesPerRow() *
                static_cast<uint64_t>(model.maxBatch)) +
       " for a batch of " + std::to_string(model.maxBatch));
}

void TextReport::layers() {
  if (manifest.model.layers.empty())
    return;
  section("Layers");
  Table table({"layer", "TransPoint", "state of a row"}, {true, true, true});
  for (const package::LayerInfo &layer : manifest.model.layers)
    table.add({std::to_string(layer.index),
               transPointText(layer, manifest.model.maxSequence),
               byteText(static_cast<uint64_t>(layer.stateBytesPerRow))});
  out += table.str();
}

void TextReport::states() {
  if (manifest.states.empty())
    return;
  section("State");
  Table table({"name", "kind", "type", "shape", "of a row"},
              {false, false, false, false, true});
  for (const package::State &state : manifest.states) {
    std::string shape = shapeText(state.rowShape);
    if (!state.isWorkspace())
      shape.insert(1, state.rowShape.empty() ? "B" : "B, ");
    table.add({state.name, state.kind, typeText(state.type), shape,
               state.isWorkspace() ? byteText(state.rowBytes()) + " in all"
                                   : byteText(state.rowBytes())});
  }
  out += table.str();
  section("State in use, by tokens seen");
  Table use({"tokens", "of a row",
             "of a batch of " + std::to_string(manifest.model.maxBatch)},
            {true, true, true});
  for (int64_t length : interestingLengths(manifest)) {
    uint64_t bytes = stateBytesInUse(manifest, length);
    use.add({std::to_string(length), byteText(bytes),
             byteText(bytes * static_cast<uint64_t>(manifest.model.maxBatch))});
  }
  out += use.str();
}

void TextReport::parameters() {
  if (manifest.parameters.empty())
    return;
  section("Parameters");
  Table table({"name", "type", "shape", "size"}, {false, false, false, true});
  for (const package::Parameter &parameter : manifest.parameters)
    table.add({parameter.name, typeText(parameter.type),
               shapeText(parameter.shape), byteText(parameter.bytes())});
  out += table.str();
}

void TextReport::files() {
  section(options.verified ? "Files (all checksums verified)" : "Files");
  Table table({"name", "bytes", "XXH3-64"}, {false, true, false});
  table.add({package::manifestFileName,
             std::to_string(package.manifestText().size()),
             package::checksumText(package.manifestChecksum())});
  for (const package::FileInfo &file : manifest.files)
    table.add({file.name, std::to_string(file.size),
               package::checksumText(file.xxh3)});
  out += table.str();
}

void TextReport::describe(const Variant &variant) {
  section("Variant " + variant.target);
  for (const EntryPoint &entry : variant.entries)
    describe(entry);
  std::vector<std::string> columns = {"kernel", "registers", "shared",
                                      "spills"};
  std::vector<bool> right = {false, true, true, true};
  for (const EntryPoint &entry : variant.entries) {
    columns.push_back("in " + entry.name);
    right.push_back(true);
  }
  bool hasConfigs = false;
  for (const package::Kernel &kernel : variant.kernels)
    hasConfigs |= !kernel.config.empty();
  if (hasConfigs) {
    columns.push_back("configuration");
    right.push_back(false);
  }
  Table table(columns, right);
  for (const package::Kernel &kernel : variant.kernels) {
    std::vector<std::string> row = {kernel.name, knownText(kernel.registers),
                                    knownText(kernel.sharedBytes),
                                    knownText(kernel.spillBytes)};
    for (const EntryPoint &entry : variant.entries)
      row.push_back(std::to_string(launchesOf(entry, kernel.name)));
    if (hasConfigs)
      row.push_back(kernel.config);
    table.add(row);
  }
  out += table.str();
}

void TextReport::describe(const EntryPoint &entry) {
  std::string bounds;
  for (const package::Symbol &symbol : entry.symbols)
    bounds += (bounds.empty() ? ": " : ", ") + symbol.name +
              " <= " + std::to_string(symbol.max);
  line("  " + entry.name + bounds);
  for (const Input &input : entry.inputs) {
    std::string text = "    input   " + input.name + ": " +
                       typeText(input.type) + " " + shapeText(input.shape);
    if (input.range)
      text += ", in [" + std::to_string(input.range->first) + ", " +
              std::to_string(input.range->second) + ")";
    if (!input.valid.empty())
      text += ", as far as " + input.valid;
    if (input.role == Input::Role::Positions)
      text += ", filled by the runtime";
    line(text);
  }
  for (const package::Output &output : entry.outputs)
    line("    output  " + output.name + ": " + typeText(output.type) + " " +
         shapeText(output.shape));
  if (entry.positions.kind == PositionRule::Kind::Set)
    line("    sets the positions to " + entry.positions.input);
  if (entry.positions.kind == PositionRule::Kind::Advance)
    line("    advances the positions by " +
         std::to_string(entry.positions.amount));
  line("    scratch " + entry.arena.str() + " bytes, " +
       byteText(static_cast<uint64_t>(valueAtMaximum(entry, entry.arena))) +
       " at most");
  line("    commands " + std::to_string(entry.commands.size()));
  if (options.commands)
    listCommands(entry);
}

/// The shortest text that gives the value again.
static std::string floatText(float value) {
  char text[32];
  for (int digits = 1; digits <= 9; ++digits) {
    std::snprintf(text, sizeof(text), "%.*g", digits,
                  static_cast<double>(value));
    if (std::strtof(text, nullptr) == value)
      break;
  }
  return std::string(text) + "f";
}

std::string TextReport::argumentText(const EntryPoint &entry,
                                     const Argument &arg) const {
  std::string text;
  switch (arg.kind) {
  case Argument::Kind::Input:
    text = entry.inputs[arg.index].name;
    break;
  case Argument::Kind::Output:
    text = entry.outputs[arg.index].name;
    break;
  case Argument::Kind::Parameter:
    text = manifest.parameters[arg.index].name;
    break;
  case Argument::Kind::State:
    text = manifest.states[arg.index].name;
    break;
  case Argument::Kind::Arena:
    text = "scratch + " + arg.value.str();
    break;
  case Argument::Kind::Scalar:
    text = arg.value.str();
    break;
  case Argument::Kind::F32:
    text = floatText(arg.number);
    break;
  }
  return arg.map ? "map of " + text + " " + shapeText(arg.map->extents) : text;
}

void TextReport::listCommands(const EntryPoint &entry) {
  for (size_t i = 0; i < entry.commands.size(); ++i) {
    const Command &command = entry.commands[i];
    std::string text = "    " + std::to_string(i) + " " + command.kernel +
                       " grid [" + command.grid[0].str() + ", " +
                       command.grid[1].str() + ", " + command.grid[2].str() +
                       "]";
    if (command.block != std::array<int64_t, 3>{1, 1, 1})
      text += " block " + shapeText(std::vector<int64_t>(command.block.begin(),
                                                         command.block.end()));
    if (command.shared)
      text += " shared " + std::to_string(command.shared);
    std::string args;
    for (const Argument &arg : command.args)
      args += (args.empty() ? "" : ", ") + argumentText(entry, arg);
    text += " (" + args + ")";
    if (command.work.flop)
      text += " flop " + command.work.flop->str();
    if (command.work.bytes)
      text += " bytes " + command.work.bytes->str();
    line(text);
  }
}

std::string textReport(const Package &package, const ReportOptions &options) {
  return TextReport(package, options).build();
}

} // namespace transmamba::inspect
