# SPDX-License-Identifier: BSD-2-Clause
# Part of exclaim-hooks(8): which xenopsds this host has, what each reads, and our key in it.
#
# xenopsd computes both places from its own name, /etc/NAME.conf and /etc/NAME.conf.d, and each has an
# option of its own.  It reads its arguments, then the file, then every entry of the directory in the
# order of the names' bytes; the last value holds (xen-api ocaml/xapi-idl/lib/xcp_service.ml).
# shellcheck shell=sh disable=SC2154 # root, libexec and others are exclaim-hooks'

places=$root/var/lib/exclaim/xenopsd-places   # fragments and files that ever got the key
waiting=$root/run/exclaim/xenopsd             # processes that may have read what was taken away
unread=$root/run/exclaim/xenopsd-unread       # "PLACE noted", and PLACE PID START of each that ran when the key came to PLACE
block_begin='# >>> exclaim: put here by exclaim-hooks(8), which takes it out again'
block_end='# <<< exclaim'

# A command line, one word a line → NAME|FILE|DIRECTORY|emu-manager of the arguments.  xenopsd takes its
# options from Cmdliner (--config X, --config=X, --config-d X), those before it from Arg (-config X).
read_words() {
    awk '
        function take(key, value) {
            if (key == "config") file = value; else if (key == "emu-manager") emu = value; else dir = value
        }
        NR == 1 { name = $0; sub(/.*\//, "", name); file = "/etc/" name ".conf"; dir = file ".d"; next }
        key != "" { take(key, $0); key = ""; next }
        $0 == "--" { exit }
        /^--?[a-z]/ {
            word = $0; sub(/^--?/, "", word)
            at = index(word, "=")
            option = at ? substr(word, 1, at - 1) : word
            if (option !~ /^(config|config-(d|di|dir)?|emu-manager)$/) next
            if (at) take(option, substr(word, at + 1)); else key = option
        }
        END {
            if (file !~ /^\//) file = "/" file
            if (dir !~ /^\//) dir = "/" dir
            gsub(/\|/, "?", name); gsub(/\|/, "?", file); gsub(/\|/, "?", dir); gsub(/\|/, "?", emu)
            if (name != "") print name "|" file "|" dir "|" emu
        }'
}

# A unit with its drop-ins on stdin → the words of its ExecStart, its environment put in (systemd.service(5)).
unit_words() {
    awk -v root="$root" '
        function unquote(s) { if (s ~ /^".*"$/ || s ~ /^\x27.*\x27$/) s = substr(s, 2, length(s) - 2); return s }
        function set(s, at) {
            s = unquote(s); at = index(s, "=")
            if (at) env[substr(s, 1, at - 1)] = unquote(substr(s, at + 1))
        }
        # Splits s at blanks outside of quotes.
        function split_words(s, out, n, c, q, i, w, open) {
            n = 0; w = ""; open = 0; q = ""
            for (i = 1; i <= length(s); i++) {
                c = substr(s, i, 1)
                if (q != "") { if (c == q) q = ""; else w = w c }
                else if (c == "\"" || c == "\x27") { q = c; open = 1 }
                else if (c == " " || c == "\t") { if (w != "" || open) out[++n] = w; w = ""; open = 0 }
                else w = w c
            }
            if (w != "" || open) out[++n] = w
            return n
        }
        { line = more $0 }
        line ~ /\\$/ { more = substr(line, 1, length(line) - 1) " "; next }
        { more = "" }
        line ~ /^[ \t]*[#;]/ { next }
        line ~ /^\[/ { service = line ~ /^\[Service\]/; next }
        !service { next }
        {
            at = index(line, "=")
            if (!at) next
            key = substr(line, 1, at - 1); value = substr(line, at + 1)
            gsub(/[ \t]/, "", key); sub(/^[ \t]+/, "", value); sub(/[ \t]+$/, "", value)
            if (key == "ExecStart") exec_line = value
            else if (key == "Environment") { n = split_words(value, part); for (i = 1; i <= n; i++) set(part[i]) }
            else if (key == "EnvironmentFile") { if (value == "") files = 0; else file[++files] = value }
        }
        END {
            for (f = 1; f <= files; f++) {
                path = file[f]; sub(/^-/, "", path)
                while ((getline line < (root path)) > 0) if (line !~ /^[ \t]*[#;]/) { sub(/[ \t]+$/, "", line); sub(/^[ \t]+/, "", line); set(line) }
            }
            sub(/^[-@:+!]+/, "", exec_line)
            n = split_words(exec_line, part)
            for (i = 1; i <= n; i++) {
                if (part[i] ~ /^\$[A-Za-z_][A-Za-z_0-9]*$/) {
                    m = split_words(env[substr(part[i], 2)], inner)
                    for (j = 1; j <= m; j++) print inner[j]
                    continue
                }
                word = part[i]; done = ""
                while (match(word, /\$\{[A-Za-z_][A-Za-z_0-9]*\}/)) {
                    done = done substr(word, 1, RSTART - 1) env[substr(word, RSTART + 2, RLENGTH - 3)]
                    word = substr(word, RSTART + RLENGTH)
                }
                word = done word; gsub(/%%/, "%", word)
                print word
            }
        }'
}

unit_dirs="/etc/systemd/system /run/systemd/system /usr/local/lib/systemd/system /usr/lib/systemd/system /lib/systemd/system"

unit_text() { # NAME
    for unit_dir in $unit_dirs; do
        [ -e "$root$unit_dir/$1" ] || [ -L "$root$unit_dir/$1" ] || continue
        [ "$(readlink "$root$unit_dir/$1")" = /dev/null ] && return # masked
        cat "$root$unit_dir/$1" && echo
        break
    done
    # Drop-ins by name; of one name, the first directory's.
    for unit_dir in $unit_dirs; do
        for drop_in in "$root$unit_dir/$1.d"/*.conf; do
            [ -f "$drop_in" ] && say "${drop_in##*/}|$drop_in"
        done
    done | sort -s -t '|' -k 1,1 | awk -F '|' '!seen[$1]++ { print $2 }' | while read -r drop_in; do
        cat "$drop_in" && echo
    done
}

# Processes of xenopsd with their start: "PID START" a line.  START is field 22 of proc(5)'s stat,
# counted behind the name, which may hold anything.
running() {
    for dir in "$root"/proc/[0-9]*; do
        { read -r name <"$dir/comm"; } 2>/dev/null || continue
        case $name in
        xenopsd*) ;;
        *) continue ;;
        esac
        start=$(sed 's/.*) //' "$dir/stat" 2>/dev/null | cut -d ' ' -f 20)
        [ -n "$start" ] && say "${dir##*/} $start"
    done
}

# Whatever is named like one and runs, or would be started by a unit: NAME|FILE|DIRECTORY|ARGUMENT|PID|START.
# The last two are empty for a unit; one that runs just as its unit says is named once.
named_xenopsd() {
    {
        running | while read -r pid start; do
            words=$(tr '\n\0' '?\n' <"$root/proc/$pid/cmdline" 2>/dev/null | read_words)
            [ -n "$words" ] && say "$words|$pid|$start"
        done
        for unit_dir in $unit_dirs; do
            for unit in "$root$unit_dir"/xenopsd*.service; do
                { [ -e "$unit" ] || [ -L "$unit" ]; } && say "${unit##*/}"
            done
        done | sort -u | while read -r unit; do
            words=$(unit_text "$unit" | unit_words | read_words)
            [ -n "$words" ] && say "$words||"
        done
    } | awk -F '|' '$5 != "" || !seen[$1 "|" $2 "|" $3 "|" $4] { seen[$1 "|" $2 "|" $3 "|" $4] = 1; print }'
}

# The flavours that xen-api has.  What has another name, an exporter for instance, is not ours to configure.
xenopsds() { named_xenopsd | awk -F '|' '$1 ~ /^xenopsd(-xc|-simulator)?$/'; }
strangers() { named_xenopsd | awk -F '|' '$1 !~ /^xenopsd(-xc|-simulator)?$/'; }

# The values of emu-manager in a file, one a line, as xenopsd reads them: # begins a comment anywhere, the
# key is the word before the first =, whatever stands before it, and one pair of quotes goes.
values_in() {
    sed -n 's/#.*//; s/[ 	]*$//; s/^[=\\ 	]*//; s/^\([^=]*[\\ 	]\)\{0,1\}emu-manager[\\ 	]*=[\\ 	]*//p' "$1" 2>/dev/null |
        sed 's/^\(["'\'']\)\(.*\)\1$/\2/'
}

# The value that a xenopsd ends up with: FILE DIRECTORY ARGUMENT [others: but for what is ours]
effective() {
    {
        [ -z "$3" ] || say "$3"
        if [ "${4-}" = others ]; then
            without_block "$root$1" | values_in /dev/stdin
        else
            values_in "$root$1"
        fi
        for entry in "$root$2"/.[!.]* "$root$2"/..?* "$root$2"/*; do
            [ -f "$entry" ] && say "${entry##*/}"
        done | sort | while read -r entry; do
            [ "$entry" = exclaim.conf ] && [ "${4-}" = others ] && continue
            values_in "$root$2/$entry"
        done
    } | tail -n 1
}

without_block() {
    awk -v begin="$block_begin" -v end="$block_end" '
        $0 == begin { inside = 1 }
        !inside { print }
        $0 == end { inside = 0 }' "$1" 2>/dev/null
}

has_block() { grep -qFx "$block_begin" "$1" 2>/dev/null; }

# Where the key belongs for FILE DIRECTORY: a fragment, or the file where there can be no directory.
place_for() {
    if [ -d "$root$2" ] || { [ ! -e "$root$2" ] && [ -d "$root${2%/*}" ]; }; then
        say "$root$2/exclaim.conf"
    elif [ -f "$root$1" ]; then
        say "$root$1"
    fi
}

in_place() { # PLACE
    case $1 in
    */exclaim.conf) [ -f "$1" ] ;;
    *) has_block "$1" ;;
    esac
}

