//===- Manifest.h - What a package says about itself ------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// The manifest as C++ structures; docs/package.md gives the meaning of every
// field. A Manifest that parseManifest returns satisfies validateManifest.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_PACKAGE_MANIFEST_H
#define TRANSMAMBA_PACKAGE_MANIFEST_H

#include "transmamba/Package/ElementType.h"
#include "transmamba/Package/Error.h"
#include "transmamba/Package/Expression.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace transmamba::package {

/// Version of the format that this library reads and writes.
inline constexpr int64_t formatVersion = 1;
/// Tensors have at most this many dimensions.
inline constexpr unsigned maxRank = 8;
/// Data of archive entries and of tensors starts at multiples of this.
inline constexpr uint64_t dataAlignment = 64;
/// The largest number of multiprocessors for which a manifest is checked.
inline constexpr int64_t maxMultiprocessors = 1024;
/// Name of the archive entry that holds the parameters.
inline constexpr const char *weightsFileName = "weights.bin";
/// Name of the archive entry that holds the manifest.
inline constexpr const char *manifestFileName = "manifest.json";

/// An archive entry. Written by the package writer, never by its caller.
struct FileInfo {
  std::string name;
  uint64_t size = 0;
  uint64_t xxh3 = 0;
};

/// A layer with state, for people and for `transmamba-inspect`.
struct LayerInfo {
  int64_t index = 0;
  /// Where attention turns into an SSM: 0 is a pure SSM layer, at least
  /// max_sequence a pure attention layer; absent where it does not apply.
  std::optional<int64_t> transPoint;
  int64_t stateBytesPerRow = 0;
};

struct ModelInfo {
  std::string name;
  /// "bytes" (a token is a byte of the text) or "none".
  std::string tokenizer = "none";
  int64_t vocabulary = 0;
  int64_t maxBatch = 1;
  int64_t maxSequence = 1;
  ElementType elementType = ElementType::F32;
  std::vector<LayerInfo> layers;
};

/// A tensor in weights.bin. Two parameters may share bytes (tied weights).
struct Parameter {
  std::string name;
  ElementType type = ElementType::F32;
  std::vector<int64_t> shape;
  uint64_t offset = 0;

  /// Size in bytes; the shape has been validated.
  uint64_t bytes() const;
};

/// A buffer that lives as long as its session and starts as zeros.
struct State {
  std::string name;
  /// "kv_cache", "ssm_state", "conv_window", ..., or "workspace": a buffer that
  /// belongs to no row, whose shape holds integers only.
  std::string kind;
  std::optional<int64_t> layer;
  ElementType type = ElementType::F32;
  /// The extents of one row: the shape without its leading "B". For a workspace
  /// the whole shape.
  std::vector<int64_t> rowShape;
  /// The dimension of the *whole* shape (1 is the first after "B") that counts
  /// tokens, where there is one.
  std::optional<int64_t> sequenceDim;

  bool isWorkspace() const { return kind == "workspace"; }
  /// Bytes of one row (of everything, for a workspace).
  uint64_t rowBytes() const;
  /// Bytes for a session of that many rows.
  uint64_t bytes(int64_t rows) const {
    return rowBytes() * (isWorkspace() ? 1 : static_cast<uint64_t>(rows));
  }
};

/// A size that the caller's input shapes bind.
struct Symbol {
  std::string name;
  int64_t max = 1;
  std::string input;
  int64_t dim = 0;
};

struct Input {
  enum class Role : uint8_t { None, Lengths, Positions };

  std::string name;
  ElementType type = ElementType::F32;
  std::vector<Expression> shape;
  /// Values lie in [first, second).
  std::optional<std::pair<int64_t, int64_t>> range;
  /// Name of the lengths input that says how much of each row is meant; empty
  /// where all of it is.
  std::string valid;
  Role role = Role::None;
};

struct Output {
  std::string name;
  ElementType type = ElementType::F32;
  std::vector<Expression> shape;
};

/// How an entry point moves the per-row positions.
struct PositionRule {
  enum class Kind : uint8_t { None, Set, Advance };

  Kind kind = Kind::None;
  /// Set: the lengths input.
  std::string input;
  /// Advance: by how much.
  int64_t amount = 1;
};

/// How a GPU's bulk tensor copies see a buffer (a CUDA tensor map). Dimension 0
/// is the innermost, as in the CUDA driver API.
struct TensorMap {
  enum class Swizzle : uint8_t { None, B32, B64, B128 };
  enum class Promotion : uint8_t { None, B64, B128, B256 };

