# Installs the library, its headers, and the package by which find_package(Tenon) finds them.
set(TENON_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/Tenon)

install(TARGETS tenon torch_compat EXPORT TenonTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime NAMELINK_COMPONENT development
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development
  RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT runtime)
install(DIRECTORY include/tenon DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development
  FILES_MATCHING PATTERN "*.h" PATTERN "*.inc")
install(DIRECTORY include/torch_compat ${TENON_TORCH_HEADERS_DIR} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  COMPONENT development FILES_MATCHING PATTERN "*.h")
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/licenses/tenon COMPONENT runtime)

configure_package_config_file(cmake/TenonConfig.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/TenonConfig.cmake
  INSTALL_DESTINATION ${TENON_CMAKE_DIR})
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/TenonConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/TenonConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/TenonConfigVersion.cmake
  DESTINATION ${TENON_CMAKE_DIR} COMPONENT development)
install(EXPORT TenonTargets NAMESPACE Tenon:: DESTINATION ${TENON_CMAKE_DIR} COMPONENT development)

# find_package(Torch) finds this one where CMAKE_PREFIX_PATH or Torch_DIR leads to it, and nowhere else.
set(TENON_TORCH_CMAKE_DIR ${CMAKE_INSTALL_DATADIR}/tenon/libtorch/share/cmake/Torch)
configure_package_config_file(cmake/TorchConfig.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/TorchConfig.cmake
  INSTALL_DESTINATION ${TENON_TORCH_CMAKE_DIR} PATH_VARS TENON_CMAKE_DIR)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/TorchConfigVersion.cmake VERSION 2.13.0
  COMPATIBILITY AnyNewerVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/TorchConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/TorchConfigVersion.cmake
  DESTINATION ${TENON_TORCH_CMAKE_DIR} COMPONENT development)
