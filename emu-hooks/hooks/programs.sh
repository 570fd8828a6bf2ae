# SPDX-License-Identifier: BSD-2-Clause
# Part of exclaim-hooks(8): programs of Xen that ours stand in front of, by name: xenguest, which both
# emu-managers start by a path fixed in their code, and libxl's save helper.
#
# PATH becomes a link to ours, and the real one lies beside it as PATH.real, where ours finds it.  At
# every moment PATH is a program that starts.  dpkg is told, so that an update of Xen goes to PATH.real;
# rpm knows nothing like that: there an update puts its own back, which works without us, and the
# package's trigger calls `renew`.
# shellcheck shell=sh disable=SC2154 # root, libexec and others are exclaim-hooks'

programs=$root/var/lib/exclaim/programs # PATHs that are to be ours

# The paths of a part that are on this host; ours included, where the real one lies beside it.
program_paths() { # PART
    case $1 in
    xenguest) set -- "$root/usr/libexec/xen/bin/xenguest" ;;
    xl)
        set --
        for dir in /usr/libexec/xen/bin /usr/lib/xen/bin /usr/lib64/xen/bin /usr/local/lib/xen/bin /usr/local/libexec/xen/bin; do
            set -- "$@" "$root$dir/libxl-save-helper"
        done
        set -- "$@" "$root"/usr/lib/xen-*/bin/libxl-save-helper
        ;;
    esac
    for path; do
        { [ -e "$path" ] || [ -L "$path" ] || [ -e "$path.real" ]; } && say "$path"
    done
}

ours_for() { # PATH
    case $1 in
    */xenguest) say "$libexec/xenguest" ;;
    *) say "$libexec/libxl-save-helper" ;;
    esac
}

# on; off; undone: by an update, which left the real one of before beside its own; broken: no real one
program_state() { # PATH
    if [ "$(readlink "$1" 2>/dev/null)" = "$(ours_for "$1")" ]; then
        if [ -x "$1.real" ]; then say on; else say broken; fi
    elif grep -qFx "$1" "$programs" 2>/dev/null; then
        say undone
    else
        say off
    fi
}

divert() { # --add or --remove, PATH
    command -v dpkg-divert >/dev/null 2>&1 && [ -f "$root/var/lib/dpkg/status" ] || return 0
    dpkg-divert ${root:+--root "$root"} --quiet --package exclaim --divert "${2#"$root"}.real" --no-rename "$1" "${2#"$root"}"
}

displace() { # PATH
    ours=$(ours_for "$1")
    case $(program_state "$1") in
    on) return ;;
    broken) fail "$1 leads to $ours, and no real one lies beside it: install Xen's again" ;;
    esac
    [ -x "$ours" ] || fail "$ours is missing or not executable"
    if [ ! -f "$1" ] || [ ! -x "$1" ] || [ -L "$1" ]; then fail "$1 is no program of its own: whose is it?"; fi
    if ! { mkdir -p "${programs%/*}" && { grep -qFx "$1" "$programs" 2>/dev/null || say "$1" >>"$programs"; }; }; then
        fail "write $programs"
    fi
    # Without arguments ours becomes the real one beside it, which then has nothing to do; 5 is ours alone.
    if ! { divert --add "$1" && ln -sf "$ours" "$1.exclaim" && ln -f "$1" "$1.exclaim.real"; }; then
        forget "$1"
        fail "create $1.exclaim"
    fi
    tried "$1.exclaim"
    case $? in
    5 | 126 | 127)
        forget "$1"
        fail "$ours cannot be started, or does not find the real one beside it: is a library missing?"
        ;;
    esac
    # A real one of before is an older one.
    rm -f "$1.real" && mv -f "$1.exclaim.real" "$1.real" && mv -f "$1.exclaim" "$1" && return
    forget "$1"
    fail "replace $1"
}

forget() { # PATH
    rm -f "$1.exclaim" "$1.exclaim.real"
    divert --remove "$1"
    grep -vFx "$1" "$programs" >"$programs.new"
    mv "$programs.new" "$programs"
    [ -s "$programs" ] || { rm -f "$programs"; rmdir "${programs%/*}" 2>/dev/null; }
    return 0
}

put_back() { # PATH
    case $(program_state "$1") in
    off) return ;;
    broken) fail "$1 leads to $(ours_for "$1"), and no real one lies beside it: install Xen's again" ;;
    on) mv "$1.real" "$1" || fail "put $1 back" ;;
    undone) rm -f "$1.real" ;; # the update's own is in place
    esac
    forget "$1"
}

enable_programs() { # PART
    paths=$(program_paths "$1")
    case $1 in
    xenguest) [ -n "$paths" ] || not_here "no xenguest here: $root/usr/libexec/xen/bin/xenguest" ;;
    xl) [ -n "$paths" ] || not_here "no xl here: libxl-save-helper is in none of the usual places" ;;
    esac
    while read -r path; do
        displace "$path"
    done <<END
$paths
END
}

disable_programs() { # PART
    paths=$(program_paths "$1")
    [ -n "$paths" ] || return 0
    while read -r path; do
        put_back "$path"
    done <<END
$paths
END
}

# After an update of Xen or xenopsd: what was enabled and is not in place any more.
renew() {
    [ ! -f "$programs" ] || while read -r path; do
        [ "$(program_state "$path")" != undone ] || displace "$path"
    done <<END
$(cat "$programs")
END
}

status_programs() { # PART
    paths=$(program_paths "$1")
    [ -n "$paths" ] || { say "$1|off|not on this host"; return; }
    say "$paths" | while read -r path; do
        case $(program_state "$path") in
        on) say "$1|on|in place (${path#"$root"}), the real one beside it" ;;
        off) say "$1|off|disabled (${path#"$root"} is Xen's own)" ;;
        undone) say "$1|stale|an update of Xen has put its own ${path#"$root"} back: exclaim-hooks enable $1" ;;
        broken) say "$1|broken|${path#"$root"} leads to exclaim's, and the real one is gone: install Xen's again" ;;
        esac
    done
}

idle_programs() {
    for part in xenguest xl; do
        for path in $(program_paths "$part"); do
            case $(program_state "$path") in
            on | broken) fail "$path leads to $(ours_for "$path"), and nothing would start without it: exclaim-hooks disable $part" ;;
            esac
        done
    done
}
