# bash completion of minderctl. Load it with: source <(minderctl completion bash)
_minderctl() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} word verb=
  local verbs="status_summary request_status explain history drain undrain make_primary declare_dead recover acknowledge release pause resume
    watch capture rules version completion"
  local flags="--arbitrator --output --timeout --no-color --version --help"
  COMPREPLY=()
  case $previous in
    -o|--output) COMPREPLY=($(compgen -W "table wide json yaml" -- "$current")); return ;;
    --arbitrator|--timeout|--deadline|--keep|--confirm|--reason|--for|--limit) return ;;
    --file) COMPREPLY=($(compgen -f -- "$current")); return ;;
  esac
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in
      status|status_summary|status-summary) verb=status_summary ;;
      request_status|request-status) verb=request_status ;;
      make_primary|make-primary) [[ $verb ]] || verb=make_primary ;;
      declare_dead|declare-dead) [[ $verb ]] || verb=declare_dead ;;
      explain|history|drain|undrain|recover|acknowledge|release|pause|resume|watch|capture|rules|version|completion) [[ $verb ]] || verb=$word ;;
    esac
  done
  case $verb in
    status_summary) flags+=" --watch" ;;
    drain|undrain) flags+=" --deadline --dry-run" ;;
    watch) flags+=" --deadline" ;;
    make_primary) flags+=" --force --confirm --reason --deadline --dry-run" ;;
    declare_dead|release) flags+=" --confirm --reason --dry-run" ;;
    acknowledge) flags+=" --keep --confirm --reason --dry-run" ;;
    recover) flags+=" --without --confirm --reason --deadline --dry-run" ;;
    pause) flags+=" --for --reason --dry-run" ;;
    resume) flags+=" --dry-run" ;;
    explain) flags+=" --file" ;;
    history) flags+=" --limit" ;;
    rules) flags+=" --mermaid" ;;
  esac
  if [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$current"))
  elif [[ -z $verb ]]; then
    COMPREPLY=($(compgen -W "$verbs status" -- "$current"))
  elif [[ $verb == completion ]]; then
    COMPREPLY=($(compgen -W "bash zsh fish" -- "$current"))
  elif [[ $previous == --without || $verb == drain || $verb == undrain || $verb == request_status || $verb == make_primary ||
          $verb == declare_dead || $verb == release ]]; then
    # compgen -W would expand what a name contains, so names are compared here.
    while IFS= read -r word; do
      [[ $word == "$current"* ]] && COMPREPLY+=("$(printf %q "$word")")
    done < <("${COMP_WORDS[0]}" __nodes 2>/dev/null)
  fi
}
complete -F _minderctl minderctl