# Appears whole or not at all: a xenopsd that starts reads whatever is there.  Made beside the directory,
# as xenopsd reads every name in it, and does not start where one is gone when it comes to it.
put_key() { # PLACE
    case $1 in
    */exclaim.conf)
        make_dir "${1%/*}"
        replace "$1" "${1%/*/*}" <"$data/xenopsd.conf"
        ;;
    *) # awk ends a last line that has no end.
        { awk 1 "$1" && echo "$block_begin" && grep -v '^#' "$data/xenopsd.conf" && echo "$block_end"; } | replace "$1" ;;
    esac
}

take_key() { # PLACE
    in_place "$1" || return 0
    case $1 in
    */exclaim.conf) rm -f "$1" || fail "remove $1" ;;
    *) without_block "$1" | replace "$1" ;;
    esac
}

# The file becomes what stdin says, in one step, and keeps its owner and mode.
replace() { # FILE [DIRECTORY for the new one]
    file=$(readlink -f "$1")
    new=$(mktemp "${2-${file%/*}}/.exclaim-hooks.XXXXXX") || fail "create a file beside $1"
    if ! { { [ -e "$file" ] && cp -p "$file" "$new" || chmod 644 "$new"; } && cat >"$new" && note_unread "$1" && mv "$new" "$file"; }; then
        rm -f "$new"
        fail "write $1"
    fi
}

