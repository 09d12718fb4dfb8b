# `laban hub` and what knows its files.
target_sources(laban PRIVATE backup.cpp hub.cpp)
target_link_libraries(laban PRIVATE laban_hub laban_client nlohmann_json::nlohmann_json ${laban_spdlog})
