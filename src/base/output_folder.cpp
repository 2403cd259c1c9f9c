// The hidden folder, its lock, and the renames that no kill can split.
#include "base/output_folder.h"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/system_path.h"

#ifdef _WIN32
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#else
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace philo {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view replaced_suffix = "-old";

// Held by whoever fills a hidden folder; the system lets go of it when the process dies. Moves with the folder when that is renamed.
class FolderLock {
 public:
  FolderLock() = default;
  ~FolderLock() { release(); }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

#ifdef _WIN32
  bool acquire(const fs::path& folder) {
    handle_ = CreateFileW(folder.c_str(), GENERIC_READ | DELETE, 0, nullptr, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, nullptr);
    return handle_ != INVALID_HANDLE_VALUE;
  }
  void release() {
    if (handle_ != INVALID_HANDLE_VALUE) CloseHandle(std::exchange(handle_, INVALID_HANDLE_VALUE));
  }
  void before_rename() { release(); }  // an open folder can't be renamed there

 private:
  HANDLE handle_ = INVALID_HANDLE_VALUE;
#else
  bool acquire(const fs::path& folder) {
    descriptor_ = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (descriptor_ < 0) return false;
    struct stat ours {}, there {};
    // Between open and flock another process may have taken the folder for a dead one's and removed it.
    const bool held = ::flock(descriptor_, LOCK_EX | LOCK_NB) == 0 && ::fstat(descriptor_, &ours) == 0 &&
                      ::lstat(folder.c_str(), &there) == 0 && ours.st_ino == there.st_ino && ours.st_dev == there.st_dev;
    if (!held) release();
    return held;
  }
  void release() {
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  }
  void before_rename() {}

 private:
  int descriptor_ = -1;
#endif
};

void sync_folder([[maybe_unused]] const fs::path& folder) {
#ifndef _WIN32
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  static_cast<void>(::fsync(descriptor));
  ::close(descriptor);
#endif
}

unsigned long process_id() {
#ifdef _WIN32
  return GetCurrentProcessId();
#else
  return static_cast<unsigned long>(::getpid());
#endif
}

enum class RenameMode : uint8_t { NoReplace, Exchange };

// In one step; errc::function_not_supported where this system or file system can't do it.
std::error_code rename_in_one_step([[maybe_unused]] const fs::path& from, [[maybe_unused]] const fs::path& to, [[maybe_unused]] RenameMode mode) {
#ifdef __linux__
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), mode == RenameMode::Exchange ? RENAME_EXCHANGE : RENAME_NOREPLACE) == 0) return {};
  if (errno != EINVAL && errno != ENOSYS && errno != ENOTSUP) return {errno, std::generic_category()};
#endif
  return std::make_error_code(std::errc::function_not_supported);
}

// ".NAME.philo-PROCESS-NUMBER", with "-old" for a folder that was renamed aside.
std::string hidden_prefix(const fs::path& target) { return "." + to_utf8(target.filename()) + ".philo-"; }

bool is_hidden_name(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return false;
  name.remove_prefix(prefix.size());
  if (name.ends_with(replaced_suffix)) name.remove_suffix(replaced_suffix.size());
  return !name.empty() && name.find_first_not_of("0123456789-") == std::string_view::npos;
}

// Of processes that died: their folders are not locked. One that was renamed aside gets its name back where nothing took its place.
void remove_left_over(const fs::path& target) {
  const std::string prefix = hidden_prefix(target);
  std::error_code error;
  std::vector<fs::path> found;
  for (fs::directory_iterator entry(target.parent_path(), error); !error && entry != fs::directory_iterator(); entry.increment(error)) {
    if (is_hidden_name(to_utf8(entry->path().filename()), prefix)) found.push_back(entry->path());
  }
  for (const fs::path& folder : found) {
    FolderLock lock;
    if (!lock.acquire(folder)) continue;
    lock.before_rename();
    std::error_code ignored;
    if (to_utf8(folder.filename()).ends_with(replaced_suffix) && !fs::exists(fs::symlink_status(target, ignored))) {
      fs::rename(folder, target, ignored);
    } else {
      fs::remove_all(folder, ignored);
    }
  }
}

// Absolute and without a slash at its end; links stay.
fs::path normal_target(const std::string& path) {
  if (path.empty()) throw usage_error("the output folder's name is empty");
  fs::path target = fs::absolute(to_path(path)).lexically_normal();
  if (!target.has_filename()) target = target.parent_path();
  if (!target.has_filename()) throw usage_error(path + ": a root folder can't be an output folder; name a folder in it");
  return target;
}

void check_target(const fs::path& target, const std::string& path, bool replace) {
  std::error_code error;
  const fs::file_status status = fs::status(target, error);
  if (fs::exists(fs::symlink_status(target, error))) {
    if (!fs::is_directory(status)) throw usage_error(path + ": is there and is not a folder; name another output folder");
    if (!replace) throw usage_error(path + ": is there already; name another output folder, or use --force to replace it");
  }
  const fs::path parent = target.parent_path();
  if (!fs::is_directory(parent, error)) {
    throw usage_error(path + ": its parent folder " + to_utf8(parent) + " is not there; make it first");
  }
}

}  // namespace

