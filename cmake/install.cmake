# What `cmake --install` puts where, and how others find it: find_package(laban) gives laban::bus, laban::hub and
# laban::monitor; pkg-config gives laban-bus. Components: `program` (what a machine runs), `development` (what a service
# is built with).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set_target_properties(laban_client PROPERTIES EXPORT_NAME bus)
set_target_properties(laban_hub PROPERTIES EXPORT_NAME hub)
set_target_properties(laban_monitor PROPERTIES EXPORT_NAME monitor)

install(TARGETS laban laban-order laban-payment laban-inventory laban-shipping laban-notification RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT program)
install(DIRECTORY services/processes/ DESTINATION ${CMAKE_INSTALL_DATADIR}/laban/processes COMPONENT program
        FILES_MATCHING PATTERN "*.bpmn")

install(TARGETS laban_options laban_bus_headers laban_schemas ${laban_public_libraries} EXPORT laban
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development
        INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY bus/include/laban DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development)
install(FILES bus/hub/hub.hpp bus/hub/options.hpp DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/bus/hub COMPONENT development)
install(FILES monitor/monitor.hpp monitor/retention.hpp DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/monitor COMPONENT development)
install(DIRECTORY monitor/core DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/monitor COMPONENT development
        FILES_MATCHING PATTERN "*.hpp")
install(DIRECTORY ${CMAKE_BINARY_DIR}/schemas/laban DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development
        FILES_MATCHING PATTERN "*.capnp.h")
install(DIRECTORY schemas/laban DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development
        FILES_MATCHING PATTERN "*.capnp")
install(EXPORT laban NAMESPACE laban:: FILE laban-targets.cmake DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/laban
        COMPONENT development)

configure_package_config_file(cmake/laban-config.cmake.in laban-config.cmake
                              INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/laban)
write_basic_package_version_file(laban-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/laban-config.cmake ${CMAKE_BINARY_DIR}/laban-config-version.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/laban COMPONENT development)
configure_file(cmake/laban-bus.pc.in laban-bus.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/laban-bus.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)
