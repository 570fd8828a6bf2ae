#compdef exclaim exclaim-hooks
# SPDX-License-Identifier: BSD-2-Clause
# zsh completion for exclaim(8) and exclaim-hooks(8).  Verbs and options are asked of exclaim itself.
local verb=$words[2] previous=$words[CURRENT-1] current=$words[CURRENT]

_exclaim_vms() { compadd -- ${(f)"$(xl list 2>/dev/null | awk 'NR > 1 && $2 { print $1 }')"} }
_exclaim_hosts() { compadd -- ${(s:,:)"$(xe host-list params=name-label --minimal 2>/dev/null)"} }

if [[ $words[1] == *exclaim-hooks ]]; then
    if ((CURRENT == 2)); then
        compadd -- enable disable status idle renew --help
    else
        compadd emu-manager xenguest plugin xl
    fi
elif ((CURRENT == 2)); then
    compadd -- help ${(f)"$(exclaim --help 2>/dev/null | sed -n 's/^  \([a-z]\{1,\}\)  *.*/\1/p')"}
elif [[ $previous == --vm ]]; then
    _exclaim_vms
elif [[ $previous == (--host|--to) ]]; then
    _exclaim_hosts
elif [[ $previous == --(record|snapshot|html|events|resume|plan|save|password-file|cacert) ]]; then
    _files
elif [[ $current == -* ]]; then
    compadd -- --json --help ${(f)"$(exclaim $verb --help 2>/dev/null | grep -o -- '--[a-z_-]*')"}
else
    case $verb in
    count | match | claim | release | verify) _exclaim_vms ;;
    evacuate) _exclaim_hosts ;;
    plan) if ((CURRENT == 3)); then compadd evacuate rolling; else _exclaim_hosts; fi ;;
    help) compadd -- config ${(f)"$(exclaim --help 2>/dev/null | sed -n 's/^  \([a-z]\{1,\}\)  *.*/\1/p')"} ;;
    header) _files ;;
    esac
fi
