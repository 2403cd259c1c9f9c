// safetensors: what is written is read back, and every way to lie is refused with its cause.
#include "format/safetensors.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <list>
#include <optional>

#include "base/error.h"
#include "base/refusal.h"
#include "base/temporary_folder.h"

namespace philo {
namespace {

std::string file_of(std::string_view header, size_t data_bytes, std::optional<uint64_t> length = {}) {
  const uint64_t value = length.value_or(header.size());
  std::string out;
  for (size_t i = 0; i < 8; ++i) out += static_cast<char>(value >> (8 * i) & 0xFF);
  out += header;
  out.resize(out.size() + data_bytes, '\1');
  return out;
}

std::vector<Tensor> parse(std::string_view bytes) { return parse_safetensors(std::as_bytes(std::span(bytes)), "x.safetensors"); }

TEST(Safetensors, ReadsTypesShapesAndBytesInTheOrderOfTheData) {
  const std::string file = file_of(R"({"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[2,3],"data_offsets":[4,28]},)"
                                   R"("a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]},)"
                                   R"("empty":{"dtype":"F16","shape":[3,0],"data_offsets":[28,28]},)"
                                   R"("scalar":{"dtype":"U8","shape":[],"data_offsets":[28,29],"later":1}}   )",
                                   29);
  const std::vector<Tensor> tensors = parse(file);
  ASSERT_EQ(tensors.size(), 4u);
  EXPECT_EQ(tensors[0].name, "a");
  EXPECT_EQ(tensors[0].dtype, DType::BF16);
  EXPECT_EQ(tensors[0].bytes.size(), 4u);
  EXPECT_EQ(tensors[1].name, "b");
  EXPECT_EQ(tensors[1].shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(reinterpret_cast<const char*>(tensors[1].bytes.data()), file.data() + file.size() - 25);
  EXPECT_EQ(tensors[2].name, "empty");
  EXPECT_EQ(tensors[3].bytes.size(), 1u);
}

TEST(Safetensors, AFileWithoutTensorsIsValid) { EXPECT_TRUE(parse(file_of("{}", 0)).empty()); }

struct BadFile {
  const char* name;
  std::string bytes;
  const char* cause;
};

std::string one(std::string_view fields, size_t data_bytes) { return file_of("{\"w\":{" + std::string(fields) + "}}", data_bytes); }

