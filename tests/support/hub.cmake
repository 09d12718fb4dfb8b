# What tests of the hub share: a raw client over a real socket.
if(NOT TARGET laban_test_hub)
  add_library(laban_test_hub STATIC ${CMAKE_SOURCE_DIR}/tests/support/raw_client.cpp)
  target_link_libraries(laban_test_hub PUBLIC laban_hub laban_codec cppzmq)
endif()
