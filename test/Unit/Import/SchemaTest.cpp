//===- SchemaTest.cpp - The schema lists what the importer knows ----------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "OpSpec.h"
#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <set>

using namespace transmamba::graph;
using Json = nlohmann::json;

static Json readSchema() {
  std::ifstream file(TRANSMAMBA_SOURCE_DIR "/docs/graph.schema.json");
  return Json::parse(file, nullptr, /*allow_exceptions=*/false);
}

/// The schema has the operations of the table, each with its attributes.
TEST(Schema, Operations) {
  Json schema = readSchema();
  ASSERT_TRUE(schema.is_object());
  const Json &definitions = schema["$defs"];
  std::set<std::string> names;
  for (const OpSpec &spec : getOpSpecs()) {
    std::string name = spec.name.str();
    names.insert(name);
    ASSERT_TRUE(definitions.contains("op_" + name)) << name;
    const Json &definition = definitions["op_" + name];
    std::set<std::string> expected = {"op", "in", "out", "comment"};
    std::set<std::string> required = {"op", "in", "out"};
    for (const AttrSpec &attribute : spec.attributes) {
      expected.insert(attribute.name.str());
      if (attribute.required)
        required.insert(attribute.name.str());
    }
    std::set<std::string> known;
    for (const auto &item : definition["properties"].items())
      known.insert(item.key());
    EXPECT_EQ(known, expected) << name;
    EXPECT_EQ(definition["required"].get<std::set<std::string>>(), required)
        << name;
  }
  EXPECT_EQ(definitions["op"]["properties"]["op"]["enum"]
                .get<std::set<std::string>>(),
            names);
}

/// docs/graph.md has a row for each operation and names its attributes.
TEST(Schema, Documentation) {
  std::ifstream file(TRANSMAMBA_SOURCE_DIR "/docs/graph.md");
  std::string text((std::istreambuf_iterator<char>(file)),
                   std::istreambuf_iterator<char>());
  for (const OpSpec &spec : getOpSpecs()) {
    size_t row = text.find("| `" + spec.name.str() + "`");
    ASSERT_NE(row, std::string::npos) << spec.name.str();
    std::string line = text.substr(row, text.find('\n', row) - row);
    for (const AttrSpec &attribute : spec.attributes)
      EXPECT_NE(line.find("`" + attribute.name.str() + "`"), std::string::npos)
          << spec.name.str() << " " << attribute.name.str();
  }
}
