// OpenVINO models: weights come out as they are stored, and every way to lie is refused with its cause.
#include <gtest/gtest.h>

#include <functional>

#include "base/refusal.h"
#include "base/temporary_folder.h"
#include "fake/openvino_graph.h"
#include "format/openvino_ir/constant.h"
#include "format/openvino_ir/network.h"
#include "format/openvino_ir/xml.h"

namespace philo {
namespace {

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, text.npos) << from;
  return at == text.npos ? text : text.replace(at, from.size(), to);
}

std::string repeated(std::string_view text, size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += text;
  return out;
}

TEST(OpenvinoXml, ReadsElementsAttributesAndText) {
  const XmlDocument document("<?xml version=\"1.0\"?>\n<net name='a &lt; &#x42;'><dim>-1</dim><dim>2</dim></net>", "m.xml");
  ASSERT_TRUE(document.root("net"));
  EXPECT_EQ(document.root("net")->attribute("name"), "a < B");
  EXPECT_FALSE(document.root("net")->attribute("other"));
  std::string dims;
  document.root("net")->each("dim", [&](XmlElement dim) { dims += std::string(dim.text()) + ";"; });
  EXPECT_EQ(dims, "-1;2;");
  EXPECT_FALSE(document.root("html"));
}

TEST(OpenvinoXml, RefusesWhatNoExporterWrites) {
  const std::string entities = "<!DOCTYPE net [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">]><net>&b;</net>";
  const std::vector<std::pair<std::string, const char*>> all = {
      {"", "root element"},
      {"hello", "expected XML"},
      {repeated("<a>", 1'000'000), "deeper than 32"},
      {repeated("<a>", 1'000'000) + repeated("</a>", 1'000'000), "deeper than 32"},
      {entities, "entity declaration"},
      {"<net><!-- a comment --></net>", "a comment"},
      {"<net><![CDATA[x]]></net>", "CDATA"},
      {"<net>\0</net>", "inside of 1 elements"},
      {std::string("<net>\0</net>", 12), "a zero byte"},
      {"<net><layers>", "cut off"},
      {"<net a=\"", "cut off"},
      {"<net ", "cut off"},
      {"<net a b>", "expected \"=\""},
      {"<net a=b>", "expected a quoted value"},
      {"<net a\"b=''>", "expected \"=\""},
      {"</net>", "an end tag without its element"},
      {"<net/ >", "expected \"/>\""},
      {"< net></net>", "expected the name"},
      {"<?xml", "cut off"},
      {"<net><" + std::string(1, '\1') + "/></net>", "expected the name"},
      {"<net" + repeated(" a='1'", 5'000'000) + "/>", "more than 4194304"},
  };
  for (const auto& [text, cause] : all) {
    SCOPED_TRACE(text.substr(0, 80));
    const std::string message = refusal([&] { parse_openvino_graph(text, "m.xml", {}, "m.bin"); });
    EXPECT_TRUE(message.starts_with("m.xml: ")) << message;
    EXPECT_TRUE(says(message, cause));
  }
}

OpenvinoNetwork read(const FakeOpenvinoGraph& graph, Weights& weights, const std::string& xml) {
  return read_openvino_network(parse_openvino_graph(xml, "m.xml", std::as_bytes(std::span(graph.constants)), "m.bin"), weights);
}