struct OutputFolder::State {
  std::string shown_path;
  fs::path target;
  bool replace = false, nameless = false;
  fs::path temporary;  // the hidden folder; empty while there is none
  FolderLock lock;
  std::vector<std::pair<std::string, std::unique_ptr<OutputFile>>> files;  // by name, in the order of creation

  Error failed(const char* what, const std::error_code& error) const {
    const bool full = error == std::errc::no_space_on_device;
    return Error(full ? ErrorCode::Resource : ErrorCode::Failed, shown_path + ": can't " + what + ": " + reason_of(error));
  }

  std::string hidden_name() const {
    static std::atomic<unsigned> counter{0};
    return hidden_prefix(target) + std::to_string(process_id()) + "-" + std::to_string(counter++);
  }

  void make_temporary() {
    for (int attempt = 0; attempt < 100; ++attempt) {
      const fs::path folder = target.parent_path() / to_path(hidden_name());
      std::error_code error;
      const bool made = fs::create_directory(folder, error);
      if (error) throw failed("make a folder beside it", error);
      if (made) temporary = folder;
      if (made && lock.acquire(folder)) return;
    }
    throw Error(ErrorCode::Failed, shown_path + ": can't lock a new folder beside it");
  }

  // Where one step can't do it, a kill between the two renames leaves no folder under the name; the next run brings the old one back.
  void replace_target() {
    std::error_code error = rename_in_one_step(temporary, target, RenameMode::Exchange);
    if (error == std::errc::function_not_supported) {
      const fs::path aside = target.parent_path() / to_path(hidden_name() + std::string(replaced_suffix));
      error.clear();
      fs::rename(target, aside, error);
      if (error) throw failed("rename the old folder", error);
      fs::rename(temporary, target, error);
      if (error) {
        std::error_code ignored;
        fs::rename(aside, target, ignored);
        throw failed("rename the finished folder", error);
      }
      temporary = aside;
    } else if (error) {
      throw failed("replace the old folder", error);
    }
  }

  void take_name() {
    std::error_code error = rename_in_one_step(temporary, target, RenameMode::NoReplace);
    if (error == std::errc::function_not_supported) {
      error.clear();
      fs::rename(temporary, target, error);
    }
    if (error) throw failed("rename the finished folder", error);
    temporary.clear();
  }

  void remove_temporary() {
    lock.release();
    std::error_code ignored;
    if (!temporary.empty()) fs::remove_all(temporary, ignored);
    temporary.clear();
  }
};

void check_output_folder(const std::string& path, bool replace) { check_target(normal_target(path), path, replace); }

OutputFolder::OutputFolder(const std::string& path, bool replace, bool allow_nameless) : state_(std::make_unique<State>()) {
  State& state = *state_;
  state.shown_path = path;
  state.target = normal_target(path);
  state.replace = replace;
  remove_left_over(state.target);
  check_target(state.target, path, replace);
  state.nameless = allow_nameless && OutputFile::can_be_nameless(to_utf8(state.target.parent_path()));
  if (!state.nameless) state.make_temporary();
}

OutputFolder::~OutputFolder() {
  state_->files.clear();
  state_->remove_temporary();
}

OutputFile& OutputFolder::create(const std::string& name) {
  State& state = *state_;
  // In messages a file has the name that people will know it by.
  const std::string shown_path = join_path(state.shown_path, name);
  auto file = state.nameless ? std::make_unique<OutputFile>(shown_path, to_utf8(state.target.parent_path()))
                             : std::make_unique<OutputFile>(to_utf8(state.temporary / to_path(name)));
  state.files.emplace_back(name, std::move(file));
  return *state.files.back().second;
}

void OutputFolder::require_bytes(uint64_t bytes) const {
  std::error_code error;
  const fs::space_info space = fs::space(state_->target.parent_path(), error);
  if (error || space.available >= bytes) return;
  const auto megabytes = [](uint64_t count) { return std::to_string((count + 999'999) / 1'000'000) + " MB"; };
  throw Error(ErrorCode::Resource, state_->shown_path + ": needs " + megabytes(bytes) + ", but only " + megabytes(space.available) +
                                       " are free on that disk; make room or choose another place");
}

void OutputFolder::commit() {
  State& state = *state_;
  for (const auto& [name, file] : state.files) file->sync();
  if (state.nameless) state.make_temporary();
  for (const auto& [name, file] : state.files) file->commit(to_utf8(state.temporary / to_path(name)));
  state.files.clear();
  state.lock.before_rename();
  std::error_code error;
  if (state.replace && fs::exists(fs::symlink_status(state.target, error))) {
    state.replace_target();
  } else {
    state.take_name();
  }
  // After the rename, so that a kill hardly ever meets the hidden folder; the files' bytes are on the disk already, and the old folder goes
  // only when the new one's names are, too.
  sync_folder(state.target);
  sync_folder(state.target.parent_path());
  state.remove_temporary();
}

}  // namespace philo
