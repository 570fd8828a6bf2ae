# SPDX-License-Identifier: BSD-2-Clause
# `cpack -G DEB` and `cpack -G RPM` in the build directory: one package, exclaim, without the
# development files.  Both are for the machine they are built on: libraries are found there, and
# become dependencies by soname.  No libxenctrl is among them, as it is loaded at run time.
set(CPACK_PACKAGE_NAME exclaim)
set(CPACK_PACKAGE_VENDOR "the exclaim developers")
# Nobody's address: who makes a package for others sets their own.
set(EXCLAIM_MAINTAINER "the exclaim developers <developers@exclaim.invalid>" CACHE STRING "Whom the packages name")
set(CPACK_PACKAGE_CONTACT "${EXCLAIM_MAINTAINER}")
set(CPACK_PACKAGING_INSTALL_PREFIX ${CMAKE_INSTALL_PREFIX})
set(CPACK_INSTALL_CMAKE_PROJECTS "${CMAKE_BINARY_DIR};exclaim;Unspecified;/")
set(CPACK_STRIP_FILES ON)
set(CPACK_SOURCE_GENERATOR "")
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_SOURCE_DIR}/emu-hooks/package/compress.cmake)
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_DESCRIPTION "\
Lands a live-migrated Xen VM with exactly the memory it had, on matching NUMA
nodes, or refuses it before its first page with a reason in numbers.
Installing it changes nothing: exclaim-libxl-save-helper(8) and
exclaim-hooks(8) say how it is put into use and taken out again.")

set(package_dir ${CMAKE_CURRENT_BINARY_DIR}/emu-hooks/package)
foreach(script preinst prerm postrm)
    configure_file(emu-hooks/package/${script} emu-hooks/package/${script} @ONLY)
endforeach()

# One changelog for both.
install(FILES emu-hooks/package/changelog DESTINATION ${CMAKE_INSTALL_DOCDIR})
execute_process(
    COMMAND awk -f ${CMAKE_CURRENT_SOURCE_DIR}/emu-hooks/package/changelog.awk
            ${CMAKE_CURRENT_SOURCE_DIR}/emu-hooks/package/changelog
    OUTPUT_VARIABLE rpm_changelog COMMAND_ERROR_IS_FATAL ANY)
if(NOT rpm_changelog MATCHES "^[*][^\n]* - ${PROJECT_VERSION}-1\n")
    message(FATAL_ERROR "the newest entry of the changelog is not of version ${PROJECT_VERSION}")
endif()
file(WRITE ${package_dir}/changelog.rpm "${rpm_changelog}")

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS python3) # the XAPI plugin
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    ${package_dir}/preinst ${package_dir}/prerm ${package_dir}/postrm)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_RPM_FILE_NAME RPM-DEFAULT)
set(CPACK_RPM_PACKAGE_DESCRIPTION ${CPACK_PACKAGE_DESCRIPTION})
set(CPACK_RPM_PACKAGE_LICENSE BSD-2-Clause)
set(CPACK_PACKAGE_RELOCATABLE OFF) # the paths are in the programs
# No links by build id, which the .deb has not either; the placing object is nobody's library.
set(rpm_trigger "\
%triggerin -- xen-dom0-tools, xen-dom0-libs, xen-tools, xen-runtime, xenopsd-xc
# Their update may have put their own programs back, or start xenopsd in another way.
${CMAKE_INSTALL_FULL_SBINDIR}/exclaim-hooks renew || :")
set(CPACK_RPM_SPEC_MORE_DEFINE "\
%define _build_id_links none
%define __provides_exclude_from ^${CMAKE_INSTALL_FULL_LIBDIR}/exclaim/.*$
${rpm_trigger}")
set(CPACK_RPM_CHANGELOG_FILE ${package_dir}/changelog.rpm)
set(CPACK_RPM_PACKAGE_PACKAGER "${EXCLAIM_MAINTAINER}")
set(CPACK_RPM_PACKAGE_GROUP "System Environment/Base")
set(CPACK_RPM_PRE_INSTALL_SCRIPT_FILE ${package_dir}/preinst)
set(CPACK_RPM_PRE_UNINSTALL_SCRIPT_FILE ${package_dir}/prerm)
# Directories of the system are not ours to own.
set(CPACK_RPM_EXCLUDE_FROM_AUTO_FILELIST_ADDITION
    ${CMAKE_INSTALL_FULL_SBINDIR} ${CMAKE_INSTALL_FULL_LIBEXECDIR} ${CMAKE_INSTALL_FULL_LIBDIR}
    ${CMAKE_INSTALL_FULL_MANDIR} ${CMAKE_INSTALL_FULL_MANDIR}/man5
    ${CMAKE_INSTALL_FULL_MANDIR}/man7 ${CMAKE_INSTALL_FULL_MANDIR}/man8
    ${CMAKE_INSTALL_PREFIX}/lib ${CMAKE_INSTALL_PREFIX}/lib/tmpfiles.d
    ${CMAKE_INSTALL_FULL_DATADIR}/bash-completion
    ${CMAKE_INSTALL_FULL_DATADIR}/bash-completion/completions
    ${CMAKE_INSTALL_FULL_DATADIR}/zsh ${CMAKE_INSTALL_FULL_DATADIR}/zsh/site-functions
    ${CMAKE_INSTALL_FULL_DATADIR}/zsh/vendor-completions)

include(CPack)

# The .rpm by its own spec, built in another place: rpm/SPECS and rpm/SOURCES, of the last commit.
configure_file(emu-hooks/package/exclaim.spec emu-hooks/package/exclaim.spec @ONLY)
add_custom_target(rpm-sources
    COMMAND ${CMAKE_COMMAND} -E make_directory rpm/SPECS rpm/SOURCES
    COMMAND ${CMAKE_COMMAND} -E copy emu-hooks/package/exclaim.spec rpm/SPECS
    COMMAND git -c safe.directory=${CMAKE_SOURCE_DIR} -C ${CMAKE_SOURCE_DIR} archive
            --prefix=exclaim-${PROJECT_VERSION}/
            -o ${CMAKE_BINARY_DIR}/rpm/SOURCES/exclaim-${PROJECT_VERSION}.tar.gz HEAD
    WORKING_DIRECTORY ${CMAKE_BINARY_DIR} VERBATIM)