TEST(OpenvinoGraph, RefusesLies) {
  const FakeOpenvinoGraph good = FakePhi3{}.graph();
  const std::string xml = good.xml();
  Weights weights;
  ASSERT_EQ(read(good, weights, xml).layers, 2);
  const std::string table = "element_type=\"u8\" shape=\"16, 8\" offset=\"0\" size=\"128\"";
  const auto shape = [&](const char* to) { return replaced(xml, table, to); };
  struct Bad {
    const char* name;
    std::string xml;
    const char* cause;
  };
  const std::vector<Bad> all = {
      {"another root", replaced(replaced(xml, "<net ", "<html "), "</net>", "</html>"), "no \"net\""},
      {"an old version", replaced(xml, "name=\"Model0\" version=\"11\"", "version=\"7\""), "of version \"7\""},
      {"no edges", replaced(replaced(xml, "<edges>", "<ways>"), "</edges>", "</ways>"), "no \"layers\" or no \"edges\""},
      {"a layer twice", replaced(xml, "<layer id=\"1\"", "<layer id=\"0\""), "layer 0 is there a second time"},
      {"a negative layer", replaced(xml, "<layer id=\"1\"", "<layer id=\"-1\""), "expected a number from 0"},
      {"a layer without type", replaced(xml, "type=\"Parameter\"", "kind=\"Parameter\""), "has no type"},
      {"an edge to nowhere", replaced(xml, "to-layer=\"7\"", "to-layer=\"70000\""), "names layer 70000, which is not there"},
      {"an edge to no port", replaced(xml, "to-layer=\"7\" to-port=\"0\"", "to-layer=\"7\" to-port=\"9\""), "names a port that is not there"},
      {"two edges into one port", replaced(xml, "<edges>", "<edges><edge from-layer=\"0\" from-port=\"0\" to-layer=\"5\" to-port=\"0\"/>"), "two edges into one port"},
      {"a missing edge", replaced(xml, "<edge from-layer=\"4\"", "<wall from-layer=\"4\""), "no edge leads to"},
      {"a cycle", "", "form a cycle"},
      {"a cut-off file of constants", shape("element_type=\"u8\" shape=\"16, 8\" offset=\"100000\" size=\"128\""), "m.bin: is "},
      {"an offset that wraps", shape("element_type=\"u8\" shape=\"16, 8\" offset=\"9223372036854775807\" size=\"128\""), "the file is cut off or belongs to another model"},
      {"a size that wraps", shape("element_type=\"u8\" shape=\"9223372036854775807\" offset=\"0\" size=\"9223372036854775807\""), "64 bits can't hold"},
      {"a shape that wraps", shape("element_type=\"u8\" shape=\"4294967296, 4294967296, 16\" offset=\"0\" size=\"128\""), "64 bits can't hold"},
      {"a negative size", shape("element_type=\"u8\" shape=\"16, 8\" offset=\"0\" size=\"-128\""), "no offset or size"},
      {"a shape of words", shape("element_type=\"u8\" shape=\"16, x\" offset=\"0\" size=\"128\""), "no list of sizes"},
      {"another size", shape("element_type=\"u8\" shape=\"16, 9\" offset=\"0\" size=\"128\""), "takes 144"},
      {"no size", shape("element_type=\"u8\" shape=\"16, 8\" offset=\"0\""), "has no \"size\""},
  };
  for (const Bad& bad : all) {
    SCOPED_TRACE(bad.name);
    std::string text = bad.xml;
    if (text.empty()) {
      FakeOpenvinoGraph graph;
      const auto first = graph.add("Add", "a", {{1, 1}}, {});
      graph.add("Add", "b", {first});
      text = graph.xml();
    }
    Weights unused;
    EXPECT_TRUE(says(refusal([&] { read(good, unused, text); }), bad.cause));
  }
  // Cut off anywhere, it is refused as well.
  for (size_t length = 0; length < xml.size(); length += 97) {
    Weights unused;
    refusal([&] { read(good, unused, xml.substr(0, length)); });
  }
}