std::vector<BadFile> bad_files() {
  const std::string good = one(R"("dtype":"F32","shape":[2],"data_offsets":[0,8])", 8);
  const std::string wrapped = R"("dtype":"F32","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,8])";
  const std::string wraps_to_zero = R"("dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0])";
  return {
      {"empty", "", "0 bytes, too short"},
      {"seven bytes", "1234567", "too short"},
      {"git lfs pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4\n", "Git LFS pointer"},
      {"header longer than the file", file_of("{}", 0, 3), "the header's length is 3, but only 2 bytes follow"},
      {"header above 100 MB", file_of("{}", 0, 100'000'001), "more than the format's limit"},
      {"header of 2^64-1", file_of("{}", 0, UINT64_MAX), "more than the format's limit"},
      {"header of no bytes", file_of("", 8), "starts with \"{\""},
      {"header starts with a space", file_of(" {}", 0), "starts with \"{\""},
      {"header is a list", file_of("[]", 0), "starts with \"{\""},
      {"header cut in two", file_of("{\"w\":", 0), "not valid JSON"},
      {"header of invalid UTF-8", file_of("{\"\xff\":1}", 0), "not valid JSON"},
      {"text after the header", file_of("{} {}", 0), "not valid JSON"},
      {"nested beyond reason", file_of("{\"w\":" + std::string(100'000, '['), 0), "nests deeper"},
      {"a tensor twice", file_of(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"w":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}})", 16), "appears twice"},
      {"tensor is no object", file_of("{\"w\":3}", 0), "tensor \"w\" should be a JSON object"},
      {"no dtype", one(R"("shape":[2],"data_offsets":[0,8])", 8), "has no \"dtype\""},
      {"no shape", one(R"("dtype":"F32","data_offsets":[0,8])", 8), "has no \"shape\""},
      {"no offsets", one(R"("dtype":"F32","shape":[2])", 8), "has no \"data_offsets\""},
      {"unknown type", one(R"("dtype":"F31","shape":[2],"data_offsets":[0,8])", 8), "does not know"},
      {"type is a number", one(R"("dtype":32,"shape":[2],"data_offsets":[0,8])", 8), "does not know"},
      {"shape is a number", one(R"("dtype":"F32","shape":2,"data_offsets":[0,8])", 8), "\"shape\" should be a list"},
      {"negative size", one(R"("dtype":"F32","shape":[-2],"data_offsets":[0,8])", 8), "found \"-2\""},
      {"fractional size", one(R"("dtype":"F32","shape":[2.0],"data_offsets":[0,8])", 8), "found \"2.0\""},
      {"size above 2^63", one(R"("dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,8])", 8), "absurd"},
      {"product wraps", one(wrapped, 8), "more elements than 64 bits"},
      {"product of bytes wraps to zero", one(wraps_to_zero, 0), "more elements than 64 bits"},
      {"product too large for the span", one(R"("dtype":"F32","shape":[3],"data_offsets":[0,8])", 8), "span 8 bytes, but F32 (3) takes 12"},
      {"three offsets", one(R"("dtype":"F32","shape":[2],"data_offsets":[0,8,9])", 8), "two numbers"},
      {"negative offset", one(R"("dtype":"F32","shape":[2],"data_offsets":[-8,0])", 8), "found \"-8\""},
      {"offsets reversed", one(R"("dtype":"F32","shape":[2],"data_offsets":[8,0])", 8), "before their begin"},
      {"data cut off", good.substr(0, good.size() - 1), "the file ends within tensor \"w\""},
      {"data missing", good.substr(0, good.size() - 8), "the file ends within tensor \"w\""},
      {"bytes behind the last tensor", good + "x", "1 bytes follow that belong to no tensor"},
      {"gap at the start", one(R"("dtype":"F32","shape":[2],"data_offsets":[4,12])", 12), "leaves a gap"},
      {"gap between", file_of(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[5,9]}})", 9), "\"b\" leaves a gap"},
      {"overlap", file_of(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[3,7]}})", 7), "\"b\" overlaps"},
      {"same bytes twice", file_of(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})", 4), "\"b\" overlaps"},
      {"offsets at the end of 64 bits", one(R"("dtype":"U8","shape":[1],"data_offsets":[18446744073709551614,18446744073709551615])", 8), "leaves a gap"},
      {"metadata of numbers", file_of(R"({"__metadata__":{"a":1}})", 0), "\"a\" should be a string"},
      {"metadata is a list", file_of(R"({"__metadata__":[]})", 0), "\"__metadata__\" should be a JSON object"},
  };
}

TEST(Safetensors, RefusesWhatLies) {
  for (const BadFile& bad : bad_files()) {
    SCOPED_TRACE(bad.name);
    const std::string message = refusal([&] { parse(bad.bytes); });
    EXPECT_TRUE(message.starts_with("x.safetensors: ")) << message;
    EXPECT_TRUE(says(message, bad.cause));
  }
}

// Cut at every byte, a file never reads as if it were whole.
TEST(Safetensors, RefusesEveryCut) {
  const std::string file = file_of(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"F16","shape":[2,1],"data_offsets":[4,8]}})", 8);
  ASSERT_EQ(parse(file).size(), 2u);
  for (size_t size = 0; size < file.size(); ++size) {
    EXPECT_THROW(parse(file.substr(0, size)), Error) << size;
  }
}

class SafetensorsFile : public testing::Test {
 protected:
  Tensor tensor(std::string name, std::vector<int64_t> shape, float first) {
    Tensor out{std::move(name), DType::F32, std::move(shape), {}};
    auto& values = buffers_.emplace_back(out.elements());
    for (size_t i = 0; i < values.size(); ++i) values[i] = first + static_cast<float>(i);
    out.bytes = std::as_bytes(std::span(values));
    return out;
  }
  TemporaryFolder folder_;
  std::list<std::vector<float>> buffers_;
};

