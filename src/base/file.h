// Files: mapped for reading, read whole with a bound, written under a temporary name and renamed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace philo {

// A read-only view of a whole file, held for as long as the object lives. Paths are UTF-8 on every system.
class MappedFile {
 public:
  static std::shared_ptr<const MappedFile> open(const std::string& path);  // throws ErrorCode::Input, with the system's reason
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const std::string& path() const { return path_; }
  void prefetch(std::span<const std::byte> part) const;  // asks the system to read it ahead
  void release(std::span<const std::byte> part) const;   // its pages are not needed for now

 private:
  MappedFile() = default;
  std::string path_;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

// The whole file as text (bytes, not checked); throws ErrorCode::Input where it can't be read or is longer than `most_bytes`.
// Also reads pipes and devices such as /dev/stdin.
std::string read_text_file(const std::string& path, size_t most_bytes = size_t{1} << 30);

// A file that appears under its name only when commit() has succeeded; otherwise it is removed. Devices and pipes are
// written to directly. Throws ErrorCode::Resource
// where the disk is full and ErrorCode::Failed for other write errors.
class OutputFile {
 public:
  explicit OutputFile(const std::string& path);
  // The file lies in `folder` but has no name at all before commit(), so that nothing is left of it when the process is killed. For
  // folders where can_be_nameless() says that this works.
  OutputFile(const std::string& path, const std::string& folder);
  static bool can_be_nameless(const std::string& folder);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text);
  // Into a regular file, at that byte, whatever lies before it; any thread, also at the same time as others. Goes past write()'s buffer:
  // flush() comes between the two.
  void write_at(uint64_t offset, std::span<const std::byte> bytes);
  void flush();
  // Starts the way to the disk of what was written, and waits for what an earlier call started: so the system never holds more than two
  // calls' worth of unwritten pages.
  void write_behind();
  void sync();    // flushes to disk, where there is one
  void commit();  // likewise, and gives the file its name
  void commit(const std::string& other_path);  // its name is to be this one instead
  const std::string& path() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

bool is_file(const std::string& path);
bool is_folder(const std::string& path);
std::vector<std::string> folder_entries(const std::string& path);  // names, sorted; throws ErrorCode::Input where it can't be read
std::string join_path(const std::string& folder, const std::string& name);
std::string file_name(const std::string& path);  // the last component
uint64_t file_bytes(const std::string& path);    // 0 where it can't be told
// Whether `path` is `folder` or lies below it, links followed. Neither needs to exist.
bool lies_in(const std::string& path, const std::string& folder);
std::string folder_of(const std::string& path);  // of the file that `path` leads to, links followed

}  // namespace philo
