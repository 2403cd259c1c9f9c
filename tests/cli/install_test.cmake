# Installs philo under a new prefix, builds the examples against it by find_package and by pkg-config, and runs them.
set(root ${BINARY_DIR}/install_test)
file(REMOVE_RECURSE ${root})

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    string(REPLACE ";" " " command "${ARGN}")
    message(FATAL_ERROR "${command}\nended with ${result}:\n${output}")
  endif()
endfunction()

# The tree is moved after installing: nothing in it may know its place.
run(${CMAKE_COMMAND} --install ${BINARY_DIR} --prefix ${root}/first)
file(RENAME ${root}/first ${root}/prefix)

foreach(file include/philo/philo.h include/philo/philo.hpp ${LIBDIR}/pkgconfig/philo.pc ${LIBDIR}/cmake/philo/philoConfig.cmake
        bin/philo share/bash-completion/completions/philo share/zsh/site-functions/_philo share/fish/vendor_completions.d/philo.fish)
  if(NOT EXISTS ${root}/prefix/${file})
    message(FATAL_ERROR "${file} is not installed")
  endif()
endforeach()
file(GLOB_RECURSE headers RELATIVE ${root}/prefix/include ${root}/prefix/include/*)
if(NOT "${headers}" STREQUAL "philo/philo.h;philo/philo.hpp")
  message(FATAL_ERROR "other headers than philo's two are installed: ${headers}")
endif()

run(${CMAKE_COMMAND} -S ${SOURCE_DIR}/examples -B ${root}/examples -DCMAKE_PREFIX_PATH=${root}/prefix
    -DCMAKE_C_COMPILER=${C_COMPILER} -DCMAKE_CXX_COMPILER=${CXX_COMPILER})
run(${CMAKE_COMMAND} --build ${root}/examples)

find_program(PKG_CONFIG pkg-config)
if(PKG_CONFIG)
  set(ENV{PKG_CONFIG_PATH} ${root}/prefix/${LIBDIR}/pkgconfig)
  execute_process(COMMAND ${PKG_CONFIG} --cflags --libs philo OUTPUT_VARIABLE flags OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  separate_arguments(flags)
  run(${C_COMPILER} -std=c99 -Wall -Wextra -pedantic -Werror ${SOURCE_DIR}/examples/answer.c ${flags} -Wl,-rpath,${root}/prefix/${LIBDIR} -o ${root}/answer_pkgconfig)
else()
  message(STATUS "SKIPPED: pkg-config is not here")
endif()

run(${root}/prefix/bin/philo --version)
if(EXISTS ${root}/prefix/share/philo/demo/config.json)
  run(${root}/prefix/bin/philo run -p Hello --max-new-tokens 4)
  run(${root}/examples/answer_c ${root}/prefix/share/philo/demo Hello)
  run(${root}/examples/answer_cpp ${root}/prefix/share/philo/demo Hello "And then?")
  if(PKG_CONFIG)
    run(${root}/answer_pkgconfig ${root}/prefix/share/philo/demo Hello)
  endif()
else()
  message(STATUS "SKIPPED: running with the demo model, which has no weights here")
endif()
