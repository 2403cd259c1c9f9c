// A conversation on disk: its tokens and the keys and values computed of them, as a safetensors file.
#pragma once

#include <functional>
#include <string>

#include "base/json.h"
#include "generate/conversation.h"

namespace philo {

// `settings`: an object of texts, all that keys and values depend on. `about`: kept as it is. Throws ErrorCode::Device where the device
// does not give its cache out, ErrorCode::Resource where the disk is full; an older file then stays as it was.
void save_conversation(const std::string& path, const Conversation& conversation, const OrderedJson& settings, const OrderedJson& about);

// Hands `about` to `take` before it changes anything. Throws ErrorCode::Input where the file is no such file, damaged, or made with other
// settings (naming the first that differs), and what `take` throws; the conversation then stays as it was.
void restore_conversation(const std::string& path, Conversation& conversation, const OrderedJson& settings,
                          const std::function<void(const OrderedJson& about)>& take);

}  // namespace philo
