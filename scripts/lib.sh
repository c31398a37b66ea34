# shellcheck shell=bash disable=SC2034  # some of it is for the scripts that source this
# Shell functions shared by the scripts of this directory; sourced, not run.
#
# Three rules are kept here. The pg_config on the PATH is never trusted, because a machine with several majors has any
# of them there. Postgres refuses to run as root, so what runs servers or tests runs as server_user. Only copying into
# the server's directories and installing packages is done as root, with sudo where the caller is somebody else.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
oldest_major=15
newest_major=18

say() { printf '%s\n' "$*" >&2; }

die() {
    say "${0##*/}: $*"
    exit 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "this needs root, and there is no sudo: $*"
    fi
}

# The major version of a pg_config, empty when it does not run.
major_of() { "$1" --version 2>/dev/null | sed -nE 's/^[^0-9]*([0-9]+).*/\1/p'; }

# Whether a server is complete: program, headers, PGXS and the tools that regression tests need.
is_complete() {
    local pgxs
    pgxs=$("$1" --pgxs)
    [ -x "$("$1" --bindir)/postgres" ] && [ -f "$("$1" --includedir-server)/postgres.h" ] && [ -f "$pgxs" ] &&
        [ -x "$(dirname "$pgxs")/../test/regress/pg_regress" ]
}

# find_pg_config MAJOR: the pg_config of an installed server of that major with its headers; fails if there is none.
find_pg_config() {
    local candidate
    for candidate in "${PG_CONFIG:-}" "/usr/lib/postgresql/$1/bin/pg_config" "/usr/pgsql-$1/bin/pg_config" \
        /usr/local/pgsql/bin/pg_config; do
        if [ -x "$candidate" ] && [ "$(major_of "$candidate")" = "$1" ] && is_complete "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

# The user who builds, and who runs servers and tests: the caller, or for root the one that came with the server.
server_user() {
    if [ "$(id -u)" != 0 ]; then
        id -un
    elif id postgres >/dev/null 2>&1; then
        echo postgres
    else
        id pulsimo >/dev/null 2>&1 || useradd --system --home-dir /nonexistent --shell /usr/sbin/nologin pulsimo
        echo pulsimo
    fi
}

# Runs a command as server_user without the caller's Postgres variables, in a directory that it can read (the root).
as_server_user() {
    local user env=(env -C / -u MAKEFLAGS -u MAKELEVEL -u TMPDIR) variable
    user=$(server_user)
    for variable in $(compgen -e PG); do env+=(-u "$variable"); done
    env+=(LC_ALL=C.UTF-8)
    if [ "$(id -un)" = "$user" ]; then
        "${env[@]}" "$@"
    else
        runuser -u "$user" -- "${env[@]}" HOME=/nonexistent "$@"
    fi
}

# work_dir NAME: a directory of server_user's own to build and run in. Below the checkout when the caller is that
# user; for root in /var/tmp, since the checkout may be out of that user's reach, as for a path with a space, which make
# cannot handle. Root never runs what lies in it.
work_dir() {
    local user dir
    user=$(server_user)
    if [ "$(id -un)" = "$user" ] && [[ $root != *[[:space:]]* ]]; then
        dir=$root/build/$1
        mkdir -p "$dir"
    else
        dir=/var/tmp/pulsimo-$(printf %s "$root" | cksum | cut -d' ' -f1)
        [ -e "$dir" ] || install -d -o "$user" "$dir"
        [ ! -L "$dir" ] && [ "$(stat -c %U "$dir")" = "$user" ] || die "$dir belongs to somebody else; remove it"
        dir=$dir/$1
        as_server_user mkdir -p "$dir"
    fi
    echo "$dir"
}

# copy_tree DIRECTORY: brings a copy of the sources up to date. Times are kept, so make builds only what changed;
# what is gone from the checkout goes from the copy too.
copy_tree() {
    local list
    list=$(cd "$root" && find . \( -path ./.git -o -path ./build -o -path './build-*' -o -path ./tmp_check \
        -o -path ./log -o -path ./.demo \) -prune -o -type f ! -name '*.o' ! -name '*.d' ! -name '*.so' ! -name '*.bc' \
        -print | LC_ALL=C sort)
    tar -C "$root" -cf - --no-recursion --verbatim-files-from -T - <<<"$list" |
        as_server_user tar -C "$1" -xf - --no-same-owner
    # shellcheck disable=SC2016  # expanded by the inner shell
    as_server_user bash -c 'cd "$1" && cat >.files.new && touch .files &&
        LC_ALL=C comm -23 .files .files.new | xargs -r -d "\n" rm -f && mv .files.new .files' _ "$1" <<<"$list"
}

# configure SOURCES BUILD OPTION...: only when it has not been done, for CMake orders the flags of pkg-config differently
# when it does it again, and then builds everything again. It notices changes of CMakeLists.txt without help.
configure() { [ -f "$2/CMakeCache.txt" ] || as_server_user cmake -S "$1" -B "$2" "${@:3}"; }

# build_module DIRECTORY PG_CONFIG COMPILER: builds in a copy of the tree and leaves what is to be installed in
# DIRECTORY/stage. Objects of another server or compiler are dropped first: make cannot see that they are stale.
build_module() {
    local stamp
    stamp="$("$2" --version) $3 $(${3%% *} --version | head -n1) $(cksum <"$1/Makefile")"
    # shellcheck disable=SC2016
    as_server_user bash -c 'cd "$1"
        [ "$(cat .built 2>/dev/null)" = "$4" ] || make -s PG_CONFIG="$2" clean && echo "$4" >.built
        rm -rf stage && make -s -j2 PG_CONFIG="$2" CXX="$3" all && make -s PG_CONFIG="$2" DESTDIR="$PWD/stage" install' \
        _ "$1" "$2" "$3" "$stamp"
}

# install_module DIRECTORY PG_CONFIG: copies what build_module staged into the server, as root where that is needed,
# and only what differs. Succeeds with "changed" on stdout if anything did.
install_module() {
    local file target changed='' do_as=
    [ -w "$("$2" --pkglibdir)" ] && [ -w "$("$2" --sharedir)/extension" ] || do_as=as_root
    while read -r file; do
        target=${file#"$1/stage"}
        cmp -s "$file" "$target" && continue
        $do_as install -D -m "$(stat -c %a "$file")" "$file" "$target"
        changed=changed
    done < <(find "$1/stage" -type f)
    # A script that is gone from the chain would still be found by CREATE EXTENSION.
    for target in "$("$2" --sharedir)"/extension/pulsimo--*.sql; do
        [ ! -e "$target" ] || [ -e "$1/stage$target" ] || { $do_as rm -f "$target" && changed=changed; }
    done
    echo $changed
}
