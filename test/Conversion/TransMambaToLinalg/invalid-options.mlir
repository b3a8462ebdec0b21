// RUN: not transmamba-opt %s --convert-transmamba-to-linalg="query-block=0" 2>&1 | FileCheck %s --check-prefix=BLOCK
// RUN: not transmamba-opt %s --convert-transmamba-to-linalg="value-block=-1" 2>&1 | FileCheck %s --check-prefix=VALUE
// RUN: not transmamba-opt %s --convert-transmamba-to-linalg="key-segment=-2" 2>&1 | FileCheck %s --check-prefix=SEGMENT

// BLOCK: error: convert-transmamba-to-linalg: block sizes must be positive, not 0
// VALUE: error: convert-transmamba-to-linalg: the value block and the key segment must not be negative, as -1 is
// SEGMENT: error: convert-transmamba-to-linalg: the value block and the key segment must not be negative, as -2 is
module {}