# Whoever runs now has not read PLACE, but for those that had before it was taken away.
note_unread() {
    { grep -vF "$1 " "$unread" 2>/dev/null; say "$1 noted"; running | while read -r process; do
        grep -qFx "$process" "$waiting" 2>/dev/null || say "$1 $process"
    done; } | write_run "$unread"
}

write_run() {
    text=$(cat)
    if [ -z "$text" ]; then rm -f "$1"; else (umask 077 && mkdir -p "${1%/*}" && say "$text" >"$1"); fi
}

# Did the process PID START begin after PLACE was put there?  Without a note of ours, as after a
# restart of the host or for a fragment put by hand, the clock says.
has_read() { # PLACE PID START
    ! grep -qFx "$1 $2 $3" "$unread" 2>/dev/null || return 1
    grep -qFx "$1 noted" "$unread" 2>/dev/null || [ "$(stat -c %Z "$1")" -le $(($(started "$3") + 1)) ]
}

started() { # START in ticks since boot → seconds since 1970
    boot=$(sed -n 's/^btime //p' "$root/proc/stat" 2>/dev/null)
    say $((${boot:-0} + $1 / $(getconf CLK_TCK 2>/dev/null || echo 100)))
}

# Every place that this or an earlier version may have put the key in.
all_places() {
    {
        cat "$places" 2>/dev/null
        for place in "$root"/etc/xenopsd*.conf.d/exclaim.conf "$root"/etc/xenopsd*.conf; do
            say "$place"
        done
        named_xenopsd | while IFS='|' read -r _ file dir _; do
            say "$root$dir/exclaim.conf"
            say "$root$file"
        done
    } | sort -u | while read -r place; do
        in_place "$place" && say "$place"
    done
}