TEST(OpenvinoNetwork, ReadsCodesScalesAndZeroPointsAsTheyAreStored) {
  for (const char* type : {"u4", "i4", "u8", "i8", "f32"}) {
    SCOPED_TRACE(type);
    FakePhi3 net;
    net.weight_type = type;
    const FakeOpenvinoGraph graph = net.graph();
    Weights weights;
    const OpenvinoNetwork network = read(graph, weights, graph.xml());
    EXPECT_EQ(network.layers, 2);
    EXPECT_EQ(network.kv_heads, 1);
    EXPECT_EQ(network.head_size, 4);
    EXPECT_EQ(network.window, 5);
    EXPECT_EQ(network.epsilons, std::vector<float>(5, 1e-5f));
    EXPECT_EQ(network.short_frequencies, (std::vector<float>{1.0f, 0.01f}));
    EXPECT_EQ(network.long_frequencies, network.short_frequencies);
    EXPECT_FALSE(network.long_limit);
    EXPECT_EQ(network.attention_scale, 0.5f);
    EXPECT_FALSE(network.tied);
    EXPECT_EQ(network.folded_scales, 0u);
    EXPECT_EQ(weights.tensors().size() + weights.coded().size(), 2 + 2 * 6 + 1u);
    const std::string name = "model.layers.1.mlp.gate_up_proj.weight";
    if (std::string_view(type) == "f32") {
      ASSERT_NE(weights.find(name), nullptr);
      EXPECT_EQ(weights.find(name)->shape, (std::vector<int64_t>{16, 8}));
      continue;
    }
    const CodedMatrix* const matrix = weights.find_coded(name);
    ASSERT_NE(matrix, nullptr);
    const bool four = type[1] == '4', has_zero_points = type[0] == 'u';
    EXPECT_EQ(matrix->format, (CodeFormat{four ? 4 : 8, four ? 4 : -1, !has_zero_points}));
    std::vector<float> row(8);
    for (int64_t r = 0; r < 16; ++r) {
      matrix->read_row(r, row);
      for (int c = 0; c < 8; ++c) {
        const int element = static_cast<int>(r) * 8 + c, byte = (3 + (four ? element / 2 : element) * 7) & 255;
        int code = four ? byte >> (element % 2 * 4) & 15 : byte;
        const int part = four ? element / 4 : element / 8, zero_byte = (0x57 + (four ? part / 2 : part) * 7) & 255;
        if (has_zero_points) code -= four ? zero_byte >> (part % 2 * 4) & 15 : zero_byte;
        else code = four ? (code ^ 8) - 8 : static_cast<int8_t>(code);
        EXPECT_EQ(row[static_cast<size_t>(c)], static_cast<float>(code) * f16_to_f32(static_cast<uint16_t>(0x2000 + part % 64))) << r << ", " << c;
      }
    }
  }
}

TEST(OpenvinoNetwork, ReadsATiedHeadOnce) {
  FakePhi3 net;
  net.tied = true;
  const FakeOpenvinoGraph graph = net.graph();
  Weights weights;
  EXPECT_TRUE(read(graph, weights, graph.xml()).tied);
  EXPECT_EQ(weights.find_coded("lm_head.weight"), nullptr);
}

TEST(OpenvinoNetwork, MultipliesAwqsFactorsIntoTheUpRows) {
  for (const char* type : {"u4", "f32"}) {
    SCOPED_TRACE(type);
    FakePhi3 plain, net;
    plain.weight_type = net.weight_type = type;
    net.awq = true;
    const FakeOpenvinoGraph graph = net.graph(), without = plain.graph();
    Weights weights, expected;
    EXPECT_EQ(read(graph, weights, graph.xml()).folded_scales, 2u);
    read(without, expected, without.xml());
    for (int64_t row = 0; row < 16; ++row) {
      std::vector<float> got(8), wanted(8);
      const std::string name = "model.layers.1.mlp.gate_up_proj.weight";
      if (const CodedMatrix* matrix = weights.find_coded(name)) {
        matrix->read_row(row, got);
        expected.find_coded(name)->read_row(row, wanted);
      } else {
        read_elements(*weights.find(name), static_cast<size_t>(row) * 8, got);
        read_elements(*expected.find(name), static_cast<size_t>(row) * 8, wanted);
      }
      for (size_t i = 0; i < 8; ++i) EXPECT_FLOAT_EQ(got[i], wanted[i] * (row < 8 ? 1.0f : static_cast<float>(row - 8 + 2))) << row;
    }
  }
}

