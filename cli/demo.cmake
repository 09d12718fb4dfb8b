# `laban play`, `laban demo`, and the library that the demo shares with system tests and soaks.
target_sources(laban PRIVATE play.cpp)
target_link_libraries(laban PRIVATE laban_client laban_monitor_xes laban_monitor_definitions nlohmann_json::nlohmann_json)

set(definition ${CMAKE_SOURCE_DIR}/services/processes/order-fulfilment.bpmn)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${definition})
file(READ ${definition} definition_text)
string(REGEX MATCH "<[a-zA-Z0-9]*:?process [^>]*id=\"([^\"]+)\"" unused "${definition_text}")
set(definition_id ${CMAKE_MATCH_1})
get_filename_component(definition_file ${definition} NAME)
configure_file(demo/definition.cpp.in ${CMAKE_CURRENT_BINARY_DIR}/definition.cpp @ONLY)

laban_component(demo
  SOURCES demo/child.cpp demo/supervisor.cpp demo/ports.cpp demo/ledger.cpp demo/monitor_view.cpp demo/report.cpp
          demo/shop.cpp ${CMAKE_CURRENT_BINARY_DIR}/definition.cpp
  DEPENDS laban_patterns
  USES PkgConfig::httplib nlohmann_json::nlohmann_json)

target_sources(laban PRIVATE demo.cpp)
target_link_libraries(laban PRIVATE laban_demo laban_client)
foreach(service order payment inventory shipping notification)
  add_dependencies(laban laban-${service})
endforeach()
