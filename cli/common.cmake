target_sources(laban PRIVATE version.cpp)
target_compile_definitions(laban PRIVATE LABAN_VERSION="${PROJECT_VERSION}")
target_link_libraries(laban PRIVATE laban_schemas)
