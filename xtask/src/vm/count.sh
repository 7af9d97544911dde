# What follows guest.sh where instructions are counted. The clock leaps while the machine waits for the host, so programs
# are taken from memory.
cp "$PROGRAMS/xskit" "$PROGRAMS/counted" "$SCRATCH" || give_up "no programs in $PROGRAMS"
[ -d "$RIVALS" ] && cp -R "$RIVALS" "$SCRATCH/rivals"
PATH=$SCRATCH:$SCRATCH/rivals:$PATH TMPDIR=$SCRATCH
export PATH TMPDIR
# A burst fits into a socket's buffer.
echo 4194304 > /proc/sys/net/core/rmem_default
# Where libxdp pins its dispatcher.
mount -t bpf bpf /sys/fs/bpf
