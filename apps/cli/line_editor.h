// Reads lines from people: with editing and history on a terminal, plainly elsewhere.
#pragma once

#include <memory>
#include <string>

class LineEditor {
 public:
  enum class Result { Line, Interrupt, End };

  virtual ~LineEditor() = default;
  // Without the line feed. Interrupt: Ctrl-C; End: Ctrl-D or the end of the input.
  virtual Result read(const std::string& prompt, std::string& line) = 0;
  virtual bool interactive() const = 0;
};

// `history_file` may be empty: no history is kept over the program's end then.
std::unique_ptr<LineEditor> make_line_editor(const std::string& history_file);