TEST(OpenvinoNetwork, RefusesOtherNetworks) {
  struct Other {
    const char* name;
    std::function<void(FakePhi3&)> change;
    const char* cause;
  };
  const std::vector<Other> all = {
      {"biases", [](FakePhi3& net) { net.bias = true; }, "a bias, or another network"},
      {"another activation", [](FakePhi3& net) { net.activation = "Gelu"; }, "has no Swish"},
      {"LayerNorm", [](FakePhi3& net) { net.biased_norm = true; }, "is another"},
      {"another norm", [](FakePhi3& net) { net.normalized = "ReduceSum"; }, "mean of squares"},
      {"no state", [](FakePhi3& net) { net.stateful = false; }, "without --disable-stateful"},
      {"keys that are not rotated", [](FakePhi3& net) { net.rotated_keys = false; }, "not rotated"},
      {"query and key in another order", [](FakePhi3& net) { net.swapped_qkv = true; }, "in this order"},
      {"weights of another type", [](FakePhi3& net) { net.weight_type = "nf4"; }, "--weight-format fp16, int8 or int4"},
      {"no layers", [](FakePhi3& net) { net.layers = 0; }, "is followed by no layer"},
  };
  for (const Other& other : all) {
    SCOPED_TRACE(other.name);
    FakePhi3 net;
    other.change(net);
    const FakeOpenvinoGraph graph = net.graph();
    Weights weights;
    const std::string message = refusal([&] { read(graph, weights, graph.xml()); });
    if (std::string_view(other.name) == "LayerNorm") EXPECT_TRUE(message.find("norm") != message.npos) << message;
    else EXPECT_TRUE(says(message, other.cause));
  }
}

TEST(OpenvinoNetwork, RefusesOtherDecompressions) {
  const FakeOpenvinoGraph good = FakePhi3{}.graph();
  const std::string xml = good.xml(), qkv = "name=\"self.model.layers.0.self_attn.qkv_proj\"";
  const size_t at = xml.find(qkv);
  ASSERT_NE(at, xml.npos);
  const auto from_qkv = [&](std::string_view from, std::string_view to) { return xml.substr(0, at) + replaced(xml.substr(at), from, to); };
  const std::vector<std::pair<std::string, const char*>> all = {
      {from_qkv("shape=\"16, 2, 4\"", "shape=\"16, 8\""), "is a matrix that is reshaped"},
      {from_qkv("shape=\"16, 2, 4\"", "shape=\"2, 16, 4\""), "is reshaped to something else"},
      {from_qkv("shape=\"16, 2, 4\"", "shape=\"2, 2, 8, 4\""), "expected (rows, columns) or"},
      {from_qkv("element_type=\"f16\" shape=\"16, 2, 1\"", "element_type=\"i16\" shape=\"16, 2, 1\""), "where the scales"},
      {from_qkv("type=\"Subtract\"", "type=\"Add\""), "codes of a compressed weight are expected"},
      {from_qkv("transpose_b=\"true\"", "transpose_b=\"false\""), "does not multiply with a matrix"},
  };
  for (const auto& [text, cause] : all) {
    Weights weights;
    EXPECT_TRUE(says(refusal([&, &changed = text] { read(good, weights, changed); }), cause));
  }
}

TEST(OpenvinoFolder, NeedsItsFileOfConstants) {
  const TemporaryFolder folder;
  const FakeOpenvinoGraph graph = FakePhi3{}.graph();
  folder.write("openvino_model.xml", graph.xml());
  Weights weights;
  EXPECT_TRUE(says(refusal([&] { read_openvino_folder(folder.path(), weights); }), "openvino_model.bin: is missing"));
  folder.write("openvino_model.bin", graph.constants.substr(0, graph.constants.size() / 2));
  EXPECT_TRUE(says(refusal([&] { read_openvino_folder(folder.path(), weights); }), "cut off"));
  folder.write("openvino_model.bin", graph.constants);
  EXPECT_EQ(read_openvino_folder(folder.path(), weights).layers, 2);
}

}  // namespace
}  // namespace philo
