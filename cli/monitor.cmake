# The monitor, and the commands that ask a running one.
target_sources(laban PRIVATE monitor.cpp monitor_client.cpp notices.cpp notify.cpp ps.cpp shadow.cpp show.cpp table.cpp)
target_link_libraries(laban PRIVATE laban_client laban_codec laban_monitor laban_monitor_http nlohmann_json::nlohmann_json PkgConfig::httplib)
