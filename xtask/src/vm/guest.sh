# What the emulated machine does: it loads the driver, waits for its two cards, then runs one job after another. This
# file stands between the variables that it uses and the jobs; the host follows what comes into $RESULTS.

PATH=$PROGRAMS:$PATH:/usr/local/sbin:/usr/sbin:/sbin
export PATH TMPDIR=/tmp HOME=/tmp LC_ALL=C
cd "$WORKSPACE" || exit

# Something that can't be without: says so, and ends.
give_up() {
    printf '%s\n' "$*" > "$RESULTS/gave-up"
    exit 1
}

# The card with that Ethernet address, once it is there.
card() {
    for try in $(seq 600); do
        for address in /sys/class/net/*/address; do
            if [ "$(cat "$address")" = "$1" ]; then
                basename "$(dirname "$address")"
                return
            fi
        done
        sleep 0.1
    done
    give_up "no card $1 after a minute"
}

# job NAME SECONDS COMMAND...: its output goes to NAME.out, its exit code and the milliseconds it took to NAME.end.
job() {
    name=$1 limit=$2
    shift 2
    began=$(date +%s%N)
    timeout --kill-after=5 "$limit" "$@" > "$RESULTS/$name.out" 2>&1 < /dev/null
    code=$?
    printf '%s %s\n' "$code" "$((($(date +%s%N) - began) / 1000000))" > "$RESULTS/$name.ending"
    mv "$RESULTS/$name.ending" "$RESULTS/$name.end"
}

# Modules that the kernel asks for by itself, and those that are asked for here.
mkdir -p "/lib/modules/$(uname -r)" && mount --bind "$MODULES/$(uname -r)" "/lib/modules/$(uname -r)" ||
    give_up "no modules for $(uname -r) in $MODULES"
modprobe "$DRIVER" || give_up "the driver $DRIVER can't be loaded"
for mac in $CARDS; do
    interface=$(card "$mac")
    ethtool -L "$interface" combined 1 2> /dev/null
    # The emulated igb cuts a large UDP packet up wrongly.
    ethtool -K "$interface" tx-udp-segmentation off || give_up "ethtool fails on $interface"
done
XSKIT_CARDS=$(printf '%s' "$CARDS" | tr ' ' ',')
export XSKIT_CARDS
# For frames that lie across two pages, which a device must find side by side.
echo 16 > /proc/sys/vm/nr_hugepages
# Where tests put their files: in memory.
mount -t tmpfs tmpfs "$SCRATCH" || give_up "no file system for $SCRATCH"
uname -r > "$RESULTS/ready"