  ElementType type = ElementType::BF16;
  /// Extents in elements, innermost first; 1 to 5 of them.
  std::vector<Expression> extents;
  /// Strides in bytes of dimensions 1 and up, multiples of 16; one fewer than
  /// extents.
  std::vector<Expression> strides;
  /// Extents of the box that one copy moves.
  std::vector<int64_t> box;
  Swizzle swizzle = Swizzle::None;
  Promotion promotion = Promotion::None;
};

/// An argument of a kernel: 8 bytes; with a tensor map 128 bytes by value.
struct Argument {
  enum class Kind : uint8_t {
    Input,
    Output,
    Parameter,
    State,
    Arena,
    Scalar,
    F32
  };

  Kind kind = Kind::Scalar;
  /// Input, Output, Parameter, State: index into the list of that name.
  uint64_t index = 0;
  /// Arena: byte offset. Scalar: value.
  Expression value;
  /// F32: value, finite.
  float number = 0;
  /// Pass a tensor map over the buffer in place of its address (GPU only).
  std::optional<TensorMap> map;

  static Argument input(uint64_t index);
  static Argument output(uint64_t index);
  static Argument parameter(uint64_t index);
  static Argument state(uint64_t index);
  static Argument arena(Expression offset);
  static Argument scalar(Expression value);
  static Argument f32(float value);

  /// True for an address, false for a value.
  bool isBuffer() const { return kind != Kind::Scalar && kind != Kind::F32; }
};

/// What a command has to do at least, whatever the kernel does; what is not
/// known is absent. For measuring only.
struct Work {
  /// Floating-point operations; a fused multiply-add counts as two.
  std::optional<Expression> flop;
  /// Bytes read and written, each once.
  std::optional<Expression> bytes;
};

/// One kernel launch.
struct Command {
  std::string kernel;
  std::array<Expression, 3> grid = {Expression(1), Expression(1),
                                    Expression(1)};
  std::array<int64_t, 3> block = {1, 1, 1};
  /// Bytes of dynamic shared memory.
  int64_t shared = 0;
  std::vector<Argument> args;
  Work work;
};

/// An entry point: a list of commands over buffers.
struct EntryPoint {
  std::string name;
  std::vector<Symbol> symbols;
  std::vector<Input> inputs;
  std::vector<Output> outputs;
  PositionRule positions;
  /// Bytes of scratch memory.
  Expression arena = Expression(0);
  std::vector<Command> commands;

  /// The symbols, and the device's, at the maxima for which a manifest is
  /// checked.
  Bindings maxima() const;
  /// True where a command touches state that belongs to rows.
  bool usesRowState(const std::vector<State> &states) const;
};

/// What is known of a kernel; -1 where a number is not.
struct Kernel {
  std::string name;
  int64_t registers = -1;
  int64_t sharedBytes = -1;
  int64_t spillBytes = -1;
  /// How the kernel is cut, for people; empty where there is nothing to say.
  std::string config = {};
  /// GPU: the kernel waits by itself for what was launched before it, so it may
  /// be launched while that still runs.
  bool waits = false;
};

/// The model compiled for one target.
struct Variant {
  /// "cpu:x86-64-v3", "nvidia:sm_90a", ...
  std::string target;
  /// Names of archive entries; empty where there is none.
  std::string object; // CPU
  std::string cubin;  // GPU
  std::string ptx;    // GPU
  std::vector<Kernel> kernels;
  std::vector<EntryPoint> entries;

  bool isCpu() const { return target.compare(0, 4, "cpu:") == 0; }
};

struct Manifest {
  std::string producer;
  std::vector<FileInfo> files;
  ModelInfo model;
  std::vector<Parameter> parameters;
  std::vector<State> states;
  std::vector<Variant> variants;

  /// Bytes of state of one row.
  uint64_t stateBytesPerRow() const;
};

/// Parses and validates a manifest. `file` is named in errors, which point into
/// the text (line and column for syntax, a JSON pointer for everything else).
Result<Manifest> parseManifest(std::string_view text, const std::string &file);

/// Checks everything that can be checked without the archive: names, indices,
/// symbols, shapes, limits, and that no size overflows at the symbols' maxima.
Error validateManifest(const Manifest &manifest, const std::string &file);

/// The manifest as JSON text. The same manifest always gives the same bytes,
/// and the number of bytes does not depend on the checksums in it.
std::string printManifest(const Manifest &manifest);

} // namespace transmamba::package

#endif // TRANSMAMBA_PACKAGE_MANIFEST_H
