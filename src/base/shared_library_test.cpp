// Libraries that are not there, or that are none.
#include "base/shared_library.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/temporary_folder.h"

namespace philo {
namespace {

TEST(SharedLibrary, SaysWhyItCannotBeLoaded) {
  const TemporaryFolder folder;
  for (const std::string& path : {folder.path("missing.so"), folder.write("text.so", "no library")}) {
    std::string reason;
    EXPECT_EQ(SharedLibrary::open(path, reason), nullptr);
    EXPECT_FALSE(reason.empty()) << path;
  }
}

TEST(SharedLibrary, KnowsWhereThisCodeLies) { EXPECT_TRUE(is_folder(own_folder_of_code())) << own_folder_of_code(); }

}  // namespace
}  // namespace philo