# Those that were running when the key was taken away, had read it, and still run: they start our emu-manager.
still_using() {
    [ -s "$waiting" ] || return 0
    running | grep -Fx -f "$waiting"
}

enable_emu_manager() {
    found=$(xenopsds)
    [ -n "$found" ] || not_here "no xenopsd here: none runs, and no unit starts one"
    [ -x "$libexec/emu-manager" ] || fail "$libexec/emu-manager is missing or not executable"
    # Without control pipes it becomes the real one, which then has nothing to do; 5 is our own
    # program's, for no real one.
    tried "$libexec/emu-manager"
    case $? in
    5) fail "the real emu-manager is not found: set emu_manager in /etc/exclaim/exclaim.conf" ;;
    126 | 127) fail "$libexec/emu-manager cannot be started, or the real one cannot: is a library missing?" ;;
    esac
    real=$(exclaim_value emu_manager)
    # All are looked at before the first is changed.
    while IFS='|' read -r name file dir argument _; do
        before=$(effective "$file" "$dir" "$argument" others)
        if [ -n "$before" ] && [ "$before" != "$libexec/emu-manager" ] && [ "$before" != "$real" ]; then
            fail "$name is configured with emu-manager=$before; to have it started behind exclaim's," \
                "put \"emu_manager = $before\" into /etc/exclaim/exclaim.conf first"
        fi
        [ -n "$(place_for "$file" "$dir")" ] ||
            fail "$name reads $file and $dir: there is no such file, and no directory for the other"
    done <<END
$found
END
    while IFS='|' read -r name file dir argument _; do
        place=$(place_for "$file" "$dir")
        mkdir -p "${places%/*}" || fail "create ${places%/*}"
        grep -qFx "$place" "$places" 2>/dev/null || say "$place" >>"$places" || fail "write $places"
        if ! in_place "$place" || [ "$(values_in "$place" | tail -n 1)" != "$libexec/emu-manager" ]; then
            take_key "$place"
            put_key "$place"
        fi
        value=$(effective "$file" "$dir" "$argument")
        [ "$value" = "$libexec/emu-manager" ] ||
            fail "$place is overridden for $name: the last file that has the key says emu-manager=$value"
    done <<END
$found
END
    rm -f "$waiting"
}

