// Opens the source, assigns formats, streams the weights and copies what else belongs to the model.
#include "convert/convert.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>

#include "base/error.h"
#include "base/file.h"
#include "base/output_folder.h"
#include "checkpoint/checkpoint.h"
#include "convert/assign_formats.h"
#include "convert/genai_config.h"
#include "convert/openvino_tokenizer.h"
#include "convert/weights_writer.h"
#include "machine/cpu.h"
#include "machine/thread_pool.h"

namespace philo {
namespace {

constexpr size_t most_text_bytes = size_t{256} << 20;  // of a file that is copied
constexpr uint64_t index_bytes = 1'000'000;            // room for config.json and the index

// What belongs to a model beside its weights; Python files and weights in other forms do not.
bool is_copied(const std::string& name) {
  static constexpr std::array names = {"generation_config.json", "tokenizer.json",   "tokenizer_config.json", "special_tokens_map.json",
                                       "added_tokens.json",      "vocab.json",       "merges.txt",            "tokenizer.model",
                                       "chat_template.jinja",    "chat_template.json"};
  if (std::find(names.begin(), names.end(), name) != names.end()) return true;
  for (const char* start : {"LICENSE", "LICENCE", "NOTICE", "README"}) {
    if (name.starts_with(start)) return true;
  }
  return false;
}

class Progressed {
 public:
  Progressed(const Progress& sink, uint64_t total) : sink_(sink), total_(total) { add(0); }
  void add(uint64_t bytes) {
    done_ += bytes;
    if (sink_ && !sink_("converting", done_, total_)) throw Error(ErrorCode::Stopped, "stopped while converting");
  }

 private:
  const Progress& sink_;
  uint64_t total_, done_ = 0;
};

void check_places(const std::string& source, const std::string& target) {
  if (lies_in(target, source)) {
    throw usage_error(target + ": is the source folder or lies in it; name an output folder elsewhere");
  }
  if (lies_in(source, target)) {
    throw usage_error(target + ": the source folder lies in it; name an output folder elsewhere");
  }
}

// What GPUs compute in, unless the weights are asked for in float32.
bool is_half(const ConvertOptions& options, bool keeps_codes) {
  if (options.onnx_target == OnnxTarget::Cpu) return false;
  const bool wide = !keeps_codes && options.recipe.weights == NumberFormat::Fp32;
  if (wide && options.onnx_target == OnnxTarget::Dml) {
    throw usage_error("--onnx-target dml: DirectML's graphs compute in float16; use --weight-format fp16, int8 or int4");
  }
  return !wide;
}

std::unique_ptr<WeightsWriter> writer_for(const Plan& plan, const ConvertOptions& options, ThreadPool& pool) {
  const bool keeps = options.keep_codes && is_quantized(plan);
  std::vector<AssignedTensor> tensors = keeps ? stored_formats(plan) : assign_formats(plan, options.recipe, pool, options.progress);
  switch (options.kind) {
    case FolderKind::Openvino: return openvino_writer(plan, tensors, keeps ? 1.0 : options.recipe.ratio);
    case FolderKind::Onnx: return onnx_writer(plan, tensors, options.onnx_target, is_half(options, keeps));
    case FolderKind::Philo: return philo_writer(plan, std::move(tensors), options.most_shard_bytes);
  }
  throw Error(ErrorCode::Failed, "a kind of folder that nobody writes");
}

OrderedJson source_config(const Checkpoint& checkpoint) {
  if (const auto made = checkpoint.made_files.find("config.json"); made != checkpoint.made_files.end()) return made->second;
  const std::string path = join_path(checkpoint.path, "config.json");
  return parse_ordered_json(read_text_file(path), path);
}

// GenAI needs the tokenizer as graphs.
void write_tokenizer(const std::string& source, const Tokenizer& tokenizer, OutputFolder& folder, const NoteSink& note, ConvertReport& report) {
  const std::string path = join_path(source, "tokenizer.json");
  const OpenvinoTokenizer made = openvino_tokenizer(read_text_file(path, most_text_bytes), path, tokenizer);
  for (const IrFile& file : made.files) {
    report.files.insert(report.files.end(), {file.name + ".xml", file.name + ".bin"});
    folder.create(file.name + ".xml").write(file.xml);
    folder.create(file.name + ".bin").write(file.weights);
  }
  if (made.files.empty() && note) {
    note("openvino_tokenizer.xml and openvino_detokenizer.xml, which OpenVINO GenAI needs, are not written: " + made.why_not +
         ", and their operations would not give the same tokens. `convert_tokenizer` of the Python package openvino-tokenizers makes its own from "
         "the folder: convert_tokenizer DST --with-detokenizer -o DST");
  }
}

}  // namespace

ConvertReport convert(const std::string& source, const std::string& target, const ConvertOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  const Checkpoint checkpoint = open_checkpoint(source);
  check_places(source, target);
  check_output_folder(target, options.replace);
  if (options.note) {
    for (const std::string& note : checkpoint.notes) options.note(note);
  }
  const Plan plan = plan_phi3(checkpoint.config, checkpoint.weights, checkpoint.weights_file);
  ThreadPool pool(threads_or_cores(options.threads));
  const std::unique_ptr<WeightsWriter> writer = writer_for(plan, options, pool);
  const OrderedJson source_json = source_config(checkpoint), config = writer->config(source_json);

  std::vector<std::string> copied;
  uint64_t copied_bytes = 0;
  for (const std::string& name : folder_entries(source)) {
    const std::string path = join_path(source, name);
    if (!is_copied(name) || !is_file(path)) continue;
    copied.push_back(name);
    copied_bytes += file_bytes(path);
  }

  OutputFolder folder(target, options.replace);
  folder.require_bytes(writer->bytes() + copied_bytes + index_bytes);
  ConvertReport report;
  report.source_bytes = writer->source_bytes();
  Progressed progress(options.progress, report.source_bytes);
  Writing writing{pool, [&](size_t bytes) { progress.add(bytes); }, report, {}};
  writer->write(folder, writing);
  if (options.kind == FolderKind::Openvino) write_tokenizer(source, *checkpoint.tokenizer, folder, options.note, report);
  if (options.kind == FolderKind::Onnx) {
    report.files.emplace_back("genai_config.json");
    folder.create(report.files.back()).write(genai_config(checkpoint, source_json, options.onnx_target).dump(4) + "\n");
  }
  report.files.emplace_back("config.json");
  folder.create(report.files.back()).write(config.dump(2) + "\n");
  for (const auto& [name, json] : checkpoint.made_files) {
    if (name == "config.json") continue;
    report.files.push_back(name);
    folder.create(name).write(json.dump(2) + "\n");
  }
  for (const std::string& name : copied) {
    folder.create(name).write(read_text_file(join_path(source, name), most_text_bytes));
    report.files.push_back(name);
  }
  folder.commit();

  for (const ConvertedTensor& tensor : report.tensors) {
    report.bytes += tensor.bytes;
    report.weights += tensor.weights;
  }
  report.relative_error = writing.sum.relative();
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace philo
