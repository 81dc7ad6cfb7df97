# bash completion of minderctl. Load it with: source <(minderctl completion bash)
_minderctl() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} word verb=
  local verbs="status_summary request_status drain undrain watch version completion"
  local flags="--arbitrator --output --timeout --no-color --version --help"
  COMPREPLY=()
  case $previous in
    -o|--output) COMPREPLY=($(compgen -W "table wide json yaml" -- "$current")); return ;;
    --arbitrator|--timeout|--deadline) return ;;
  esac
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in
      status|status_summary|status-summary) verb=status_summary ;;
      request_status|request-status) verb=request_status ;;
      drain|undrain|watch|version|completion) [[ $verb ]] || verb=$word ;;
    esac
  done
  case $verb in
    status_summary) flags+=" --watch" ;;
    drain|undrain) flags+=" --deadline --dry-run" ;;
    watch) flags+=" --deadline" ;;
  esac
  if [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$current"))
  elif [[ -z $verb ]]; then
    COMPREPLY=($(compgen -W "$verbs status" -- "$current"))
  elif [[ $verb == completion ]]; then
    COMPREPLY=($(compgen -W "bash zsh fish" -- "$current"))
  elif [[ $verb == drain || $verb == undrain || $verb == request_status ]]; then
    # compgen -W would expand what a name contains, so names are compared here.
    while IFS= read -r word; do
      [[ $word == "$current"* ]] && COMPREPLY+=("$(printf %q "$word")")
    done < <("${COMP_WORDS[0]}" __nodes 2>/dev/null)
  fi
}
complete -F _minderctl minderctl
