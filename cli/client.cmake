# What speaks to a hub as any client does: publish, tail, consume, and the model.
target_sources(laban PRIVATE consume.cpp erase.cpp event_json.cpp header_value.cpp hub_options.cpp inspect.cpp keygen.cpp model.cpp publish.cpp schema.cpp tail.cpp)
target_link_libraries(laban PRIVATE laban_client laban_payload_json laban_transport_client laban_monitor_core
                      nlohmann_json::nlohmann_json CapnProto::capnpc)
target_compile_definitions(laban PRIVATE LABAN_SCHEMAS="${CMAKE_SOURCE_DIR}/schemas"
                           LABAN_SCHEMAS_INSTALLED="${CMAKE_INSTALL_PREFIX}/include")
