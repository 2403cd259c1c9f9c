// A folder that appears under its name only when it is complete.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/file.h"

namespace philo {

// Its files have no names before commit(), where the file system can do that, and lie in a hidden folder beside `path` otherwise. Whenever
// the process is killed, `path` holds nothing, the old folder or the new one, never a mixture; a hidden folder that is left is removed by
// the next OutputFolder of the same path.
class OutputFolder {
 public:
  // Throws ErrorCode::Usage where `path` is there and may not be replaced, is no folder or has no parent folder; ErrorCode::Failed where
  // nothing can be written beside it.
  // `allow_nameless` false: files have names in a hidden folder from the start, as where the file system knows no others.
  OutputFolder(const std::string& path, bool replace, bool allow_nameless = true);
  ~OutputFolder();
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;

  void require_bytes(uint64_t bytes) const;   // throws ErrorCode::Resource where the disk has less room
  OutputFile& create(const std::string& name);  // a file in it, to be written to; not to be committed alone
  void commit();                              // flushes to disk and takes the name

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// What the constructor checks, without doing anything.
void check_output_folder(const std::string& path, bool replace);

}  // namespace philo
