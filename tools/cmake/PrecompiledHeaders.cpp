//===- PrecompiledHeaders.cpp - The source of a precompiled header --------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// The target that owns a precompiled header needs a source.
//
//===----------------------------------------------------------------------===//
