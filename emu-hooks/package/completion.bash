# SPDX-License-Identifier: BSD-2-Clause
# bash completion for exclaim(8) and exclaim-hooks(8).  Verbs and options are asked of exclaim itself.
_exclaim() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} verb=${COMP_WORDS[1]}
    COMPREPLY=()
    if [ "$COMP_CWORD" = 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W "$(exclaim --help 2>/dev/null | sed -n 's/^  \([a-z]\{1,\}\)  *.*/\1/p') help" -- "$cur")
        return
    fi
    case $prev in
    --vm) mapfile -t COMPREPLY < <(compgen -W "$(xl list 2>/dev/null | awk 'NR > 1 && $2 { print $1 }')" -- "$cur") && return ;;
    --host | --to) mapfile -t COMPREPLY < <(compgen -W "$(xe host-list params=name-label --minimal 2>/dev/null | tr , ' ')" -- "$cur") && return ;;
    --record | --snapshot | --html | --events | --resume | --plan | --save | --password-file | --cacert) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
    esac
    case $cur in
    -*) mapfile -t COMPREPLY < <(compgen -W "--json --help $(exclaim "$verb" --help 2>/dev/null | grep -o -- '--[a-z_-]*')" -- "$cur") ;;
    *)
        case $verb in
        count | match | claim | release | verify) mapfile -t COMPREPLY < <(compgen -W "$(xl list 2>/dev/null | awk 'NR > 1 && $2 { print $1 }')" -- "$cur") ;;
        evacuate) mapfile -t COMPREPLY < <(compgen -W "$(xe host-list params=name-label --minimal 2>/dev/null | tr , ' ')" -- "$cur") ;;
        plan)
            if [ "$COMP_CWORD" = 2 ]; then
                mapfile -t COMPREPLY < <(compgen -W "evacuate rolling" -- "$cur")
            else
                mapfile -t COMPREPLY < <(compgen -W "$(xe host-list params=name-label --minimal 2>/dev/null | tr , ' ')" -- "$cur")
            fi
            ;;
        help) mapfile -t COMPREPLY < <(compgen -W "config $(exclaim --help 2>/dev/null | sed -n 's/^  \([a-z]\{1,\}\)  *.*/\1/p')" -- "$cur") ;;
        header) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
        esac
        ;;
    esac
}
_exclaim_hooks() {
    local words="enable disable status idle renew --help"
    [ "$COMP_CWORD" = 1 ] || words="emu-manager xenguest plugin xl"
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}")
}
complete -F _exclaim exclaim
complete -F _exclaim_hooks exclaim-hooks
