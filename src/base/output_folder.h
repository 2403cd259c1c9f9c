// A folder that appears under its name only when it is complete.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace philo {

// Everything is written into a hidden folder beside `path`, which takes the name at commit() and is removed otherwise. Whenever the process
// is killed, the name holds nothing, the old folder or the new one, never a mixture; the next OutputFolder of the same path removes what
// a killed process left.
class OutputFolder {
 public:
  // Throws ErrorCode::Usage where `path` is there and may not be replaced, is no folder or has no parent folder; ErrorCode::Failed where
  // nothing can be written beside it.
  OutputFolder(const std::string& path, bool replace);
  ~OutputFolder();
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;

  std::string path(const std::string& name) const;  // where a file of that name is to be written before commit()
  void require_bytes(uint64_t bytes) const;         // throws ErrorCode::Resource where the disk has less room
  void commit();                                    // flushes to disk and takes the name

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// What the constructor checks, without doing anything.
void check_output_folder(const std::string& path, bool replace);

}  // namespace philo
