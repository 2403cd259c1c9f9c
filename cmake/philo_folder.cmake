# Warnings, sanitizers and definitions that every target of this project shares.
add_library(philo_options INTERFACE)
target_include_directories(philo_options INTERFACE ${PROJECT_SOURCE_DIR}/src)
target_compile_options(philo_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Werror=switch -Werror=return-type
  $<$<BOOL:${PHILO_WERROR}>:-Werror>)
if(PHILO_SANITIZE)
  target_compile_options(philo_options INTERFACE -fsanitize=${PHILO_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(philo_options INTERFACE -fsanitize=${PHILO_SANITIZE})
endif()
if(PHILO_FUZZ)
  target_compile_options(philo_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

# Large headers that many files include are parsed once: JSON for the library, with GoogleTest for the tests. Each file includes what it
# uses all the same; -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON (as in the presets gcc and tidy) shows where one does not.
add_library(philo_library_headers OBJECT ${CMAKE_CURRENT_LIST_DIR}/empty.cpp)
target_link_libraries(philo_library_headers PRIVATE philo_options nlohmann_json::nlohmann_json)
target_precompile_headers(philo_library_headers PRIVATE <algorithm> <functional> <map> <memory> <string> <vector> <nlohmann/json.hpp>)

# philo_test_program(NAME): what a program of tests is built with.
function(philo_test_program NAME)
  target_link_libraries(${NAME} PRIVATE philo_options nlohmann_json::nlohmann_json GTest::gtest)
  target_compile_definitions(${NAME} PRIVATE PHILO_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  target_compile_options(${NAME} PRIVATE $<$<CONFIG:Debug>:-O0>)  # optimizing sanitized tests takes longer than it saves
  target_precompile_headers(${NAME} REUSE_FROM philo_test_headers)
endfunction()
if(PHILO_TESTS)
  add_executable(philo_test_headers ${CMAKE_CURRENT_LIST_DIR}/empty.cpp)  # a program, as those are that take its headers
  target_link_libraries(philo_test_headers PRIVATE philo_options nlohmann_json::nlohmann_json GTest::gtest_main)
  target_compile_definitions(philo_test_headers PRIVATE PHILO_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  target_compile_options(philo_test_headers PRIVATE $<$<CONFIG:Debug>:-O0>)
  target_precompile_headers(philo_test_headers PRIVATE <gtest/gtest.h> <nlohmann/json.hpp>)
endif()

# philo_folder(NAME target [DEPENDS targets...] [LINKS libraries...])
# Makes one static library of the .cpp files in the current folder and one test program of the *_test.cpp files.
function(philo_folder NAME)
  cmake_parse_arguments(ARG "" "" "DEPENDS;LINKS;SOURCES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  file(GLOB tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_test.cpp)
  if(tests)
    list(REMOVE_ITEM sources ${tests})
  endif()
  list(APPEND sources ${ARG_SOURCES})
  set(target philo_${NAME})
  set(depends ${ARG_DEPENDS})
  list(TRANSFORM depends PREPEND philo_)
  if(sources)
    add_library(${target} STATIC ${sources})
    target_link_libraries(${target} PUBLIC philo_options ${depends} ${ARG_LINKS})
    target_precompile_headers(${target} REUSE_FROM philo_library_headers)
  else()
    add_library(${target} INTERFACE)
    target_link_libraries(${target} INTERFACE philo_options ${depends} ${ARG_LINKS})
  endif()
  if(PHILO_TESTS AND tests)
    add_executable(${target}_test ${tests})
    target_link_libraries(${target}_test PRIVATE ${target} GTest::gtest_main)
    philo_test_program(${target}_test)
    philo_add_tests(${target}_test ${NAME})
  endif()
endfunction()
