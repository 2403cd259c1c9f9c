// What differs between operating systems: arguments, terminals, Ctrl-C and the program's own place.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

struct philo_conversation;

enum class Stream { In, Out, Error };

// The arguments without the program's name, UTF-8; sets the terminal up.
std::vector<std::string> start_program(int argc, char** argv);

bool is_terminal(Stream stream);
size_t terminal_columns();        // of standard error; 80 where it is not known
std::string executable_folder();  // "" where it is not known
std::string state_folder();       // where history belongs; "" where it is not known
std::string cache_folder();       // where measurements belong; "" where it is not known
std::string variable(const char* name);  // of the environment; "" where it is not set
void set_variable(const char* name, const char* value);

// Writes all bytes to standard output, unbuffered. Returns 0, or the system's error number.
int write_output(const char* bytes, size_t count);

// Writes to standard error; what can't be written is lost.
void write_error(std::string_view text);

// Waits for standard input and reads at most `count` bytes of it: how many, 0 at its end or after Ctrl-C, -1 on errors.
int read_input(char* bytes, size_t count);

// From here on the first Ctrl-C raises a flag and stops the conversation that is named; a second one, before the flag
// is cleared, ends the program.
void catch_interrupts();
void stop_on_interrupt(philo_conversation* conversation);  // nullptr: none
bool interrupted();
void clear_interrupt();
