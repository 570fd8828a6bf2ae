# SPDX-License-Identifier: BSD-2-Clause
# Run by cpack on what is going to be a package: man pages and the changelog are compressed in it, with
# no time inside, so that the same files make the same package.
file(GLOB_RECURSE pages ${CPACK_TEMPORARY_DIRECTORY}/*)
list(FILTER pages INCLUDE REGEX "/(man/man[0-9]/[^/]*[.][0-9]|doc/exclaim/changelog)$")
foreach(page IN LISTS pages)
    execute_process(COMMAND gzip -9n ${page} COMMAND_ERROR_IS_FATAL ANY)
endforeach()
