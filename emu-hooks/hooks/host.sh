# SPDX-License-Identifier: BSD-2-Clause
# Part of exclaim-hooks(8): what is not a hook, and is there as long as any hook is in use: logrotate's
# file for the reports, and XenServer's list of what a status report (xenserver-status-report) contains.
# Links to the package's files, as those directories' readers follow links.
# shellcheck shell=sh disable=SC2154 # root, data and others are exclaim-hooks'

rotation=$root/etc/logrotate.d/exclaim
bugtool=$root/etc/xensource/bugtool/exclaim # a directory, read only where exclaim.xml lies beside it

in_use() {
    [ -n "$(all_places)" ] || [ "$(readlink "$plugin" 2>/dev/null)" = "$libexec/xapi-plugin" ] || [ -s "$programs" ]
}

# What somebody else has put there stays.
care_for() { # FILE LINK
    [ -d "${2%/*}" ] && [ ! -e "$2" ] && [ ! -L "$2" ] || return 0
    ln -s "$1" "$2" || fail "create $2"
}

enable_host() {
    care_for "$data/logrotate.conf" "$rotation"
    care_for "$data/bugtool/exclaim" "$bugtool"
    care_for "$data/bugtool/exclaim.xml" "$bugtool.xml"
}

disable_host() {
    ! in_use || return 0
    link_out "$data/bugtool/exclaim.xml" "$bugtool.xml"
    link_out "$data/bugtool/exclaim" "$bugtool"
    link_out "$data/logrotate.conf" "$rotation"
}

status_host() {
    if [ ! -d "${rotation%/*}" ]; then
        say "logrotate|off|not on this host"
    elif in_use; then
        reports=$(exclaim_value report_file)
        if [ ! -e "$rotation" ]; then
            say "logrotate|stale|reports are not rotated: exclaim-hooks enable again"
        elif [ ! -L "$rotation" ]; then
            say "logrotate|on|${rotation#"$root"}, not from exclaim"
        elif [ -n "$reports" ] && [ "$reports" != /var/log/exclaim/migrations.ndjson ]; then
            say "logrotate|stale|in place (${rotation#"$root"}), but report_file is $reports: rotate that yourself"
        else
            say "logrotate|on|in place (${rotation#"$root"})"
        fi
    fi
    if [ ! -d "${bugtool%/*}" ]; then
        say "bugtool|off|not on this host"
    elif in_use; then
        if [ -e "$bugtool.xml" ] && [ -d "$bugtool" ]; then
            say "bugtool|on|in place (${bugtool#"$root"})"
        else
            say "bugtool|stale|status reports lack exclaim: exclaim-hooks enable again"
        fi
    fi
}