disable_emu_manager() {
    found=$(all_places)
    if [ -n "$found" ]; then
        { cat "$waiting" 2>/dev/null; running | while read -r pid start; do
            say "$found" | while read -r place; do
                grep -qFx "$place $pid $start" "$unread" 2>/dev/null || say "$pid $start"
            done
        done; } | sort -u | write_run "$waiting" || fail "write $waiting"
        say "$found" | while read -r place; do
            take_key "$place" || exit
        done || exit 5
    fi
    rm -f "$unread" "$places"
    rmdir "${places%/*}" 2>/dev/null
    return 0
}

# When the supervisor last wrote a report, in seconds since 1970; "" if never.
last_used() {
    reports=$(exclaim_value report_file)
    reports=$root${reports:-/var/log/exclaim/migrations.ndjson}
    [ -f "$reports" ] || return 0 # never open a pipe or a device
    tail -c 262144 "$reports" | grep '"hook":"emu-manager"' | tail -n 1 | sed -n 's/.*"time_unix_ms":\([0-9]*\)[0-9]\{3\}[,}].*/\1/p'
}

status_strangers() {
    strangers | while IFS='|' read -r name _ _ _ pid _; do
        [ -z "$pid" ] || name="$name (process $pid)"
        say "emu-manager|other|$name is left alone: neither xenopsd, xenopsd-xc nor xenopsd-simulator"
    done
}

# PART|STATE|TEXT a line; STATE: on, off, stale for what is there and not (yet) in effect, or other for
# what is none of ours
status_emu_manager() {
    found=$(xenopsds)
    places_now=$(all_places)
    if [ -z "$places_now" ]; then
        process=$(still_using)
        if [ -n "$process" ]; then
            say "emu-manager|stale|disabled, but xenopsd (process ${process%% *}) was not restarted and still starts $libexec/emu-manager"
        else
            say "emu-manager|off|$([ -n "$found" ] && echo disabled || echo not on this host)"
        fi
        return
    fi
    used=$(last_used)
    say "$found" | while IFS='|' read -r name file dir argument pid start; do
        [ -n "$name" ] || { say "emu-manager|stale|in place ($(say "$places_now" | head -n 1)), but no xenopsd runs and no unit starts one"; continue; }
        place=$(place_for "$file" "$dir")
        value=$(effective "$file" "$dir" "$argument")
        who=$name
        [ -z "$pid" ] || who="$name (process $pid)"
        if [ -z "$place" ] || ! in_place "$place"; then
            say "emu-manager|stale|not where $who reads: $file and $dir; exclaim-hooks enable puts it there"
        elif [ "$value" != "$libexec/emu-manager" ]; then
            say "emu-manager|stale|in place for $who (${place#"$root"}), but overridden: it ends up with emu-manager=$value"
        elif [ -z "$pid" ]; then
            say "emu-manager|on|in place for $who (${place#"$root"}), from its next start on"
        elif ! has_read "$place" "$pid" "$start"; then
            say "emu-manager|stale|in place for $who (${place#"$root"}), not read: it was started before; restart it (xe-toolstack-restart)"
        elif [ -z "$used" ] || [ "$used" -lt "$(started "$start")" ]; then
            say "emu-manager|on|in place for $who (${place#"$root"}), read; not used since it was started"
        else
            say "emu-manager|on|in place for $who (${place#"$root"}), read, used: last report $(date -u -d "@$used" '+%Y-%m-%d %H:%M:%S UTC')"
        fi
    done
}

idle_emu_manager() {
    place=$(all_places | head -n 1)
    [ -z "$place" ] || fail "$place is in place: exclaim-hooks disable, then restart xenopsd"
    process=$(still_using)
    [ -z "$process" ] || fail "xenopsd (process ${process%% *}) still starts $libexec/emu-manager: restart it" \
        "while no VM is migrated, suspended or resumed (xe-toolstack-restart)"
    rm -f "$waiting"
}
