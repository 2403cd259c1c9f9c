// Which kernels were tested on this machine: the cells of the grid as docs/devices.md, and a test that the committed one fits this build.
#include <fstream>
#include <map>
#include <sstream>
#include <tuple>

#include "coded.h"
#include "grid.h"
#include "machine/cpu.h"

namespace philo {
namespace {

struct Table {
  const char* name;
  const char* needs;
};
// Of every build, best first.
constexpr Table tables[] = {{"amx", "`avx512` and AMX's tiles of int8 products, on Linux; the tiles multiply from 17 tokens on"},
                            {"avx512", "AVX-512 F, BW, DQ, VL and VNNI; without VNNI `avx2` is taken"},
                            {"avx_vnni", "AVX2, FMA, F16C and AVX-VNNI"},
                            {"avx_vnni_evex", "AVX-512 VL and VNNI; `--isa avx_vnni` takes it where AVX-VNNI is missing"},
                            {"avx2", "AVX2, FMA and F16C"},
                            {"neon_i8mm", "`neon` and products of int8 matrices; they are taken from 17 tokens on"},
                            {"neon", "64-bit ARM with dot products"},
                            {"scalar", "nothing; it is the reference"}};

struct Row {
  std::string operation, format;
};

std::vector<Row> rows() {
  std::vector<Row> rows;
  for (const char* const operation : {"Embed", "Linear"})
    for (const FloatFormat format : all_formats) rows.push_back({operation, name_of(format)});
  for (const char* const operation : {"Linear, int8 activations", "Linear, fp32 activations"})
    for (const CodedFormat& format : coded_formats) rows.push_back({operation, name_of(format)});
  for (const char* const format : {"fp32", "fp16", "int8"}) rows.push_back({"Attend", format});
  for (const char* const operation : {"Attend: RoPE", "RmsNorm", "SwiGlu", "Add"}) rows.push_back({operation, "fp32"});
  for (const char* const format : {"fp16", "int8"}) rows.push_back({"rounding", format});
  return rows;
}

using Key = std::tuple<std::string, std::string, std::string>;  // table, operation, format
std::map<Key, bool>& results() {
  static std::map<Key, bool> results;
  return results;
}

std::string state(const Table& table, const Row& row) {
  const KernelChoice* choice = nullptr;
  for (const KernelChoice& each : all_kernels())
    if (each.kernels->isa == std::string_view(table.name)) choice = &each;
  if (choice == nullptr) return "other builds";
  if (!choice->runs_here) return "not here";
  const auto found = results().find({table.name, row.operation, row.format});
  return found == results().end() ? "not run" : found->second ? "passed" : "FAILED";
}

}  // namespace

Cell::~Cell() {
  bool& passed = results().try_emplace({table_, operation_, format_}, true).first->second;
  passed = passed && !testing::Test::HasFailure();
}

std::string support_text() {
  std::ostringstream text;
  text << "# What runs where\n\n"
          "Written by `philo_parity --support docs/devices.md`, which holds every kernel of the `cpu` device against the scalar reference\n"
          "or double precision (`tests/parity`). `philo devices` says what the machine at hand offers; the best table is chosen at run\n"
          "time and `--isa` forces one. Systems and processors: [platforms.md](platforms.md).\n\n"
          "| Table | Needs |\n|---|---|\n";
  for (const Table& table : tables) text << "| `" << table.name << "` | " << table.needs << " |\n";
  text << "\nRun on: " << cpu().name << ".\n\n| Operation | Format |";
  for (const Table& table : tables) text << " `" << table.name << "` |";
  text << "\n|---|---|";
  for (size_t i = 0; i < std::size(tables); ++i) text << "---|";
  text << "\n";
  for (const Row& row : rows()) {
    text << "| " << row.operation << " | " << row.format << " |";
    for (const Table& table : tables) text << " " << state(table, row) << " |";
    text << "\n";
  }
  text << "\n*passed*: every shape, token count and tail of the grid, on this machine. *not here*: this processor lacks the instructions.\n"
          "*other builds*: the table belongs to programs for another kind of processor; the grid runs there as well.\n\n"
          "Formats of weights: *by N*: N columns of a row share a scale (and a zero point, where asymmetric); *by row*: all do. Scales\n"
          "are fp16 or fp32. Formats of Attend are those of keys and values.\n\n"
          "The devices of OpenVINO (`openvino:CPU`, `openvino:GPU`, `openvino:NPU`, `openvino:AUTO`), and what of them was run: [openvino.md](openvino.md).\n"
          "The devices of ONNX Runtime (`onnxruntime:cpu`, `onnxruntime:dml`, `onnxruntime:cuda` and every other provider), and what of them was run: [onnx.md](onnx.md#devices).\n";
  return text.str();
}

namespace {

// The machine that wrote the committed file may be another one; its tables and formats must be this build's.
TEST(Support, CommittedFileHasTheTablesAndFormatsOfThisBuild) {
  std::ifstream file(PHILO_SOURCE_DIR "/docs/devices.md");
  ASSERT_TRUE(file) << "docs/devices.md is missing; write it with philo_parity --support docs/devices.md";
  std::vector<std::string> lines;
  std::string heading;
  for (std::string line; std::getline(file, line);) {
    lines.push_back(line);
    if (line.starts_with("| Operation ")) heading = line;
  }
  for (const auto& choice : all_kernels())
    EXPECT_NE(heading.find("`" + std::string(choice.kernels->isa) + "`"), std::string::npos) << choice.kernels->isa << " is missing";
  size_t cells = 0;
  for (const Row& row : rows()) {
    const std::string begin = "| " + row.operation + " | " + row.format + " |";
    const auto found = std::find_if(lines.begin(), lines.end(), [&](const std::string& line) { return line.starts_with(begin); });
    ASSERT_NE(found, lines.end()) << begin << " is missing";
    EXPECT_EQ(found->find("FAILED"), std::string::npos) << *found;
    EXPECT_EQ(found->find("not run"), std::string::npos) << *found;
    ++cells;
  }
  EXPECT_EQ(static_cast<size_t>(std::count_if(lines.begin(), lines.end(), [](const std::string& line) {
              return line.find("passed |") != std::string::npos;
            })),
            cells);
}

}  // namespace
}  // namespace philo
