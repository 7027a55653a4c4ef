# shellcheck shell=bash
# The files of the work tree as git sees them: what is committed, and what is new and not ignored.

sourceFiles() { # PATTERN...
    git ls-files --cached --others --exclude-standard --deduplicate -- "$@" | while IFS= read -r file; do
        # Deleted, and not committed yet.
        if [[ -e $file || -L $file ]]; then printf '%s\n' "$file"; fi
    done
}

# By their name, their first line, or the word to ShellCheck of those that are only ever sourced.
shellScripts() {
    local file first
    sourceFiles '*' | while IFS= read -r file; do
        [[ -f $file && ! -L $file ]] || continue
        IFS= read -r first <"$file" 2>/dev/null || true
        if [[ $file == *.sh || $first =~ ^#!.*[/\ ](ba|da)?sh($|\ ) || $first == '# shellcheck shell='* ]]; then
            printf '%s\n' "$file"
        fi
    done
}
