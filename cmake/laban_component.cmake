# laban_component(NAME SOURCES ... [DEPENDS ...] [USES ...] [PCH ...])   a room of the house as a static library `laban_NAME`
# laban_test(NAME LABEL SOURCES ... DEPENDS ...)                         one doctest program, each test case a ctest entry
#
# Flags travel on the target `laban_options`, never as globals. DEPENDS is public, USES is private to the room's sources.

add_library(laban_options INTERFACE)
target_include_directories(laban_options INTERFACE
  $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}> $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/bus/include>)
target_compile_options(laban_options INTERFACE $<BUILD_INTERFACE:-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor>)
target_link_libraries(laban_options INTERFACE Threads::Threads)
if(CMAKE_UNITY_BUILD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Several sources compiled as one: to GCC a .cpp is then a header, whose types should not use the anonymous namespace.
  target_compile_options(laban_options INTERFACE $<BUILD_INTERFACE:-Wno-subobject-linkage>)
endif()
if(LABAN_SANITIZE STREQUAL "address")
  target_compile_options(laban_options INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
    -Wno-maybe-uninitialized)  # GCC 12 sees it in libstdc++'s own std::regex once that is instrumented
  target_link_options(laban_options INTERFACE -fsanitize=address,undefined)
elseif(LABAN_SANITIZE STREQUAL "fuzz")
  target_compile_options(laban_options INTERFACE -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
    -fno-omit-frame-pointer)
  target_link_options(laban_options INTERFACE -fsanitize=address,undefined)
elseif(LABAN_SANITIZE STREQUAL "thread")
  target_compile_options(laban_options INTERFACE -fsanitize=thread -fno-omit-frame-pointer)
  target_link_options(laban_options INTERFACE -fsanitize=thread)
endif()

function(laban_component name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPENDS;USES;PCH")
  add_library(laban_${name} STATIC ${arg_SOURCES})
  target_link_libraries(laban_${name} PUBLIC laban_options ${arg_DEPENDS} PRIVATE ${arg_USES})
  set_property(GLOBAL APPEND PROPERTY laban_libraries laban_${name})
  if(arg_PCH)
    target_precompile_headers(laban_${name} PRIVATE ${arg_PCH})
  endif()
endfunction()

function(laban_test name label)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "TIMEOUT" "SOURCES;DEPENDS")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  if(LABAN_SANITIZE)
    math(EXPR arg_TIMEOUT "${arg_TIMEOUT} * 5")  # a sanitizer slows the property tests about so much
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE laban_options laban_test_main ${arg_DEPENDS})
  # Most of a build is tests; what they measure is in the libraries, so they themselves need not be fast.
  target_compile_options(${name} PRIVATE -O0)
  target_precompile_headers(${name} REUSE_FROM laban_test_main)
  doctest_discover_tests(${name} PROPERTIES LABELS ${label} TIMEOUT ${arg_TIMEOUT} SKIP_REGULAR_EXPRESSION "SKIPPED:")
endfunction()