TEST_F(SafetensorsFile, WhatIsWrittenIsReadBack) {
  const std::vector<Tensor> tensors = {tensor("z", {2, 3}, 1), tensor("quote\" and \xc3\xa9", {}, 7), tensor("none", {0, 4}, 0)};
  const std::string path = folder_.path("model.safetensors");
  write_safetensors(path, tensors, {{"format", "pt"}});
  const std::string bytes = read_text_file(path);
  EXPECT_EQ((static_cast<unsigned char>(bytes[0]) + 256u * static_cast<unsigned char>(bytes[1]) + 8) % 64, 0u);

  Weights weights;
  read_safetensors(path, weights);
  ASSERT_EQ(weights.tensors().size(), 3u);
  for (const Tensor& expected : tensors) {
    const Tensor* found = weights.find(expected.name);
    ASSERT_NE(found, nullptr) << expected.name;
    EXPECT_EQ(found->shape, expected.shape);
    EXPECT_TRUE(std::equal(found->bytes.begin(), found->bytes.end(), expected.bytes.begin(), expected.bytes.end()));
  }
  EXPECT_EQ(parse_safetensors(std::as_bytes(std::span(bytes)), path)[0].name, "z");
}

TEST_F(SafetensorsFile, RefusesToWriteWhatNobodyCouldRead) {
  const std::string path = folder_.path("x.safetensors");
  const auto write = [&](std::vector<Tensor> tensors) {
    return refusal([&] { write_safetensors(path, tensors); }, ErrorCode::Failed);
  };
  EXPECT_TRUE(says(write({tensor("a", {1}, 0), tensor("a", {1}, 0)}), "second tensor named \"a\""));
  EXPECT_TRUE(says(write({tensor("__metadata__", {1}, 0)}), "__metadata__"));
  EXPECT_TRUE(says(write({tensor("\xff", {1}, 0)}), "UTF-8"));
  Tensor wrong = tensor("a", {2}, 0);
  wrong.shape = {3};
  EXPECT_TRUE(says(write({wrong}), "not those of (3)"));
  EXPECT_TRUE(folder_entries(folder_.path()).empty());
}

TEST_F(SafetensorsFile, IsWrittenPieceByPiece) {
  const std::string path = folder_.path("pieces.safetensors");
  const std::vector<TensorEntry> entries = {{"a", DType::I32, {2, 2}}, {"b", DType::I8, {3}}};
  const std::array<int32_t, 4> a = {1, 2, 3, 4};
  const std::array<int8_t, 3> b = {-1, 0, 1};
  const std::span<const std::byte> bytes_a = std::as_bytes(std::span(a)), bytes_b = std::as_bytes(std::span(b));
  OutputFile file(path);
  SafetensorsWriter writer(file, entries, {{"format", "pt"}});
  writer.write(1, 0, bytes_b);
  writer.write(0, 8, bytes_a.subspan(8));
  EXPECT_THROW(writer.finish(), Error) << "half of a tensor is missing";
  EXPECT_THROW(writer.write(1, 2, bytes_b), Error) << "beyond the tensor's end";
  writer.write(0, 0, bytes_a.first(8));
  writer.finish();
  file.commit();
  Weights weights;
  read_safetensors(path, weights);
  EXPECT_TRUE(std::equal(bytes_a.begin(), bytes_a.end(), weights.find("a")->bytes.begin(), weights.find("a")->bytes.end()));
  EXPECT_TRUE(std::equal(bytes_b.begin(), bytes_b.end(), weights.find("b")->bytes.begin(), weights.find("b")->bytes.end()));
}

