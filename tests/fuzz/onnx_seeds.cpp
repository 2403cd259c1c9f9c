// Writes the seeds of onnx_fuzz: onnx_seeds FOLDER. Small models in every form that the reader knows.
#include <fstream>
#include <iostream>
#include <string>

#include "fake/onnx_graph.h"

int main(int count, char** arguments) {
  if (count != 2) {
    std::cerr << "usage: onnx_seeds FOLDER\n";
    return 2;
  }
  using philo::FakeOnnxPhi3;
  const auto write = [&](const std::string& name, auto change) {
    FakeOnnxPhi3 net;
    net.inlined = true;
    net.layers = 1;
    net.vocabulary = 16;
    net.context = 8;
    change(net);
    std::ofstream(std::string(arguments[1]) + "/" + name, std::ios::binary) << net.model().model();
  };
  using Form = FakeOnnxPhi3::Form;
  write("int4", [](FakeOnnxPhi3&) {});
  write("int4-zero-points", [](FakeOnnxPhi3& net) { net.zero_points = net.quantized_embedding = true; });
  write("int8", [](FakeOnnxPhi3& net) { net.form = Form::Int8; net.zero_points = net.pruned = true; });
  write("floats", [](FakeOnnxPhi3& net) { net.form = Form::Floats; net.tied = true; net.packed = false; });
  write("dequantized", [](FakeOnnxPhi3& net) { net.form = Form::Dequantized; net.zero_points = true; });
  write("long-rope", [](FakeOnnxPhi3& net) { net.short_context = 4; });
  write("long-rope-joined", [](FakeOnnxPhi3& net) { net.short_context = 4; net.joined_caches = true; net.window = 3; });
}
