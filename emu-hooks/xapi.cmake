# SPDX-License-Identifier: BSD-2-Clause
# What xapi and xenopsd find only after exclaim-hooks(8) has put it where they look.
pkg_check_modules(LIBXML2 REQUIRED IMPORTED_TARGET libxml-2.0)

set(EXCLAIM_FULL_LIBEXECDIR ${CMAKE_INSTALL_FULL_LIBEXECDIR}/exclaim)
set(EXCLAIM_FULL_DATADIR ${CMAKE_INSTALL_FULL_DATADIR}/exclaim)

# The plugin starts exclaim and links none of it but errors and log.
set(xapi_plugin_sources emu-hooks/xapi-plugin.c emu-hooks/xmlrpc.c emu-hooks/bounded.c
    src/base/error.c src/base/log.c)
list(TRANSFORM xapi_plugin_sources PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
add_executable(xapi-plugin ${xapi_plugin_sources})
target_include_directories(xapi-plugin PRIVATE include)
target_compile_definitions(xapi-plugin PRIVATE
    EXCLAIM_COMMAND="${CMAKE_INSTALL_FULL_SBINDIR}/exclaim")
target_link_libraries(xapi-plugin PRIVATE exclaim_flags PkgConfig::LIBXML2)
set_target_properties(xapi-plugin PROPERTIES POSITION_INDEPENDENT_CODE ON)

foreach(file exclaim-hooks exclaim-xenopsd.conf)
    configure_file(emu-hooks/${file} emu-hooks/${file} @ONLY)
endforeach()

install(FILES docs/exclaim-hooks.8 docs/exclaim-xapi-plugin.8
    DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
install(TARGETS xapi-plugin DESTINATION ${EXCLAIM_LIBEXECDIR})
install(FILES emu-hooks/hooks/xenopsd.sh DESTINATION ${EXCLAIM_LIBEXECDIR}/hooks)
install(PROGRAMS ${CMAKE_CURRENT_BINARY_DIR}/emu-hooks/exclaim-hooks
    DESTINATION ${CMAKE_INSTALL_SBINDIR})
# Under /usr/share, not where xenopsd reads it.
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/emu-hooks/exclaim-xenopsd.conf
    DESTINATION ${CMAKE_INSTALL_DATADIR}/exclaim RENAME xenopsd.conf)
