# What needs neither a hub nor a monitor: definitions and recorded logs.
target_sources(laban PRIVATE check.cpp)
target_sources(laban PRIVATE convert.cpp)
target_sources(laban PRIVATE discover.cpp log_options.cpp replay.cpp)
target_link_libraries(laban PRIVATE laban_monitor_definitions laban_monitor_bpmn laban_monitor_yaml laban_monitor_pnml nlohmann_json::nlohmann_json)
target_link_libraries(laban PRIVATE laban_monitor_xes)
