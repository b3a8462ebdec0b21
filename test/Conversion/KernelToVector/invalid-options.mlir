// RUN: transmamba-opt %s -verify-diagnostics --pass-pipeline="builtin.module(func.func(transmamba-kernel-to-vector{vector-bits=100}))"

// expected-error @below {{vector-bits must be 128, 256 or 512, not 100}}
func.func private @k(%x: index, %y: index, %z: index) attributes {transmamba.kernel} {
  return
}
