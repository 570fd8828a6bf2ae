# SPDX-License-Identifier: BSD-2-Clause
# The changelog, which is in Debian's format, in that of an RPM.
/^exclaim \(/ {
    version = substr($2, 2, length($2) - 2)
    text = ""
}
/^  / {
    sub(/^  \* /, "- ") || sub(/^    /, "  ")
    text = text $0 "\n"
}
/^ -- / {
    who = date = $0
    sub(/^ -- /, "", who)
    sub(/  .*/, "", who)
    sub(/.*>  /, "", date)
    split(date, d, /[, ]+/)
    printf "* %s %s %s %s %s - %s-1\n%s", d[1], d[3], d[2], d[4], who, version, text
}
