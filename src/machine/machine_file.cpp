// The file's content stands beside what identifies the machine.
#include "machine/machine_file.h"

#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "machine/cpu.h"
#include "machine/memory.h"

namespace philo {
namespace {

namespace fs = std::filesystem;

constexpr size_t most_bytes = size_t{1} << 20;

fs::path to_path(const std::string& utf8) { return fs::path(std::u8string(utf8.begin(), utf8.end())); }

// What tells this machine, as philo sees it, from others. Memory in whole GiB: the system's own part varies.
std::string key_text(int version) {
  const OrderedJson key = {{"version", version},
                           {"cpu", cpu().name},
                           {"cores", cpu().cores},
                           {"features", feature_names(cpu().features)},
                           {"memory_gib", (memory_status().total_bytes + (size_t{1} << 29)) >> 30}};
  return key.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

}  // namespace

MachineFile::MachineFile(const std::string& folder, std::string_view name, int version)
    : folder_(folder), name_(name), key_(key_text(version)) {
  Hash hash;
  hash.add(key_);
  path_ = join_path(folder, name_ + "-" + hash.text() + ".json");
}

std::optional<Json> MachineFile::read() const {
  std::error_code unknown;
  if (!fs::is_regular_file(to_path(path_), unknown)) return std::nullopt;
  try {
    const Json file = parse_json(read_text_file(path_, most_bytes), path_, {.bytes = most_bytes, .depth = 8});
    const JsonObject top(file, path_);
    const Json* const machine = top.find("machine");
    const Json* const content = top.find(name_.c_str());
    if (machine == nullptr || *machine != Json::parse(key_) || content == nullptr) return std::nullopt;
    return *content;
  } catch (const Error&) {
    return std::nullopt;
  }
}

void MachineFile::write(OrderedJson content) const {
  std::error_code problem;
  fs::create_directories(to_path(folder_), problem);
  if (problem) throw Error(ErrorCode::Failed, folder_ + ": can't make the folder: " + problem.message());
  const fs::file_status status = fs::status(to_path(path_), problem);
  if (fs::exists(status) && !fs::is_regular_file(status)) throw Error(ErrorCode::Failed, path_ + ": it is not a regular file; remove it");
  OutputFile file(path_);
  file.write(OrderedJson{{"machine", OrderedJson::parse(key_)}, {name_, std::move(content)}}.dump(1) + "\n");
  file.commit();
}

}  // namespace philo
