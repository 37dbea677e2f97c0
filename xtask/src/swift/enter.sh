# Runs a command in the chroot: enter.sh ROOT USER:GROUP DIR BINDS ENVIRONMENT CMD…
# Already in namespaces of its own: all mounts and processes go when the command ends. BINDS are folders that keep their path inside, one
# a line; ENVIRONMENT are NAME=VALUE lines.
set -eu
root=$1 user=$2 dir=$3 binds=$4 environment=$5
shift 5
# swiftc finds its own libraries through /proc.
mount -t proc proc "$root/proc"
for system in /dev /sys; do mount --rbind "$system" "$root$system"; done
mount -t tmpfs tmpfs "$root/tmp"
chmod 1777 "$root/tmp"
newline='
'
IFS=$newline
for folder in $binds; do
    mkdir -p "$root$folder"
    mount --bind "$folder" "$root$folder"
done
exec chroot --userspec="$user" "$root" /usr/bin/env -i $environment \
    /bin/sh -c 'cd "$0" && exec "$@"' "$dir" "$@"
