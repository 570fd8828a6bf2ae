# SPDX-License-Identifier: BSD-2-Clause
# What xapi and xenopsd find only after exclaim-hooks(8) has put it where they look.
set(EXCLAIM_FULL_LIBEXECDIR ${CMAKE_INSTALL_FULL_LIBEXECDIR}/exclaim)
set(EXCLAIM_FULL_DATADIR ${CMAKE_INSTALL_FULL_DATADIR}/exclaim)

foreach(file exclaim-hooks exclaim-xenopsd.conf xapi-plugin)
    configure_file(emu-hooks/${file} emu-hooks/${file} @ONLY)
endforeach()

install(FILES docs/exclaim-hooks.8 docs/exclaim-xapi-plugin.8
    DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
install(PROGRAMS ${CMAKE_CURRENT_BINARY_DIR}/emu-hooks/xapi-plugin
    DESTINATION ${EXCLAIM_LIBEXECDIR})
install(FILES emu-hooks/hooks/xenopsd.sh emu-hooks/hooks/programs.sh emu-hooks/hooks/host.sh
    DESTINATION ${EXCLAIM_LIBEXECDIR}/hooks)
install(PROGRAMS ${CMAKE_CURRENT_BINARY_DIR}/emu-hooks/exclaim-hooks
    DESTINATION ${CMAKE_INSTALL_SBINDIR})
# Under /usr/share, not where xenopsd reads it.
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/emu-hooks/exclaim-xenopsd.conf
    DESTINATION ${CMAKE_INSTALL_DATADIR}/exclaim RENAME xenopsd.conf)

# The same for logrotate and for XenServer's status reports.
configure_file(emu-hooks/package/bugtool/stuff.xml emu-hooks/package/bugtool/stuff.xml @ONLY)
install(FILES emu-hooks/package/logrotate.conf DESTINATION ${CMAKE_INSTALL_DATADIR}/exclaim)
install(FILES emu-hooks/package/bugtool/exclaim.xml
    DESTINATION ${CMAKE_INSTALL_DATADIR}/exclaim/bugtool)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/emu-hooks/package/bugtool/stuff.xml
    DESTINATION ${CMAKE_INSTALL_DATADIR}/exclaim/bugtool/exclaim)

install(FILES docs/exclaim.7 DESTINATION ${CMAKE_INSTALL_MANDIR}/man7)
install(FILES emu-hooks/package/completion.bash
    DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME exclaim)
install(FILES emu-hooks/package/completion.bash
    DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME exclaim-hooks)
# Debian's zsh looks for those of packages in a directory of its own.
set(zsh_dir ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
if(EXISTS /etc/debian_version AND NOT CMAKE_CROSSCOMPILING)
    set(zsh_dir ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
endif()
install(FILES emu-hooks/package/completion.zsh DESTINATION ${zsh_dir} RENAME _exclaim)
install(FILES emu-hooks/package/tmpfiles.conf
    DESTINATION lib/tmpfiles.d RENAME exclaim.conf)