TEST_F(SafetensorsFile, AFolderHasOneFileOrTheShardsOfAnIndex) {
  write_safetensors(folder_.path("s1.safetensors"), std::vector{tensor("a", {2}, 1), tensor("not in the index", {1}, 5)});
  write_safetensors(folder_.path("s2.safetensors"), std::vector{tensor("b", {2}, 3)});
  const std::string index = folder_.write("model.safetensors.index.json", R"({"metadata":{"total_size":16},"weight_map":{"a":"s1.safetensors","b":"s2.safetensors"}})");
  Weights sharded;
  EXPECT_EQ(read_safetensors_folder(folder_.path(), sharded), index);
  EXPECT_EQ(sharded.tensors().size(), 3u);
  EXPECT_EQ(element(*sharded.find("b"), 1), 4.0f);

  write_safetensors(folder_.path("model.safetensors"), std::vector{tensor("whole", {2}, 1)});
  Weights single;
  EXPECT_EQ(read_safetensors_folder(folder_.path(), single), folder_.path("model.safetensors"));
  EXPECT_EQ(single.tensors().size(), 1u);  // transformers prefers the single file too
}

struct BadIndex {
  const char* name;
  const char* text;
  const char* cause;
};

TEST_F(SafetensorsFile, RefusesAnIndexThatLies) {
  write_safetensors(folder_.path("s1.safetensors"), std::vector{tensor("a", {2}, 1), tensor("b", {2}, 1)});
  write_safetensors(folder_.path("s2.safetensors"), std::vector{tensor("b", {2}, 3)});
  folder_.make_folder("d.safetensors");
  for (const BadIndex& bad : std::initializer_list<BadIndex>{
           {"no map", "{}", "\"weight_map\" is missing"},
           {"empty map", R"({"weight_map":{}})", "names no tensors"},
           {"map is a list", R"({"weight_map":[]})", "should be a JSON object"},
           {"file is a number", R"({"weight_map":{"a":1}})", "should name a file"},
           {"outside, relative", R"({"weight_map":{"a":"../s1.safetensors"}})", "not a plain name"},
           {"outside, absolute", R"({"weight_map":{"a":"/etc/passwd"}})", "not a plain name"},
           {"outside, Windows", R"({"weight_map":{"a":"..\\s1.safetensors"}})", "not a plain name"},
           {"drive", R"({"weight_map":{"a":"c:s1.safetensors"}})", "not a plain name"},
           {"parent", R"({"weight_map":{"a":".."}})", "not a plain name"},
           {"no name", R"({"weight_map":{"a":""}})", "not a plain name"},
           {"zero byte", R"({"weight_map":{"a":"s1.safetensors\u0000"}})", "not a plain name"},
           {"missing shards", R"({"weight_map":{"a":"s1.safetensors","c":"gone-1","d":"gone-2"}})", "2 are not there: \"gone-1\", \"gone-2\""},
           {"shard is a folder", R"({"weight_map":{"a":"d.safetensors"}})", "1 are not there: \"d.safetensors\""},
           {"tensor elsewhere", R"({"weight_map":{"a":"s2.safetensors"}})", "tensor \"a\" is missing, which model.safetensors.index.json"},
           {"tensor in two shards", R"({"weight_map":{"a":"s1.safetensors","b":"s2.safetensors"}})", "tensor \"b\" is there a second time"},
           {"not JSON", "{", "not valid JSON"},
       }) {
    SCOPED_TRACE(bad.name);
    folder_.write("model.safetensors.index.json", bad.text);
    Weights weights;
    const std::string message = refusal([&] { read_safetensors_folder(folder_.path(), weights); });
    EXPECT_TRUE(message.starts_with(folder_.path())) << message;
    EXPECT_TRUE(says(message, bad.cause));
  }
}

TEST_F(SafetensorsFile, SaysWhatToDoWithoutWeights) {
  const auto said = [&] {
    Weights weights;
    return refusal([&] { read_safetensors_folder(folder_.path(), weights); });
  };
  EXPECT_TRUE(says(said(), "expected model.safetensors or model.safetensors.index.json"));
  folder_.write("adapter_model.safetensors", "");
  EXPECT_TRUE(says(said(), "adapter"));
  folder_.write("pytorch_model.bin", "");
  EXPECT_TRUE(says(said(), "convert it to safetensors"));
}

}  // namespace
}  // namespace philo
