//===- Report.h - A package in words ----------------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TOOLS_TRANSMAMBA_INSPECT_REPORT_H
#define TRANSMAMBA_TOOLS_TRANSMAMBA_INSPECT_REPORT_H

#include "transmamba/Package/PackageReader.h"

#include <string>

namespace transmamba::inspect {

struct ReportOptions {
  /// All checksums have been compared.
  bool verified = false;
  /// List the commands of every entry point.
  bool commands = false;
};

/// A report for people.
std::string textReport(const package::Package &package,
                       const ReportOptions &options);

/// The same facts as JSON.
std::string jsonReport(const package::Package &package,
                       const ReportOptions &options);

/// The value of an expression where every symbol has its largest value.
int64_t valueAtMaximum(const package::EntryPoint &entry,
                       const package::Expression &expression);

/// How often the entry point launches the kernel.
size_t launchesOf(const package::EntryPoint &entry, const std::string &kernel);

} // namespace transmamba::inspect

#endif // TRANSMAMBA_TOOLS_TRANSMAMBA_INSPECT_REPORT_H
